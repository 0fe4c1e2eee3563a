"""Whom a failure cuts off: from the poller, or from half of what hung together where management runs beside the network."""

from itertools import pairwise

import pytest

from agent.assurance.topology.correlation import Network
from agent.assurance.topology.isolation import isolation


def chain(names: str, *, attached: str = "") -> Network:
    pairs = pairwise(names)
    return Network(frozenset(names), {f"{a}-{b}": (f"{a}/{b}", f"{b}/{a}") for a, b in pairs}, frozenset(attached))


@pytest.mark.parametrize(
    ("names", "attached", "down", "dead", "cut_off"),
    [
        ("abcde", "", "c/d", "", "de"),
        ("edcba", "", "c/b", "", "ab"),
        ("abcd", "", "b/c", "", "abcd"),
        ("dcba", "", "b/c", "", "abcd"),
        ("abcd", "a", "b/c", "", "cd"),
        ("abcd", "d", "b/c", "", "ab"),
        ("abcde", "", "", "c", "abde"),
        ("abcdef", "", "b/c d/e", "", "abcdef"),
        ("abc", "", "", "", ""),
    ],
)
def test_cut_off_is_who_is_left_with_half_or_less(names: str, attached: str, down: str, dead: str, cut_off: str) -> None:
    found = isolation(chain(names, attached=attached), frozenset(down.split()), frozenset(dead))
    assert found.cut_off == frozenset(cut_off)


def test_a_network_that_is_in_halves_already_is_not_cut_once_more() -> None:
    found = isolation(chain("abcd"), frozenset({"a/b"}), already=frozenset({"b/c"}))
    assert found.cut_off == frozenset("ab")
