"""How many ports go into one GET, learnt per element: +1 on success, halved on failure."""

from dataclasses import dataclass, field

FORGIVE_AFTER = 30 * 60.0
"""Seconds until a size that failed twice is tried again."""


@dataclass(slots=True)
class GetSize:
    """Times are seconds on the monotonic clock."""

    size: int = 4
    largest: int = 8
    _failures: dict[int, list[float]] = field(default_factory=dict)

    def succeeded(self, now: float) -> None:
        if self.size < self.largest and not self._barred(self.size + 1, now):
            self.size += 1

    def halve(self) -> None:
        """After a failure; whether the size was to blame shows only when a smaller one succeeds."""
        self.size = max(1, self.size // 2)

    def blame(self, size: int, now: float) -> None:
        """A GET of this size failed where a smaller one succeeded."""
        recent = [at for at in self._failures.get(size, []) if now - at < FORGIVE_AFTER]
        self._failures[size] = [*recent, now][-2:]

    def cut_short(self, size: int, now: float) -> None:
        """An answer to this size lacked ports that the element has."""
        self.blame(size, now)
        self.size = max(1, min(self.size, size - 1))

    def _barred(self, size: int, now: float) -> bool:
        return sum(now - at < FORGIVE_AFTER for at in self._failures.get(size, [])) > 1
