"""From events to what has to be read: which element, which port, and what was said about it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.assurance.events.claims import Claim, Subject, claim_of
from agent.assurance.events.directory import Directory
from agent.assurance.events.intake import Piece
from agent.assurance.events.translation import KINDS, detail_of, source_of
from agent.assurance.findings import Finding, Source, Transition
from agent.assurance.topology.correlation import Network
from agent.assurance.topology.watchlist import WatchedElement, Watchlist

UNKNOWN_SOURCE, NOT_WATCHED = "unknown-source", "not-watched"
OF_A_PORT = frozenset({"linkDown", "linkUp"})

Key = tuple[str, str]
"""Element and port name; "" for the whole element."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a bunch of events comes down to: each object once, with how often it was spoken of."""

    objects: frozenset[Key]
    """Ports and elements to be read."""
    findings: tuple[Finding, ...]
    """What was said of them."""
    claims: tuple[Claim, ...]
    """What was said of something else; the latest word on each."""
    processed: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """By reason: events that lead to nothing."""
    by_trap: frozenset[str] = frozenset()
    """Elements that were heard by SNMP, whatever they said."""


def hear(pieces: Iterable[Piece], directory: Directory) -> Heard:
    findings: dict[tuple[Key, str, Source], Finding] = {}
    claims: dict[Subject, Claim] = {}
    dropped: Counter[str] = Counter()
    by_trap: set[str] = set()
    processed = 0
    for piece in pieces:
        element = directory.element(piece.sender)
        if element is None:
            dropped[UNKNOWN_SOURCE] += piece.times
            continue
        if source_of(piece.event) is Source.TRAP:
            by_trap.add(element.name)
        if (claim := claim_of(piece, element, directory)) is not None:
            known = claims.get(claim.subject)
            if known is None or known.at <= claim.at:
                claims[claim.subject] = claim
        elif (finding := _finding(piece, element, directory)) is not None:
            findings[(finding.element, finding.object), finding.kind, finding.source] = finding
        else:
            dropped[NOT_WATCHED] += piece.times
            continue
        processed += piece.times
    objects = frozenset(key for key, _, _ in findings)
    return Heard(objects, tuple(findings.values()), tuple(claims.values()), processed, dropped, frozenset(by_trap))


def _finding(piece: Piece, element: WatchedElement, directory: Directory) -> Finding | None:
    """None when it speaks of a port that nobody watches."""
    rule = piece.said.rule
    name = ""
    if rule.rule.means in OF_A_PORT:
        port = directory.port(element, piece.said)
        if port is None:
            return None
        name = port.name
    detail = {**detail_of(piece.event), "times": piece.times, "rule": rule.name}
    kind = KINDS.get(rule.rule.means, rule.name)
    return Finding(kind, element.name, name, Transition.at(piece.event.received_at), source_of(piece.event), detail)


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
