"""Where a series is going, and when it will be at a limit.

Of longer histories each day counts by its busiest (or, towards a lower limit, its quietest) tenth, because that is what reaches a
limit first; of shorter ones each hour counts. The slope is the median of the slopes between all pairs of the same place in the
season (Theil 1950; Sen 1968; for seasons Hirsch and Slack 1984), so neither single values nor the wave of the day or the week bend
it; its interval is Sen's.
"""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from policies.detection.baseline import DAY, HOUR, WEEK
from policies.detection.series import Floats, Series, medians

MOST_POINTS = 336
"""Of which pairs are looked at: two weeks of hours."""
DAILY = 10
"""Days of history from which on days are looked at, and not hours."""
FEWEST = 8
REPETITIONS = 3
"""Of a season, for it to be one."""
TWO_SIDED = 1.6449
"""Quantile of the normal distribution for 90 %."""
FARTHEST_S = 366 * DAY
_DIVISORS = (1, 2, 3, 4, 6, 8, 12, 24)
"""Of a day, in hours: every day has the same buckets."""
_BUSIEST = 0.9


@dataclass(frozen=True, slots=True)
class Line:
    """Changing by `slope` a second; the true slope lies between `least` and `most` with 90 %."""

    at: float
    """Unix seconds."""
    level: float
    """Where it stands at `at`: its busiest tenth, or its quietest."""
    slope: float
    least: float
    most: float

    @property
    def certain(self) -> bool:
        """Whether it rises or falls at all."""
        return self.least > 0 or self.most < 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the limit will be reached, Unix seconds."""

    likely: float
    earliest: float
    latest: float | None
    """None when it may never be, or only after a year."""
    confidence: float
    """0 to 1: how narrow the interval is."""


def fit(series: Series, *, rising: bool) -> Line | None:
    """`rising`: which way the limit lies. None when there are too few values."""
    share = _BUSIEST if rising else 1 - _BUSIEST
    days = len(series.values) * series.step / DAY
    if days >= DAILY and series.step < DAY:
        found, season = series.coarser_by(DAY, share), WEEK
    else:
        found, season = series.coarser(_bucket(series)), DAY
    if (len(found.values) + 1) * found.step < REPETITIONS * season:  # the steps at the ends are not whole
        season = 0
    known = found.known
    times, values = found.times[known], found.values[known]
    if len(values) < FEWEST:
        return None
    first, second = _pairs(times, season)
    if len(first) < FEWEST:
        return None
    slopes = np.sort((values[second] - values[first]) / (times[second] - times[first]))
    slope = float(np.median(slopes))
    flat = values - slope * (times - times[-1])
    recent = flat[times >= times[-1] - max(season, REPETITIONS * DAY)]
    least, most = _interval(slopes, flat, times, season)
    return Line(float(times[-1]), float(np.quantile(recent, share if season != WEEK else 0.5)), slope, least, most)


def forecast(line: Line, limit: float, *, rising: bool) -> Forecast | None:
    """None when it does not go there, or nobody can tell that it does, or it is farther than a year."""
    toward = 1.0 if rising else -1.0
    left = (limit - line.level) * toward
    if left <= 0:
        return Forecast(line.at, line.at, line.at, 1.0)
    slope = line.slope * toward
    slow, fast = sorted((line.least * toward, line.most * toward))
    if slow <= 0 or slope <= 0 or left / slope > FARTHEST_S:
        return None
    likely, earliest, latest = left / slope, left / fast, left / slow
    confidence = round(max(0.0, 1 - (latest - earliest) / (2 * likely)), 3)
    return Forecast(line.at + likely, line.at + earliest, None if latest > FARTHEST_S else line.at + latest, confidence)


def _bucket(series: Series) -> int:
    """Whole hours that divide a day, so long that there are not too many of them; the series' own steps where they are longer."""
    hours = ceil(len(series.values) * series.step / HOUR / MOST_POINTS)
    wanted = next((each for each in _DIVISORS if each >= hours), _DIVISORS[-1]) * HOUR
    return max(series.step, wanted - wanted % series.step)


def _pairs(times: Floats, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Those of the same hour of the season; all without one."""
    first, second = np.triu_indices(len(times), 1)
    if not season:
        return first, second
    same = (times[second] - times[first]) % season == 0
    return first[same], second[same]


def _interval(slopes: Floats, level: Floats, times: Floats, season: int) -> tuple[float, float]:
    """Sen's, from the variance of Kendall's S summed over the hours of the season; hours that go together count for less than they
    are many, by the correlation of neighbours in what line and season leave.
    """
    hour = np.unique(times % season, return_inverse=True)[1] if season else np.zeros(len(times), np.int64)
    counts = np.bincount(hour)
    usual = medians(_rows(level, hour))
    rest = level - usual[hour]
    power = float((rest * rest).sum())
    alike = float((rest[1:] * rest[:-1]).sum() / power) if power > 0 else 0.0
    alike = max(0.0, min(alike, 0.95))
    # without a season the neighbours are points of one line, with one they are lines beside each other
    wider = 1 + alike * (len(counts) - 1) if season else (1 + alike) / (1 - alike)
    deviation = sqrt(float((counts * (counts - 1) * (2 * counts + 5) / 18).sum()) * wider)
    low = int(max(0, np.floor((len(slopes) - TWO_SIDED * deviation) / 2)))
    high = int(min(len(slopes) - 1, np.ceil((len(slopes) + TWO_SIDED * deviation) / 2)))
    return float(slopes[low]), float(slopes[high])


def _rows(values: Floats, row: np.ndarray) -> Floats:
    """One row for each number in `row`; NaN behind."""
    counts = np.bincount(row)
    table = np.full((len(counts), int(counts.max())), np.nan)
    order = np.argsort(row, kind="stable")
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    table[row[order], place] = values[order]
    return table
