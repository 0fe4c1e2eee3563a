"""Which plans make no headway, which wait for the database, and which elements have not answered of late.

So that none of them keeps the others waiting.

Known in this process alone and forgotten with it. A plan beats when a step of it begins and when an element has done its part.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from policies.values import Clock


class Stalls:
    """Thread-safe. The company of plans at the points of their journals (`inventory.together.Company`)."""

    def __init__(self, clock: Clock, after: float = 0.25) -> None:
        """`after`: seconds without a beat after which a plan makes no headway."""
        self._clock, self._after = clock, after
        self.at_point: Callable[[], None] = lambda: None
        """Called when a plan begins to wait at a point."""
        self._at_points = 0
        self._guard = threading.Lock()
        self._beats: dict[str, float] = {}
        self._silent: set[str] = set()

    def beat(self, plan_id: str) -> None:
        with self._guard:
            self._beats[plan_id] = self._clock.monotonic()

    def rest(self, plan_id: str) -> None:
        """It is with no element now: whatever it waits for, another thread would wait for as well."""
        with self._guard:
            self._beats[plan_id] = float("inf")

    def forget(self, plan_id: str) -> None:
        with self._guard:
            self._beats.pop(plan_id, None)

    def stalled(self) -> int:
        """How many plans have not moved for too long."""
        limit = self._clock.monotonic() - self._after
        with self._guard:
            return sum(beat < limit for beat in self._beats.values())

    def expected(self) -> int:
        """How many plans come to a point soon, or are at one."""
        limit = self._clock.monotonic() - self._after
        with self._guard:
            return sum(beat >= limit for beat in self._beats.values())

    @property
    def at_points(self) -> int:
        """How many plans wait until what they have written is durable."""
        return self._at_points

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One plan is at a point."""
        with self._guard:
            self._at_points += 1
        self.at_point()
        try:
            yield
        finally:
            with self._guard:
                self._at_points -= 1

    def fell_silent(self, element: str) -> None:
        """It could not be reached, or did not answer in time."""
        with self._guard:
            self._silent.add(element)

    def answered(self, element: str) -> None:
        if element in self._silent:
            with self._guard:
                self._silent.discard(element)

    def silent(self, elements: Collection[str]) -> bool:
        """Whether one of them was silent when it was last asked."""
        with self._guard:
            return not self._silent.isdisjoint(elements)
