"""Thresholds with hysteresis over whole columns: what has been too high for long enough, and what has been well again for long
enough.

Raising and clearing have levels and counts of their own, so that a value that moves about one of them is one alarm, or none. Pure.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Threshold:
    """`raise_at` is reached from below; at `clear_at` or below it is well."""

    raise_at: float
    clear_at: float
    raise_after: int = 3
    """Samples in a row."""
    clear_after: int = 3

    def __post_init__(self) -> None:
        if self.clear_at > self.raise_at:
            raise ValueError(f"a threshold that is raised at {self.raise_at} cannot be cleared at {self.clear_at}; clear it lower")
        if min(self.raise_after, self.clear_after) < 1:
            raise ValueError("a threshold needs at least one sample to be raised and one to be cleared")


@dataclass(frozen=True)
class Standing:
    """(ports,) each."""

    crossed: Flags
    streak: npt.NDArray[np.int32]
    """Samples in a row that speak against what stands."""

    @classmethod
    def nothing(cls, ports: int) -> "Standing":
        return cls(np.zeros(ports, np.bool_), np.zeros(ports, np.int32))

    def rows(self, rows: Rows) -> "Standing":
        """For other ports, or the same in another order; nothing where the row is negative."""
        known = rows >= 0
        if not self.crossed.size:
            return Standing.nothing(len(rows))
        safe = np.where(known, rows, 0)
        return Standing(self.crossed[safe] & known, np.where(known, self.streak[safe], 0).astype(np.int32))

    def put(self, rows: Rows, standing: "Standing") -> None:
        """Write `standing` in the place of these rows."""
        self.crossed[rows], self.streak[rows] = standing.crossed, standing.streak


@dataclass(frozen=True)
class Crossings:
    standing: Standing
    raised: Rows
    cleared: Rows


def judge(threshold: Threshold, standing: Standing, values: Values, known: Flags) -> Crossings:
    """One more sample each; where nothing is known, nothing changes, and a row of samples is not broken by it."""
    crossed = standing.crossed
    against = np.where(crossed, values <= threshold.clear_at, values >= threshold.raise_at)
    streak = np.where(known, np.where(against, standing.streak + 1, 0), standing.streak).astype(np.int32)
    turns = known & (streak >= np.where(crossed, threshold.clear_after, threshold.raise_after))
    return Crossings(
        Standing(crossed ^ turns, np.where(turns, 0, streak).astype(np.int32)),
        np.flatnonzero(turns & ~crossed),
        np.flatnonzero(turns & crossed),
    )
