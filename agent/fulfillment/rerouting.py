"""Moving a service to another way: an ordinary modify to what it is already, laid out around the links that it is to leave."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from agent.fulfillment.designs import ACTIVE
from agent.fulfillment.errors import Refusal, StateRefused
from agent.fulfillment.orders import OrderDesk
from agent.fulfillment.requests import ItemRequest, OrderRequest
from inventory.services import ServiceView, service_view

CLIENT = "fabd"
"""Who places these orders."""


@dataclass(frozen=True, slots=True)
class Way:
    elements: frozenset[str]
    """That are changed when the service takes it, or leaves the one it has."""
    links: frozenset[str]
    """Names."""


@dataclass(frozen=True, slots=True)
class Rerouter:
    desk: OrderDesk

    def way(self, session: Session, service_id: str, avoid: frozenset[str], at: datetime) -> Way:
        """What the service would run over if it left these links (names). Only reads.

        `StateRefused` or `OrderRefused` when it cannot be moved, or there is no other way.
        """
        service = _movable(session, service_id)
        (design,) = self.desk.think(session, _request(service, avoid, ""), at)
        if design.product is None or not design.product.layout.links:
            message = f"service {service_id} runs over no link"
            raise StateRefused(Refusal("noOtherWay", service_id, message, "nothing is to move"))
        layout = design.product.layout
        return Way(frozenset({part.element for part in service.parts} | set(layout.elements)), frozenset(layout.link_names))

    def leading(
        self, session: Session, service_id: str, way: frozenset[str], avoids: Iterable[frozenset[str]], at: datetime
    ) -> tuple[frozenset[str], Way]:
        """The first of `avoids` (links to leave) with which the service would run over just the links of `way`. Only reads.

        Raises as `way` does, and `StateRefused` when none of them leads there.
        """
        for avoid in dict.fromkeys(avoids):
            found = self.way(session, service_id, avoid, at)
            if found.links == way:
                return avoid, found
        message = f"the way of service {service_id} over {', '.join(sorted(way))} is not one that it would be given"
        raise StateRefused(Refusal("noWayBack", service_id, message, "modify the service by an order of its own"))

    def request(self, session: Session, service_id: str, avoid: frozenset[str], reason: str) -> OrderRequest:
        """The order that moves it. Raises as `way` does."""
        return _request(_movable(session, service_id), avoid, reason)


def _movable(session: Session, service_id: str) -> ServiceView:
    service = service_view(session, service_id)
    if service.state != ACTIVE:
        message = f"service {service_id} is {service.state}"
        raise StateRefused(Refusal("serviceNotStanding", service_id, message, "only active services are moved"))
    return service


def _request(service: ServiceView, avoid: frozenset[str], reason: str) -> OrderRequest:
    party = {"id": service.customer, "role": "customer", "@referredType": "Customer"}
    item = ItemRequest("1", "modify", service.specification, service_id=service.id, characteristics=service.characteristics)
    document = {"description": reason, "relatedParty": [party]}  # what a client would have sent: in TMF641's words
    return OrderRequest(service.customer, (item,), document=document, avoid=avoid)
