"""Moving services off a link that has failed, where there is another way."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions.deeds.deed import MOST_SERVICES, Begin, Begun, Errand, Target
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.subject import Subject
from agent.fulfillment.errors import OrderRefused, StateRefused
from agent.fulfillment.service import FulfilmentService
from inventory.errors import UnknownObject
from inventory.services import services_on
from inventory.surroundings import Surroundings
from inventory.tables import LinkRow, ServiceRow
from inventory.topology import LinkNode

BACK = "a modify of each service to what it is: it then takes the shortest way again"


@dataclass(frozen=True, slots=True)
class Move:
    fulfilment: FulfilmentService

    def target(self, session: Session, subject: Subject, at: datetime) -> Target:
        name, services = _over(session, subject)
        movable: list[str] = []
        elements: set[str] = set()
        refused: list[str] = []
        for service_id in services[:MOST_SERVICES]:
            try:
                elements |= self.fulfilment.rerouter.way(session, service_id, frozenset({name}), at)
                movable.append(service_id)
            except (StateRefused, OrderRefused) as error:
                refused.append(str(error))
        if not services:
            raise NotMeant(f"no active service runs over link {name}; nothing is to move")
        if not movable:
            raise NotPossible(f"link {name}: {'; '.join(refused)}")
        return Target(f"link:{name}", frozenset(elements), tuple(movable), BACK)

    def prepare(self, errand: Errand) -> Begin:
        def begin(session: Session, at: datetime) -> Begun:
            name, _ = _over(session, errand.subject)
            placed: list[str] = []
            refused: list[Exception] = []
            for service_id in errand.services:
                try:
                    with session.begin_nested():
                        order = self.fulfilment.move(session, service_id, frozenset({name}), errand.reason, at)
                        placed.append(order.id)
                except (StateRefused, OrderRefused, UnknownObject) as error:
                    refused.append(error)
            if not placed:
                raise NotPossible("; ".join(map(str, refused)) or f"no service is left on link {name}")
            return Begun(orders=tuple(placed))

        return begin

    def look(self, errand: Errand) -> None:
        """The states of the services tell, with the next poll."""


def _over(session: Session, subject: Subject) -> tuple[str, list[str]]:
    """The link, and the active services that run over it."""
    link = _link(session, subject)
    over = services_on(session, links=[link.id])
    active = select(ServiceRow.id).where(ServiceRow.id.in_(over), ServiceRow.state == "active").order_by(ServiceRow.id)
    return link.name, list(session.scalars(active))


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
