"""Moving services off a link that has failed, where there is another way; and back, when it has healed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from agent.actions.deeds.deed import MOST_SERVICES, Begin, Begun, Done, Errand, Target
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.subject import Subject
from agent.assurance.alarms.causes import FAILURES, FLAPPING, LINK_DOWN, LINK_SILENT
from agent.assurance.tables import AlarmRow
from agent.fulfillment.errors import OrderRefused, StateRefused
from agent.fulfillment.reservation import outlook_of
from agent.fulfillment.service import FulfilmentService
from agent.fulfillment.tables import OrderItemRow
from inventory.errors import UnknownObject
from inventory.services import service_view, services_on
from inventory.surroundings import Surroundings
from inventory.tables import ElementRow, LinkRow, PortRow, ServiceRow
from inventory.topology import LinkNode

BACK = "by a modify of each service to the way it had, where that is found again: fabd action undo"
THERE = "by moving the services off the link again"
WAYS = "ways"
"""In what is kept: service → [links that it ran over, links that it was moved to]."""
REFUSED = (StateRefused, OrderRefused, UnknownObject)

TERMINATED = "terminated"

_Links = frozenset[str]


@dataclass(slots=True)
class _Astray:
    """Services that were moved, as they are now."""

    back: dict[str, _Links] = field(default_factory=dict)
    """That would go back → the links to avoid for it."""
    elements: frozenset[str] = frozenset()
    settled: list[str] = field(default_factory=list)
    """Why nothing is to be done for others."""
    refused: list[str] = field(default_factory=list)
    """Why nothing can be."""


@dataclass(frozen=True, slots=True)
class Move:
    fulfilment: FulfilmentService

    def target(self, session: Session, subject: Subject, at: datetime) -> Target:
        link = _link(session, subject)
        services = _over(session, link)
        if not services:
            raise NotMeant(f"no active service runs over link {link.name}; nothing is to move")

        off = _dead(session) | {link.name}

        def way(service_id: str) -> _Links:
            return self._there_and_back(session, service_id, off, at)

        movable, elements = _each(services[:MOST_SERVICES], way, link.name)
        return Target(f"link:{link.name}", elements, movable, BACK)

    def prepare(self, errand: Errand) -> Begin:
        def begin(session: Session, at: datetime) -> Begun:
            off = _dead(session) | {_link(session, errand.subject).name}
            before = {service_id: _way(session, service_id) for service_id in errand.services}
            placed = self._place(session, dict.fromkeys(errand.services, off), errand, at)
            after = {service_id: _planned(session, order_id) for service_id, order_id in placed.items()}
            return Begun(orders=tuple(placed.values()), kept={WAYS: {each: [before[each], after[each]] for each in placed}})

        return begin

    def back(self, session: Session, done: Done, at: datetime) -> Target:
        link = _link(session, done.subject)
        if trouble := self.unrest(session, done, at):
            raise NotPossible(f"link {link.name} is not healed: {trouble}")
        astray = self._astray(session, done, at)
        if astray.back:
            return Target(f"link:{link.name}", astray.elements, tuple(astray.back), THERE)
        if astray.refused:
            raise NotPossible(f"link {link.name}: {'; '.join(astray.refused)}")
        raise NotMeant(f"no service is to move back to link {link.name}: {'; '.join(astray.settled)}")

    def prepare_back(self, errand: Errand, done: Done) -> Begin:
        def begin(session: Session, at: datetime) -> Begun:
            astray = self._astray(session, done, at)
            if not astray.back:
                raise NotPossible(f"no service is to move back any more: {'; '.join((*astray.refused, *astray.settled))}")
            return Begun(orders=tuple(self._place(session, astray.back, errand, at).values()))

        return begin

    def unrest(self, session: Session, done: Done, since: datetime) -> str:
        """Alarms of the link's ports, and that one of its elements does not answer."""
        link = _link(session, done.subject)
        ends = (link.a, link.b)
        here = or_(
            *(and_(AlarmRow.element == end.element, AlarmRow.object == end.name) for end in ends),
            and_(AlarmRow.element.in_([end.element for end in ends]), AlarmRow.object == ""),
        )
        stood = or_(AlarmRow.cleared_at.is_(None), AlarmRow.cleared_at > since)
        causes = sorted({*FAILURES, FLAPPING, *done.causes})
        alarms = session.scalars(select(AlarmRow).where(here, stood, AlarmRow.cause.in_(causes)).order_by(AlarmRow.id)).all()
        return "; ".join(f"{alarm.text} (alarm {alarm.id}{'' if alarm.cleared_at is None else ', cleared'})" for alarm in alarms)

    def look(self, errand: Errand) -> None:
        """The states of the services tell, with the next poll."""

    def _there_and_back(self, session: Session, service_id: str, off: _Links, at: datetime) -> frozenset[str]:
        """The elements that are changed. What would not find back is not moved."""
        now = frozenset(service_view(session, service_id).links)
        there = self.fulfilment.rerouter.way(session, service_id, off, at)
        self.fulfilment.rerouter.leading(session, service_id, now, _avoids(there.links, now, off), at)
        return there.elements

    def _astray(self, session: Session, done: Done, at: datetime) -> _Astray:
        ways: Mapping[str, Sequence[Sequence[str]]] = done.kept.get(WAYS, {})
        found = _Astray()
        if not ways:
            found.settled.append("nobody wrote down the ways that they had")
        for service_id, (before, after) in ways.items():
            brought = [after, *(kept[WAYS][service_id][1] for kept in done.beside if service_id in kept.get(WAYS, {}))]
            self._find_back(session, service_id, frozenset(before), {frozenset(links) for links in brought}, at, found)
        return found

    def _find_back(  # noqa: PLR0917  one service, and where it is noted
        self, session: Session, service_id: str, way: _Links, brought: Collection[_Links], at: datetime, found: _Astray
    ) -> None:
        """`brought`: ways that actions have brought it to; from any other one it is not taken."""
        try:
            service = service_view(session, service_id)
            if service.state == TERMINATED:
                found.settled.append(f"service {service_id} has ended")
            elif (now := frozenset(service.links)) == way:
                found.settled.append(f"service {service_id} runs as it did")
            elif now not in brought:
                found.settled.append(f"service {service_id} was given another way meanwhile, over {', '.join(sorted(now))}")
            else:
                avoids = _avoids(now, way, _dead(session))
                found.back[service_id], there = self.fulfilment.rerouter.leading(session, service_id, way, avoids, at)
                found.elements |= there.elements
        except UnknownObject:
            found.settled.append(f"service {service_id} is gone")
        except (StateRefused, OrderRefused) as error:
            found.refused.append(str(error))

    def _place(self, session: Session, avoid: Mapping[str, _Links], errand: Errand, at: datetime) -> dict[str, str]:
        """Service → its order. `NotPossible` when none could be placed."""
        placed: dict[str, str] = {}
        refused: list[str] = []
        for service_id, links in avoid.items():
            try:
                with session.begin_nested():
                    placed[service_id] = self.fulfilment.move(session, service_id, links, errand.reason, at).id
            except REFUSED as error:
                refused.append(str(error))
        if not placed:
            raise NotPossible("; ".join(refused) or f"no service is left to move for {errand.subject}")
        return placed


def _each(services: Collection[str], ask: Callable[[str], frozenset[str]], link: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Those that can be moved, and the elements that this changes. `NotPossible` when none can."""
    movable: list[str] = []
    elements: set[str] = set()
    refused: list[str] = []
    for service_id in services:
        try:
            elements |= ask(service_id)
            movable.append(service_id)
        except REFUSED as error:
            refused.append(str(error))
    if not movable:
        raise NotPossible(f"link {link}: {'; '.join(refused)}")
    return tuple(movable), frozenset(elements)


def _avoids(here: _Links, there: _Links, dead: _Links) -> Iterator[_Links]:
    """What may be left out so that a service that runs over `here` is laid out over `there`: the less, the better."""
    beside = here - there
    yield from (frozenset(), beside, dead - there, beside | dead - there)


def _dead(session: Session) -> _Links:
    """Links with an end that is down, or that pass nothing."""
    alarms = (
        select(PortRow.id)
        .join(ElementRow, ElementRow.id == PortRow.element_id)
        .join(AlarmRow, and_(AlarmRow.element == ElementRow.name, AlarmRow.object == PortRow.name))
        .where(AlarmRow.cause.in_([LINK_DOWN, LINK_SILENT]), AlarmRow.cleared_at.is_(None))
    )
    return frozenset(session.scalars(select(LinkRow.name).where(or_(LinkRow.a_port_id.in_(alarms), LinkRow.b_port_id.in_(alarms)))))


def _way(session: Session, service_id: str) -> list[str]:
    """Names of the links that it runs over; none of a service that is gone."""
    try:
        return sorted(service_view(session, service_id).links)
    except UnknownObject:
        return []


def _planned(session: Session, order_id: str) -> list[str]:
    """Names of the links that the order of one service is to bring it to."""
    items = session.scalars(select(OrderItemRow).where(OrderItemRow.order_id == order_id))
    ids = [link for item in items if (outlook := outlook_of(item)) is not None for link in outlook.links]
    return sorted(session.scalars(select(LinkRow.name).where(LinkRow.id.in_(ids))))


def _over(session: Session, link: LinkNode) -> list[str]:
    """Active services that run over it."""
    over = services_on(session, links=[link.id])
    active = select(ServiceRow.id).where(ServiceRow.id.in_(over), ServiceRow.state == "active").order_by(ServiceRow.id)
    return list(session.scalars(active))


def _link(session: Session, subject: Subject) -> LinkNode:
    network, found = Surroundings(session), None
    try:
        if subject.kind == "link":
            known = session.scalar(select(LinkRow.id).where(LinkRow.name == subject.name))
            found = network.link_by_id(known) if known else None
        elif subject.kind == "port":
            found = network.link_of(subject.name)
    except UnknownObject as error:
        raise NotMeant(str(error)) from error
    if found is None:
        raise NotMeant(f"{subject} is no link, and no end of one")
    return found
