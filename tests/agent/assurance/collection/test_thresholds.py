"""Hysteresis: what is raised when, what is cleared when, and what changes nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.collection.thresholds import Standing, Threshold, judge

HIGH = Threshold(raise_at=0.9, clear_at=0.8, raise_after=3, clear_after=2)


def events(values: list[float | None], threshold: Threshold = HIGH) -> list[tuple[int, str]]:
    standing, found = Standing.nothing(1), []
    for number, value in enumerate(values):
        known = np.array([value is not None])
        crossings = judge(threshold, standing, np.array([0.0 if value is None else value]), known)
        standing = crossings.standing
        found.extend([(number, "raised")] * len(crossings.raised) + [(number, "cleared")] * len(crossings.cleared))
    return found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.95, 0.95, 0.95], [(2, "raised")]),
        ([0.95, 0.95, 0.85, 0.95, 0.95], []),
        ([0.9, 0.9, 0.9], [(2, "raised")]),
        ([0.95] * 3 + [0.85] * 9, [(2, "raised")]),
        ([0.95] * 3 + [0.7, 0.85, 0.7], [(2, "raised")]),
        ([0.95] * 3 + [0.8, 0.8], [(2, "raised"), (4, "cleared")]),
        ([0.95, None, 0.95, None, None, 0.95], [(5, "raised")]),
        ([None] * 5, []),
    ],
)
def test_levels_and_counts_differ(values: list[float | None], expected: list[tuple[int, str]]) -> None:
    assert events(values) == expected


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=60))
def test_raised_and_cleared_take_turns_and_never_come_of_fewer_samples_than_asked(values: list[float | None]) -> None:
    found = events(values)
    assert [what for _, what in found] == [("raised", "cleared")[n % 2] for n in range(len(found))]
    for (_, what), until in zip(found, [at for at, _ in found], strict=True):
        known = [value for value in values[: until + 1] if value is not None]
        least = HIGH.raise_after if what == "raised" else HIGH.clear_after
        assert all(value >= HIGH.raise_at if what == "raised" else value <= HIGH.clear_at for value in known[-least:])


@pytest.mark.parametrize("threshold", [(0.8, 0.9, 1, 1), (0.9, 0.8, 0, 1), (0.9, 0.8, 1, 0)])
def test_a_threshold_that_cannot_work_is_refused(threshold: tuple[float, float, int, int]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Threshold(*threshold)
