"""Whose turn it is to be polled: a cycle in turns, so that ten thousand elements are not asked in the same second. No I/O.

Few elements are asked together when the cycle begins. Many are told apart by their names, and each keeps its place in every cycle.
Turns that nobody took in time are made up for by the next one. After a start all are asked once without waiting for their turns.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from agent.shard import place_of

SPREAD_FROM = 500
"""Elements; fewer are asked and digested in a fraction of a second."""
SHORTEST = timedelta(seconds=5)
"""Of turns: each costs a transaction."""


@dataclass(frozen=True, slots=True)
class Turn:
    places: AbstractSet[int]
    """Of the cycle's; whose place is among them is asked."""
    of: int
    first: bool
    last: bool
    """The cycle is whole after it."""

    def __contains__(self, name: str) -> bool:
        return len(self.places) == self.of or place_of(name, self.of) in self.places


EVERYBODY = Turn(frozenset({0}), 1, first=True, last=True)


class Cycle:
    def __init__(self, interval: timedelta) -> None:
        self._of = max(1, interval // SHORTEST)
        self.every = interval / self._of
        """From turn to turn."""
        self._origin: float | None = None
        self._taken = -1
        self._spread = False
        self._early = 0
        """Place of the last early turn."""

    def turn(self, elements: int, now: float) -> Turn | None:
        """What is due by `now` (monotonic seconds) of so many elements; None: nothing before the next cycle begins."""
        if self._origin is None:
            self._origin = now
        due = round((now - self._origin) / self.every.total_seconds())
        passed = range(max(self._taken + 1, due - self._of + 1), due + 1)
        self._taken = max(self._taken, due)
        places = frozenset(number % self._of for number in passed)
        begins = 0 in places
        if begins:
            self._spread = self._of > 1 and elements >= SPREAD_FROM
        if self._spread:
            return Turn(places, self._of, begins, self._of - 1 in places) if places else None
        return EVERYBODY if begins else None

    def early(self) -> Turn | None:
        """The next of those that are asked beside their turn when the first cycle has begun, until all were asked once.

        A daemon that has just started knows nothing of its network until it has asked everybody. Turns stay where they are, so that
        nobody is asked later than an interval after that.
        """
        if not self._spread or self._taken >= self._of or self._early >= self._of - 1:
            return None
        self._early += 1
        return Turn(frozenset({self._early}), self._of, first=False, last=self._early == self._of - 1)
