"""Neighbours that elements have lost: the alarms that tell of it, and between whom each was, by inventory and collectors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from agent.assurance.alarms.alarm import Alarm, Looked, chunks
from agent.assurance.collectors.tables import CollectedRow
from agent.assurance.problems.strangers import Strangers, Talking
from agent.assurance.tables import AlarmRow
from agent.assurance.topology.adjacency import PROTOCOLS, Addresses, Place, Places, Seen, Subject
from agent.assurance.topology.correlation import Network, Way
from agent.assurance.topology.watchlist import Watchlist
from inventory.prepared import Prepared
from inventory.tables import LinkRow, PortRow
from inventory.topology import Topology
from policies.collecting.meaning import Standing

SUSPECTED = "linkSuspected"
"""Cause of the alarm about a link that may pass nothing."""
ADDRESS, ADDRESSES = "address", "addresses"
"""Attributes of ports and elements: one, and several."""
OF_ELEMENTS = (ADDRESS, ADDRESSES, "loopback", "router_id", "routerId")
RELEARN_S = 300.0
"""What collectors see over which port changes rarely."""
UNKNOWN_S = 30.0
"""It is looked up anew that soon when an alarm names a neighbour that nobody knows."""
_CAUSES = (*sorted(PROTOCOLS), SUSPECTED)
_STAND = (AlarmRow.cleared_at.is_(None), or_(*(AlarmRow.cause == cause for cause in _CAUSES)), AlarmRow.source == "")
_STANDING = Looked(*_STAND)
_NOTED = Prepared(select(AlarmRow.id, AlarmRow.raised_at, AlarmRow.standing).where(*_STAND))
_CLEARED = Looked(
    AlarmRow.cleared_at >= bindparam("since"), or_(*(AlarmRow.cause == cause for cause in sorted(PROTOCOLS))), AlarmRow.source == ""
)


def standing(session: Session) -> list[Alarm]:
    """Alarms of lost neighbours, and of links that are suspected; the oldest first."""
    return _STANDING.load(session)


def noted(session: Session) -> frozenset[tuple[object, ...]]:
    """Of the same alarms what changes when there is something new to be found out: id, since when, standing."""
    return frozenset((*row,) for row in _NOTED.rows(session.connection(), {}))


def found_again(session: Session, since: datetime) -> list[Alarm]:
    """Alarms of neighbours that came back since then."""
    return _CLEARED.load(session, since=since)


def subject_of(alarm: Alarm) -> Subject:
    return Subject(alarm.element, alarm.cause, alarm.qualifier)


@dataclass
class Neighbours:
    """Where adjacencies are; learnt when somebody asks, and anew when the network changes or some time has passed."""

    _places: Places | None = None
    _topology: Topology | None = None
    _learnt_at: float = 0.0
    _linked: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    _unplaced: frozenset[str] = frozenset()
    """Alarms of neighbours that nobody knew when that was learnt last."""
    _strangers: Strangers = field(default_factory=Strangers)

    def unknown(
        self,
        watchlist: Watchlist,
        alarms: Sequence[Alarm],
        places: Mapping[str, Place],
        now: float,
        talking: Talking = frozenset,
    ) -> dict[str, frozenset[str]]:
        """Element → addresses that may be its own, of neighbours that nobody knows and nobody was asked for lately."""
        return self._strangers.wanted(watchlist, alarms, places, now, talking)

    def learn(self, answers: Mapping[str, Mapping[str, int] | None], now: float) -> None:
        """What elements say of their addresses: element → address → ifIndex; None for one that could not be asked."""
        if self._strangers.learn(answers, now):
            self._places = None

    def of(self, session: Session, watchlist: Watchlist, alarms: Sequence[Alarm], now: float) -> dict[str, Place]:
        """Alarm id → between whom it was lost, for those of which that is known. `now`: monotonic."""
        places = self._known(session, watchlist, now, RELEARN_S)
        found = self._found(places, alarms)
        unknown = {alarm.id for alarm in alarms} - found.keys()
        if not unknown <= self._unplaced and now - self._learnt_at >= UNKNOWN_S:
            found = self._found(self._known(session, watchlist, now, UNKNOWN_S), alarms)
            self._unplaced = frozenset(unknown - found.keys())
        return found

    def kept(
        self, session: Session, watchlist: Watchlist, elements: Iterable[str], now: float
    ) -> Iterator[tuple[frozenset[Subject], Way]]:
        """Neighbours that collectors saw well over a link when they looked last, under all their names."""
        places = self._known(session, watchlist, now, RELEARN_S)
        for each in _seen(session, elements):
            if each.is_well:
                subjects = frozenset(Subject(each.element, each.cause, name) for name in each.names)
                ways = (place.way for subject in sorted(subjects) if (place := places.of(subject)) is not None)
                if (way := next((way for way in ways if way is not None), None)) is not None:
                    yield subjects, way

    @staticmethod
    def _found(places: Places, alarms: Sequence[Alarm]) -> dict[str, Place]:
        for alarm in alarms:
            places.learn(subject_of(alarm))
        found = ((alarm.id, places.of(subject_of(alarm), alarm.object)) for alarm in alarms)
        return {alarm_id: place for alarm_id, place in found if place is not None}

    def _known(self, session: Session, watchlist: Watchlist, now: float, lasts: float) -> Places:
        topology = watchlist.topology
        if self._places is None or topology is not self._topology or now - self._learnt_at >= lasts:
            if topology is not self._topology:
                self._linked = _linked(topology)
            addresses = self._with_told(_addresses(session, topology, watchlist.network))
            self._places = Places(watchlist.network, self._linked, _seen(session), addresses)
            self._topology, self._learnt_at = topology, now
        return self._places

    def _with_told(self, addresses: Addresses) -> Addresses:
        """What the inventory says goes before what elements do."""
        ports, elements = dict(addresses.ports), dict(addresses.elements)
        for address, owner in self._strangers.owners.items():
            if address in ports or address in elements:
                continue
            names = [name for name, number in self._linked.get(owner.element, {}).items() if number == owner.if_index]
            if len(names) == 1:
                ports[address] = f"{owner.element}/{names[0]}"
            else:
                elements[address] = owner.element
        return Addresses(ports, elements)


def _linked(topology: Topology) -> dict[str, dict[str, int | None]]:
    found: dict[str, dict[str, int | None]] = {}
    for link in topology.links:
        for end in (link.a, link.b):
            found.setdefault(end.element, {})[end.name] = end.if_index
    return found


def _seen(session: Session, elements: Iterable[str] | None = None) -> Iterator[Seen]:
    """By collectors, on these elements, or on all of them what is over a port."""
    row = CollectedRow
    wanted = select(row.element, row.cause, row.qualifier, row.names, row.over, row.standing).where(
        row.cause.in_(sorted(PROTOCOLS))
    )
    parts = [wanted.where(row.over != "")]
    if elements is not None:
        parts = [wanted.where(row.element.in_(chunk)) for chunk in chunks(sorted(set(elements)))]
    for part in parts:
        for element, cause, qualifier, names, over, how in session.execute(part):
            yield Seen(element, cause, frozenset({qualifier, *names}), over, how == Standing.GOOD)


def _addresses(session: Session, topology: Topology, network: Network) -> Addresses:
    """As far as the inventory has them: of ports with a link, and of elements."""
    a, b = aliased(LinkRow), aliased(LinkRow)
    linked = (
        select(PortRow.id, PortRow.attributes)
        .outerjoin(a, a.a_port_id == PortRow.id)
        .outerjoin(b, b.b_port_id == PortRow.id)
        .where(or_(a.id.is_not(None), b.id.is_not(None)))
    )
    ports = {
        address: reference
        for port_id, attributes in session.execute(linked)
        if attributes and (reference := topology.port_by_id(port_id).reference) in network.way_of
        for address in _listed(attributes, (ADDRESS, ADDRESSES))
    }
    elements = {
        address: name for name, element in topology.elements.items() for address in _listed(element.attributes, OF_ELEMENTS)
    }
    return Addresses(ports, elements)


def _listed(attributes: Mapping[str, object], names: Iterable[str]) -> Iterator[str]:
    """Without the length of its prefix."""
    for name in names:
        value = attributes.get(name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield each.partition("/")[0].strip().casefold()
