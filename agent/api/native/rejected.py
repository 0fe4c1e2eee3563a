"""Usage that could not be charged: tried again, as it is or for the service that a person names."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import once
from agent.api.body import BodyOf, read_model
from agent.api.idempotency import Answer
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns
from agent.api.openapi import TAG_USAGE, WRITES, described
from agent.api.parts import PartsOf
from agent.api.shapes import named, row
from agent.security.audit import record
from agent.security.roles import Role
from crm_bridge.tables import UsageRecordRow
from crm_bridge.usage import recycle

router = APIRouter(prefix=f"{ROOT}/usage", tags=[TAG_USAGE])

USAGE_RECORD = named("UsageRecord", row(UsageRecordRow))


class Recycling(BaseModel):
    """`service`: whose usage it is; as it was when that is left out."""

    model_config = ConfigDict(extra="forbid")

    service: Annotated[str | None, Field(min_length=1, max_length=100)] = None


@router.post(
    "/{usage_id}/recycle",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Try rejected usage again", 404, 409, *WRITES, answer=USAGE_RECORD, body=Recycling, example={}),
)
def recycle_usage(request: Request, parts: PartsOf, actor: ActorOf, usage_id: str, body: BodyOf) -> Response:
    """`guided`: it goes on the customer's next bill, however old it is. `rejected` once more: `status_reason` says why."""
    wanted = read_model(Recycling, body.data)

    def work(session: Session, at: datetime) -> Answer:
        done = columns(recycle(session, usage_id, service_id=wanted.service))
        told = {name: done[name] for name in ("service_id", "customer_id", "status", "status_reason")}
        record(session, actor, "recycle", f"usage {usage_id}", at, after=told)
        return Answer(HTTPStatus.OK, done)

    return once(request, parts, actor, body, work)
