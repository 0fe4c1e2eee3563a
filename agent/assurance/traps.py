"""From traps to what has to be read: which element, which port, and what was said about it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from agent.assurance.correlation import Network
from agent.assurance.findings import Finding, Source, Transition
from agent.assurance.translation import Hint, Translation
from agent.assurance.watchlist import WatchedElement, WatchedPort, Watchlist
from drivers.snmp.traps import Trap

UNKNOWN_SOURCE, NO_RULE, NOT_WATCHED = "unknown-source", "no-rule", "not-watched"

Key = tuple[str, str]
"""Element and port name; "" for the whole element."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a bunch of traps comes down to: each object once, with how often it was spoken of."""

    objects: frozenset[Key]
    findings: tuple[Finding, ...]
    processed: int


def hear(traps: Iterable[Trap], watchlist: Watchlist, translation: Translation, dropped: Callable[[str], None]) -> Heard:
    """`dropped` is told the reason for each trap that leads to nothing."""
    findings: dict[tuple[Key, str], Finding] = {}
    times: dict[tuple[Key, str], int] = {}
    for trap in traps:
        element = _element_of(trap, watchlist)
        hint = translation.hint(trap)
        port = _port_of(element, hint) if element is not None and hint is not None else None
        if element is None or hint is None or (hint.if_index is not None and port is None):
            dropped(UNKNOWN_SOURCE if element is None else NO_RULE if hint is None else NOT_WATCHED)
            continue
        key = (element.name, "" if port is None else port.name)
        times[key, hint.kind] = times.get((key, hint.kind), 0) + 1
        findings[key, hint.kind] = Finding(
            hint.kind, *key, Transition.at(trap.received_at), Source.TRAP, _detail(trap, times[key, hint.kind])
        )
    return Heard(frozenset(key for key, _ in findings), tuple(findings.values()), sum(times.values()))


def to_read(objects: Iterable[Key], watchlist: Watchlist) -> tuple[WatchedElement, ...]:
    """The elements with just the ports in question; whole where the element itself is."""
    wanted: dict[str, set[str] | None] = {}
    for element, port in objects:
        ports = wanted.setdefault(element, set())
        if not port:
            wanted[element] = None
        elif ports is not None:
            ports.add(port)
    return tuple(_narrowed(watchlist.elements[name], ports) for name, ports in sorted(wanted.items()) if name in watchlist.elements)


def _narrowed(element: WatchedElement, names: set[str] | None) -> WatchedElement:
    if names is None:
        return element
    ports = tuple(port for port in element.ports if port.name in names)
    return WatchedElement(element.id, element.name, element.platform, element.host, element.port, element.credential, ports)


def far_ends(objects: Iterable[Key], watchlist: Watchlist) -> tuple[frozenset[Key], frozenset[Key]]:
    """The ports at the other ends of the links in question: those that must be judged together with them, and the others.

    An element with several ways to it may have died itself, and then it is the cause. One with a single way cannot be told from
    its link: it is silent behind the cut, and waiting for it would only delay what is known already.
    """
    ways = (watchlist.network.way_of.get(f"{element}/{port}") for element, port in objects)
    ends = {(way.to, way.far.partition("/")[2]) for way in ways if way is not None} - set(objects)
    together = frozenset(end for end in ends if _ways_to(watchlist.network, end[0]) > 1)
    return together, frozenset(ends) - together


def _ways_to(network: Network, element: str) -> int:
    """How many, the poller's own included where management runs beside the network."""
    return len(network.ways.get(element, ())) + network.attached(element)


def _element_of(trap: Trap, watchlist: Watchlist) -> WatchedElement | None:
    """Whom the trap is about, or else who sent it; several elements at one address cannot be told apart."""
    for address in (trap.agent_address, trap.source):
        names = watchlist.by_host.get(address, ())
        if len(names) == 1:
            return watchlist.elements[names[0]]
    return None


def _port_of(element: WatchedElement, hint: Hint) -> WatchedPort | None:
    """By name where the trap has it, for an index may have moved."""
    by_name: Mapping[str, WatchedPort] = {port.name: port for port in element.ports}
    if hint.name in by_name:
        return by_name[hint.name]
    if hint.name:
        return None
    return next((port for port in element.ports if port.if_index is not None and port.if_index == hint.if_index), None)


def _detail(trap: Trap, times: int) -> dict[str, object]:
    return {"trapOid": trap.trap_oid, "from": trap.source, "version": trap.version, "uptimeTicks": trap.uptime, "times": times}
