"""Who sends how much: a limit per source, and the memory of whose messages were lost or not believed. Bounded, no I/O.

What is remembered is taken out by whoever acts on it; what does not fit any more is told as `ANYBODY`.
"""

from collections import Counter
from dataclasses import dataclass, field

MOST_SOURCES = 20_000
"""Source addresses are chosen by whoever sends, so they are not remembered without end."""
ANYBODY = ""
"""A source that is not known by its address any more."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float
    """Monotonic."""


@dataclass(slots=True)
class Senders:
    """A token bucket per source address: `per_s` messages a second, after `burst` at once."""

    per_s: float
    burst: float
    lost: Counter[str] = field(default_factory=Counter)
    """Source → messages that were dropped since this was last taken."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Source and reason → messages that were not believed since this was last taken."""
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def allows(self, source: str, now: float) -> bool:
        """Takes a token if there is one. `now`: monotonic seconds."""
        bucket = self._buckets.get(source)
        if bucket is None:
            if len(self._buckets) >= MOST_SOURCES:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[source] = _Bucket(self.burst, now)
        tokens = bucket.tokens + (now - bucket.filled) * self.per_s
        bucket.tokens, bucket.filled = min(self.burst, tokens), now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def lose(self, source: str) -> None:
        self.lost[source if source in self.lost or len(self.lost) < MOST_SOURCES else ANYBODY] += 1

    def refuse(self, source: str, reason: str) -> None:
        key = (source, reason)
        self.refused[key if key in self.refused or len(self.refused) < MOST_SOURCES else (ANYBODY, reason)] += 1

    def take_lost(self) -> Counter[str]:
        taken, self.lost = self.lost, Counter()
        return taken

    def take_refused(self) -> Counter[tuple[str, str]]:
        taken, self.refused = self.refused, Counter()
        return taken
