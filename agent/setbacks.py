"""A part of the daemon that ends by itself: when to begin it again, and what to say of it. No I/O; times are monotonic."""

from dataclasses import dataclass

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
WELL_AFTER_S = 600.0
"""Without a further setback for so long it is well again."""


@dataclass
class Setbacks:
    total: int = 0
    """Since the start."""
    _lately: int = 0
    """In a row, each less than `WELL_AFTER_S` after the one before."""
    _last: float = 0.0
    _why: str = ""

    def add(self, why: str, now: float) -> None:
        self._lately = 1 if self._is_well(now) else self._lately + 1
        self.total, self._last, self._why = self.total + 1, now, why

    def over(self, now: float) -> bool:
        """Whether it may be begun again: after pauses that double."""
        return not self._lately or now - self._last >= self.pause_s

    @property
    def pause_s(self) -> float:
        return min(FIRST_PAUSE_S * 2.0 ** (self._lately - 1), LONGEST_PAUSE_S)

    def text(self, now: float) -> str:
        """What an operator should know of it; "" when it is well."""
        if self._is_well(now):
            return ""
        times = "once" if self._lately == 1 else f"{self._lately} times in a row"
        return f"it ended by itself {times} and is begun again {self.pause_s:.0f} s after that: {self._why}; the log tells more"

    def _is_well(self, now: float) -> bool:
        return not self._lately or now - self._last >= WELL_AFTER_S
