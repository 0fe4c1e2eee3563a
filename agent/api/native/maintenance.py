"""The maintenance calendar: announced work, what it is about, and when it comes again."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, once, one_answer
from agent.api.body import BodyOf, Instant, read_model
from agent.api.errors import NotFound
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import TEXT, closed, many, named, row
from agent.calendarfile import CALENDAR, calendar_of
from agent.security.audit import record
from agent.security.roles import Role
from crm_bridge import maintenance
from inventory.maintenance import MOST_REASON, MOST_SCOPES, NewMaintenance, ScopeKind
from inventory.reach import Scope
from inventory.recurrence import MOST_CHARACTERS
from inventory.tables import MaintenanceRow

router = APIRouter(prefix=f"{ROOT}/maintenance", tags=["Maintenance"])

MAINTENANCE = named("Maintenance", row(MaintenanceRow, scopes=many(closed(kind=TEXT, name=TEXT))))
_EXAMPLE = {
    "start": "2031-01-12T01:00:00Z",
    "end": "2031-01-12T03:00:00Z",
    "rule": "FREQ=MONTHLY;BYDAY=2SU",
    "time_zone": "Europe/Berlin",
    "reason": "Software of the edge routers",
    "scopes": [{"kind": "element", "name": "pe1"}],
}


class ScopeOf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: ScopeKind
    name: Annotated[str, Field(min_length=1, max_length=255)]


class MaintenanceEntry(BaseModel):
    """`rule` is an RRULE of RFC 5545, read on the wall clock of `time_zone`; `start` and `end` are the first time."""

    model_config = ConfigDict(extra="forbid")

    start: Instant
    end: Instant
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON)]
    scopes: Annotated[list[ScopeOf], Field(min_length=1, max_length=MOST_SCOPES)]
    rule: Annotated[str, Field(max_length=MOST_CHARACTERS)] = ""
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    notice_at: Instant | None = None
    """When those affected were told; now when it is left out."""


class Cancellation(BaseModel):
    """`occurrence`: the start of the one that is called off; without it, everything from now on is."""

    model_config = ConfigDict(extra="forbid")

    occurrence: Instant | None = None
    reason: Annotated[str, Field(max_length=MOST_REASON)] = ""


def _render(_session: Session, rows: Sequence[MaintenanceRow]) -> list[Document]:
    return [_document(each) for each in rows]


def _document(each: MaintenanceRow) -> dict[str, Any]:
    return columns(each) | {"scopes": [{"kind": scope.kind, "name": scope.name} for scope in each.scopes]}


WINDOWS = Listing(
    MaintenanceRow,
    _render,
    texts={
        "id": MaintenanceRow.id,
        "created_by": MaintenanceRow.created_by,
        "reason": MaintenanceRow.reason,
        "cancelled": case((MaintenanceRow.cancelled_at.is_(None), "false"), else_="true"),
        "over": case(
            (or_(MaintenanceRow.cancelled_at.is_not(None), MaintenanceRow.until <= func.current_timestamp()), "true"),
            else_="false",
        ),
    },
    instants={
        "start": MaintenanceRow.start,
        "end": MaintenanceRow.end,
        "until": MaintenanceRow.until,
        "created_at": MaintenanceRow.created_at,
    },
    order=(MaintenanceRow.start.desc(), MaintenanceRow.id.desc()),
    key=MaintenanceRow.id,
    shape=MAINTENANCE,
)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List the calendar, the latest first", 206, answer=MAINTENANCE))
def list_maintenance(request: Request, parts: PartsOf) -> Response:
    """E.g. `?over=false` for what goes on or is to come. `until`: when the last occurrence ends; null for a rule without an end."""
    return list_answer(request, parts, WINDOWS)


@router.get(
    "/calendar.ics",
    dependencies=[needs(Role.VIEWER)],
    **described("The calendar for a calendar program (RFC 5545)", answer=CALENDAR),
)
def export_maintenance(parts: PartsOf) -> Response:
    """What is not cancelled, rules and all."""
    with parts.database.read() as session:
        rows = session.scalars(select(MaintenanceRow).order_by(MaintenanceRow.start, MaintenanceRow.id)).all()
        text = calendar_of(rows, parts.clock.now())
    return Response(text, media_type=CALENDAR)


@router.get("/{maintenance_id}", dependencies=[needs(Role.VIEWER)], **described("Show one entry", 404, answer=MAINTENANCE))
def show_maintenance(request: Request, parts: PartsOf, maintenance_id: str) -> Response:
    return one_answer(request, parts, WINDOWS, maintenance_id)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Role.OPERATOR)],
    **described("Announce maintenance", 404, *WRITES, answer=MAINTENANCE, body=MaintenanceEntry, example=_EXAMPLE),
)
def add_maintenance(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """One that has begun already is kept as a record; what it covers is not taken out of any agreed time."""
    wanted = read_model(MaintenanceEntry, body.data)
    new = NewMaintenance(
        wanted.start,
        wanted.end,
        wanted.reason,
        tuple(Scope(each.kind, each.name) for each in wanted.scopes),
        wanted.rule,
        wanted.time_zone,
        wanted.notice_at,
    )

    def work(session: Session, at: datetime) -> Answer:
        document = _document(maintenance.announce(session, new, at, by=actor.name))
        record(session, actor, "announce", f"maintenance {document['id']}", at, after=document)
        return Answer(HTTPStatus.CREATED, document, {"Location": f"{ROOT}/maintenance/{document['id']}"})

    return once(request, parts, actor, body, work)


@router.post(
    "/{maintenance_id}/cancel",
    dependencies=[needs(Role.OPERATOR)],
    **described("Cancel maintenance", 404, *WRITES, answer=MAINTENANCE, body=Cancellation, example={"reason": "postponed"}),
)
def cancel_maintenance(request: Request, parts: PartsOf, actor: ActorOf, maintenance_id: str, body: BodyOf) -> Response:
    """From now on, or one occurrence before it begins. What has been stays in the calendar."""
    wanted = read_model(Cancellation, body.data)

    def work(session: Session, at: datetime) -> Answer:
        if session.get(MaintenanceRow, maintenance_id) is None:
            raise NotFound("notFound", f"there is no maintenance {maintenance_id!r}; list them at {router.prefix}")
        if wanted.occurrence is None:
            row = maintenance.cancel(session, maintenance_id, at, by=actor.name, reason=wanted.reason)
        else:
            row = maintenance.skip(session, maintenance_id, wanted.occurrence, at)
        document = _document(row)
        record(session, actor, "cancel", f"maintenance {maintenance_id}", at, after=document)
        return Answer(HTTPStatus.OK, document)

    return once(request, parts, actor, body, work)
