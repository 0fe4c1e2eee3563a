"""From events to what has to be read: which element, which port, and what was said about it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.assurance.events.claims import Claim, Subject, claim_of
from agent.assurance.events.directory import Directory
from agent.assurance.events.intake import NOT_UNDERSTOOD, Piece
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
    lost: Mapping[str, int] = field(default_factory=dict)
    """Sender → events that were not understood."""
    stumbled: Exception | None = None
    """Over the last of them."""


def hear(pieces: Iterable[Piece], directory: Directory) -> Heard:
    """A piece that makes trouble is counted, and the others are heard."""
    ears = _Ears(directory)
    for piece in pieces:
        try:
            ears.hear(piece)
        except Exception as error:  # noqa: BLE001  one element's strange word must not deafen fabd to the others
            ears.stumbled = error
            ears.dropped[NOT_UNDERSTOOD] += piece.times
            ears.lost[piece.sender.name] += piece.times
    return ears.heard()


@dataclass
class _Ears:
    directory: Directory
    findings: dict[tuple[Key, str, Source], Finding] = field(default_factory=dict)
    claims: dict[Subject, Claim] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    by_trap: set[str] = field(default_factory=set)
    processed: int = 0
    stumbled: Exception | None = None

    def hear(self, piece: Piece) -> None:
        element = self.directory.element(piece.sender)
        if element is None:
            self.dropped[UNKNOWN_SOURCE] += piece.times
            return
        if source_of(piece.event) is Source.TRAP:
            self.by_trap.add(element.name)
        if (claim := claim_of(piece, element, self.directory)) is not None:
            known = self.claims.get(claim.subject)
            if known is None or known.at <= claim.at:
                self.claims[claim.subject] = claim
        elif (finding := _finding(piece, element, self.directory)) is not None:
            self.findings[(finding.element, finding.object), finding.kind, finding.source] = finding
        else:
            self.dropped[NOT_WATCHED] += piece.times
            return
        self.processed += piece.times

    def heard(self) -> Heard:
        return Heard(
            objects=frozenset(key for key, _, _ in self.findings),
            findings=tuple(self.findings.values()),
            claims=tuple(self.claims.values()),
            processed=self.processed,
            dropped=self.dropped,
            by_trap=frozenset(self.by_trap),
            lost=self.lost,
            stumbled=self.stumbled,
        )


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
