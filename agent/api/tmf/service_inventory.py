"""TMF638 Service Inventory 4.0: the services that fabd provides, and those that clients register beside them.

A registered service (brownfield: it was there before fabd) is a record: it is kept and echoed, and nothing of it is configured.
What changes one of fabd's own services on the network is carried out by an order; what only describes it is changed at once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.api.body import Instant, read_model
from agent.api.errors import BadRequest
from agent.api.etag import require_match
from agent.api.listing import Listing
from agent.api.openapi import TAG_INVENTORY
from agent.api.parts import Parts, parts
from agent.api.patch import PatchRules, merged, patched
from agent.api.query import Document
from agent.api.tmf.characteristics import values_of
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Note, Open, Party, Reference, Text, refuse_odd_types
from agent.api.tmf.order_request import SUSPENSION_REASON, in_service_terms
from agent.api.tmf.paths import SERVICE_INVENTORY, order_href, resource_href
from agent.api.tmf.presenter import service_document, text_of
from agent.api.tmf.records import RecordKind, Wish, record_routes
from agent.api.tmf.service_change import changing, ending
from agent.api.tmf.shapes import SERVICE
from agent.fulfillment.errors import OrderRefused
from agent.fulfillment.tables import OrderItemRow, OrderRow
from agent.security.audit import record
from crm_bridge import outbox
from inventory.tables import AllocationRow, ElementRow, PoolRow, PortRow, ServiceResourceRow, ServiceRow

router = APIRouter(prefix=SERVICE_INVENTORY, tags=[TAG_INVENTORY])

References = Mapping[str, list[dict[str, Any]]]
"""Service id → references."""


def _render(session: Session, rows: Sequence[ServiceRow]) -> list[Document]:
    """As many queries for a page as for one."""
    ids = [row.id for row in rows]
    items, ports, values = _items(session, ids), _ports(session, ids), _values(session, ids)
    return [
        service_document(row)
        | {"serviceOrderItem": items.get(row.id, []), "supportingResource": [*ports.get(row.id, []), *values.get(row.id, [])]}
        for row in rows
    ]


def _items(session: Session, ids: Sequence[str]) -> References:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in session.scalars(select(OrderItemRow).where(OrderItemRow.service_id.in_(ids)).order_by(OrderItemRow.id)):
        found[item.service_id].append(
            {
                "itemId": item.reference,
                "itemAction": item.action,
                "serviceOrderId": item.order_id,
                "serviceOrderHref": order_href(item.order_id),
                "@referredType": "ServiceOrderItem",
            }
        )
    return found


def _ports(session: Session, ids: Sequence[str]) -> References:
    rows = session.execute(
        select(ServiceResourceRow.service_id, PortRow.id, ElementRow.name, PortRow.name, ServiceResourceRow.role)
        .join(PortRow, PortRow.id == ServiceResourceRow.port_id)
        .join(ElementRow, ElementRow.id == PortRow.element_id)
        .where(ServiceResourceRow.service_id.in_(ids))
        .order_by(ElementRow.name, PortRow.name)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for service, port_id, element, port, role in rows:
        found[service].append(_resource(port_id, "Port", name=f"{element}/{port}", role=role))
    return found


def _values(session: Session, ids: Sequence[str]) -> References:
    rows = session.execute(
        select(AllocationRow.service_id, AllocationRow.id, AllocationRow.value, AllocationRow.role, PoolRow.name)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .where(AllocationRow.service_id.in_(ids), AllocationRow.state == "allocated")
        .order_by(AllocationRow.role)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for service, allocation, value, role, pool in rows:
        found[service or ""].append(_resource(allocation, "Allocation", name=value, role=role, pool=pool))
    return found


def _resource(identity: str, kind: str, **attributes: str | None) -> dict[str, Any]:
    return {"id": identity, "href": resource_href(identity), **attributes, "@referredType": kind}


SERVICES = Listing(
    ServiceRow,
    _render,
    texts={
        "id": ServiceRow.id,
        "name": ServiceRow.name,
        "state": ServiceRow.state,
        "serviceType": ServiceRow.specification,
        "serviceSpecification.id": ServiceRow.specification,
        "relatedParty.id": ServiceRow.customer,
    },
    instants={"serviceDate": ServiceRow.created_at, "startDate": ServiceRow.started_at, "endDate": ServiceRow.ended_at},
    order=(ServiceRow.created_at, ServiceRow.id),
    key=ServiceRow.id,
    shape=SERVICE,
)

ServiceState = Literal["feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated"]
_MACHINE = {
    "feasibilityChecked": ("designed", "reserved", "inactive", "active"),
    "designed": ("reserved", "inactive", "active"),
    "reserved": ("designed", "inactive", "active"),
    "inactive": ("active",),
    "active": ("inactive", "terminated"),
    "terminated": (),
}
"""TMF638."""
_OWN = PatchRules(
    server_set=frozenset(
        {"serviceDate", "startDate", "endDate", "hasStarted", "isServiceEnabled", "isStateful", "isBundle", "serviceType"}
        | {"serviceSpecification", "relatedParty", "serviceOrderItem", "supportingResource"}
    ),
    transitions=_MACHINE
    | {"feasibilityChecked": (), "designed": (), "reserved": (), "inactive": ("active", "terminated"), "terminated": ()},
    required=frozenset({"name", "state", "serviceCharacteristic"}),
)
"""Of fabd's own services: what is under way is its order's; what is suspended can be ended as it is."""
ON_THE_NETWORK = frozenset({"state", "serviceCharacteristic"})


class SpecificationReference(Open):
    id: Text
    name: str | None = None
    version: str | None = None


class ServiceCharacteristicEntry(Open):
    name: Text
    value: Any
    value_type: str | None = None


class ServiceRelationshipEntry(Open):
    relationship_type: Text
    service: Party | None = None


class DescriptionEntry(Open):
    """What only describes a service, and its characteristics."""

    category: str | None = None
    description: str | None = None
    start_mode: str | None = None
    note: tuple[Note, ...] | None = None
    place: tuple[Party, ...] | None = None
    related_entity: tuple[Party, ...] | None = None
    feature: tuple[Reference, ...] | None = None
    supporting_service: tuple[Party, ...] | None = None
    service_characteristic: tuple[ServiceCharacteristicEntry, ...] = ()
    service_relationship: tuple[ServiceRelationshipEntry, ...] = ()


class ServiceEntry(DescriptionEntry):
    """What is read of TMF638's Service_Create."""

    state: ServiceState
    service_specification: SpecificationReference
    name: str | None = None
    service_type: str | None = None
    start_date: Instant | None = None
    end_date: Instant | None = None
    has_started: bool | None = None
    is_bundle: bool | None = None
    is_service_enabled: bool | None = None
    is_stateful: bool | None = None
    related_party: tuple[Party, ...] = ()
    supporting_resource: tuple[Party, ...] | None = None


def _found(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    return {"category": sent.get("category", "brownfield"), "serviceDate": text_of(at)}


REGISTERED = RecordKind(
    "service",
    SERVICE_INVENTORY,
    "svr",
    ServiceEntry,
    SERVICE,
    rules=PatchRules(
        server_set=frozenset({"serviceDate"}), transitions=_MACHINE, required=frozenset({"state", "serviceSpecification"})
    ),
    defaults=_found,
    remedy="to end it set its state to terminated, or order its deletion",
)
EXAMPLE = {
    "name": "leased line of 2019",
    "state": "active",
    "serviceSpecification": {"id": "legacy-leased-line"},
    "serviceCharacteristic": [{"name": "port", "value": "pe1/ge-0/0/3"}],
}


def _own(_parts: Parts) -> Sequence[Listing[ServiceRow]]:
    return (SERVICES,)


def _change_own(wish: Wish) -> Document | None:
    """One of fabd's own services: None when it is none."""
    changed = change_own(wish)
    return changed.after if changed else None


@dataclass(frozen=True, slots=True)
class Changed:
    before: Document
    after: Document
    order: OrderRow | None
    """That carries out what is to change on the network."""


def change_own(wish: Wish, *, category: str = "", base: str = SERVICE_INVENTORY) -> Changed | None:
    """One of fabd's own services: None when it is none.

    `category`: of the order that carries it out. `base`: of the API through which the client has seen the service.
    """
    row = wish.session.get(ServiceRow, wish.identity, with_for_update=True)
    if row is None:
        return None
    before = _seen(wish.session, row, base)
    require_match(wish.request, before)
    refuse_odd_types(wish.patch)
    patched(before, wish.patch, _OWN)
    refuse_repeated(read_model(DescriptionEntry, wish.patch))
    _describe(row, wish)
    order = _order(row, wish, category)
    wish.session.flush()
    after = _seen(wish.session, row, base)
    record(wish.session, wish.actor, "change", f"service {row.id}", wish.at, before=before, after=after)
    return Changed(before, after, order)


def _seen(session: Session, row: ServiceRow, base: str) -> Document:
    return {**SERVICES.render(session, [row])[0], "href": f"{base}/service/{row.id}"}


def refuse_repeated(entry: DescriptionEntry) -> None:
    """Raises `BadRequest` for a characteristic that is said twice."""
    names = [each.name for each in entry.service_characteristic]
    for place, name in enumerate(names):
        if name in names[:place]:
            where = f"/serviceCharacteristic/{place}"
            raise BadRequest("duplicateCharacteristic", f"{name!r} stands twice; keep one", pointer=where)


def _describe(row: ServiceRow, wish: Wish) -> None:
    said = {name: value for name, value in wish.patch.items() if name not in ON_THE_NETWORK}
    if not said:
        return
    if "name" in said:
        row.name = _text("name", said.pop("name"))
    row.extra = merged(row.extra, said)
    outbox.publish(
        wish.session,
        aggregate=f"service:{row.id}",
        type="serviceAttributeValueChangeEvent",
        payload={"service": service_document(row)},
        correlation_id=wish.actor.correlation_id,
        at=wish.at,
    )


def _order(row: ServiceRow, wish: Wish, category: str) -> OrderRow | None:
    """Carry out on the network what is to change there. Raises `OrderRefused` in the patch's own terms."""
    values = values_of(wish.patch.get("serviceCharacteristic", []))
    reason = values.pop(SUSPENSION_REASON, None)
    state = wish.patch.get("state", row.state)
    if state == row.state and not values:
        return None
    if state == "terminated":
        order = ending(row, correlation_id=wish.actor.correlation_id)
    else:
        wanted = "" if state == row.state else state
        order = changing(row, values, state=wanted, reason=str(reason or ""), correlation_id=wish.actor.correlation_id)
    if category:
        order = replace(order, document={**order.document, "category": category})
    try:
        placed = parts(wish.request).fulfilment.place(wish.session, order, wish.actor.name, wish.at)
    except OrderRefused as error:
        raise in_service_terms(error, wish.patch) from error
    record(wish.session, wish.actor, "place", f"order {placed.order.id}", wish.at)
    return placed.order


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequest("invalidValue", f"{name} must be a text; give one", pointer=f"/{name}")
    return value


record_routes(router, REGISTERED, others=_own, change_other=_change_own, example=EXAMPLE)
hub_routes(router, Hub(SERVICE_INVENTORY, {"service": ("Create", "AttributeValueChange", "StateChange", "Delete")}))
