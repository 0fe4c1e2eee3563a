"""Objectives by period: what was judged, what was missed, and the credits that were granted for it."""

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from agent.api.access import needs
from agent.api.answers import list_answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import whole
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import named, row
from agent.assurance.tables import ObjectiveResultRow
from agent.security.roles import Role
from crm_bridge.tables import CreditRow, CustomerRow, ViolationRow

router = APIRouter(prefix=ROOT, tags=["Objectives and credits"])

CREDIT = named("Credit", row(CreditRow))
VIOLATION = named("Violation", row(ViolationRow))
OBJECTIVE = named("Objective", row(ObjectiveResultRow))

_OF_CREDIT = select(CustomerRow.account_number).where(CustomerRow.id == CreditRow.customer_id).scalar_subquery()

CREDITS = Listing(
    CreditRow,
    whole,
    texts={"id": CreditRow.id, "service_id": CreditRow.service_id, "rule": CreditRow.rule, "account_number": _OF_CREDIT},
    instants={"period_start": CreditRow.period_start, "period_end": CreditRow.period_end, "granted_at": CreditRow.granted_at},
    order=(CreditRow.granted_at.desc(), CreditRow.id.desc()),
    key=CreditRow.id,
    shape=CREDIT,
)
VIOLATIONS = Listing(
    ViolationRow,
    whole,
    texts={"id": ViolationRow.id, "service_id": ViolationRow.service_id, "rule": ViolationRow.rule},
    instants={"period_start": ViolationRow.period_start, "period_end": ViolationRow.period_end, "found_at": ViolationRow.found_at},
    order=(ViolationRow.found_at.desc(), ViolationRow.id.desc()),
    key=ViolationRow.id,
    shape=VIOLATION,
)


OBJECTIVES = Listing(
    ObjectiveResultRow,
    whole,
    texts={"id": ObjectiveResultRow.id, "service_id": ObjectiveResultRow.service_id, "rule": ObjectiveResultRow.rule},
    instants={"period_start": ObjectiveResultRow.period_start, "period_end": ObjectiveResultRow.period_end},
    order=(ObjectiveResultRow.period_start.desc(), ObjectiveResultRow.id.desc()),
    key=ObjectiveResultRow.id,
    shape=OBJECTIVE,
)


@router.get("/credits", dependencies=[needs(Role.VIEWER)], **described("List credits, the latest first", 206, answer=CREDIT))
def list_credits(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, CREDITS)


@router.get(
    "/violations",
    dependencies=[needs(Role.VIEWER)],
    **described("List objectives that were missed, the latest first", 206, answer=VIOLATION),
)
def list_violations(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, VIOLATIONS)


@router.get(
    "/objectives", dependencies=[needs(Role.VIEWER)], **described("List judged periods, the latest first", 206, answer=OBJECTIVE)
)
def list_objectives(request: Request, parts: PartsOf) -> Response:
    """Kept and missed ones alike, each with what was measured and what is unknown."""
    return list_answer(request, parts, OBJECTIVES)
