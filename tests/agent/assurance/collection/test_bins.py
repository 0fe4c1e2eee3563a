"""Octets over bins: whole, exact, and nowhere invented."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.collection.bins import INTERPOLATED, MEASURED, MISSING, Stretch, bin_end, bin_start, lay_out, missing, spans
from tests.clock import EPOCH

LENGTH = timedelta(seconds=300)


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("case", "readings", "span", "expected"),
    [
        ("one bin", (-10, 290), (0, 300), [(300, MEASURED)]),
        ("a service begins", (100, 290), (100, 300), [(300, MEASURED)]),
        ("two bins missed", (-10, 890), (0, 900), [(103, INTERPOLATED), (100, INTERPOLATED), (97, INTERPOLATED)]),
        ("a cut at the end", (-10, 400), (0, 410), [(226, INTERPOLATED), (74, INTERPOLATED)]),
    ],
)
def test_octets_lie_where_they_were_counted(
    case: str, readings: tuple[int, int], span: tuple[int, int], expected: list[tuple[int, str]]
) -> None:
    found = lay_out([Stretch(at(readings[0]), at(readings[1]), (300, 0))], at(span[0]), at(span[1]), LENGTH)
    assert [(each.octets[0], each.quality) for each in found] == expected, case


def test_a_bin_left_long_before_its_end_gets_its_share_of_what_came_after() -> None:
    track = [Stretch(at(-10), at(100), (50, 0)), Stretch(at(100), at(700), (600, 0)), Stretch(at(700), at(890), (70, 0))]
    found = lay_out(track, at(0), at(900), LENGTH)
    assert [(each.octets[0], each.quality) for each in found] == [(250, INTERPOLATED), (300, INTERPOLATED), (170, INTERPOLATED)]


def test_a_broken_counter_leaves_bins_that_say_why() -> None:
    found = lay_out([Stretch(at(-10), at(590), None, "reboot")], at(0), at(600), LENGTH)
    assert [(each.octets, each.quality, each.reason) for each in found] == [((0, 0), MISSING, "reboot")] * 2
    assert missing(at(0), at(0), LENGTH, "any") == ()


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 299), st.integers(1, 5000), st.integers(1, 300))
def test_no_octet_is_lost_or_made(inward: int, out: int, start: int, lasting: int, early: int) -> None:
    after = at(start + lasting)
    end = bin_end(after, LENGTH)
    found = lay_out([Stretch(at(start - early), after, (inward, out))], at(start), end, LENGTH)
    assert (sum(each.octets[0] for each in found), sum(each.octets[1] for each in found)) == (inward, out)
    assert all(octets >= 0 for each in found for octets in each.octets)
    assert (found[0].span.start, found[-1].span.end) == (at(start), end)
    assert all(a.span.end == b.span.start for a, b in pairwise(found))


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_spans_cover_everything_once_and_break_at_the_bounds(start: int, length: int) -> None:
    parts = list(spans(at(start), at(start + length), LENGTH))
    assert sum((part.duration for part in parts), timedelta()) == timedelta(seconds=length)
    assert all(bin_start(part.start, LENGTH) == part.start for part in parts[1:])
    assert all(part.end <= bin_end(part.start, LENGTH) for part in parts)
