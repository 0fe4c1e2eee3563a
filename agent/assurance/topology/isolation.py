"""What a failure cuts off, and what hangs on a single way after it: reachability and bridges of the network. Pure, O(V + E).

What is inside is the part with the poller. Where management runs beside the network, cut off is who is left with half or less of
what it hung together with: of equal halves, each from the other.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from agent.assurance.topology.correlation import Network, Way, element_of


@dataclass(frozen=True, slots=True)
class Isolation:
    cut_off: frozenset[str]
    """Elements without a way to the inside that had one."""
    at_risk: frozenset[str]
    """Elements that had two ways independent of each other, and have one."""


def isolation(
    network: Network, down: AbstractSet[str], dead: AbstractSet[str] = frozenset(), already: AbstractSet[str] = frozenset()
) -> Isolation:
    """Of these ports (element/port) failing, and these elements; `already`: ports that are down now, before and after."""
    before, after = _View(network, already, frozenset()), _View(network, down | already, dead)
    cut_off = before.inside - after.inside - dead if network.attachments else frozenset(_parted(before, after, dead))
    return Isolation(cut_off, before.safe & before.inside - dead - cut_off - after.safe)


def _parted(before: "_View", after: "_View", dead: AbstractSet[str]) -> Iterator[str]:
    for element in before.inside - dead:
        whole, left = len(before.part_of[element] - dead), len(after.part_of[element])
        if left < whole and 2 * left <= whole:
            yield element


class _View:
    def __init__(self, network: Network, down: AbstractSet[str], dead: AbstractSet[str]) -> None:
        self._network, self._down, self._dead = network, down, dead
        entries = sorted(network.attachments & network.elements - dead)
        parts = [self._walk(start, frozenset()) for start in entries] or list(self._parts())
        self.part_of = {element: part for part in parts for element in part}
        greatest = max(map(len, parts), default=0)
        self.inside: frozenset[str] = frozenset().union(*(part for part in parts if entries or len(part) == greatest))
        bridges = frozenset(self._bridges())
        cores = [self._walk(start, bridges) for start in entries] or list(self._parts(bridges))
        self.safe: frozenset[str] = max(cores, key=lambda part: (len(part), min(part)), default=frozenset())
        """Those that no single link cuts off from most of the inside."""

    def _ways(self, element: str, without: AbstractSet[str]) -> Iterator[Way]:
        for way in self._network.ways.get(element, ()):
            is_open = way.near not in self._down and way.far not in self._down and way.link not in without
            if is_open and way.to not in self._dead:
                yield way

    def _walk(self, start: str, without: AbstractSet[str]) -> frozenset[str]:
        found, waiting = {start}, [start]
        while waiting:
            for way in self._ways(waiting.pop(), without):
                if way.to not in found:
                    found.add(way.to)
                    waiting.append(way.to)
        return frozenset(found)

    def _parts(self, without: AbstractSet[str] = frozenset()) -> Iterator[frozenset[str]]:
        seen: set[str] = set()
        for start in sorted(self._network.elements - self._dead):
            if start not in seen:
                part = self._walk(start, without)
                seen |= part
                yield part

    def _bridges(self) -> Iterator[str]:
        """Links that are the only way between what lies on their two sides (Tarjan's low links, without recursion)."""
        order: dict[str, int] = {}
        low: dict[str, int] = {}
        for start in sorted(self._network.elements - self._dead):
            if start in order:
                continue
            order[start] = low[start] = len(order)
            stack = [(start, "", self._ways(start, frozenset()))]
            while stack:
                element, by, ways = stack[-1]
                for way in ways:
                    if way.link == by:
                        continue
                    if way.to in order:
                        low[element] = min(low[element], order[way.to])
                        continue
                    order[way.to] = low[way.to] = len(order)
                    stack.append((way.to, way.link, self._ways(way.to, frozenset())))
                    break
                else:
                    stack.pop()
                    if stack:
                        above = stack[-1][0]
                        low[above] = min(low[above], low[element])
                        if low[element] > order[above]:
                            yield by


def far_ends(network: Network, elements: AbstractSet[str]) -> frozenset[str]:
    """The ports (element/port) at the other ends of their links."""
    return frozenset(
        way.far for element in elements for way in network.ways.get(element, ()) if element_of(way.far) not in elements
    )
