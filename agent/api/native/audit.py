"""Who changed what."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import whole
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import TEXT, closed, named, row
from agent.security.roles import Role
from agent.security.tables import AuditRow

router = APIRouter(prefix=ROOT, tags=["Security"])

CHANGE = named("AuditedChange", row(AuditRow))
CALLER = named("Caller", closed(name=TEXT, role=TEXT, source=TEXT))

AUDIT = Listing(
    AuditRow,
    whole,
    texts={
        "id": AuditRow.id,
        "actor": AuditRow.actor,
        "role": AuditRow.role,
        "source": AuditRow.source,
        "action": AuditRow.action,
        "object": AuditRow.object,
        "correlation_id": AuditRow.correlation_id,
    },
    instants={"at": AuditRow.at},
    order=(AuditRow.at.desc(), AuditRow.id.desc()),
    key=AuditRow.id,
    shape=CHANGE,
)


@router.get("/audit", dependencies=[needs(Role.ADMIN)], **described("List changes, the latest first", 206, answer=CHANGE))
def list_audit(request: Request, parts: PartsOf) -> Response:
    """Who, what, when, from where, before and after."""
    return list_answer(request, parts, AUDIT)


@router.get("/me", dependencies=[needs(Role.VIEWER)], **described("Say who calls", answer=CALLER))
def who_calls(actor: ActorOf) -> Response:
    return JSONResponse({"name": actor.name, "role": actor.role, "source": actor.source})
