"""TMF641 Service Ordering 4.1."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, actor, needs
from agent.api.answers import GONE, changed, created, list_answer, missing, once, once_in_company, one_answer
from agent.api.body import BodyOf, json_body
from agent.api.errors import BadRequest, Conflict
from agent.api.etag import require_match
from agent.api.idempotency import Answer
from agent.api.lean import Lean
from agent.api.listing import Listing
from agent.api.openapi import DELETES, ORDER_EXAMPLE, PATCHES, TAG_ORDERING, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.parts import parts as parts_of
from agent.api.patch import PatchRules, merged, patched
from agent.api.prefer import APPLIED, PLAN_ONLY, prefers
from agent.api.query import Document
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import refuse_odd_types
from agent.api.tmf.order_request import Order, in_tmf_terms, read_amendment, read_order
from agent.api.tmf.paths import SERVICE_ORDERING
from agent.api.tmf.plan_only import ORDER_OR_PLAN, planned_order
from agent.api.tmf.presenter import service_order
from agent.api.tmf.service_change import with_own_values
from agent.api.tmf.shapes import SERVICE_ORDER
from agent.fulfillment.cancellation import CancelRequest
from agent.fulfillment.errors import OrderRefused
from agent.fulfillment.requests import OrderRequest
from agent.fulfillment.states import FINAL, ItemState
from agent.fulfillment.tables import OrderRow
from agent.security.audit import Actor, record
from agent.security.roles import Role

router = APIRouter(prefix=SERVICE_ORDERING, tags=[TAG_ORDERING])

_CALLED_OFF = "cancelled"
_RULES = PatchRules(
    server_set=frozenset(
        {"orderDate", "startDate", "completionDate", "expectedCompletionDate", "cancellationDate"}
        | {"errorMessage", "milestone", "jeopardyAlert"}
    ),
    transitions={state: () if state in FINAL else (_CALLED_OFF,) for state in ItemState},
    required=frozenset({"state", "relatedParty"}),
)
"""What a client may do to a state is to cancel; every other step is fulfilment's."""
LARGE = 16 * 1024
"""Octets of a body that is not read in the event loop, where everybody else would wait for it."""
PATCH_EXAMPLE = {"description": "Acme, head office, second floor", "priority": "1"}


def _render(_session: Session, rows: Sequence[OrderRow]) -> list[Document]:
    return [service_order(row) for row in rows]


ORDERS = Listing(
    OrderRow,
    _render,
    texts={"id": OrderRow.id, "state": OrderRow.state, "externalId": OrderRow.external_id},
    instants={
        "orderDate": OrderRow.order_date,
        "startDate": OrderRow.started_at,
        "completionDate": OrderRow.completed_at,
        "expectedCompletionDate": OrderRow.expected_completion,
    },
    order=(OrderRow.order_date, OrderRow.id),
    key=OrderRow.id,
    shape=SERVICE_ORDER,
    words={"state": [*ItemState]},
)


async def create_order(request: Request) -> Response:
    """Nothing is stored when it is refused; once it is answered it will be carried out, whatever happens to the daemon.

    With `Prefer: plan-only` it is not placed: 200 with the order as it would be, and in `planPreview` what it would take, change
    and touch, with the native payload of each element. Nothing is stored, held or sent then.
    """
    parts, client, body = parts_of(request), actor(request), await json_body(request)
    if len(body.raw) > LARGE:
        order = await run_in_threadpool(read_order, body.data, client.correlation_id)
    else:
        order = read_order(body.data, client.correlation_id)
    if prefers(request, PLAN_ONLY):
        return await run_in_threadpool(_planned, parts, order, body.data)
    return await once_in_company(
        request, parts, client, body, lambda session, at: _place(session, parts, order, body.data, client, at)
    )


router.add_api_route(
    "/serviceOrder",
    create_order,
    methods=["POST"],
    route_class_override=Lean,
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Place an order", 200, *WRITES, answer=ORDER_OR_PLAN, body=Order, example=ORDER_EXAMPLE),
)


def _place(session: Session, parts: Parts, order: OrderRequest, body: Document, actor: Actor, at: datetime) -> Answer:  # noqa: PLR0917  the order with who, where and when
    try:
        placed = parts.fulfilment.place(session, with_own_values(session, order), actor.name, at)
    except OrderRefused as error:
        raise in_tmf_terms(error, body) from error
    document = service_order(placed.order)
    if placed.new:
        record(session, actor, "place", f"order {placed.order.id}", at, after=document)
    return created(document)


def _planned(parts: Parts, order: OrderRequest, body: Mapping[str, Any]) -> Response:
    with parts.database.read() as session:
        whole = with_own_values(session, order)
    try:
        preview = parts.fulfilment.plan_only(whole)
    except OrderRefused as error:
        raise in_tmf_terms(error, body) from error
    return JSONResponse(planned_order(body, preview), headers={APPLIED: PLAN_ONLY})


@router.get("/serviceOrder", dependencies=[needs(Role.VIEWER)], **described("List orders", 206, answer=SERVICE_ORDER))
def list_orders(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, ORDERS)


@router.get("/serviceOrder/{order_id}", dependencies=[needs(Role.VIEWER)], **described("Show one order", 404, answer=SERVICE_ORDER))
def show_order(request: Request, parts: PartsOf, order_id: str) -> Response:
    return one_answer(request, parts, ORDERS, order_id)


@router.patch(
    "/serviceOrder/{order_id}",
    dependencies=[needs(Role.PROVISIONER)],
    **described(
        "Change what was said of an order, or cancel it", *PATCHES, answer=SERVICE_ORDER, patch=True, example=PATCH_EXAMPLE
    ),
)
def change_order(request: Request, parts: PartsOf, actor: ActorOf, order_id: str, body: BodyOf) -> Response:
    """Dates and priority only before it begins. The state `cancelled` is a cancellation as by `cancelServiceOrder`; its reason may
    stand beside it in `cancellationReason`.
    """

    def work(session: Session, at: datetime) -> Answer:
        row = session.get(OrderRow, order_id, with_for_update=True)  # what is matched is what is changed
        if row is None:
            raise missing(request, order_id)
        before = service_order(row)
        require_match(request, before)
        _check(before, body.data)
        _amend(session, parts, row, body.data, at)
        if body.data.get("state", row.state) != row.state:
            reason = str(body.data.get("cancellationReason", ""))
            parts.fulfilment.cancel(session, CancelRequest(order_id, reason), actor.name, at)
            session.flush()
        after = service_order(row)
        record(session, actor, "change", f"order {order_id}", at, before=before, after=after)
        return changed(after)

    return once(request, parts, actor, body, work)


def _check(order: Document, patch: Mapping[str, Any]) -> None:
    refuse_odd_types(patch)
    if "serviceOrderItem" in patch:
        message = f"the items of {order['id']} are settled; cancel it and order anew, or order the change of its services"
        raise Conflict("itemsSettled", message, pointer="/serviceOrderItem")
    patched(order, patch, _RULES)
    if "cancellationReason" in patch and patch.get("state") != _CALLED_OFF:
        raise BadRequest(
            "attributeNotChangeable", "a reason is given with the state cancelled, not alone", pointer="/cancellationReason"
        )


def _amend(session: Session, parts: Parts, row: OrderRow, patch: Mapping[str, Any], at: datetime) -> None:
    said = {key: value for key, value in patch.items() if key not in {"state", "cancellationReason"}}
    if said:
        parts.fulfilment.amend(session, row.id, read_amendment(merged(row.document, said), row.customer), at)


@router.delete(
    "/serviceOrder/{order_id}",
    dependencies=[needs(Role.ADMIN)],
    status_code=HTTPStatus.NO_CONTENT,
    **described("Forget an order that has ended", *DELETES),
)
def delete_order(request: Request, parts: PartsOf, actor: ActorOf, order_id: str) -> Response:
    """With its plans and their journal; the services stay what they are. What has not ended is to be cancelled first."""

    def work(session: Session, at: datetime) -> Answer:
        row = session.get(OrderRow, order_id, with_for_update=True)
        if row is None:
            raise missing(request, order_id)
        before = service_order(row)
        require_match(request, before)
        parts.fulfilment.remove(session, order_id, at)
        record(session, actor, "delete", f"order {order_id}", at, before=before)
        return GONE

    return once(request, parts, actor, None, work)


hub_routes(
    router,
    Hub(
        SERVICE_ORDERING,
        {
            "serviceOrder": (
                *("Create", "AttributeValueChange", "StateChange", "Delete", "InformationRequired"),
                *("Milestone", "Jeopardy"),
            ),
            "cancelServiceOrder": ("Create", "StateChange", "InformationRequired"),
        },
    ),
)
