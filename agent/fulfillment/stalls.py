"""Which plans make no headway, which wait for the database, and which elements have not answered of late.

So that none of them keeps the others waiting.

Known in this process alone and forgotten with it. A plan beats when a step of it begins and when an element has done its part.
"""

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from policies.values import Clock


class Stalls:
    """Thread-safe. The company of plans at the points of their journals (`inventory.together.Company`)."""

    def __init__(self, clock: Clock, after: float = 0.25) -> None:
        """`after`: seconds without a beat after which a plan makes no headway."""
        self._clock, self._after = clock, after
        self.at_point: Callable[[], None] = lambda: None
        """Called when a plan begins to wait at a point."""
        self._at_points, self._point = 0, _Point(self)
        self._guard = threading.Lock()
        self._beats: dict[str, float] = {}
        """Plan → when it last moved, the longest ago first."""
        self._resting: set[str] = set()
        self._silent: set[str] = set()

    def beat(self, plan_id: str) -> None:
        with self._guard:
            self._resting.discard(plan_id)
            self._beats.pop(plan_id, None)
            self._beats[plan_id] = self._clock.monotonic()

    def rest(self, plan_id: str) -> None:
        """It is with no element now: whatever it waits for, another thread would wait for as well."""
        with self._guard:
            self._beats.pop(plan_id, None)
            self._resting.add(plan_id)

    def forget(self, plan_id: str) -> None:
        with self._guard:
            self._beats.pop(plan_id, None)
            self._resting.discard(plan_id)

    def stalled(self) -> int:
        """How many plans have not moved for too long."""
        with self._guard:
            return self._still()

    def expected(self) -> int:
        """How many plans come to a point soon, or are at one."""
        with self._guard:
            return len(self._resting) + len(self._beats) - self._still()

    def _still(self) -> int:
        limit = self._clock.monotonic() - self._after
        for number, beat in enumerate(self._beats.values()):
            if beat >= limit:
                return number
        return len(self._beats)

    @property
    def at_points(self) -> int:
        """How many plans wait until what they have written is durable."""
        return self._at_points

    def waiting(self) -> AbstractContextManager[None]:
        """One plan is at a point."""
        return self._point

    def come(self) -> None:
        """To a point; see `waiting`."""
        with self._guard:
            self._at_points += 1
        self.at_point()

    def go_on(self) -> None:
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
        if not self._silent:
            return False
        with self._guard:
            return not self._silent.isdisjoint(elements)


class _Point:
    """The same for all plans; a generator for each would cost more than what is counted."""

    def __init__(self, stalls: Stalls) -> None:
        self._stalls = stalls

    def __enter__(self) -> None:
        self._stalls.come()

    def __exit__(self, *ended: object) -> None:
        self._stalls.go_on()
