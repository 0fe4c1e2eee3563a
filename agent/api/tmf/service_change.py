"""What a client changes of a service, as the order that carries it out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from agent.api.tmf.characteristics import characteristics, overlaid
from agent.fulfillment.requests import ItemRequest, OrderRequest
from inventory.tables import ServiceRow

ONLY_ITEM = "1"


def with_own_values(session: Session, order: OrderRequest) -> OrderRequest:
    """The order with each modify whole: what it says of a service is laid over what the service has already."""
    if all(item.action != "modify" for item in order.items):
        return order
    return replace(order, items=tuple(_whole(session, item) for item in order.items), sent_digest=order.digest)


def changing(
    service: ServiceRow, values: Mapping[str, Any], *, state: str = "", reason: str = "", correlation_id: str = ""
) -> OrderRequest:
    """An order to modify the service: its values with these over them, and its state ("": as it is)."""
    sent: dict[str, Any] = {"id": service.id, "serviceCharacteristic": characteristics(values)} | (
        {"state": state} if state else {}
    )
    item = ItemRequest(
        ONLY_ITEM,
        "modify",
        service_id=service.id,
        characteristics=overlaid(service.characteristics, values),
        state=state,
        suspension_reason=reason,
        document={"id": ONLY_ITEM, "action": "modify", "service": sent},
    )
    return _of(service, item, correlation_id)


def ending(service: ServiceRow, *, correlation_id: str = "") -> OrderRequest:
    """An order to delete the service."""
    document = {"id": ONLY_ITEM, "action": "delete", "service": {"id": service.id}}
    item = ItemRequest(ONLY_ITEM, "delete", service_id=service.id, document=document)
    return _of(service, item, correlation_id)


def _of(service: ServiceRow, item: ItemRequest, correlation_id: str) -> OrderRequest:
    party = {"id": service.customer, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer"}
    document = {"description": f"{item.action} of service {service.id}", "relatedParty": [party]}
    return OrderRequest(service.customer, (item,), document=document, correlation_id=correlation_id)


def _whole(session: Session, item: ItemRequest) -> ItemRequest:
    if item.action != "modify" or item.service_id is None:
        return item
    service = session.get(ServiceRow, item.service_id)
    return item if service is None else replace(item, characteristics=overlaid(service.characteristics, item.characteristics))
