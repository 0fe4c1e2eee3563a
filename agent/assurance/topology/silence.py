"""Links that pass nothing though both of their ports are up: what speaks for it, and what against. Pure.

In the field such a link is called a silent failure or a black hole. No port tells of it; its two ends do, when they lose each
other. A link is *named* when both ends have lost every neighbour over it, or when one has and the counters show that nothing
arrives. It is *suspected* when less than that is known, and let alone when anything proves that it passes. A port that is down, or
an element that does not answer, explains better what is missed over its links.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

from agent.assurance.topology.correlation import Failures, Network, Way, element_of


class Verdict(StrEnum):
    SILENT = "silent"
    SUSPECTED = "suspected"
    OPEN = "open"
    """More is to be found out before anything is said."""
    WELL = "well"
    """Nothing speaks against it, or what does is explained otherwise."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What is known of one link."""

    ports: tuple[str, str]
    """As element/port."""
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Port → protocols whose neighbour was lost over it."""
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Port → protocols whose neighbour is there."""
    arrives: Mapping[str, bool | None] = field(default_factory=dict)
    """Port → whether its counters show that anything comes in."""
    failing: tuple[str, ...] = ()
    """The services that are measured over it, when all of them lose everything, and nothing else explains it."""


@dataclass(frozen=True, slots=True)
class Found:
    verdict: Verdict
    because: str = ""
    """In the operator's words."""


def judge(
    ends: Ends, failures: Failures, *, ambiguous: AbstractSet[str] = frozenset(), waited: bool = True, patient: bool = True
) -> Found:
    """`ambiguous`: elements that have lost their neighbours over all of several links. `waited`: the hold is over; `patient`: so
    are two polls, in which counters should have told.
    """
    told = [port for port in ends.ports if ends.lost.get(port)]
    if not (told or ends.failing) or any(port in failures.down for port in ends.ports):
        return Found(Verdict.WELL, "a port of it is down" if told else "")
    if len(told) < len(ends.ports) and any(element_of(port) in failures.silent for port in ends.ports):
        return Found(Verdict.WELL, "an element at its end does not answer")
    if not waited:
        return Found(Verdict.OPEN)
    return _by_counters(ends, told) or _by_neighbours(ends, patient=patient) or _by_word(ends, told, ambiguous)


def _by_counters(ends: Ends, told: list[str]) -> Found | None:
    dry = [port for port in ends.ports if ends.arrives.get(port) is False]
    if told and dry:
        return Found(Verdict.SILENT, f"{_losses(ends, told)}; {_dry(ends, dry)}")
    return _passing(ends, told) if all(ends.arrives.get(port) for port in ends.ports) else None


def _by_neighbours(ends: Ends, *, patient: bool) -> Found | None:
    if kept := [f"{element_of(port)} still has {_and(ends.kept[port])}" for port in ends.ports if ends.kept.get(port)]:
        return Found(Verdict.WELL if patient else Verdict.OPEN, " and ".join(kept))
    return Found(Verdict.OPEN, "the counters of its ports are looked at") if ends.arrives and not patient else None


def _by_word(ends: Ends, told: list[str], ambiguous: AbstractSet[str]) -> Found:
    """Nothing but what is said of it."""
    if not told:
        return Found(Verdict.SUSPECTED, _services(ends))
    if len(told) < len(ends.ports):
        if ends.failing:
            return Found(Verdict.SILENT, f"{_losses(ends, told)}; {_services(ends)}")
        return Found(Verdict.SUSPECTED, f"{_losses(ends, told)}, and the other end says nothing of it")
    if routers := sorted({element_of(port) for port in told} & ambiguous):
        return Found(Verdict.SUSPECTED, f"{_losses(ends, told)}; {_and(routers)} lost its neighbours over all of its links")
    return Found(Verdict.SILENT, _losses(ends, told))


def _passing(ends: Ends, told: list[str]) -> Found:
    if len(told) < len(ends.ports):
        return Found(Verdict.WELL, "both ends receive")
    return Found(Verdict.SUSPECTED, f"{_losses(ends, told)}; both ports receive, so it may be the routing of either")


def _losses(ends: Ends, told: list[str]) -> str:
    protocols = _and(sorted({protocol for port in told for protocol in ends.lost[port]}))
    if len(told) == len(ends.ports):
        return f"its two ends lost each other ({protocols})"
    other = next(port for port in ends.ports if port not in told)
    return f"{element_of(told[0])} lost {element_of(other)} ({protocols})"


def _dry(ends: Ends, dry: list[str]) -> str:
    if len(dry) == len(ends.ports):
        return "each sends, and nothing arrives at the other"
    sender = next(port for port in ends.ports if port not in dry)
    return f"what {sender} sends does not arrive at {dry[0]}"


def _services(ends: Ends) -> str:
    return f"all that is measured over it loses everything: {_and(ends.failing)}"


def _and(words: Iterable[str]) -> str:
    return ", ".join(words)


class Parts:
    """What of the network hangs together, looked at where it is asked for."""

    def __init__(self, network: Network, failures: Failures) -> None:
        self._network, self._failures = network, failures
        self._known: dict[str, frozenset[str]] = {}

    def between(self, near: str, far: str) -> frozenset[str]:
        """The links at the border of either's part, of which one would have to pass something for `near` to reach `far`.

        Empty when there is a way between the two.
        """
        here = self._part(near)
        if far in here or any(way.to in here and self._is_open(way) for way in self._network.ways.get(far, ())):
            return frozenset()
        return frozenset(
            way.link
            for part in (here, self._part(far))
            for element in part
            for way in self._network.ways.get(element, ())
            if way.to not in part and not self._is_open(way)
        )

    def _part(self, start: str) -> frozenset[str]:
        """An element that does not answer is the end of a way, and none leads through it."""
        if start in self._known:
            return self._known[start]
        found, waiting = {start}, [start]
        while waiting:
            for way in self._network.ways.get(waiting.pop(), ()):
                if way.to not in found and way.to not in self._failures.silent and self._is_open(way):
                    found.add(way.to)
                    waiting.append(way.to)
        part = frozenset(found)
        self._known |= dict.fromkeys([start] if start in self._failures.silent else part, part)
        return part

    def _is_open(self, way: Way) -> bool:
        return way.near not in self._failures.down and way.far not in self._failures.down
