"""Rows as TM Forum resources; the same shapes are answered and sent in events. What a client sent beyond them is echoed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.api.tmf.characteristics import characteristic, characteristics
from agent.api.tmf.paths import cancellation_href, order_href, service_href, specification_href
from agent.fulfillment.states import ItemState
from agent.fulfillment.tables import OrderCancellationRow, OrderItemRow, OrderRow
from inventory.tables import ServiceRow

NEVER_CAME = frozenset({ItemState.FAILED, ItemState.CANCELLED, ItemState.REJECTED})
"""What an item that adds a service can end as without it."""


class TmfPresenter:
    """`agent.fulfillment.events.Presenter` in TM Forum's words."""

    def order(self, order: OrderRow) -> Mapping[str, Any]:
        return service_order(order)

    def service(self, service: ServiceRow) -> Mapping[str, Any]:
        return service_document(service)

    def cancellation(self, cancellation: OrderCancellationRow) -> Mapping[str, Any]:
        return order_cancellation(cancellation)


def service_order(order: OrderRow) -> dict[str, Any]:
    """TMF641 ServiceOrder."""
    identity, sent, items = order.id, order.document, order.items
    href = order_href(identity)
    where = {"serviceOrderId": identity, "serviceOrderHref": href}
    document = {
        "@type": "ServiceOrder",
        **sent,
        "id": identity,
        "href": href,
        "state": order.state,
        "orderDate": text_of(order.order_date),
        "startDate": text_of(order.started_at),
        "completionDate": text_of(order.completed_at),
        "expectedCompletionDate": text_of(order.expected_completion),
        "cancellationDate": text_of(order.cancelled_at),
        "cancellationReason": order.cancellation_reason or None,
        "milestone": [_milestone(each, where) for each in order.milestones or ()] or None,
        "jeopardyAlert": [_jeopardy(each, where) for each in order.jeopardy or ()] or None,
        "relatedParty": [*map(_party, sent.get("relatedParty", ()))],
        "serviceOrderItem": [*map(order_item, items)],
        "errorMessage": [_of_item(message, where, item) for item in items for message in _messages(item)],
    }
    return said(document)


def order_item(item: OrderItemRow) -> dict[str, Any]:
    """TMF641 ServiceOrderItem."""
    sent, action, state = item.document, item.action, item.state
    document = {
        "@type": "ServiceOrderItem",
        **sent,
        "id": item.reference,
        "action": action,
        "state": state,
        "service": {"@type": "Service", **sent.get("service", {}), **_whereabouts(item.service_id, action, state)},
        "errorMessage": _messages(item),
    }
    return said(document)


def _whereabouts(service_id: str, action: str, state: str) -> dict[str, Any]:
    """Of a service that was not to be there is nothing to be found."""
    if action == "add" and state in NEVER_CAME:
        return {}
    return {"id": service_id, "href": service_href(service_id)}


def order_cancellation(row: OrderCancellationRow) -> dict[str, Any]:
    """TMF641 CancelServiceOrder."""
    document = {
        "@type": "CancelServiceOrder",
        **row.document,
        "id": row.id,
        "href": cancellation_href(row.id),
        "state": row.state,
        "cancellationReason": row.reason or None,
        "requestedCancellationDate": text_of(row.requested_at),
        "effectiveCancellationDate": text_of(row.effective_at),
        "completionMessage": row.message or None,
        "serviceOrder": {
            "@referredType": "ServiceOrder",
            **row.document.get("serviceOrder", {}),
            "id": row.order_id,
            "href": order_href(row.order_id),
        },
        "errorMessage": _only_message(row),
    }
    return said(document)


def _only_message(row: OrderCancellationRow) -> dict[str, Any] | None:
    """TMF641 has room for one."""
    if not row.errors:
        return None
    message = "; ".join(_in_words(error) for error in row.errors)
    return {"code": row.errors[0]["code"], "reason": row.errors[0]["message"], "message": message, "@type": "ErrorMessage"}


def _milestone(reached: Mapping[str, Any], where: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": reached["id"],
        "name": reached["name"],
        "message": reached["message"],
        "status": reached["status"],
        "milestoneDate": _zulu(reached["at"]),
        "@type": "ServiceOrderMilestone",
        **_about(reached["items"], where),
    }


def _jeopardy(alert: Mapping[str, Any], where: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": alert["id"],
        "name": alert["name"],
        "jeopardyType": alert["type"],
        "message": alert["message"],
        "exception": alert["exception"],
        "alertDate": _zulu(alert["at"]),
        "@type": "ServiceOrderJeopardyAlert",
        **_about(alert["items"], where),
    }


def _about(items: Sequence[str], where: Mapping[str, str]) -> dict[str, Any]:
    """Nothing where the whole order is meant. `where`: the order, as references to its items name it."""
    return {"serviceOrderItem": _item_references(items, where)} if items else {}


def _item_references(items: Iterable[str], where: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"id": item, "itemId": item, **where} for item in items]


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
            "href": specification_href(service.specification),
            "name": service.specification,
            "version": service.specification_version,
            "@referredType": "ServiceSpecification",
        },
        "relatedParty": [{"id": service.customer, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer"}],
        "serviceCharacteristic": [
            *characteristics(service.characteristics),
            *([characteristic("suspensionReason", service.suspension_reason)] if service.suspension_reason else []),
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
            "message": _in_words(error),
            "timestamp": _zulu(error["at"]),
            "@type": "ServiceOrderItemErrorMessage",
        }
        for error in item.errors
    ]


def _of_item(message: Mapping[str, Any], where: Mapping[str, str], item: OrderItemRow) -> dict[str, Any]:
    references = _item_references([item.reference], where)
    return {**message, "@type": "ServiceOrderErrorMessage", "serviceOrderItem": references}


def _in_words(error: Mapping[str, Any]) -> str:
    return f"{error['element']}: {error['message']}" if error["element"] else str(error["message"])


def said(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what there is nothing to say of, `id` and `href` first."""
    ordered = {"id": document["id"], "href": document.get("href"), **document}
    return {key: value for key, value in ordered.items() if value is not None and (value or key != "errorMessage")}


def text_of(at: datetime | None) -> str | None:
    return None if at is None else _zulu(at.isoformat())


def _zulu(text: str) -> str:
    return text.replace("+00:00", "Z")
