"""How an order is carried out, element by element, and what one would do if it were placed."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, once
from agent.api.body import BodyOf, JsonBody, read_model
from agent.api.errors import NotFound
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, plain
from agent.api.native.words import Note
from agent.api.openapi import ORDER_EXAMPLE, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.query import Document
from agent.api.shapes import TEXTS, many, named, row, value
from agent.api.tmf.order_request import Order, in_tmf_terms, read_order
from agent.api.tmf.service_change import with_own_values
from agent.fulfillment.errors import OrderRefused
from agent.fulfillment.preview import Preview
from agent.fulfillment.states import PlanState
from agent.fulfillment.tables import OrderRow, PlanRow
from agent.fulfillment.views import PlanView, plan_view, plan_views
from agent.security.audit import Actor, record
from agent.security.roles import Role

router = APIRouter(prefix=ROOT, tags=["Plans"])

PLAN = named("Plan", row(PlanRow, "readings", elements=TEXTS))
PLAN_VIEW = named("PlanView", value(PlanView))
PREVIEW = named("Preview", value(Preview))


def _render(_session: Session, rows: Sequence[PlanRow]) -> list[Document]:
    return [columns(row, "readings") | {"elements": [change.element for change in row.change_sets]} for row in rows]


PLANS = Listing(
    PlanRow,
    _render,
    texts={
        "id": PlanRow.id,
        "order_id": PlanRow.order_id,
        "purpose": PlanRow.purpose,
        "state": PlanRow.state,
        "decision": PlanRow.decision,
        "approval": PlanRow.approval,
        "waits": PlanRow.waits,
    },
    instants={
        "created_at": PlanRow.created_at,
        "started_at": PlanRow.started_at,
        "deadline": PlanRow.deadline,
        "finished_at": PlanRow.finished_at,
        "waits_until": PlanRow.waits_until,
    },
    order=(PlanRow.created_at.desc(), PlanRow.id.desc()),
    key=PlanRow.id,
    shape=PLAN,
    words={"state": [*PlanState]},
)


@router.get("/plans", dependencies=[needs(Role.VIEWER)], **described("List plans, the latest first", 206, answer=PLAN))
def list_plans(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, PLANS)


@router.get(
    "/plans/{plan_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one plan with its payloads and timeline", 404, answer=PLAN_VIEW),
)
def show_plan(parts: PartsOf, plan_id: str) -> Response:
    """Phase by phase: element, milliseconds, what was sent in the element's own language, and what it answered."""
    with parts.database.read() as session:
        return JSONResponse(plain(plan_view(session, plan_id)))


_DECIDING = (404, *WRITES)


@router.post(
    "/plans/{plan_id}/approve",
    dependencies=[needs(Role.OPERATOR)],
    **described("Approve a plan", *_DECIDING, answer=PLAN, body=Note, example={"note": "agreed with the NOC"}),
)
def approve_plan(request: Request, parts: PartsOf, actor: ActorOf, plan_id: str, body: BodyOf) -> Response:
    """It begins as soon as nothing else keeps it. Approved again, nothing happens."""
    return _decided(request, parts, actor, plan_id, body, approved=True)


@router.post(
    "/plans/{plan_id}/reject",
    dependencies=[needs(Role.OPERATOR)],
    **described("Reject a plan", *_DECIDING, answer=PLAN, body=Note, example={"note": "the site closes next week"}),
)
def reject_plan(request: Request, parts: PartsOf, actor: ActorOf, plan_id: str, body: BodyOf) -> Response:
    """Its items fail with the note, and everything they were given is given back."""
    return _decided(request, parts, actor, plan_id, body, approved=False)


def _decided(request: Request, parts: Parts, actor: Actor, plan_id: str, body: JsonBody, *, approved: bool) -> Response:
    note = read_model(Note, body.data).note
    decide = parts.fulfilment.approve if approved else parts.fulfilment.reject

    def work(session: Session, at: datetime) -> Answer:
        row = decide(session, plan_id, at, by=actor.name, note=note)
        if row.approved_at == at:
            said = {"approval": row.approval, "note": note}
            action = "approve" if approved else "reject"
            record(session, actor, action, f"plan {plan_id}", at, before={"approval": "required"}, after=said)
        return Answer(HTTPStatus.OK, _render(session, [row])[0])

    return once(request, parts, actor, body, work)


@router.get(
    "/orders/{order_id}/plans",
    dependencies=[needs(Role.VIEWER)],
    **described("Show the plans of an order", 404, answer=many(PLAN_VIEW)),
)
def show_plans(parts: PartsOf, order_id: str) -> Response:
    with parts.database.read() as session:
        if session.get(OrderRow, order_id) is None:
            raise NotFound("notFound", f"there is no order {order_id!r}; list them with `fabd order list`")
        return JSONResponse(plain(plan_views(session, order_id)))


@router.post(
    "/orders/plan",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Say what an order would do", 408, 409, 413, 415, answer=PREVIEW, body=Order, example=ORDER_EXAMPLE),
)
def preview_order(parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """Takes what `POST serviceOrder` takes; answers the values it would be given and what each element would be sent.

    Nothing is kept and nothing is sent.
    """
    order = read_order(body.data, actor.correlation_id)
    with parts.database.read() as session:
        whole = with_own_values(session, order)
    try:
        return JSONResponse(plain(parts.fulfilment.plan_only(whole)))
    except OrderRefused as error:
        raise in_tmf_terms(error, body.data) from error
