"""Rows as TM Forum resources; the same shapes are answered and sent in events. What a client sent beyond them is echoed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.api.tmf.paths import order_href, service_href
from agent.fulfillment.tables import OrderItemRow, OrderRow
from inventory.tables import ServiceRow

VALUE_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


class TmfPresenter:
    """`agent.fulfillment.events.Presenter` in TM Forum's words."""

    def order(self, order: OrderRow) -> Mapping[str, Any]:
        return service_order(order)

    def service(self, service: ServiceRow) -> Mapping[str, Any]:
        return service_document(service)


def service_order(order: OrderRow) -> dict[str, Any]:
    """TMF641 ServiceOrder."""
    document = {
        "@type": "ServiceOrder",
        **order.document,
        "id": order.id,
        "href": order_href(order.id),
        "state": order.state,
        "orderDate": text_of(order.order_date),
        "startDate": text_of(order.started_at),
        "completionDate": text_of(order.completed_at),
        "relatedParty": [*map(_party, order.document.get("relatedParty", []))],
        "serviceOrderItem": [order_item(item) for item in order.items],
        "errorMessage": [_of_item(message, order, item) for item in order.items for message in _messages(item)],
    }
    return said(document)


def order_item(item: OrderItemRow) -> dict[str, Any]:
    """TMF641 ServiceOrderItem."""
    sent = item.document.get("service", {})
    service = {"@type": "Service", **sent, "id": item.service_id, "href": service_href(item.service_id)}
    document = {
        "@type": "ServiceOrderItem",
        **item.document,
        "id": item.reference,
        "action": item.action,
        "state": item.state,
        "service": service,
        "errorMessage": _messages(item),
    }
    return said(document)


def service_document(service: ServiceRow) -> dict[str, Any]:
    """TMF638 Service, without what only the inventory can look up."""
    document = {
        "@type": "Service",
        "category": "CFS",
        **service.extra,
        "id": service.id,
        "href": service_href(service.id),
        "name": service.name,
        "serviceType": service.specification,
        "state": service.state,
        "serviceDate": text_of(service.created_at),
        "startDate": text_of(service.started_at),
        "endDate": text_of(service.ended_at),
        "hasStarted": service.started_at is not None,
        "isServiceEnabled": service.state == "active",
        "isStateful": True,
        "isBundle": False,
        "serviceSpecification": {
            "id": service.specification,
            "name": service.specification,
            "version": service.specification_version,
            "@referredType": "ServiceSpecification",
        },
        "relatedParty": [{"id": service.customer, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer"}],
        "serviceCharacteristic": [
            {"name": name, "valueType": VALUE_TYPES.get(type(value), "string"), "value": value, "@type": "Characteristic"}
            for name, value in service.characteristics.items()
        ],
    }
    return said(document)


def _party(party: Mapping[str, Any]) -> dict[str, Any]:
    """TMF641 wants every party to say what it is; clients often do not."""
    known = {"@type": "RelatedParty"} | ({"@referredType": "Customer"} if str(party.get("role")).lower() == "customer" else {})
    return {**party, **{key: party.get(key, value) for key, value in known.items()}}


def _messages(item: OrderItemRow) -> list[dict[str, Any]]:
    """TMF641 ServiceOrderItemErrorMessage, in the element's own words."""
    return [
        {
            "code": error["code"],
            "reason": error["message"],
            "message": f"{error['element']}: {error['message']}" if error["element"] else error["message"],
            "timestamp": error["at"],
            "@type": "ServiceOrderItemErrorMessage",
        }
        for error in item.errors
    ]


def _of_item(message: Mapping[str, Any], order: OrderRow, item: OrderItemRow) -> dict[str, Any]:
    reference = {
        "id": item.reference,
        "itemId": item.reference,
        "serviceOrderId": order.id,
        "serviceOrderHref": order_href(order.id),
    }
    return {**message, "@type": "ServiceOrderErrorMessage", "serviceOrderItem": [reference]}


def said(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what there is nothing to say of, `id` and `href` first."""
    ordered = {"id": document["id"], "href": document.get("href"), **document}
    return {key: value for key, value in ordered.items() if value is not None and not (key == "errorMessage" and not value)}


def text_of(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
