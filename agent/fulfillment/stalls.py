"""Which plans make no headway, and which elements have not answered of late: so that neither keeps the others waiting.

Known in this process alone and forgotten with it. A plan beats when a step of it begins and when an element has done its part.
"""

import threading
from collections.abc import Collection

from policies.values import Clock


class Stalls:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
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

    def stalled(self, after: float) -> int:
        """How many plans have not moved for more than `after` seconds."""
        limit = self._clock.monotonic() - after
        with self._guard:
            return sum(beat < limit for beat in self._beats.values())

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
