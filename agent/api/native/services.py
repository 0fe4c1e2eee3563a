"""Services as the network knows them, and their health as intervals of time."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import OPTIONAL_INSTANT, TEXT, closed, many, named, row, value
from agent.assurance.tables import ServiceStateRow
from agent.security.roles import Role
from inventory.services import ServiceView, service_view

router = APIRouter(prefix=f"{ROOT}/services", tags=["Services"])

SERVICE_VIEW = named("ServiceView", value(ServiceView))
HEALTH = named(
    "ServiceHealth",
    closed(
        id=TEXT,
        name=TEXT,
        customer=TEXT,
        service_state=TEXT,
        state=TEXT,
        since=OPTIONAL_INSTANT,
        reason=TEXT,
        states=many(row(ServiceStateRow, "service_id")),
    ),
)

LATEST = 100
"""States that are told, the latest first."""


@router.get(
    "/{service_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show a service with its part on every element", 404, answer=SERVICE_VIEW),
)
def show_service(parts: PartsOf, service_id: str) -> Response:
    with parts.database.read() as session:
        return JSONResponse(plain(service_view(session, service_id)))


@router.get(
    "/{service_id}/health", dependencies=[needs(Role.VIEWER)], **described("Show the health of a service", 404, answer=HEALTH)
)
def show_health(parts: PartsOf, service_id: str) -> Response:
    """`state` is up, down or unknown now; `states` are half-open intervals, the latest first, each with its evidence."""
    with parts.database.read() as session:
        service = service_view(session, service_id)
        states = service_states(session, service_id)
    now = states[0] if states and states[0]["end"] is None else None
    return JSONResponse(
        {
            "id": service.id,
            "name": service.name,
            "customer": service.customer,
            "service_state": service.state,
            "state": now["state"] if now else "unknown",
            "since": now["start"] if now else None,
            "reason": now["reason"] if now else "nothing has been measured",
            "states": states,
        }
    )


def service_states(session: Session, service_id: str) -> list[dict[str, Any]]:
    latest = select(ServiceStateRow).where(ServiceStateRow.service_id == service_id).order_by(ServiceStateRow.start.desc())
    return [columns(row, "service_id") for row in session.scalars(latest.limit(LATEST))]
