"""How often traps of one element may lead to a read at once: enough for a port that flaps, too little for a storm to live on."""

from dataclasses import dataclass, field

BURST = 20
PER_SECOND = 5.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float
    """Monotonic."""


@dataclass(slots=True)
class Restraint:
    """A token bucket per element. Keep it to elements of the inventory, and it stays as small as that."""

    buckets: dict[str, _Bucket] = field(default_factory=dict)

    def allows(self, element: str, now: float) -> bool:
        """Takes a token if there is one. `now`: monotonic seconds."""
        bucket = self.buckets.setdefault(element, _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.filled) * PER_SECOND)
        bucket.filled = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
