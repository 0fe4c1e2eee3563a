"""Points become coarser without losing or inventing anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.history.points import POINT, Resolution, Stretch, empty, packed, rolled, unpacked

values = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32))


def minutes(found: list[float | None]) -> np.ndarray:
    points = np.zeros(len(found), POINT)
    for place, value in enumerate(found):
        if value is not None:
            points[place] = (value, value, value, 1)
    return points


@given(st.lists(values, min_size=60, max_size=60))
def test_five_minutes_and_an_hour_are_what_their_minutes_say(found):
    for per in (5, 60):
        for place, point in enumerate(rolled(minutes(found), per)):
            own = [value for value in found[place * per : (place + 1) * per] if value is not None]
            assert point["count"] == len(own)
            if own:
                assert point["mean"] == pytest.approx(sum(own) / len(own), rel=1e-5, abs=1e-2)
                assert (point["low"], point["high"]) == (min(own), max(own))
            else:
                assert (point["mean"], point["low"], point["high"]) == (0, 0, 0)


@given(st.lists(values, min_size=60, max_size=60))
def test_it_does_not_matter_over_which_steps_an_hour_is_made(found):
    direct, by_five = rolled(minutes(found), 60), rolled(rolled(minutes(found), 5), 12)
    for name in ("low", "high", "count"):
        assert (direct[name] == by_five[name]).all()
    assert direct["mean"] == pytest.approx(by_five["mean"], rel=1e-4, abs=1e-1)


@pytest.mark.parametrize("resolution", list(Resolution))
def test_a_block_is_what_it_was_when_it_is_read_again(resolution):
    points = empty(resolution)
    points[resolution.points // 2] = (1.5, 1, 2, 7)
    assert (unpacked(packed(points), resolution) == points).all()


@pytest.mark.parametrize("data", [b"", b"not a block", packed(empty(Resolution.MINUTE))])
def test_what_is_no_block_of_the_resolution_is_refused(data):
    with pytest.raises(ValueError, match="block of"):
        unpacked(data, Resolution.HOUR)


def test_gaps_are_not_numbers_and_coverage_tells_of_them():
    stretch = Stretch.of(0, Resolution.MINUTE, minutes([1.0, None, 3.0, None]))
    assert np.isnan(stretch.mean[1])
    assert stretch.coverage == 0.5
    assert stretch.end == 240
