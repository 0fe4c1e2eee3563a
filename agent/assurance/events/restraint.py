"""How often events may lead to a read at once: enough for a port that flaps, too little for a storm to live on."""

from dataclasses import dataclass, field

BURST = 20
PER_SECOND = 2.0
"""Of one element."""
BURST_OF_ALL = 2000
PER_SECOND_OF_ALL = 100.0
"""Of all elements together: a cut that many speak of is read at once, a storm of thousands leaves the daemon to others."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float
    """Monotonic."""

    def fill(self, burst: float, per_second: float, now: float) -> None:
        self.tokens = min(burst, self.tokens + (now - self.filled) * per_second)
        self.filled = now


@dataclass(slots=True)
class Restraint:
    """A token bucket per element, and one for all. Keep it to elements of the inventory, and it stays as small as that."""

    buckets: dict[str, _Bucket] = field(default_factory=dict)
    all: _Bucket | None = None

    def allows(self, element: str, now: float) -> bool:
        """Takes a token if there is one. `now`: monotonic seconds."""
        bucket = self.buckets.setdefault(element, _Bucket(BURST, now))
        bucket.fill(BURST, PER_SECOND, now)
        if bucket.tokens < 1 or not self.allows_any(now):
            return False
        bucket.tokens -= 1
        return True

    def allows_any(self, now: float) -> bool:
        """One read more, of whatever element."""
        bucket = self.all = self.all or _Bucket(BURST_OF_ALL, now)
        bucket.fill(BURST_OF_ALL, PER_SECOND_OF_ALL, now)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
