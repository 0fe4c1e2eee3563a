"""Which of the claimed plans may begin: pure, but for what it remembers.

One at a time per element, in the order they were claimed, so that no thread waits for what another one here does. Plans with an
element that has fallen silent go through a narrow lane: they may wait for each other, the rest does not wait for them.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from inventory.work import Claim

PATIENCE_S = 2.0
"""A plan that waits longer for an element begins nevertheless: it finds the element held, says so in its journal and lines up."""
LINE = 4
"""Plans in line for one element; more are for later, so that they do not fill the hands of the worker."""


@dataclass(frozen=True, slots=True)
class Candidate:
    claim: Claim
    elements: frozenset[str]
    since: float


class Admission:
    """Not thread-safe: the worker's lock is around it. Times are those of a monotonic clock."""

    def __init__(self, silent: Callable[[Collection[str]], bool], *, lane: int) -> None:
        """`lane`: how many plans with a silent element may run at once."""
        self._silent, self._lane = silent, lane
        self._waiting: dict[str, Candidate] = {}
        self._running: dict[str, Candidate] = {}
        self._busy: Counter[str] = Counter()
        """Element → how many plans run on it: more than one where somebody was tired of waiting."""
        self._in_lane: set[str] = set()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, claim: Claim, elements: Collection[str], now: float) -> None:
        self._waiting[claim.id] = Candidate(claim, frozenset(elements), now)

    def next(self, now: float) -> Claim | None:
        """The first that may begin; it runs until it is `done`."""
        wanted: set[str] = set()
        for candidate in self._waiting.values():
            elements = candidate.elements
            alone = self._busy.keys().isdisjoint(elements) and wanted.isdisjoint(elements)
            if (alone or now - candidate.since > PATIENCE_S) and self._fits(candidate):
                return self._begin(candidate)
            wanted |= elements  # those behind it must not keep it waiting for ever
        return None

    def done(self, claim: Claim) -> None:
        """Whatever became of it. Harmless for one that was claimed anew meanwhile."""
        running = self._running.get(claim.id)
        if running is not None and running.claim == claim:
            del self._running[claim.id]
            self._leave(running)
            self._in_lane.discard(claim.id)

    def crowd(self) -> list[Claim]:
        """Those that would only stand in the way of others: they wait here no longer."""
        lines: Counter[str] = Counter()
        silent, crowded = 0, []
        for candidate in self._waiting.values():
            is_silent = self._silent(candidate.elements)
            silent += is_silent
            longest = 0
            for element in candidate.elements:
                lines[element] += 1
                longest = max(longest, lines[element])
            if (is_silent and silent > self._lane) or longest > LINE:
                crowded.append(candidate.claim)
        for claim in crowded:
            del self._waiting[claim.id]
        return crowded

    def withdraw(self) -> list[Claim]:
        """All that wait: they wait here no longer."""
        waiting = [candidate.claim for candidate in self._waiting.values()]
        self._waiting.clear()
        return waiting

    def _fits(self, candidate: Candidate) -> bool:
        return len(self._in_lane) < self._lane or not self._silent(candidate.elements)

    def _begin(self, candidate: Candidate) -> Claim:
        claim = candidate.claim
        del self._waiting[claim.id]
        if before := self._running.pop(claim.id, None):  # it was claimed anew
            self._leave(before)
        self._running[claim.id] = candidate
        self._busy.update(candidate.elements)
        if self._silent(candidate.elements):
            self._in_lane.add(claim.id)
        return claim

    def _leave(self, candidate: Candidate) -> None:
        for element in candidate.elements:
            self._busy[element] -= 1
            if not self._busy[element]:
                del self._busy[element]
