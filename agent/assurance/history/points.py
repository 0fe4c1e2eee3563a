"""Series of measured values as blocks of points: raw minutes, five minutes, hours; how one becomes the next. Pure.

A point is what was measured within one step: mean, lowest, highest, and how many minutes had a value. A point without a value is a
gap and stays one: nothing is filled in.
"""

import zlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Points = npt.NDArray[np.void]

POINT = np.dtype([("mean", "<f4"), ("low", "<f4"), ("high", "<f4"), ("count", "<u2")])
"""One point of a rolled-up series, 14 bytes; `count` is that of minutes with a value, 0 for a gap."""


class Resolution(IntEnum):
    """Seconds of one step."""

    MINUTE = 60
    FIVE_MINUTES = 300
    HOUR = 3600

    @property
    def block(self) -> int:
        """Seconds that are kept in one row: an hour of minutes, a day of five minutes, thirty days of hours."""
        return {60: 3600, 300: 86_400, 3600: 30 * 86_400}[self]

    @property
    def points(self) -> int:
        """Of one block."""
        return self.block // self

    def block_start(self, instant: int) -> int:
        """Unix seconds."""
        return instant - instant % self.block

    def position(self, instant: int) -> int:
        """Within its block."""
        return instant % self.block // self


def empty(resolution: Resolution) -> Points:
    """A block of gaps."""
    return np.zeros(resolution.points, POINT)


def rolled(minutes: Points, per: int) -> Points:
    """`per` points become one: the mean weighted by what each stands for, the extremes of all. Length divisible by `per`."""
    parts = minutes.reshape(-1, per)
    count = parts["count"].astype(np.int64)
    total = count.sum(axis=1)
    known = count > 0
    result = np.zeros(len(parts), POINT)
    weighted = np.where(known, parts["mean"].astype(np.float64) * count, 0.0).sum(axis=1)
    result["mean"] = np.divide(weighted, total, out=np.zeros_like(weighted), where=total > 0)
    result["low"] = np.where(total > 0, np.where(known, parts["low"], np.inf).min(axis=1, initial=np.inf), 0.0)
    result["high"] = np.where(total > 0, np.where(known, parts["high"], -np.inf).max(axis=1, initial=-np.inf), 0.0)
    result["count"] = np.minimum(total, np.iinfo(np.uint16).max)
    return result


def packed(points: Points) -> bytes:
    """As it is stored. Gaps and flat lines shrink to next to nothing."""
    return zlib.compress(points.tobytes(), 1)


def unpacked(data: bytes, resolution: Resolution) -> Points:
    """A copy that may be written to. Raises `ValueError` for what is no block of this resolution."""
    try:
        plain = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"no block of points: {error}") from None
    points = np.frombuffer(plain, POINT).copy()
    if len(points) != resolution.points:
        raise ValueError(f"a block of {len(points)} points, where {resolution.points} belong")
    return points


@dataclass(frozen=True, slots=True)
class Stretch:
    """A series between two instants: point i stands for `[start + i·step, start + (i+1)·step)`; NaN where nothing was measured."""

    start: int
    """Unix seconds."""
    step: int
    """Seconds."""
    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]
    """Minutes with a value in each point."""

    @classmethod
    def of(cls, start: int, resolution: Resolution, points: Points) -> "Stretch":
        known = points["count"] > 0
        mean, low, high = (np.where(known, points[name], np.nan).astype(np.float64) for name in ("mean", "low", "high"))
        return cls(start, int(resolution), mean, low, high, points["count"].astype(np.int64))

    @property
    def end(self) -> int:
        return self.start + self.step * len(self.mean)

    @property
    def coverage(self) -> float:
        """Share of the minutes that were measured, 0 to 1."""
        whole = len(self.mean) * self.step // Resolution.MINUTE
        return float(self.count.sum()) / whole if whole else 0.0
