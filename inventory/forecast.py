"""When a pool will be exhausted, from daily samples. Pure.

The slope is the median of the slopes between all pairs of days (Theil 1950, Sen 1968): one day on which a thousand services came or
went does not bend it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from statistics import median

FEWEST = 3
"""Samples from which a trend is read; fewer are a guess."""
FARTHEST = 36_500
"""Days beyond which a forecast means nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    day: date
    used: int
    """Values, or bit/s."""


def days_left(samples: Sequence[Sample], free: int) -> int | None:
    """Whole days until `free` is used up; 0 when nothing is free. None when nobody can know: too few days, or no growth."""
    if free <= 0:
        return 0
    if len({sample.day for sample in samples}) < FEWEST:
        return None
    slopes = [
        Fraction(later.used - earlier.used, (later.day - earlier.day).days)
        for earlier, later in combinations(sorted(samples, key=lambda sample: sample.day), 2)
        if later.day != earlier.day
    ]
    slope = median(slopes)
    if slope <= 0:
        return None
    left = int(free / slope)
    return left if left <= FARTHEST else None
