"""Baselines, trends and rules on series whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.detection import trend
from policies.detection.baseline import DAY, HOUR, WEEK, Baseline, learn
from policies.detection.judgement import Judgement, judge, spoken
from policies.detection.rules import Rule, parse_rules
from policies.detection.series import Series, medians
from policies.errors import InvalidPolicy

STEP = 300
MONDAY = 4 * DAY  # 5 January 1970
BUSY = """
rules:
  - name: busy
    metric: utilisation_ratio
    threshold: {raise_at: 0.9, clear_at: 0.8, raise_after: 3, clear_after: 6}
    cause: portBusy
    text: utilisation is high
"""
SHIPPED = parse_rules(Path("policies/foresight/network.yaml").read_text(encoding="utf-8"), "network.yaml")
RULES = {rule.name: rule for rule in (*SHIPPED, *parse_rules(BUSY, "busy.yaml"))}


def daily(weeks: int, *, noise: float = 0.01, seed: int = 1, weekend: float = 0.5) -> np.ndarray:
    """A line that is busy by day, less at weekends, from Monday on."""
    count = weeks * WEEK // STEP
    hours = np.arange(count) * STEP / HOUR
    level = 0.3 + 0.25 * np.sin((hours - 9) / 24 * 2 * np.pi)
    level = np.where(hours // 24 % 7 >= 5, level * weekend, level)
    return level + np.random.default_rng(seed).normal(0, noise, count)


def series(values, start=MONDAY, step=STEP) -> Series:
    return Series(start, step, np.asarray(values, np.float64))


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=4, max_size=4), min_size=1, max_size=5))
def test_medians_are_those_of_what_is_known(rows):
    found = medians(np.array([[np.nan if value is None else value for value in row] for row in rows]))
    for row, median in zip(rows, found, strict=True):
        known = [value for value in row if value is not None]
        assert np.isnan(median) if not known else median == pytest.approx(np.median(known))


def test_a_baseline_knows_the_hours_of_the_week():
    baseline = learn(series(daily(4)))
    assert baseline is not None
    assert baseline.season == "week"
    assert baseline.confidence == 1.0
    fresh = series(daily(1, seed=2), MONDAY + 4 * WEEK)
    assert np.abs(baseline.scores(fresh)).mean() < 1.5
    assert (np.abs(baseline.scores(fresh)) < 6).all()


@pytest.mark.parametrize(("days", "season"), [(28, "week"), (14, "day kind"), (4, "day"), (1, "none")])
def test_the_finest_season_that_was_seen_often_enough_is_taken(days, season):
    baseline = learn(series(daily(4)[: days * DAY // STEP]))
    assert baseline is not None
    assert baseline.season == season
    assert (baseline.confidence == 1.0) == (season != "none")


def test_too_little_or_nothing_gives_no_baseline():
    assert learn(series([1.0] * 10)) is None
    assert learn(series([np.nan] * 4000)) is None


def test_what_was_not_measured_lowers_the_confidence():
    values = daily(4)
    values[::2] = np.nan
    baseline = learn(series(values))
    assert baseline is not None
    assert baseline.confidence == pytest.approx(0.5, abs=0.01)


def test_one_bad_week_does_not_move_what_is_usual():
    values = daily(4)
    clean = learn(series(values))
    spoiled = values.copy()
    spoiled[2 * WEEK // STEP : 3 * WEEK // STEP] = 5.0
    found = learn(series(spoiled))
    assert clean is not None
    assert found is not None
    assert np.abs(found.centre - clean.centre).max() < 0.05


def test_a_flat_line_that_moves_is_beyond_all_measure_and_one_that_does_not_is_not():
    baseline = learn(series([0.0] * (WEEK // STEP)))
    assert baseline is not None
    assert baseline.scores(series([0.0, 1.0, np.nan])).tolist()[:2] == [0.0, np.inf]
    assert np.isnan(baseline.scores(series([np.nan]))[0])


@given(st.floats(0.5, 30), st.floats(-20, 20), st.integers(0, 1000))
def test_a_line_is_found_under_noise_and_outliers(per_day, level, seed):
    chance = np.random.default_rng(seed)
    times = np.arange(7 * DAY // HOUR) * HOUR
    values = level + per_day * times / DAY + chance.normal(0, per_day / 10, len(times))
    values[chance.integers(0, len(times), 5)] += 1000
    line = trend.fit(series(values, step=HOUR), rising=True)
    assert line is not None
    assert line.slope * DAY == pytest.approx(per_day, rel=0.05)
    assert line.least <= line.slope <= line.most
    assert line.certain
    limit = level + per_day * 14
    found = trend.forecast(line, limit, rising=True)
    assert found is not None
    assert (found.likely - line.at) / DAY == pytest.approx(7, abs=0.6)
    assert trend.forecast(line, level - 5 * per_day, rising=False) is None


@given(st.integers(0, 300))
def test_noise_alone_goes_nowhere(seed):
    values = np.random.default_rng(seed).normal(0, 1, 7 * 24)
    line = trend.fit(series(values, step=HOUR), rising=True)
    assert line is not None
    found = trend.forecast(line, 20.0, rising=True)
    assert found is None or found.likely - line.at > 30 * DAY


def test_what_is_at_its_limit_is_there_now_and_what_takes_years_is_not_told():
    line = trend.fit(series(np.arange(100.0), step=HOUR), rising=True)
    assert line is not None
    assert trend.forecast(line, 50, rising=True) == trend.Forecast(line.at, line.at, line.at, 1.0)
    assert trend.forecast(line, 1e6, rising=True) is None


def test_the_daily_wave_is_no_trend():
    values = daily(4)
    baseline = learn(series(values))
    rule = RULES["utilisation-grows"]
    for hour in range(0, 48, 5):
        cut = series(values[: len(values) - hour * HOUR // STEP])
        assert judge(rule, cut, baseline).raised is False


def test_growth_is_told_with_its_day_and_its_uncertainty():
    values = daily(4, weekend=1.0) * 0.2 + np.linspace(0.2, 0.75, 4 * WEEK // STEP)
    found = judge(RULES["utilisation-grows"], series(values), learn(series(values)))
    assert found.raised
    assert found.forecast is not None
    left = (found.forecast.likely - series(values).end) / DAY
    assert 2 < left < 9
    assert found.text.startswith("utilisation grows: will be at 0.9 in ")


def thresholded(values, rule="busy") -> Judgement:
    return judge(RULES[rule], series(values))


@pytest.mark.parametrize(
    ("values", "raised"),
    [
        ([0.95, 0.95, 0.95], True),
        ([0.5, 0.95, 0.95], None),
        ([0.95, np.nan, 0.95], None),
        ([0.95, 0.85, 0.85, 0.85, 0.85, 0.85, 0.85], None),
        ([0.95, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7], False),
        ([np.nan, np.nan], None),
    ],
)
def test_a_threshold_raises_after_some_points_and_clears_after_more(values, raised):
    assert thresholded(values).raised is raised


def test_an_unusual_value_is_told_with_what_is_usual():
    values = daily(4)
    baseline = learn(series(values))
    noon = series(np.full(6, 0.01), MONDAY + 4 * WEEK + 12 * HOUR)
    found = judge(RULES["traffic-gone"], noon, baseline)
    assert found.raised
    assert "0.01, where 0.4" in found.text
    assert judge(RULES["traffic-gone"], noon, None).raised is None
    night = series(daily(4)[:6], MONDAY + 4 * WEEK)
    assert judge(RULES["traffic-gone"], night, baseline).raised is False


def test_a_baseline_that_is_not_trusted_says_nothing():
    unsure = Baseline("day", np.ones(168), np.full(168, 0.1), 0.2)
    assert judge(RULES["traffic-gone"], series([0.0] * 10), unsure).raised is None


def test_every_shipped_rule_is_sound():
    assert len(RULES) >= 10
    assert {rule.severity.value for rule in RULES.values()} == {"warning"}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{name: a, metric: m_s, cause: c1, text: abc}", "one of threshold, unusual and trend"),
        (
            "{name: a, metric: m_s, cause: c1, text: abc, threshold: {raise_at: 1, clear_at: 2}}",
            "clear_at 2 is not below raise_at 1",
        ),
        ("{name: a, metric: m_s, cause: c1, text: abc, unusual: {deviations: 2, clear_deviations: 3}}", "clear_deviations"),
        ("{name: A B, metric: m_s, cause: c1, text: abc, trend: {limit: 1}}", "rules[0].name"),
        ("{name: a, metric: m_s, cause: c1, text: abc, trend: {limit: 1, colour: 2}}", "colour"),
    ],
)
def test_a_rule_with_a_mistake_is_refused_with_its_place(rule, told):
    with pytest.raises(InvalidPolicy, match=r"mine\.yaml") as error:
        parse_rules(f"rules:\n  - {rule}\n", "mine.yaml")
    assert told in str(error.value)


def test_two_rules_of_one_name_are_refused():
    one = "  - {name: a, metric: m_s, cause: c1, text: abc, trend: {limit: 1}}\n"
    with pytest.raises(InvalidPolicy, match="two rules are called a"):
        parse_rules(f"rules:\n{one}{one}", "mine.yaml")


@pytest.mark.parametrize(
    ("seconds", "words"), [(30, "0 min"), (3600, "60 min"), (7200, "2 h"), (47 * 3600, "47 h"), (9 * DAY, "9 d")]
)
def test_times_are_spoken_as_people_do(seconds, words):
    assert spoken(seconds) == words


def test_rules_are_frozen_values():
    assert isinstance(RULES["discards-high"], Rule)
    assert hash(RULES["discards-high"])
