"""TMF638 Service Inventory 4.0."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import needs
from agent.api.answers import list_answer, one_answer
from agent.api.listing import Listing
from agent.api.openapi import TAG_INVENTORY, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.tmf.paths import SERVICE_INVENTORY, order_href
from agent.api.tmf.presenter import service_document
from agent.api.tmf.shapes import SERVICE
from agent.fulfillment.tables import OrderItemRow
from agent.security.roles import Role
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
        found[service].append({"id": port_id, "name": f"{element}/{port}", "role": role, "@referredType": "Port"})
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
        found[service or ""].append({"id": allocation, "name": value, "role": role, "pool": pool, "@referredType": "Allocation"})
    return found


SERVICES = Listing(
    ServiceRow,
    _render,
    texts={
        "id": ServiceRow.id,
        "name": ServiceRow.name,
        "state": ServiceRow.state,
        "serviceType": ServiceRow.specification,
        "serviceSpecification.id": ServiceRow.specification,
    },
    instants={"serviceDate": ServiceRow.created_at, "startDate": ServiceRow.started_at, "endDate": ServiceRow.ended_at},
    order=(ServiceRow.created_at, ServiceRow.id),
    key=ServiceRow.id,
)


@router.get("/service", dependencies=[needs(Role.VIEWER)], **described("List services", 206, answer=SERVICE))
def list_services(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, SERVICES)


@router.get("/service/{service_id}", dependencies=[needs(Role.VIEWER)], **described("Show one service", 404, answer=SERVICE))
def show_service(request: Request, parts: PartsOf, service_id: str) -> Response:
    return one_answer(request, parts, SERVICES, service_id)
