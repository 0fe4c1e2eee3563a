"""The rule by which a link is called silent, held against a plain reading of it; and which link an alarm is about."""

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.topology.adjacency import Addresses, Place, Places, Seen, Subject
from agent.assurance.topology.correlation import Failures, Network, element_of
from agent.assurance.topology.passing import Octets, Passing
from agent.assurance.topology.silence import Ends, Parts, Verdict, judge

A, B = "a/1", "b/1"


@st.composite
def ends(draw: st.DrawFn) -> Ends:
    protocols = st.lists(st.sampled_from(["OSPF", "BGP"]), unique=True).map(tuple)
    per_port = st.fixed_dictionaries({A: protocols, B: protocols})
    arrives: Mapping[str, bool | None] = draw(
        st.one_of(st.just({}), st.fixed_dictionaries({port: st.sampled_from([True, False, None]) for port in (A, B)}))
    )
    return Ends((A, B), draw(per_port), draw(per_port), arrives, draw(st.sampled_from([(), ("svc-1",)])))


def plain(  # noqa: PLR0911  one sentence after the other
    known: Ends, failures: Failures, ambiguous: frozenset[str], *, waited: bool, patient: bool
) -> Verdict:
    """The rule as it stands in the documentation, sentence by sentence."""
    lost = [bool(known.lost[port]) for port in (A, B)]
    nothing_speaks_against_it = not any(lost) and not known.failing
    a_port_is_down = bool({A, B} & failures.down)
    an_end_cannot_say = not all(lost) and bool({"a", "b"} & failures.silent)
    if nothing_speaks_against_it or a_port_is_down or an_end_cannot_say:
        return Verdict.WELL
    if not waited:
        return Verdict.OPEN
    if any(lost) and any(known.arrives.get(port) is False for port in (A, B)):
        return Verdict.SILENT
    if all(known.arrives.get(port) is True for port in (A, B)):
        return Verdict.SUSPECTED if all(lost) else Verdict.WELL
    someone_is_there = any(known.kept[port] for port in (A, B))
    if someone_is_there:
        return Verdict.WELL if patient else Verdict.OPEN
    if known.arrives and not patient:
        return Verdict.OPEN
    if all(lost):
        return Verdict.SUSPECTED if ambiguous else Verdict.SILENT
    return Verdict.SILENT if any(lost) and known.failing else Verdict.SUSPECTED


@given(
    ends(),
    st.frozensets(st.sampled_from(["a", "b", "c"])),
    st.frozensets(st.sampled_from([A, B, "a/2"])),
    st.frozensets(st.sampled_from(["a", "b"])),
    st.booleans(),
    st.booleans(),
)
def test_the_verdict_is_that_of_the_plain_rule(  # noqa: PLR0917  as Hypothesis gives them
    known: Ends, silent: frozenset[str], down: frozenset[str], ambiguous: frozenset[str], waited: bool, patient: bool
) -> None:
    failures = Failures(silent, down)
    found = judge(known, failures, ambiguous=ambiguous, waited=waited, patient=patient)
    assert found.verdict == plain(known, failures, ambiguous, waited=waited, patient=patient)


@given(ends(), st.booleans())
def test_which_end_is_named_first_makes_no_difference(known: Ends, patient: bool) -> None:
    turned = Ends((B, A), known.lost, known.kept, known.arrives, known.failing)
    assert judge(known, Failures(), patient=patient).verdict == judge(turned, Failures(), patient=patient).verdict


@given(ends())
def test_no_link_is_named_without_a_lost_neighbour_nor_while_a_port_is_down(known: Ends) -> None:
    assert judge(known, Failures(down=frozenset({A}))).verdict is Verdict.WELL
    bare = Ends((A, B), {}, known.kept, known.arrives, known.failing)
    assert judge(bare, Failures()).verdict is not Verdict.SILENT


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Ends((A, B), {A: ("OSPF", "BGP"), B: ("OSPF",)}), "its two ends lost each other (BGP, OSPF)"),
        (Ends((A, B), {A: ("OSPF",)}, {}, {A: True, B: False}), "a lost b (OSPF); what a/1 sends does not arrive at b/1"),
        (Ends((A, B), {A: ("OSPF",)}), "a lost b (OSPF), and the other end says nothing of it"),
        (Ends((A, B), failing=("svc-1", "svc-2")), "all that is measured over it loses everything: svc-1, svc-2"),
    ],
)
def test_it_says_why(known: Ends, said: str) -> None:
    assert judge(known, Failures()).because == said


# -- who has no way to whom


@st.composite
def failing_networks(draw: st.DrawFn) -> tuple[Network, Failures]:
    names = "abcdef"
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda two: two[0] != two[1]), max_size=9)
    )
    links = {f"l{number}": (f"{a}/{number}", f"{b}/{number}") for number, (a, b) in enumerate(pairs)}
    ports = [port for both in links.values() for port in both]
    down = draw(st.frozensets(st.sampled_from(ports))) if ports else frozenset[str]()
    return Network(frozenset(names), links), Failures(draw(st.frozensets(st.sampled_from(names), max_size=2)), down)


@given(failing_networks())
def test_two_are_severed_where_no_walk_over_open_links_joins_them(case: tuple[Network, Failures]) -> None:
    network, failures = case
    parts = Parts(network, failures)
    for near, far in product(sorted(network.elements), repeat=2):
        joined = {near}
        for _ in network.elements:
            for a, b in network.links.values():
                if not {a, b} & failures.down:
                    here, there = element_of(a), element_of(b)
                    joined |= {there} if here in joined and (there not in failures.silent or there == far) else set()
                    joined |= {here} if there in joined and (here not in failures.silent or here == far) else set()
        found = parts.between(near, far)
        if far in joined:
            assert found == frozenset()
        elif not {near, far} & failures.silent:
            assert all(set(network.links[link]) & failures.down or _sides(network, link) & failures.silent for link in found)


def _sides(network: Network, link: str) -> set[str]:
    return {element_of(port) for port in network.links[link]}


# -- which link an alarm is about

TRIANGLE = Network(
    frozenset({"pe1", "p1", "pe2"}),
    {"one": ("pe1/x1", "p1/x1"), "two": ("pe1/x2", "p1/x2"), "east": ("p1/x3", "pe2/x1")},
)
PORTS: dict[str, dict[str, int | None]] = {
    "pe1": {"x1": 1, "x2": 2},
    "p1": {"x1": 1, "x2": 2, "x3": 3},
    "pe2": {"x1": 7},
}
SEEN = (
    Seen("pe1", "ospfNeighbourDown", frozenset({"10.0.1.2.0", "10.9.0.1 x1"}), "x1"),
    Seen("pe1", "ospfNeighbourDown", frozenset({"10.0.2.2.0", "10.9.0.1 x2"}), "x2"),
    Seen("p1", "ospfNeighbourDown", frozenset({"10.0.3.2.0", "10.9.0.2 x3"}), "x3.0"),
)
PLACES = Places(TRIANGLE, PORTS, SEEN, Addresses({"10.0.1.1": "pe1/x1", "2001:db8::7": "pe2/x1"}, {"10.9.0.3": "pe1"}))


@pytest.mark.parametrize(
    ("element", "cause", "name", "link", "far"),
    [
        ("pe1", "ospfNeighbourDown", "10.0.2.2.0", "two", "p1"),
        ("pe1", "ospfNeighbourDown", "10.9.0.1 x1", "one", "p1"),
        ("pe1", "bgpNeighbourDown", "10.0.2.2", "two", "p1"),
        ("p1", "bgpNeighbourDown", "10.0.1.1", "one", "pe1"),
        ("p1", "bgpNeighbourDown", "2001:DB8::7", "east", "pe2"),
        ("pe2", "ospfNeighbourDown", "10.0.3.1.7", "east", "p1"),
        ("pe2", "ospfNeighbourDown", "10.9.9.9 x1", "east", "p1"),
        ("pe1", "bgpNeighbourDown", "10.9.0.2", "", "pe2"),
        ("pe1", "bgpNeighbourDown", "10.9.0.1", "", "p1"),
        ("pe2", "bgpNeighbourDown", "10.9.0.3", "", "pe1"),
        ("pe2", "bgpNeighbourDown", "10.0.1.1", "", "pe1"),
    ],
)
def test_a_neighbour_is_found_by_what_the_element_calls_it(element: str, cause: str, name: str, link: str, far: str) -> None:
    place = PLACES.of(Subject(element, cause, name))
    assert place is not None
    assert (place.near, place.far, place.way.link if place.way else "") == (element, far, link)


@pytest.mark.parametrize("name", ["192.0.2.1", "", "x9", "10.9.0.3"])
def test_what_nobody_knows_is_nowhere(name: str) -> None:
    assert PLACES.of(Subject("pe1", "bgpNeighbourDown", name)) is None


def test_a_router_id_that_a_log_names_beside_a_port_is_known_from_then_on() -> None:
    places = Places(TRIANGLE, PORTS)
    session = Subject("pe1", "bgpNeighbourDown", "10.9.0.2")
    assert places.of(session) is None
    places.learn(Subject("p1", "ospfNeighbourDown", "10.9.0.2 x3"))
    assert places.of(session) == Place("pe1", "pe2")


def test_an_alarm_of_a_port_is_about_its_link() -> None:
    place = PLACES.of(Subject("pe2", "lldpNeighbourDown", "whoever"), "x1")
    assert place is not None
    assert place.far == "p1"


# -- what arrives


def passing(*rounds: tuple[float, tuple[int, int], tuple[int, int]]) -> Passing:
    """At, received and sent at one end, and at the other."""
    found = Passing()
    found.watch({"l": (A, B)})
    for at, a, b in rounds:
        found.read(A, Octets(at, *a))
        found.read(B, Octets(at, *b))
    return found


@pytest.mark.parametrize(
    ("rounds", "at_a", "at_b"),
    [
        ([], None, None),
        ([(0, (0, 0), (0, 0)), (5, (9, 9), (9, 9))], True, True),
        ([(0, (5, 0), (5, 0)), (5, (5, 9), (5, 9))], None, None),
        ([(0, (5, 0), (5, 0)), (5, (5, 9), (5, 9)), (10, (5, 18), (5, 18))], False, False),
        ([(0, (5, 0), (5, 0)), (5, (5, 9), (14, 0)), (10, (5, 18), (23, 0))], None, True),
        ([(0, (5, 0), (5, 0)), (5, (5, 0), (5, 0)), (10, (5, 9), (5, 9))], None, None),
        ([(0, (5, 0), (5, 0)), (1, (5, 9), (5, 9)), (2, (5, 18), (5, 18))], None, None),
        ([(0, (5, 9), (5, 9)), (5, (5, 18), (5, 18)), (10, (0, 0), (5, 20))], None, None),
    ],
)
def test_nothing_arrives_where_the_far_end_sends_and_nothing_is_counted(
    rounds: list[tuple[float, tuple[int, int], tuple[int, int]]], at_a: bool | None, at_b: bool | None
) -> None:
    found = passing(*rounds)
    assert (found.arrives("l", A), found.arrives("l", B)) == (at_a, at_b)


def test_what_came_before_the_silence_is_forgotten_after_some_rounds() -> None:
    rounds = [(0.0, (0, 0), (0, 0)), *((5.0 * n, (9, 9 * n), (9, 9 * n)) for n in range(1, 8))]
    assert passing(*rounds[:3]).arrives("l", A) is True
    assert passing(*rounds).arrives("l", A) is False
