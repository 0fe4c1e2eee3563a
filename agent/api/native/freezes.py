"""The change-freeze calendar: when no plan begins to change the network."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, once
from agent.api.body import BodyOf, Instant, read_model
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, whole
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.shapes import named, row
from agent.fulfillment.freezes import MOST_REASON, NewFreeze
from agent.fulfillment.tables import FreezeRow
from agent.security.audit import record
from agent.security.roles import Role

router = APIRouter(prefix=f"{ROOT}/freezes", tags=["Change freezes"])

FREEZE = named("Freeze", row(FreezeRow))


class Freeze(BaseModel):
    """`urgent_passes`: orders of the most urgent priority go on all the same."""

    model_config = ConfigDict(extra="forbid")

    start: Instant | None = None
    """Now when it is left out."""
    end: Instant
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON)]
    urgent_passes: bool = False


FREEZES = Listing(
    FreezeRow,
    whole,
    texts={
        "id": FreezeRow.id,
        "reason": FreezeRow.reason,
        "created_by": FreezeRow.created_by,
        "ended_by": FreezeRow.ended_by,
        "urgent_passes": case((FreezeRow.urgent_passes, "true"), else_="false"),
    },
    instants={"start": FreezeRow.start, "end": FreezeRow.end, "created_at": FreezeRow.created_at},
    order=(FreezeRow.start.desc(), FreezeRow.id.desc()),
    key=FreezeRow.id,
    shape=FREEZE,
)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List change freezes, the latest first", 206, answer=FREEZE))
def list_freezes(request: Request, parts: PartsOf) -> Response:
    """E.g. `?end.gt=2026-12-24T00:00:00Z` for those that go on or are to come. Weekly ones stand in the settings."""
    return list_answer(request, parts, FREEZES)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Role.OPERATOR)],
    **described(
        "Announce a change freeze",
        *WRITES,
        answer=FREEZE,
        body=Freeze,
        example={"start": "2030-12-20T18:00:00Z", "end": "2031-01-03T06:00:00Z", "reason": "Year's end"},
    ),
)
def add_freeze(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """No plan begins in that time; what has begun goes on, and what only takes away is never held back."""
    wanted = read_model(Freeze, body.data)

    def work(session: Session, at: datetime) -> Answer:
        new = NewFreeze(wanted.start or at, wanted.end, wanted.reason, wanted.urgent_passes)
        document = columns(parts.fulfilment.add_freeze(session, new, at, by=actor.name))
        record(session, actor, "add", f"freeze {document['id']}", at, after=document)
        return Answer(HTTPStatus.CREATED, document, {"Location": f"{ROOT}/freezes/{document['id']}"})

    return once(request, parts, actor, body, work)


@router.post(
    "/{freeze_id}/end",
    dependencies=[needs(Role.OPERATOR)],
    **described("End a change freeze", 404, 409, 422, answer=FREEZE),
)
def end_freeze(request: Request, parts: PartsOf, actor: ActorOf, freeze_id: str) -> Response:
    """At once, or before it begins. The plans that it held back begin."""

    def work(session: Session, at: datetime) -> Answer:
        document = columns(parts.fulfilment.end_freeze(session, freeze_id, at, by=actor.name))
        record(session, actor, "end", f"freeze {freeze_id}", at, after=document)
        return Answer(HTTPStatus.OK, document)

    return once(request, parts, actor, None, work)
