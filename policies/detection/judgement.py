"""One rule, one series, now: whether there is something to be said, and what."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from policies.detection.baseline import DAY, Baseline
from policies.detection.rules import Rule, Threshold, Trend, Unusual
from policies.detection.series import Floats, Series
from policies.detection.trend import Forecast, fit, forecast


@dataclass(frozen=True, slots=True)
class Judgement:
    """`raised` is None when the values between, or their lack, leave it as it is."""

    raised: bool | None
    text: str = ""
    value: float | None = None
    """The last one that was measured."""
    confidence: float = 1.0
    forecast: Forecast | None = None


NOTHING = Judgement(None)


def judge(rule: Rule, series: Series, baseline: Baseline | None = None, *, standing: bool = False) -> Judgement:
    """`standing`: whether the rule has its alarm raised. `baseline`: of the same metric, where it is known."""
    if not series.known.any():
        return NOTHING
    if rule.threshold is not None:
        return _of_threshold(rule, rule.threshold, series)
    if rule.unusual is not None:
        return _of_unusual(rule, rule.unusual, series, baseline)
    if rule.trend is not None:
        return _of_trend(rule, rule.trend, series, standing=standing)
    return NOTHING


def _of_threshold(rule: Rule, limits: Threshold, series: Series) -> Judgement:
    toward = _sign(rule)
    raised = _decided(
        series.values * toward, limits.raise_at * toward, limits.clear_at * toward, limits.raise_after, limits.clear_after
    )
    value = _last(series)
    return Judgement(raised, f"{rule.text}: {value:.6g} (limit {limits.raise_at:g})", value)


def _of_unusual(rule: Rule, wanted: Unusual, series: Series, baseline: Baseline | None) -> Judgement:
    if baseline is None or baseline.confidence < wanted.confidence:
        return NOTHING
    recent = series.last(max(wanted.raise_after, wanted.clear_after) * series.step)
    scores = baseline.scores(recent, wanted.floor) * _sign(rule)
    away = np.abs(recent.values - baseline.expected(recent.times))
    scores = np.where(away < wanted.share * np.abs(baseline.expected(recent.times)), np.minimum(scores, 0.0), scores)
    raised = _decided(scores, wanted.deviations, wanted.clear_deviations, wanted.raise_after, wanted.clear_after)
    value = _last(series)
    usual = float(baseline.expected(np.array([series.times[np.flatnonzero(series.known)[-1]]]))[0])
    text = f"{rule.text}: {value:.6g}, where {usual:.6g} is usual at this time of the {_word(baseline)}"
    return Judgement(raised, text, value, baseline.confidence)


def _of_trend(rule: Rule, wanted: Trend, series: Series, *, standing: bool) -> Judgement:
    line = fit(series.last(wanted.history_days * DAY), rising=rule.direction == "rising")
    value = _last(series)
    if line is None:
        return NOTHING
    found = forecast(line, wanted.limit, rising=rule.direction == "rising")
    # an alarm that stands goes on for as long as the way there is a quarter longer than that which raises one
    horizon = wanted.horizon_days * DAY * (1.25 if standing else 1.0)
    if found is None or found.likely - series.end > horizon or (found.confidence < wanted.confidence and not standing):
        return Judgement(False, value=value)
    return Judgement(True, f"{rule.text}: {_told(found, wanted.limit, series.end)}", value, found.confidence, found)


def _decided(values: Floats, raise_at: float, clear_at: float, raise_after: int, clear_after: int) -> bool | None:
    """By the last points; one that was not measured decides nothing."""
    last = values[-raise_after:]
    if len(last) == raise_after and bool((last >= raise_at).all()):
        return True
    last = values[-clear_after:]
    if len(last) == clear_after and bool((last < clear_at).all()):
        return False
    return None


def _told(found: Forecast, limit: float, now: float) -> str:
    """`will be at 0.9 in 5 d (3 to 8 d), on 2026-03-04`."""
    left = found.likely - now
    if left <= 0:
        return f"is at {limit:g}"
    latest = "never" if found.latest is None else spoken(found.latest - now)
    on = datetime.fromtimestamp(found.likely, UTC).date().isoformat()
    return f"will be at {limit:g} in {spoken(left)} ({spoken(found.earliest - now)} to {latest}), on {on}"


def spoken(seconds: float) -> str:
    """`40 min`, `7 h`, `5 d`."""
    left = timedelta(seconds=max(0.0, seconds))
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if left >= 2 * length or unit == "min":
            return f"{left / length:.0f} {unit}"
    raise AssertionError  # minutes come last


def _last(series: Series) -> float:
    return float(series.values[np.flatnonzero(series.known)[-1]])


def _sign(rule: Rule) -> float:
    return 1.0 if rule.direction == "rising" else -1.0


def _word(baseline: Baseline) -> str:
    return "week" if baseline.season == "week" else "day"
