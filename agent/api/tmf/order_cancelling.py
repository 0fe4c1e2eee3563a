"""TMF641 4.1's CancelServiceOrder: a request to cancel an order, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import created, list_answer, once, one_answer
from agent.api.body import BodyOf, Instant, read_model
from agent.api.errors import BadRequest
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.openapi import TAG_ORDERING, WRITES, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.tmf.open import Open, Text, refuse_odd_types
from agent.api.tmf.paths import SERVICE_ORDERING
from agent.api.tmf.presenter import order_cancellation
from agent.api.tmf.shapes import CANCELLATION
from agent.fulfillment.cancellation import CancelRequest
from agent.fulfillment.errors import Missing
from agent.fulfillment.tables import OrderCancellationRow
from agent.security.audit import record
from agent.security.roles import Role

router = APIRouter(prefix=SERVICE_ORDERING, tags=[TAG_ORDERING])

SERVER_SET = frozenset({"id", "href", "state", "effectiveCancellationDate", "completionMessage", "errorMessage"})
EXAMPLE = {"serviceOrder": {"id": "ord-01m800ansdgpv1h4ymjn"}, "cancellationReason": "The customer moved elsewhere"}


class _Order(Open):
    id: Text


class Cancel(Open):
    """What is read of TMF641's CancelServiceOrder_Create."""

    service_order: _Order
    cancellation_reason: Annotated[str, Field(max_length=2000)] | None = None
    requested_cancellation_date: Instant | None = None


def _render(_session: Session, rows: Sequence[OrderCancellationRow]) -> list[Document]:
    return [order_cancellation(row) for row in rows]


CANCELLATIONS = Listing(
    OrderCancellationRow,
    _render,
    texts={
        "id": OrderCancellationRow.id,
        "state": OrderCancellationRow.state,
        "serviceOrder.id": OrderCancellationRow.order_id,
    },
    instants={
        "requestedCancellationDate": OrderCancellationRow.requested_at,
        "effectiveCancellationDate": OrderCancellationRow.effective_at,
    },
    order=(OrderCancellationRow.created_at, OrderCancellationRow.id),
    key=OrderCancellationRow.id,
    shape=CANCELLATION,
)


@router.post(
    "/cancelServiceOrder",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Cancel an order", *WRITES, answer=CANCELLATION, body=Cancel, example=EXAMPLE),
)
def create_cancellation(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """At once, or on `requestedCancellationDate`. What has begun is undone; what has been completed is taken back by an order."""
    refuse_odd_types(body.data)
    sent = read_model(Cancel, body.data)
    wanted = CancelRequest(
        sent.service_order.id,
        sent.cancellation_reason or "",
        sent.requested_cancellation_date,
        {key: value for key, value in body.data.items() if key not in SERVER_SET},
    )

    def work(session: Session, at: datetime) -> Answer:
        try:
            row = parts.fulfilment.cancel(session, wanted, actor.name, at)
        except Missing as error:
            unknown = f"there is no order {wanted.order_id!r}; list them at {SERVICE_ORDERING}/serviceOrder"
            raise BadRequest("unknownOrder", unknown, pointer="/serviceOrder/id") from error
        document = order_cancellation(row)
        record(session, actor, "cancel", f"order {wanted.order_id}", at, after=document)
        return created(document)

    return once(request, parts, actor, body, work)


@router.get("/cancelServiceOrder", dependencies=[needs(Role.VIEWER)], **described("List cancellations", 206, answer=CANCELLATION))
def list_cancellations(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, CANCELLATIONS)


@router.get(
    "/cancelServiceOrder/{cancellation_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one cancellation", 404, answer=CANCELLATION),
)
def show_cancellation(request: Request, parts: PartsOf, cancellation_id: str) -> Response:
    return one_answer(request, parts, CANCELLATIONS, cancellation_id)
