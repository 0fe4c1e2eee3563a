import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.paths import End, Flow, Graph, Rates, Wire, rates


def wire(a: str, b: str) -> Wire:
    """`wire("x", "y")` joins port `to-y` of x with port `to-x` of y."""
    return Wire(End(a, f"to-{b}"), End(b, f"to-{a}"))


RING = [wire("a", "b"), wire("b", "c"), wire("c", "d"), wire("d", "a")]


@pytest.mark.parametrize(
    ("wires", "start", "goal", "hops"),
    [
        (RING, "a", "a", []),
        (RING, "a", "b", ["a>b"]),
        (RING, "a", "c", ["a>b", "b>c"]),
        (RING[1:], "a", "b", ["a>d", "d>c", "c>b"]),
        ([RING[0], RING[2]], "a", "c", None),
        ([], "a", "a", []),
    ],
)
def test_the_path_is_the_shortest_over_what_is_up(wires: list[Wire], start: str, goal: str, hops: list[str] | None) -> None:
    path = Graph(wires).path(start, goal)
    assert (None if path is None else [f"{sender.element}>{receiver.element}" for sender, receiver in path]) == hops


def test_reachability_is_the_connected_part() -> None:
    assert Graph([RING[0], RING[2]]).reachable("a") == {"a", "b"}


FLOW = Flow(End("a", "customer"), End("c", "customer"), 100.0)


def test_a_flow_enters_crosses_and_leaves() -> None:
    found = rates([FLOW], Graph([wire("a", "b"), wire("b", "c")]), lambda _: 1.0)
    assert found == {
        End("a", "customer"): Rates(100, 0),
        End("a", "to-b"): Rates(0, 100),
        End("b", "to-a"): Rates(100, 0),
        End("b", "to-c"): Rates(0, 100),
        End("c", "to-b"): Rates(100, 0),
        End("c", "customer"): Rates(0, 100),
    }


def test_a_flow_without_a_path_is_dropped_where_it_enters() -> None:
    assert rates([FLOW], Graph([]), lambda _: 1.0) == {End("a", "customer"): Rates(100, 0)}


def test_what_a_port_loses_is_missing_behind_it() -> None:
    lossy = {End("b", "to-a"): 0.5}
    found = rates([FLOW], Graph([wire("a", "b"), wire("b", "c")]), lambda end: lossy.get(end, 1.0))
    assert found[End("b", "to-a")].in_bps == 100
    assert found[End("b", "to-c")].out_bps == 50
    assert found[End("c", "customer")].out_bps == 50


_NODES = st.sampled_from("abcdef")
_WIRES = st.lists(st.tuples(_NODES, _NODES).filter(lambda pair: pair[0] < pair[1]), unique=True)


@given(_WIRES, st.lists(st.tuples(_NODES, _NODES, st.integers(1, 1000))))
def test_every_wire_receives_at_one_end_what_the_other_sends(
    pairs: list[tuple[str, str]], demands: list[tuple[str, str, int]]
) -> None:
    wires = [wire(a, b) for a, b in pairs]
    flows = [Flow(End(a, "in"), End(b, "out"), float(bps)) for a, b, bps in demands]
    found = rates(flows, Graph(wires), lambda _: 1.0)
    for a, b in wires:
        there, here = found.get(a, Rates()), found.get(b, Rates())
        assert (there.out_bps, there.in_bps) == (here.in_bps, here.out_bps)
