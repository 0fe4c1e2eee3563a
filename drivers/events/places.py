"""Who may have a TCP connection open: a bound for all, one for each source; silence makes room for others. No I/O."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Connection(Protocol):
    source: str
    heard: float
    """When its last whole message came, or it was made; monotonic."""

    def end(self) -> None: ...


@dataclass
class Places:
    """A sender may say nothing for days and be well, so its connection is ended only when all places are taken."""

    most: int
    most_of_source: int
    idle_s: float
    count: Callable[[str], None]
    """Told what happened: `refused`, `source_refused` or `idle_ended`."""
    taken: set[Connection] = field(default_factory=set)
    _of_source: Counter[str] = field(default_factory=Counter)

    def take(self, connection: Connection, now: float) -> bool:
        """False: there is no place for it."""
        if self._of_source[connection.source] >= self.most_of_source:
            self.count("source_refused")
            return False
        if len(self.taken) >= self.most and not self._end_one(now):
            self.count("refused")
            return False
        self.taken.add(connection)
        self._of_source[connection.source] += 1
        return True

    def leave(self, connection: Connection) -> None:
        if connection in self.taken:
            self.taken.discard(connection)
            self._of_source[connection.source] -= 1
            if not self._of_source[connection.source]:
                del self._of_source[connection.source]

    def _end_one(self, now: float) -> bool:
        longest = min(self.taken, key=lambda each: each.heard, default=None)
        if longest is None or now - longest.heard < self.idle_s:
            return False
        self.leave(longest)
        longest.end()
        self.count("idle_ended")
        return True
