"""What is usual at this time of the week, and how much: a seasonal baseline that outliers do not move.

For each hour of the season the median of what was measured in it, over all its repetitions; the spread is the median absolute
deviation from it, in that hour and those beside it, scaled to a standard deviation (Hampel 1974; Rousseeuw and Croux 1993). Of
week, day kind, day and none the finest season is taken that has been seen often enough. How far it can be trusted is said, too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.detection.series import Floats, Series, medians

Hours = npt.NDArray[np.int64]

HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday; Monday is 0."""
TO_DEVIATION = 1.4826
"""From median absolute deviation to standard deviation, for a normal distribution."""
ENOUGH = 3
"""Repetitions that a season needs to be used."""
FULL = 4
"""Repetitions at which nothing more is gained."""
RELATIVE_FLOOR = 0.02
"""Of what is usual: a line flatter than that is not more exact than its measurement."""
KINDS = ("week", "day kind", "day", "none")


@dataclass(frozen=True, slots=True)
class Baseline:
    """Of one series."""

    season: str
    """One of `KINDS`."""
    centre: Floats
    """What is usual in each hour of a week, shape (168,), Monday 00:00 UTC first."""
    spread: Floats
    """One standard deviation around it, shape (168,)."""
    confidence: float
    """0 to 1: how often the season has been seen, and how much of it was measured."""

    def expected(self, times: Floats) -> Floats:
        """At these instants, between the middles of hours."""
        return _between(self.centre, times)

    def scores(self, series: Series, floor: float = 0.0) -> Floats:
        """How many standard deviations above (below: negative) what is usual; NaN where nothing was measured. `floor`: in the unit
        of the series, the least that one deviation counts.
        """
        usual = self.expected(series.times)
        spread = np.maximum(_between(self.spread, series.times), np.maximum(floor, RELATIVE_FLOOR * np.abs(usual)))
        away = series.values - usual
        scores: Floats = np.divide(away, spread, out=np.where(away == 0, 0.0, np.copysign(np.inf, away)), where=spread > 0)
        scores[~series.known] = np.nan
        return scores


def learn(series: Series) -> Baseline | None:
    """From weeks of values at steps of an hour or less; None when less than three hours are known."""
    known = series.known
    if known.sum() * series.step < ENOUGH * HOUR:
        return None
    hour = ((series.times // HOUR).astype(np.int64) + EPOCH_WEEKDAY * 24) % 168
    day = (series.times // DAY).astype(np.int64)
    for season in KINDS:
        slot = _slots(season, hour)
        seen = _repetitions(slot[known], day[known], _width(season))
        if season == "none" or seen >= ENOUGH:
            break
    centre, spread = _measures(series.values, slot, _width(season))
    of_hour = _slots(season, np.arange(168))
    measured = known.sum() / len(known)
    trusted = min(1.0, seen / FULL) if season != "none" else min(1.0, known.sum() * series.step / (FULL * DAY)) / 2
    return Baseline(season, centre[of_hour], spread[of_hour], float(round(trusted * measured, 3)))


def _slots(season: str, hour: Hours) -> Hours:
    """Hour of the week → hour of the season."""
    match season:
        case "week":
            return hour
        case "day kind":
            return hour % 24 + 24 * (hour >= 5 * 24)
        case "day":
            return hour % 24
    return np.zeros_like(hour)


def _width(season: str) -> int:
    return {"week": 168, "day kind": 48, "day": 24, "none": 1}[season]


def _repetitions(slot: Hours, day: Hours, width: int) -> float:
    """On how many days an hour of the season was seen; nine of ten hours on more."""
    pairs = np.unique(np.stack((slot, day)), axis=1)[0]
    return float(np.quantile(np.bincount(pairs, minlength=width), 0.1))


def _measures(values: Floats, slot: Hours, width: int) -> tuple[Floats, Floats]:
    """Median and deviation of each hour of the season with the hours beside it; hours without values get those of all."""
    table = _table(values, slot, width)
    centre = medians(table)
    everything = float(np.nanmedian(values))
    centre = np.where(np.isfinite(centre), centre, everything)
    away = np.abs(table - centre[:, None])
    beside = np.concatenate((away, np.roll(away, 1, axis=0), np.roll(away, -1, axis=0)), axis=1) if width > 1 else away
    spread = TO_DEVIATION * medians(beside)
    general = TO_DEVIATION * float(np.nanmedian(np.abs(values - everything)))
    return centre, np.where(np.isfinite(spread), spread, general)


def _table(values: Floats, slot: Hours, width: int) -> Floats:
    """One row for each hour of the season, with all that was measured in it; NaN behind."""
    order = np.argsort(slot, kind="stable")
    ordered, counts = slot[order], np.bincount(slot, minlength=width)
    table = np.full((width, max(1, int(counts.max()))), np.nan)
    place = np.arange(len(ordered)) - np.repeat(np.cumsum(counts) - counts, counts)
    table[ordered, place] = values[order]
    return table


def _between(of_hour: Floats, times: Floats) -> Floats:
    """Values of the hours of a week, taken at their middles, at instants between."""
    position = (times / HOUR + EPOCH_WEEKDAY * 24 - 0.5) % 168
    before = np.floor(position).astype(np.int64) % 168
    share = position - np.floor(position)
    between: Floats = of_hour[before] * (1 - share) + of_hour[(before + 1) % 168] * share
    return between
