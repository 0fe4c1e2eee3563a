"""TMF641 Service Ordering 4.1."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, one_answer
from agent.api.body import BodyOf
from agent.api.idempotency import Answer, Attempt, perform
from agent.api.listing import Listing
from agent.api.openapi import ORDER_EXAMPLE, TAG_ORDERING, described
from agent.api.parts import Parts, PartsOf
from agent.api.prefer import APPLIED, PLAN_ONLY, prefers
from agent.api.query import Document
from agent.api.tmf.order_request import Order, in_tmf_terms, read_order
from agent.api.tmf.paths import SERVICE_ORDERING
from agent.api.tmf.plan_only import ORDER_OR_PLAN, planned_order
from agent.api.tmf.presenter import service_order
from agent.api.tmf.shapes import SERVICE_ORDER
from agent.fulfillment.errors import OrderRefused
from agent.fulfillment.requests import OrderRequest
from agent.fulfillment.tables import OrderRow
from agent.security.audit import record
from agent.security.roles import Role

router = APIRouter(prefix=SERVICE_ORDERING, tags=[TAG_ORDERING])


def _render(_session: Session, rows: Sequence[OrderRow]) -> list[Document]:
    return [service_order(row) for row in rows]


ORDERS = Listing(
    OrderRow,
    _render,
    texts={"id": OrderRow.id, "state": OrderRow.state, "externalId": OrderRow.external_id},
    instants={"orderDate": OrderRow.order_date, "startDate": OrderRow.started_at, "completionDate": OrderRow.completed_at},
    order=(OrderRow.order_date, OrderRow.id),
    key=OrderRow.id,
)


@router.post(
    "/serviceOrder",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Place an order", 200, 408, 409, 413, 415, 422, answer=ORDER_OR_PLAN, body=Order, example=ORDER_EXAMPLE),
)
def create_order(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """Nothing is stored when it is refused; once it is answered it will be carried out, whatever happens to the daemon.

    With `Prefer: plan-only` it is not placed: 200 with the order as it would be, and in `planPreview` what it would take, change
    and touch, with the native payload of each element. Nothing is stored, held or sent then.
    """
    at = parts.clock.now()
    order = read_order(body.data, actor.correlation_id)
    if prefers(request, PLAN_ONLY):
        return _planned(parts, order, body.data)

    def place(session: Session) -> Answer:
        try:
            placed = parts.fulfilment.place(session, order, actor.name, at)
        except OrderRefused as error:
            raise in_tmf_terms(error, body.data) from error
        document = service_order(placed.order)
        if placed.new:
            record(session, actor, "place", f"order {placed.order.id}", at, after=document)
        return Answer(HTTPStatus.CREATED, document, {"Location": document["href"]})

    return perform(parts.database, Attempt.of(request, actor.name, body.raw), at, place).response()


def _planned(parts: Parts, order: OrderRequest, body: Mapping[str, Any]) -> Response:
    try:
        preview = parts.fulfilment.plan_only(order)
    except OrderRefused as error:
        raise in_tmf_terms(error, body) from error
    return JSONResponse(planned_order(body, preview), headers={APPLIED: PLAN_ONLY})


@router.get("/serviceOrder", dependencies=[needs(Role.VIEWER)], **described("List orders", 206, answer=SERVICE_ORDER))
def list_orders(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, ORDERS)


@router.get("/serviceOrder/{order_id}", dependencies=[needs(Role.VIEWER)], **described("Show one order", 404, answer=SERVICE_ORDER))
def show_order(request: Request, parts: PartsOf, order_id: str) -> Response:
    return one_answer(request, parts, ORDERS, order_id)
