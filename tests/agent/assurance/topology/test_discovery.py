"""What elements tell of their links, held against the inventory."""

import asyncio
from collections.abc import Iterator

import pytest

from agent.assurance.topology.discovery import Discovery, Verdict, compare
from agent.clock import SystemClock
from drivers.port import Credential, Target
from drivers.sim.thread import SimThread
from drivers.snmp.collector import Collector
from drivers.snmp.lldp import Neighbour
from inventory.topology import ElementNode, LinkNode, PortNode, Topology
from tests.drivers.sim.networks import running


def topology() -> Topology:
    ports = {
        f"{element}/{name}": PortNode(f"{element}/{name}", element, name, None, 10**9, "core")
        for element, names in {"a": "xyz", "b": "xy", "c": "xy"}.items()
        for name in names
    }
    links = [LinkNode("1", "a-b", ports["a/x"], ports["b/x"]), LinkNode("2", "b-c", ports["b/y"], ports["c/x"])]
    return Topology.of((ElementNode(name, name, "ios", "core", "lab") for name in "abc"), ports.values(), links)


def seen(**told: list[Neighbour]) -> list[tuple[str, str, str]]:
    found: Discovery = compare(topology(), told, {})
    return [(each.verdict.value, each.port, each.heard) for each in found.findings]


def hears(port: str, far: str) -> Neighbour:
    system, _, far_port = far.partition("/")
    return Neighbour(port, system, far_port, "")


def test_a_link_that_either_end_tells_of_is_confirmed_once() -> None:
    assert seen(a=[hears("x", "b/x")], b=[hears("x", "a/x"), hears("y", "c/x")], c=[]) == [
        ("confirmed", "a/x", "b/x"),
        ("confirmed", "b/y", "c/x"),
    ]


def test_a_link_that_nobody_tells_of_is_missing_only_if_an_end_was_asked() -> None:
    assert seen(a=[], c=[]) == [("missing", "a/x", ""), ("missing", "b/y", "")]
    assert seen(a=[hears("x", "b/x")]) == [("confirmed", "a/x", "b/x")]


def test_a_port_that_hears_another_one_is_named_with_what_was_expected() -> None:
    found = compare(topology(), {"a": [hears("x", "c/y")]}, {})
    (other,) = [each for each in found.findings if each.verdict is Verdict.OTHER]
    assert (other.port, other.heard, other.link, other.expected) == ("a/x", "c/y", "a-b", "b/x")


def test_a_link_between_free_ports_is_new_and_a_stranger_is_unknown() -> None:
    assert seen(a=[hears("x", "b/x"), hears("y", "c/y"), hears("z", "phone/1")], b=[hears("y", "c/x")], c=[hears("y", "a/y")]) == [
        ("confirmed", "a/x", "b/x"),
        ("confirmed", "b/y", "c/x"),
        ("new", "a/y", "c/y"),
        ("unknown", "a/z", "phone/1"),
    ]


def test_names_are_known_in_any_case_and_with_a_domain() -> None:
    assert seen(a=[Neighbour("X", "B.example.net", "X", "")])[0] == ("confirmed", "a/x", "b/x")


@pytest.fixture
def sim() -> Iterator[SimThread]:
    with running() as thread:
        yield thread


def ask(sim: SimThread, element: str) -> tuple[Neighbour, ...]:
    spec = sim.network.element(element)
    endpoint = spec.endpoints["snmp"]
    target = Target(element, spec.spec.platform, "snmp", endpoint.host, endpoint.port, Credential("public", community="fabd-sim"))
    return asyncio.run(Collector(SystemClock()).neighbours(target))


def test_simulated_elements_tell_of_their_links_over_snmp_while_they_have_carrier(sim: SimThread) -> None:
    link = next(iter(sim.network.links.values()))
    told = {(each.port, each.system, each.far_port) for each in ask(sim, link.a.element)}
    assert (link.a.port, link.b.element, link.b.port) in told
    sim.call(lambda network: network.cut(link.name))
    told = {(each.port, each.system, each.far_port) for each in ask(sim, link.a.element)}
    assert (link.a.port, link.b.element, link.b.port) not in told
