"""The network as a graph."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.db import Database
from inventory.errors import UnknownObject
from inventory.topology import ElementNode, LinkNode, PortNode, Topology, load_topology
from tests.inventory.factory import add_element, add_link


def network(*links: str, roles: dict[str, str] | None = None) -> Topology:
    """`a-b` is a link between elements a and b; each end has a port named after the other (and the link's number)."""
    names = sorted({name for link in links for name in link.split("-")})
    elements = [ElementNode(f"elm-{name}", name, "ios", (roles or {}).get(name, "core"), "lab") for name in names]
    ports: list[PortNode] = []
    edges: list[LinkNode] = []
    for number, link in enumerate(links):
        a, b = (
            PortNode(f"prt-{here}-{there}-{number}", here, f"{there}/{number}", number, 1, "core")
            for here, there in (link.split("-"), reversed(link.split("-")))
        )
        ports += [a, b]
        edges.append(LinkNode(f"lnk-{number}", f"{number:03}", a, b))
    return Topology.of(elements, ports, edges)


def way(topology: Topology, start: str, end: str) -> list[str]:
    return [hop.in_port.element for hop in topology.path(start, end)]


def test_the_shortest_way_is_taken() -> None:
    assert way(network("a-b", "b-c", "c-d", "a-e", "e-d"), "a", "d") == ["e", "d"]


def test_of_equal_ways_the_one_over_the_first_link_is_taken() -> None:
    assert way(network("a-c", "a-b", "b-d", "c-d"), "a", "d") == ["c", "d"]


def test_hops_name_the_ports_in_the_direction_of_travel() -> None:
    hop, *_ = network("b-a").path("a", "b")
    assert (hop.out_port.reference, hop.in_port.reference, hop.link.name) == ("a/b/0", "b/a/0", "000")


def test_there_is_no_way_to_itself_but_the_empty_one() -> None:
    assert network("a-b").path("a", "a") == ()


def test_without_a_way_the_ends_are_named() -> None:
    with pytest.raises(UnknownObject, match="a to d"):
        network("a-b", "c-d").path("a", "d")


def test_a_route_leads_to_the_nearest_goal_over_what_may_be_crossed() -> None:
    topology = network("s1-x", "x-e1", "s1-s2", "s2-s3", "s3-e2", roles={"e1": "edge", "e2": "edge", "x": "core"})
    crossing = topology.route("s1", goal=lambda e: e.role == "edge", through=lambda e: e.name.startswith("s"))
    assert crossing is not None
    assert [hop.in_port.element for hop in crossing] == ["s2", "s3", "e2"]
    assert topology.route("s1", goal=lambda e: e.name == "nowhere") is None


@pytest.mark.parametrize(
    ("reference", "message"),
    [("a", "write it as element/port"), ("z/1", "no element 'z'"), ("a/9", "no port 'a/9'"), ("a:b/0", "no element 'a:b'")],
)
def test_a_port_that_is_not_there_is_named_with_the_reason(reference: str, message: str) -> None:
    with pytest.raises(UnknownObject, match=message):
        network("a-b").port(reference)


def test_what_was_written_is_loaded(database: Database) -> None:
    with database.write() as session:
        add_element(session, "pe1", customer=["ge-0/0/1"], core=["ge-0/0/0"], attributes={"bgp_as": 65000})
        add_element(session, "p1", platform="frr", role="core", core=["c-pe1"])
        add_link(session, "pe1/ge-0/0/0", "p1/c-pe1")
    with database.read() as session:
        topology = load_topology(session)
    assert topology.element("pe1").attributes == {"bgp_as": 65000}
    assert topology.element("p1").site == "lab"
    port = topology.port("pe1/ge-0/0/1")
    assert (port.element, port.name, port.if_index, port.role) == ("pe1", "ge-0/0/1", 1, "customer")
    assert topology.port_by_id(port.id) is port
    assert [port.name for port in topology.ports_of("pe1")] == ["ge-0/0/1", "ge-0/0/0"]
    link = topology.link_of("p1/c-pe1")
    assert link is not None
    assert topology.link_of("pe1/ge-0/0/1") is None
    assert [hop.in_port.reference for hop in topology.neighbours("pe1")] == ["p1/c-pe1"]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")).filter(lambda pair: pair[0] != pair[1]), min_size=1)
)
def test_a_way_is_connected_crosses_nothing_twice_and_is_as_long_back(pairs: list[tuple[str, str]]) -> None:
    topology = network(*(f"{a}-{b}" for a, b in pairs))
    for start in topology.elements:
        for end in topology.elements:
            there = topology.route(start, goal=lambda element, end=end: element.name == end)  # type: ignore[misc]
            back = topology.route(end, goal=lambda element, start=start: element.name == start)  # type: ignore[misc]
            assert (there is None) == (back is None)
            if there is None or back is None:
                continue
            assert len(there) == len(back)
            visited = [start, *(hop.in_port.element for hop in there)]
            assert visited[-1] == end
            assert len(set(visited)) == len(visited)
            assert [hop.out_port.element for hop in there] == visited[:-1]
