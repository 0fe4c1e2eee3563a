"""Time that no objective counts: force majeure, and what the customer brought about."""

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
from agent.api.errors import BadRequest
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, whole
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.shapes import named, row
from agent.assurance.levels.sla import judged_until
from agent.security.audit import record
from agent.security.roles import Role
from crm_bridge.exclusions import MOST_REASON, Kind, NewExclusion, exclude, withdraw
from crm_bridge.tables import ExclusionRow
from policies.values import Interval

router = APIRouter(prefix=f"{ROOT}/exclusions", tags=["Objectives and credits"])

EXCLUSION = named("Exclusion", row(ExclusionRow))


class ExclusionEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    service_id: Annotated[str, Field(min_length=1, max_length=255)]
    kind: Kind
    start: Instant
    end: Instant
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON)]


EXCLUSIONS = Listing(
    ExclusionRow,
    whole,
    texts={
        "id": ExclusionRow.id,
        "service_id": ExclusionRow.service_id,
        "kind": ExclusionRow.kind,
        "author": ExclusionRow.author,
        "withdrawn": case((ExclusionRow.withdrawn_at.is_(None), "false"), else_="true"),
    },
    instants={"start": ExclusionRow.start, "end": ExclusionRow.end, "created_at": ExclusionRow.created_at},
    order=(ExclusionRow.start.desc(), ExclusionRow.id.desc()),
    key=ExclusionRow.id,
    shape=EXCLUSION,
)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List excused time, the latest first", 206, answer=EXCLUSION))
def list_exclusions(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, EXCLUSIONS)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Role.PROVISIONER)],
    **described(
        "Excuse time of a service",
        404,
        *WRITES,
        answer=EXCLUSION,
        body=ExclusionEntry,
        example={
            "service_id": "svc-01",
            "kind": "forceMajeure",
            "start": "2031-01-12T01:00:00Z",
            "end": "2031-01-12T09:00:00Z",
            "reason": "Flood in the whole valley",
        },
    ),
)
def add_exclusion(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """No objective counts it: neither as agreed time nor as downtime. Periods that have been judged stay as they are."""
    wanted = read_model(ExclusionEntry, body.data)
    if wanted.end <= wanted.start:
        raise BadRequest("invalidValue", "the excused time ends before it starts; give an end after the start", pointer="/end")
    new = NewExclusion(wanted.service_id, wanted.kind, Interval(wanted.start, wanted.end), wanted.reason)

    def work(session: Session, at: datetime) -> Answer:
        document = columns(exclude(session, new, at, by=actor.name, judged_until=judged_until))
        record(session, actor, "exclude", f"service {new.service_id}", at, after=document)
        return Answer(HTTPStatus.CREATED, document, {"Location": f"{ROOT}/exclusions?id={document['id']}"})

    return once(request, parts, actor, body, work)


@router.post(
    "/{exclusion_id}/withdraw",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Let excused time count again", 404, 409, 422, answer=EXCLUSION),
)
def withdraw_exclusion(request: Request, parts: PartsOf, actor: ActorOf, exclusion_id: str) -> Response:
    """Time of periods that have been judged stays excused: when some of it is, the exclusion ends there instead."""

    def work(session: Session, at: datetime) -> Answer:
        document = columns(withdraw(session, exclusion_id, at, by=actor.name, judged_until=judged_until))
        record(session, actor, "withdraw", f"exclusion {exclusion_id}", at, after=document)
        return Answer(HTTPStatus.OK, document)

    return once(request, parts, actor, None, work)
