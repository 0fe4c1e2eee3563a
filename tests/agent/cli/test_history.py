"""What was measured, as typed, against the real API."""

import pytest

from agent.cli.history import BARS, GAP, sparkline
from tests.agent.api.story import Story
from tests.clock import EPOCH

SPAN = ("--since", EPOCH.isoformat(), "--until", EPOCH.replace(hour=EPOCH.hour + 1).isoformat())
IN = ("port:pe1/ge-0/0/1", "in_bps")


@pytest.fixture
def story(served):
    return Story(served.office)


@pytest.mark.usefixtures("story")
def test_what_was_measured_is_listed_and_shown_with_its_gaps(fabd):
    (listed,) = fabd.ok("history", "list", "--json").json
    assert (listed["subject"], listed["metric"]) == IN
    assert fabd.ok("history", "list", "--metric", "delay_s").err.startswith("nothing was measured yet")
    shown = fabd.ok("history", "show", *IN, *SPAN).out
    line = shown.splitlines()[0]
    assert line.startswith("▁")
    assert line.endswith(GAP)
    for words in ("highest   9e+06 at 2026-01-05 09:09:00", "measured  16.7% of the time", "step      1 min"):
        assert words in shown
    found = fabd.ok("history", "show", *IN, *SPAN, "--json").json
    assert [point["mean"] for point in found["points"][8:11]] == [8e6, 9e6, None]
    assert found["step_s"] == 60


@pytest.mark.usefixtures("story")
def test_what_was_never_measured_or_no_time_is_refused_with_the_remedy(fabd):
    assert "fabd history list" in fabd("history", "show", "port:pe9/x", "in_bps", *SPAN).complaint
    said = fabd("history", "show", *IN, "--since", "yesterday")
    assert said.code == 2
    assert "6h" in said.err
    assert "is not before until" in fabd("history", "show", *IN, "--since", "1h", "--until", "2h").complaint
    later = ("--since", EPOCH.replace(hour=EPOCH.hour + 2).isoformat(), "--until", EPOCH.replace(hour=EPOCH.hour + 3).isoformat())
    assert "was not measured between" in fabd.ok("history", "show", *IN, *later).err


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([0.0, 1.0, 2.0, 4.0], "▁▃▅█"),
        ([None, 5.0, None], "·█·"),
        ([0.0, 0.0], "▁▁"),
        ([-30.0, -20.0, -10.0], "▁▅█"),
    ],
)
def test_a_line_of_bars_begins_at_zero_or_at_what_is_lower(values, line):
    assert sparkline(values) == line


def test_a_long_series_is_as_wide_as_the_screen_and_short_ones_are_not_stretched():
    assert len(sparkline([1.0] * 1000)) == 72
    assert set(sparkline([1.0] * 1000)) == {BARS[-1]}
    assert len(sparkline([1.0] * 5)) == 5
