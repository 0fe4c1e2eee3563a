"""A service order as TMF641 sends it, read into fulfilment's own shape; and places in that shape told as places in this one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, JsonValue

from agent.api.body import Instant, read_model
from agent.api.errors import BadRequest, Conflict, Detail
from agent.api.tmf.open import Note, Open, Party, Reference, Text, refuse_odd_types
from agent.fulfillment.amendment import Amendment
from agent.fulfillment.errors import OrderRefused, Refusal
from agent.fulfillment.requests import ORDINARY, PATIENT, URGENT, ItemRequest, OrderRequest, Related

MAX_ITEMS = 500
CUSTOMER = "customer"
PRIORITIES = {str(number): URGENT + (PATIENT - URGENT) * number // 4 for number in range(5)}
"""TMF641: 0 is the most urgent, 4 the least."""
SERVER_SET = frozenset(
    {"id", "href", "state", "orderDate", "startDate", "completionDate", "expectedCompletionDate", "cancellationDate"}
    | {"cancellationReason", "errorMessage", "milestone", "jeopardyAlert", "serviceOrderItem"}
)
"""Of an order; what a client says of these is not kept."""
SERVER_SET_OF_ITEM = frozenset({"state", "errorMessage"})
SUSPENSION_REASON = "suspensionReason"
"""The characteristic that says why a service is to be inactive; TMF v4 has no state for that."""
WAIT = "waitFor"
"""`externalReferenceType` of what an item waits for: another system completes it."""


class _Characteristic(Open):
    name: Text
    value: JsonValue
    value_type: str | None = None


class _Service(Open):
    id: Text | None = None
    state: str | None = None
    service_specification: Reference | None = None
    service_characteristic: tuple[_Characteristic, ...] = ()


class _Named(Open):
    name: str | None = None
    external_reference_type: str | None = None


class _External(Open):
    name: Text
    external_reference_type: str | None = None
    wait_until: Instant | None = None


class _ItemRef(Open):
    item_id: Text | None = None
    id: Text | None = None


class _Relationship(Open):
    relationship_type: Text
    order_item: _ItemRef


class _OrderRelationship(Open):
    id: str | None = None
    relationship_type: str | None = None


class _Item(Open):
    id: Text
    action: Text
    quantity: Annotated[int, Field(ge=1, le=1, description="one service per item")] = 1
    service: _Service
    external_reference: tuple[_External, ...] = ()
    service_order_item_relationship: tuple[_Relationship, ...] = ()
    service_order_item: Annotated[tuple[JsonValue, ...], Field(max_length=0)] = ()


class OrderHead(Open):
    """What is read of an order beside its items; what only describes it, so that it is answered as promised."""

    external_id: Text | None = None
    category: str | None = None
    description: str | None = None
    notification_contact: str | None = None
    external_reference: tuple[_Named, ...] | None = None
    note: tuple[Note, ...] | None = None
    order_relationship: tuple[_OrderRelationship, ...] | None = None
    priority: str | None = None
    requested_start_date: Instant | None = None
    requested_completion_date: Instant | None = None
    related_party: tuple[Party, ...] = ()


class Order(OrderHead):
    """What is read of TMF641's ServiceOrder_Create."""

    service_order_item: Annotated[list[_Item], Field(min_length=1, max_length=MAX_ITEMS)]


def read_order(body: Mapping[str, Any], correlation_id: str) -> OrderRequest:
    """Raises `BadRequest` with the place of every mistake of shape."""
    refuse_odd_types(body)
    order = read_model(Order, body, _remedy)
    wrong = [*_wrong_priority(order), *_wrong_parties(order), *_repeated_characteristics(order)]
    if wrong:
        raise BadRequest.of(wrong)
    customers = _customers(order)
    return OrderRequest(
        customer=customers[0] if customers else "",
        items=tuple(
            _item(item, document) for item, document in zip(order.service_order_item, body["serviceOrderItem"], strict=True)
        ),
        external_id=order.external_id,
        document={key: value for key, value in body.items() if key not in SERVER_SET},
        correlation_id=correlation_id,
        requested_start=order.requested_start_date,
        requested_completion=order.requested_completion_date,
        priority=_priority(order),
    )


def read_amendment(body: Mapping[str, Any], customer: str) -> Amendment:
    """All that is said of an order beside its items. Raises `BadRequest`, or `Conflict` for another customer."""
    head = read_model(OrderHead, body, _remedy)
    wrong = [*_wrong_priority(head), *_wrong_parties(head)]
    if wrong:
        raise BadRequest.of(wrong)
    if _customers(head) != [customer]:
        raise Conflict("otherCustomer", f"the order was placed for {customer}; order anew for another", pointer="/relatedParty")
    return Amendment(
        external_id=head.external_id,
        requested_start=head.requested_start_date,
        requested_completion=head.requested_completion_date,
        priority=_priority(head),
        document={key: value for key, value in body.items() if key not in SERVER_SET},
    )


def in_tmf_terms(error: OrderRefused, body: Mapping[str, Any]) -> OrderRefused:
    """The same refusals, with their places in the body that was sent."""
    return type(error)(*(Refusal(each.code, _place(each.where, body), each.message, each.remedy) for each in error.refusals))


def in_service_terms(error: OrderRefused, patch: Mapping[str, Any]) -> OrderRefused:
    """The same refusals, with their places in the patch of a service that became an order."""
    return type(error)(*(Refusal(each.code, _own_place(each.where, patch), each.message, each.remedy) for each in error.refusals))


def _own_place(where: str, patch: Mapping[str, Any]) -> str:
    match where.split("/"):
        case ["", "items", _, "characteristics", *inside]:
            return _characteristic_place(inside, patch.get("serviceCharacteristic", []))
        case ["", "items", _, "state"]:
            return "/state"
    return ""


def _item(item: _Item, document: Mapping[str, Any]) -> ItemRequest:
    spec = item.service.service_specification
    values = {each.name: each.value for each in item.service.service_characteristic}
    reason = values.pop(SUSPENSION_REASON, None)
    waits = next((each for each in item.external_reference if each.external_reference_type == WAIT), None)
    return ItemRequest(
        reference=item.id,
        action=item.action,
        specification=(spec.id or spec.name or "") if spec else "",
        service_id=item.service.id,
        characteristics=values,
        state=_wanted_state(item),
        suspension_reason="" if reason is None else str(reason),
        waits_for=waits.name if waits else "",
        wait_until=waits.wait_until if waits else None,
        related=tuple(
            Related(each.relationship_type, each.order_item.item_id or each.order_item.id or "")
            for each in item.service_order_item_relationship
        ),
        document={key: value for key, value in document.items() if key not in SERVER_SET_OF_ITEM},
    )


def _wanted_state(item: _Item) -> str:
    """A delete may well say that the service is to be terminated, and a noChange what it is: neither wants anything by it."""
    return "" if item.action in {"delete", "noChange"} else item.service.state or ""


def _priority(head: OrderHead) -> int:
    return ORDINARY if head.priority is None else PRIORITIES[head.priority]


def _customers(order: OrderHead) -> list[str]:
    return list(dict.fromkeys(party.id for party in order.related_party if (party.role or "").lower() == CUSTOMER and party.id))


def _wrong_priority(order: OrderHead) -> list[Detail]:
    if order.priority is None or order.priority in PRIORITIES:
        return []
    return [Detail("invalidValue", "/priority", f"there is no priority {order.priority!r}; use 0 (first) to 4 (last)")]


def _wrong_parties(order: OrderHead) -> list[Detail]:
    customers = _customers(order)
    if len(customers) < 2:  # noqa: PLR2004  one, or none, which fulfilment refuses in its own words
        return []
    return [Detail("severalCustomers", "/relatedParty", f"the order names the customers {', '.join(customers)}; name one")]


def _repeated_characteristics(order: Order) -> list[Detail]:
    found = []
    for position, item in enumerate(order.service_order_item):
        names = [each.name for each in item.service.service_characteristic]
        for place, name in enumerate(names):
            if name in names[:place]:
                where = f"/serviceOrderItem/{position}/service/serviceCharacteristic/{place}"
                found.append(Detail("duplicateCharacteristic", where, f"{name!r} stands twice in one item; keep one"))
    return found


def _remedy(attribute: str) -> str:
    remedies = {"quantity": "order one item per service", "serviceOrderItem": f"send 1 to {MAX_ITEMS} items, none inside another"}
    return remedies.get(attribute, "see TMF641 for its form")


def _place(where: str, body: Mapping[str, Any]) -> str:
    """`/items/0/characteristics/vlan` → `/serviceOrderItem/0/service/serviceCharacteristic/2/value`."""
    match where.split("/"):
        case ["", "customer"]:
            return _customer_place(body)
        case ["", "items"]:
            return "/serviceOrderItem"
        case ["", "requestedStart" | "requestedCompletion" as date]:
            return f"/{date}Date"
        case ["", "items", position, *rest] if position.isdigit():
            return f"/serviceOrderItem/{position}{_item_place(rest, body['serviceOrderItem'][int(position)])}"
    return where


_PLACES = {
    "specification": "/service/serviceSpecification",
    "service": "/service/id",
    "state": "/service/state",
    "waitUntil": "/externalReference",
}


def _item_place(rest: list[str], item: Mapping[str, Any]) -> str:
    match rest:
        case []:
            return ""
        case ["characteristics", *inside]:
            return "/service" + _characteristic_place(inside, item["service"].get("serviceCharacteristic", []))
        case ["related", number]:
            return f"/serviceOrderItemRelationship/{number}/orderItem"
        case [name] if name in _PLACES:
            return _PLACES[name]
    return "/" + "/".join(rest)


def _characteristic_place(inside: list[str], given: Sequence[Mapping[str, Any]]) -> str:
    if inside:
        name = inside[0].replace("~1", "/").replace("~0", "~")
        for place, characteristic in enumerate(given):
            if characteristic["name"] == name:
                return "/".join([f"/serviceCharacteristic/{place}/value", *inside[1:]])
    return "/serviceCharacteristic"


def _customer_place(body: Mapping[str, Any]) -> str:
    for place, party in enumerate(body.get("relatedParty", [])):
        if str(party.get("role", "")).lower() == CUSTOMER:
            return f"/relatedParty/{place}/id"
    return "/relatedParty"
