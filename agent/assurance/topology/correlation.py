"""Root cause over the topology: what failed by itself, and what is only out of sight behind it. Pure, O(V + E).

From where the poller is attached, the network is walked through what is not known down. What fails next to the reached part is a
root; what fails beyond it is a symptom of every root on the border of its part. The answer depends on sets alone, never on the
order in which failures came to be known.

Where an element is silent and every way to it from the reached part is down, and there is more than one, the element itself is
the likelier cause than several cuts at once: it is the root, and the ports that lost sight of it are its symptoms.
"""

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
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
    supposed: AbstractSet[str] = frozenset()
    """Ports among those that are down of which nobody has said so."""


@dataclass(frozen=True, slots=True)
class Verdict:
    standing: Standing
    roots: tuple[str, ...]
    """Root objects: link:<name>, port:<element>/<port> or element:<name>; for a root its own, of several dead elements the
    nearest one first."""
    rule: str
    """Why, in the operator's words."""


def element_of(port: str) -> str:
    return port.partition("/")[0]


def correlate(network: Network, failures: Failures) -> Mapping[str, Verdict]:
    """A verdict for every failure, by `element:<name>` or `port:<element>/<port>`."""
    case = Case(network, failures, walk(network, failures))
    keys = [f"{ELEMENT}:{element}" for element in sorted(failures.silent)] + [f"{PORT}:{port}" for port in sorted(failures.down)]
    return {key: case.verdict(key) for key in keys}


def at_worst(network: Network, failures: Failures, suspects: AbstractSet[str]) -> Failures:
    """What would fail if the suspects proved to be dead: they are silent, and all that faces them is down."""
    facing = {way.far for suspect in suspects for way in network.ways.get(suspect, ())}
    return Failures(failures.silent | suspects, failures.down | facing, supposed=facing - failures.down)


class Case:
    """Verdicts on single failures, each from its own surroundings; for as long as nothing changes."""

    def __init__(self, network: Network, failures: Failures, reached: Container[str]) -> None:
        """`reached`: the elements that `walk` finds."""
        self._network, self._failures, self._reached = network, failures, reached
        self._dead: dict[str, bool] = {}
        self._part: dict[str, tuple[str, ...]] = {}

    def verdict(self, key: str) -> Verdict:
        kind, _, name = key.partition(":")
        return self._of_element(name) if kind == ELEMENT else self._of_port(name)

    def part(self, element: str) -> frozenset[str]:
        """Whatever is out of reach together with it; nothing when it is reached."""
        return frozenset() if element in self._reached else frozenset(self._members(element))

    def _of_element(self, element: str) -> Verdict:
        own = f"{ELEMENT}:{element}"
        if self._is_dead(element) and not self._network.attached(element):
            return Verdict(Standing.ROOT, (own,), "silent, and every one of several ways to it is down")
        if self._is_silent_root(element):
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
        blamed = next((each for each in (way.to, element) if self._is_dead(each) and self._lost_sight(each, way)), None)
        if blamed is not None:
            return Verdict(Standing.SYMPTOM, (f"{ELEMENT}:{blamed}",), f"all that leads to {blamed} is down, and it is silent")
        if element in self._reached or self._is_border(way):
            return Verdict(Standing.ROOT, (root,), "down at the border of what is reached")
        return self._symptom(element, root, "on an element that is out of reach")

    def _symptom(self, element: str, own: str, why: str) -> Verdict:
        """Without a root on the border (an element that the inventory links to nothing) a failure speaks for itself."""
        roots = self._roots_around(element)
        if not roots:
            return Verdict(Standing.ROOT, (own,), "the inventory knows no way to it")
        return Verdict(Standing.SYMPTOM, roots, why)

    def _is_open(self, way: Way) -> bool:
        return way.near not in self._failures.down and way.far not in self._failures.down

    def _is_border(self, way: Way) -> bool:
        """The far end is on a reached element and down too: the same cut, told from the other side."""
        return way.to in self._reached and not self._is_open(way)

    def _from_reached(self, element: str) -> list[Way]:
        return [way for way in self._network.ways.get(element, ()) if way.to in self._reached]

    def _open_way(self, element: str) -> bool:
        return self._network.attached(element) or any(self._is_open(way) for way in self._from_reached(element))

    def _is_silent_root(self, element: str) -> bool:
        return element in self._failures.silent and (self._is_dead(element) or self._open_way(element))

    def _is_dead(self, element: str) -> bool:
        if element not in self._dead:
            self._dead[element] = element in self._failures.silent and self._has_lost_all_ways(element)
        return self._dead[element]

    def _has_lost_all_ways(self, element: str) -> bool:
        """All ways from the reached part are down, counting the poller's own as one that brought no answer.

        Who answers beside the network, out of reach of the walk, is believed of its own ports: those that say down count, too.
        """
        ways = [*self._from_reached(element), *self._told_beside(element)]
        if not ways or any(self._is_open(way) for way in ways):
            return False
        return len(ways) + self._network.attached(element) > 1

    def _told_beside(self, element: str) -> list[Way]:
        """As seen from the element: ways to those that answer though they are not reached, and say that their port is down."""
        beside = (way for way in self._network.ways.get(element, ()) if way.to not in self._reached)
        return [way for way in beside if way.to not in self._failures.silent and self._says_down(way.far)]

    def _says_down(self, port: str) -> bool:
        return port in self._failures.down and port not in self._failures.supposed

    def _lost_sight(self, element: str, way: Way) -> bool:
        """The way joins the dead element with the reached part, from whichever end it is looked at."""
        other = way.to if element_of(way.near) == element else element_of(way.near)
        return other in self._reached

    def _roots_around(self, element: str) -> tuple[str, ...]:
        """On the border of the part that is out of reach with this element; of several dead elements the nearest one first."""
        if element in self._reached or element not in self._network.elements:
            return ()
        if element not in self._part:
            members = self._members(element)
            self._part.update(self._laid_out(members))
        return self._part[element]

    def _laid_out(self, members: set[str]) -> dict[str, tuple[str, ...]]:
        """Any of several cut links brings back the whole part; a dead element holds back what lies next to it."""
        border = sorted((root, where) for where, root in self._border(members))
        roots = sorted({root for root, _ in border})
        dead = [(root, where) for root, where in border if root.startswith(ELEMENT)]
        if len(dead) < 2:  # noqa: PLR2004  there is no nearest one
            return dict.fromkeys(members, tuple(roots))
        ordered = {root: (root, *(other for other in roots if other != root)) for root, _ in dead}
        return {member: ordered[root] for member, root in self._nearest(dead, members).items()}

    def _nearest(self, border: Iterable[tuple[str, str]], members: set[str]) -> dict[str, str]:
        """Element → the root that is the fewest links away; `border`: roots with the elements that they lie at, in order."""
        nearest: dict[str, str] = {}
        for root, where in border:
            nearest.setdefault(where, root)
        waiting = deque(nearest)
        while waiting:
            element = waiting.popleft()
            for way in self._network.ways.get(element, ()):
                if way.to in members and way.to not in nearest:
                    nearest[way.to] = nearest[element]
                    waiting.append(way.to)
        return nearest

    def _members(self, element: str) -> set[str]:
        members, waiting = {element}, deque([element])
        while waiting:
            for way in self._network.ways.get(waiting.popleft(), ()):
                if way.to not in self._reached and way.to not in members:
                    members.add(way.to)
                    waiting.append(way.to)
        return members

    def _border(self, members: set[str]) -> Iterator[tuple[str, str]]:
        """Elements, with the roots that lie at them."""
        for element in members:
            if self._is_silent_root(element):
                yield element, f"{ELEMENT}:{element}"
            for way in self._from_reached(element):
                if not self._is_open(way) and not self._is_dead(element):
                    yield element, f"{LINK}:{way.link}"


def walk(network: Network, failures: Failures) -> AbstractSet[str]:
    """What is reached from where the poller is attached, over what is not known down."""
    entry = network.attachments or network.elements
    reached = set(entry & network.elements) - failures.silent
    waiting = deque(sorted(reached))
    while waiting:
        for way in network.ways.get(waiting.popleft(), ()):
            is_open = way.near not in failures.down and way.far not in failures.down
            if way.to not in reached and way.to not in failures.silent and is_open:
                reached.add(way.to)
                waiting.append(way.to)
    return reached
