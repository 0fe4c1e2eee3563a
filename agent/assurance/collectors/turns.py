"""When whom to ask: spread over the interval, less often where nobody answers. No I/O; times are monotonic."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.assurance.collectors.roster import Assignment, Roster
from policies.collecting.collector import Collector

LONGEST_PAUSE_S = 900.0
Key = tuple[str, str]
"""Element and protocol."""


@dataclass
class Turns:
    interval_s: float
    """Of collectors that name none."""
    due: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """Element, protocol and collector → when it is asked next."""
    once: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """When some are asked beside their turn."""
    failures: dict[Key, int] = field(default_factory=dict)
    """How often in a row it could not be spoken to."""
    paused: dict[Key, float] = field(default_factory=dict)
    """Until when it is left alone."""

    def keep(self, roster: Roster, now: float) -> None:
        """Give those that are new their place in the interval, always the same; forget those that are gone."""
        wanted = {(*key, collector.name): collector for key, each in roster.items() for collector in each.collectors}
        self.due = {key: self.due.get(key, now + _share(key[0]) * self._interval(collector)) for key, collector in wanted.items()}
        self.once = {key: at for key, at in self.once.items() if key in self.due}
        self.failures = {key: count for key, count in self.failures.items() if key in roster}
        self.paused = {key: until for key, until in self.paused.items() if key in roster}

    def take(self, roster: Roster, now: float, free: Callable[[Key], bool]) -> Iterator[tuple[Assignment, list[Collector]]]:
        """Those whose turn it is, who has waited longest first; each has its next turn then."""
        waiting = sorted((min(times), key) for key, each in roster.items() if (times := self._times(key, each, now)))
        for _, key in waiting:
            if self.paused.get(key, now) <= now and free(key):
                assignment = roster[key]
                asked = [each for each in assignment.collectors if self._at((*key, each.name), now) <= now]
                for collector in asked:
                    self._next((*key, collector.name), self._interval(collector), now)
                yield assignment, asked

    def soon(self, key: Key, collector: str, due: float) -> None:
        """Once more, before its turn; which stays where it is."""
        if due < self.due.get((*key, collector), due):
            self.once[*key, collector] = due

    def done(self, key: Key, now: float, *, reached: bool) -> None:
        if reached:
            self.failures.pop(key, None)
            self.paused.pop(key, None)
            return
        count = self.failures[key] = self.failures.get(key, 0) + 1
        self.paused[key] = now + min(self.interval_s * 2.0 ** (count - 1), LONGEST_PAUSE_S)

    def lateness(self, now: float, silent: Callable[[str], bool]) -> float:
        """Of the one that has waited longest, beside those that are left alone because they do not answer; seconds."""
        waiting = (
            now - max(at, self.paused.get((element, protocol), at))
            for (element, protocol, _), at in self.due.items()
            if not silent(element)
        )
        return max(waiting, default=0.0)

    def _times(self, key: Key, assignment: Assignment, now: float) -> list[float]:
        return [at for each in assignment.collectors if (at := self._at((*key, each.name), now)) <= now]

    def _at(self, key: tuple[str, str, str], now: float) -> float:
        at = self.due.get(key, now)
        return min(at, self.once[key]) if key in self.once else at

    def _next(self, key: tuple[str, str, str], interval: float, now: float) -> None:
        """In step with its place; turns that were missed are left out."""
        self.once.pop(key, None)
        if self.due[key] > now:
            return
        missed = int((now - self.due[key]) // interval)
        self.due[key] += (missed + 1) * interval

    def _interval(self, collector: Collector) -> float:
        return float(collector.interval_s or self.interval_s)


def _share(name: str) -> float:
    """0 to 1, spread evenly over names."""
    return zlib.crc32(name.encode()) / 2**32
