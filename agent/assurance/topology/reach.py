"""What of the network is reached from the poller, kept up with change by change.

A tree of ways leads from where the poller is attached to all that is reached. When something fails, only the branch that hung on it
is looked at anew; when something opens, only what lies behind it. So a change costs what it affects (after Even and Shiloach, but
the ways are not kept shortest). The result is that of a walk from the start: it depends on what fails, not on the order of news.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from agent.assurance.topology.correlation import ELEMENT, Network, Way, element_of


class Reach:
    def __init__(self, network: Network) -> None:
        self._network = network
        self.silent: set[str] = set()
        self.down: set[str] = set()
        self._entry = (network.attachments or network.elements) & network.elements
        self._by: dict[str, Way | None] = {}
        """What is reached, by which way; None for where the poller is attached."""
        self._hanging: dict[str, set[str]] = {}
        self._grow(deque(sorted(self._entry)))

    def __contains__(self, element: object) -> bool:
        return element in self._by

    def is_open(self, way: Way) -> bool:
        return way.near not in self.down and way.far not in self.down

    def change(self, changes: Mapping[str, bool]) -> set[str]:
        """Key (`element:<name>`, `port:<element>/<port>`) → whether it fails now; gives the elements that were lost or gained."""
        failed, well = self._take(changes)
        lost: set[str] = set()
        for key in failed:
            lost |= self._cut(key)
        seeds = {element for element in lost if self._may_be_reached(element)}
        for key in well:
            seeds |= {element for element in self._ends(key) if element not in self._by and self._may_be_reached(element)}
        gained = self._grow(deque(sorted(seeds)))
        return lost ^ gained

    def _take(self, changes: Mapping[str, bool]) -> tuple[list[str], list[str]]:
        failed: list[str] = []
        well: list[str] = []
        for key, fails in sorted(changes.items()):
            kind, _, name = key.partition(":")
            known = self.silent if kind == ELEMENT else self.down
            if fails == (name in known):
                continue
            (known.add if fails else known.discard)(name)
            (failed if fails else well).append(key)
        return failed, well

    def _ends(self, key: str) -> Iterable[str]:
        kind, _, name = key.partition(":")
        if kind == ELEMENT:
            return (name,)
        way = self._network.way_of.get(name)
        return () if way is None else (element_of(way.near), way.to)

    def _cut(self, key: str) -> set[str]:
        """The branch that hung on what has failed."""
        kind, _, name = key.partition(":")
        if kind == ELEMENT:
            return self._drop(name) if name in self._by else set()
        way = self._network.way_of.get(name)
        for element in self._ends(key):
            by = self._by.get(element)
            if way is not None and by is not None and by.link == way.link:
                return self._drop(element)
        return set()

    def _drop(self, top: str) -> set[str]:
        by = self._by[top]
        if by is not None:
            self._hanging[element_of(by.near)].discard(top)
        dropped: set[str] = set()
        waiting = [top]
        while waiting:
            element = waiting.pop()
            dropped.add(element)
            del self._by[element]
            waiting.extend(self._hanging.pop(element, ()))
        return dropped

    def _may_be_reached(self, element: str) -> bool:
        return element not in self.silent and (element in self._entry or self._way_in(element) is not None)

    def _way_in(self, element: str) -> Way | None:
        """The open way from something reached, as seen from there."""
        ways = self._network.ways.get(element, ())
        return next((Way(way.link, way.far, way.near) for way in ways if way.to in self._by and self.is_open(way)), None)

    def _grow(self, waiting: deque[str]) -> set[str]:
        gained: set[str] = set()
        while waiting:
            element = waiting.popleft()
            if element in self._by or element in self.silent:
                continue
            self._attach(element)
            gained.add(element)
            ways = self._network.ways.get(element, ())
            waiting.extend(way.to for way in ways if way.to not in self._by and way.to not in self.silent and self.is_open(way))
        return gained

    def _attach(self, element: str) -> None:
        by = None if element in self._entry else self._way_in(element)
        self._by[element] = by
        if by is not None:
            self._hanging.setdefault(element_of(by.near), set()).add(element)
