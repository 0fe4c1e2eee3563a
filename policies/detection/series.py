"""Measured values at even steps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Value i was measured in `[start + i·step, start + (i+1)·step)`; NaN where nothing was."""

    start: int
    """Unix seconds."""
    step: int
    """Seconds."""
    values: Floats

    @property
    def end(self) -> int:
        return self.start + self.step * len(self.values)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.values)

    @property
    def times(self) -> Floats:
        """The middle of each step."""
        middles: Floats = self.start + self.step * (np.arange(len(self.values), dtype=np.float64) + 0.5)
        return middles

    def last(self, seconds: float) -> "Series":
        count = min(len(self.values), int(seconds // self.step))
        first = len(self.values) - count
        return Series(self.start + first * self.step, self.step, self.values[first:])

    def coarser(self, step: int) -> "Series":
        """The median of each longer step, a multiple of the present one; what does not fill one at the ends is left out."""
        start, parts = self._parts(step)
        return Series(start, step, medians(parts))

    def coarser_by(self, step: int, share: float) -> "Series":
        """The same with another quantile than the median; NaN where less than half of a step is known."""
        start, parts = self._parts(step)
        enough = np.isfinite(parts).sum(axis=1) * 2 >= parts.shape[1]
        values = np.full(len(parts), np.nan)
        if enough.any():
            values[enough] = np.nanquantile(parts[enough], share, axis=1)
        return Series(start, step, values)

    def _parts(self, step: int) -> tuple[int, Floats]:
        """Where the first whole step begins, and one row for each."""
        per = step // self.step
        first = -(self.start // self.step) % per
        whole = (len(self.values) - first) // per
        return self.start + first * self.step, self.values[first : first + whole * per].reshape(whole, per)


def medians(parts: Floats) -> Floats:
    """Of each row, of what is known of it; NaN where nothing is."""
    ordered = np.sort(parts, axis=1)  # NaN last
    count = np.isfinite(parts).sum(axis=1)
    rows = np.arange(len(parts))
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, parts.shape[1] - 1) if parts.shape[1] else high
    middle = (ordered[rows, low] + ordered[rows, high]) / 2
    return np.where(count > 0, middle, np.nan)
