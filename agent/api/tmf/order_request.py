"""A service order as TMF641 sends it, read into fulfilment's own shape; and places in that shape told as places in this one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from agent.api.body import Instant, read_model
from agent.api.errors import BadRequest, Detail
from agent.fulfillment.errors import OrderRefused, Refusal
from agent.fulfillment.requests import ORDINARY, PATIENT, URGENT, ItemRequest, OrderRequest, Related

MAX_ITEMS = 500
CUSTOMER = "customer"
PRIORITIES = {str(number): URGENT + (PATIENT - URGENT) * number // 4 for number in range(5)}
"""TMF641: 0 is the most urgent, 4 the least."""
SERVER_SET = frozenset(
    {"id", "href", "state", "orderDate", "startDate", "completionDate", "expectedCompletionDate", "cancellationDate"}
    | {"errorMessage", "milestone", "jeopardyAlert", "serviceOrderItem"}
)
"""Of an order; what a client says of these is not kept."""
SERVER_SET_OF_ITEM = frozenset({"state", "errorMessage"})


Text = Annotated[str, Field(min_length=1, max_length=256)]


class _Open(BaseModel):
    """What is not named is kept: clients may send attributes of their own."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)


class _Reference(_Open):
    id: Text | None = None
    name: str | None = None


class _Party(_Open):
    id: Text | None = None
    role: str | None = None


class _Characteristic(_Open):
    name: Text
    value: JsonValue


class _Service(_Open):
    id: Text | None = None
    service_specification: _Reference | None = None
    service_characteristic: list[_Characteristic] = []


class _ItemRef(_Open):
    item_id: Text | None = None
    id: Text | None = None


class _Relationship(_Open):
    relationship_type: Text
    order_item: _ItemRef


class _Item(_Open):
    id: Text
    action: Text
    quantity: Annotated[int, Field(ge=1, le=1, description="one service per item")] = 1
    service: _Service
    service_order_item_relationship: list[_Relationship] = []
    service_order_item: Annotated[list[JsonValue], Field(max_length=0)] = []


class Order(_Open):
    """What is read of TMF641's ServiceOrder_Create."""

    external_id: Text | None = None
    priority: str | None = None
    requested_start_date: Instant | None = None
    requested_completion_date: Instant | None = None
    related_party: list[_Party] = []
    service_order_item: Annotated[list[_Item], Field(min_length=1, max_length=MAX_ITEMS)]


def read_order(body: Mapping[str, Any], correlation_id: str) -> OrderRequest:
    """Raises `BadRequest` with the place of every mistake of shape."""
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
        priority=ORDINARY if order.priority is None else PRIORITIES[order.priority],
    )


def in_tmf_terms(error: OrderRefused, body: Mapping[str, Any]) -> OrderRefused:
    """The same refusals, with their places in the body that was sent."""
    return type(error)(*(Refusal(each.code, _place(each.where, body), each.message, each.remedy) for each in error.refusals))


def _item(item: _Item, document: Mapping[str, Any]) -> ItemRequest:
    spec = item.service.service_specification
    return ItemRequest(
        reference=item.id,
        action=item.action,
        specification=(spec.id or spec.name or "") if spec else "",
        service_id=item.service.id,
        characteristics={each.name: each.value for each in item.service.service_characteristic},
        related=tuple(
            Related(each.relationship_type, each.order_item.item_id or each.order_item.id or "")
            for each in item.service_order_item_relationship
        ),
        document={key: value for key, value in document.items() if key not in SERVER_SET_OF_ITEM},
    )


def _customers(order: Order) -> list[str]:
    return list(dict.fromkeys(party.id for party in order.related_party if (party.role or "").lower() == CUSTOMER and party.id))


def _wrong_priority(order: Order) -> list[Detail]:
    if order.priority is None or order.priority in PRIORITIES:
        return []
    return [Detail("invalidValue", "/priority", f"there is no priority {order.priority!r}; use 0 (first) to 4 (last)")]


def _wrong_parties(order: Order) -> list[Detail]:
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
        case ["", "items", position, *rest] if position.isdigit():
            return f"/serviceOrderItem/{position}{_item_place(rest, body['serviceOrderItem'][int(position)])}"
    return where


def _item_place(rest: list[str], item: Mapping[str, Any]) -> str:
    match rest:
        case []:
            return ""
        case ["characteristics", *inside]:
            return "/service" + _characteristic_place(inside, item["service"].get("serviceCharacteristic", []))
        case ["specification"]:
            return "/service/serviceSpecification"
        case ["service"]:
            return "/service/id"
        case ["related", number]:
            return f"/serviceOrderItemRelationship/{number}/orderItem"
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
