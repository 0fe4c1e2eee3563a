"""Moving a service to another way: an ordinary modify to what it is already, laid out around the links that it is to leave."""

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
class Rerouter:
    desk: OrderDesk

    def way(self, session: Session, service_id: str, avoid: frozenset[str], at: datetime) -> frozenset[str]:
        """The elements that would be changed if the service left these links (names). Only reads.

        `StateRefused` or `OrderRefused` when it cannot be moved, or there is no other way.
        """
        service = _movable(session, service_id)
        (design,) = self.desk.think(session, _request(service, avoid, ""), at)
        if design.product is None or not design.product.layout.links:
            message = f"service {service_id} runs over no link"
            raise StateRefused(Refusal("noOtherWay", service_id, message, "nothing is to move"))
        return frozenset({part.element for part in service.parts} | set(design.product.layout.elements))

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
