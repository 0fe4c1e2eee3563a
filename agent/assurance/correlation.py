"""Root cause over the topology: what failed by itself, and what is only out of sight behind it. Pure, O(V + E).

From where the poller is attached, the network is walked through what is not known down. What fails next to the reached part is a
root; what fails beyond it is a symptom of every root on the border of its part. The answer depends on sets alone, never on the
order in which failures came to be known.

Where an element is silent and every way to it from the reached part is down, and there is more than one, the element itself is
the likelier cause than several cuts at once: it is the root, and the ports that lost sight of it are its symptoms.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

ELEMENT, PORT, LINK = "element", "port", "link"


class Standing(StrEnum):
    ROOT = "root"
    SYMPTOM = "symptom"


@dataclass(frozen=True)
class Network:
    elements: frozenset[str]
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name → the ports at its ends, as element/port."""
    attachments: frozenset[str] = frozenset()
    """Elements that the poller reaches first; none means that it reaches every element beside the network (out of band)."""

    @cached_property
    def ways(self) -> Mapping[str, tuple["Way", ...]]:
        """By element."""
        ways: dict[str, list[Way]] = {}
        for name, (a, b) in sorted(self.links.items()):
            ways.setdefault(element_of(a), []).append(Way(name, a, b))
            ways.setdefault(element_of(b), []).append(Way(name, b, a))
        return {element: tuple(found) for element, found in ways.items()}

    @cached_property
    def way_of(self) -> Mapping[str, "Way"]:
        """By port."""
        return {way.near: way for ways in self.ways.values() for way in ways}

    def attached(self, element: str) -> bool:
        return not self.attachments or element in self.attachments


@dataclass(frozen=True, slots=True)
class Way:
    """A link as seen from one of its ends."""

    link: str
    near: str
    far: str

    @property
    def to(self) -> str:
        return element_of(self.far)


@dataclass(frozen=True, slots=True)
class Failures:
    silent: AbstractSet[str] = frozenset()
    """Elements that do not answer."""
    down: AbstractSet[str] = frozenset()
    """Ports, as element/port."""
    unseen: AbstractSet[str] = frozenset()
    """Ports that nobody looked at for a while. It says nothing about causes, and all the more about what is known of services."""


@dataclass(frozen=True, slots=True)
class Verdict:
    standing: Standing
    roots: tuple[str, ...]
    """Root objects: link:<name>, port:<element>/<port> or element:<name>; for a root its own."""
    rule: str
    """Why, in the operator's words."""


def element_of(port: str) -> str:
    return port.partition("/")[0]


def correlate(network: Network, failures: Failures) -> Mapping[str, Verdict]:
    """A verdict for every failure, by `element:<name>` or `port:<element>/<port>`."""
    return _Case(network, failures).verdicts()


def at_worst(network: Network, failures: Failures, suspects: AbstractSet[str]) -> Failures:
    """What would fail if the suspects proved to be dead: they are silent, and all that faces them is down."""
    facing = {way.far for suspect in suspects for way in network.ways.get(suspect, ())}
    return Failures(failures.silent | suspects, failures.down | facing)


class _Case:
    def __init__(self, network: Network, failures: Failures) -> None:
        self._network, self._failures = network, failures
        self._reached = self._reach()
        self._dead = {element for element in failures.silent if self._is_dead(element)}
        self._silent_roots = self._dead | {element for element in failures.silent if self._open_way(element)}
        self._parts = dict(self._components())

    def verdicts(self) -> dict[str, Verdict]:
        verdicts = {f"{ELEMENT}:{element}": self._of_element(element) for element in sorted(self._failures.silent)}
        verdicts.update({f"{PORT}:{port}": self._of_port(port) for port in sorted(self._failures.down)})
        return verdicts

    def _of_element(self, element: str) -> Verdict:
        own = f"{ELEMENT}:{element}"
        if element in self._dead and not self._network.attached(element):
            return Verdict(Standing.ROOT, (own,), "silent, and every one of several ways to it is down")
        if element in self._silent_roots:
            return Verdict(Standing.ROOT, (own,), "silent, although a way to it is open")
        return self._symptom(element, own, "behind what failed")

    def _of_port(self, port: str) -> Verdict:
        element, way = element_of(port), self._network.way_of.get(port)
        if way is None:
            own = f"{PORT}:{port}"
            if element in self._reached:
                return Verdict(Standing.ROOT, (own,), "down on an element that is reached")
            return self._symptom(element, own, "on an element that is out of reach")
        root = f"{LINK}:{way.link}"
        blamed = next((each for each in (way.to, element) if each in self._dead and self._lost_sight(each, way)), None)
        if blamed is not None:
            return Verdict(Standing.SYMPTOM, (f"{ELEMENT}:{blamed}",), f"all that leads to {blamed} is down, and it is silent")
        if element in self._reached or self._is_border(way):
            return Verdict(Standing.ROOT, (root,), "down at the border of what is reached")
        return self._symptom(element, root, "on an element that is out of reach")

    def _symptom(self, element: str, own: str, why: str) -> Verdict:
        """Without a root on the border (an element that the inventory links to nothing) a failure speaks for itself."""
        roots = self._parts.get(element, ())
        if not roots:
            return Verdict(Standing.ROOT, (own,), "the inventory knows no way to it")
        return Verdict(Standing.SYMPTOM, roots, why)

    def _reach(self) -> set[str]:
        entry = self._network.attachments or self._network.elements
        reached = set(entry & self._network.elements) - self._failures.silent
        waiting = deque(sorted(reached))
        while waiting:
            for way in self._network.ways.get(waiting.popleft(), ()):
                if way.to not in reached and way.to not in self._failures.silent and self._is_open(way):
                    reached.add(way.to)
                    waiting.append(way.to)
        return reached

    def _is_open(self, way: Way) -> bool:
        return way.near not in self._failures.down and way.far not in self._failures.down

    def _is_border(self, way: Way) -> bool:
        """The far end is on a reached element and down too: the same cut, told from the other side."""
        return way.to in self._reached and not self._is_open(way)

    def _from_reached(self, element: str) -> list[Way]:
        return [way for way in self._network.ways.get(element, ()) if way.to in self._reached]

    def _open_way(self, element: str) -> bool:
        return self._network.attached(element) or any(self._is_open(way) for way in self._from_reached(element))

    def _is_dead(self, element: str) -> bool:
        """All ways from the reached part are down, counting the poller's own as one that brought no answer."""
        ways = self._from_reached(element)
        if not ways or any(self._is_open(way) for way in ways):
            return False
        return len(ways) + self._network.attached(element) > 1

    def _lost_sight(self, element: str, way: Way) -> bool:
        """The way joins the dead element with the reached part, from whichever end it is looked at."""
        other = way.to if element_of(way.near) == element else element_of(way.near)
        return other in self._reached

    def _components(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every element out of reach with the roots on the border of its part."""
        left = self._network.elements - self._reached
        seen: set[str] = set()
        for start in sorted(left):
            if start in seen:
                continue
            members, waiting = {start}, deque([start])
            while waiting:
                for way in self._network.ways.get(waiting.popleft(), ()):
                    if way.to in left and way.to not in members:
                        members.add(way.to)
                        waiting.append(way.to)
            seen |= members
            roots = tuple(sorted(self._border(members)))
            yield from ((member, roots) for member in members)

    def _border(self, members: set[str]) -> Iterator[str]:
        found: set[str] = set()
        for element in members:
            if element in self._silent_roots:
                found.add(f"{ELEMENT}:{element}")
            for way in self._from_reached(element):
                if not self._is_open(way) and element not in self._dead:
                    found.add(f"{LINK}:{way.link}")
        yield from found
