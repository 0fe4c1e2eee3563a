"""Cancelling an order (TMF641 CancelServiceOrder): before it begins, while it is carried out, and not any more when it has ended.

What has changed nothing yet is called off at once. A plan that a worker has in hand notices at its next point: before its decision
it reverts, after it it ends as decided. When every item has ended, what was completed is undone by an order of fabd's own, which
takes the same way as every other; when that has ended, the cancellation has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, OrderRefused, Refusal, StateRefused, Superseded
from agent.fulfillment.events import Announcer
from agent.fulfillment.items import by_reference, move, tell
from agent.fulfillment.journal import noted
from agent.fulfillment.locked import locked_order
from agent.fulfillment.orders import OrderDesk
from agent.fulfillment.outcome import CANCEL_WORK, PLAN_WORK, Outcomes
from agent.fulfillment.plan import ENDED, Failure, PlanState
from agent.fulfillment.recovery import untouched
from agent.fulfillment.requests import BUNDLE, FARTHEST, URGENT, ItemRequest, OrderRequest, Related
from agent.fulfillment.states import FINAL, ItemState
from agent.fulfillment.tables import OrderCancellationRow, OrderItemRow, OrderRow, PlanRow
from inventory.db import Database
from inventory.tables import ServiceRow
from inventory.work import Claim, Work, WorkQueue
from policies.values import Clock, new_id

ITSELF = "fabd"
"""Client of the orders that undo others."""


class CancelState(StrEnum):
    """TMF641 TaskStateType."""

    ACCEPTED = "accepted"
    """Its day has not come."""
    IN_PROGRESS = "inProgress"
    DONE = "done"
    TERMINATED = "terminatedWithError"
    """Something of the order stays."""


OPEN = frozenset({CancelState.ACCEPTED, CancelState.IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class CancelRequest:
    order_id: str
    reason: str = ""
    requested_at: datetime | None = None
    """When it is to be cancelled; None: now."""
    document: dict[str, Any] = field(default_factory=dict)
    """What the client sent, to be echoed."""


@dataclass(frozen=True, slots=True)
class Cancellations:
    desk: OrderDesk
    outcomes: Outcomes
    queue: WorkQueue
    announcer: Announcer

    def cancel(self, session: Session, request: CancelRequest, client: str, at: datetime) -> OrderCancellationRow:
        """`Missing`, or `StateRefused` when the order has ended or is being cancelled already."""
        order = locked_order(session, request.order_id)
        if order is None:
            raise Missing("order", request.order_id)
        _refuse_if_too_late(order, request, at)
        self._overtake(session, order, request, at)
        row = OrderCancellationRow(
            id=new_id("can", at),
            order_id=order.id,
            client=client,
            state=CancelState.ACCEPTED,
            reason=request.reason,
            document=request.document,
            requested_at=request.requested_at,
            created_at=at,
            message="",
            errors=[],
            undone_by="",
        )
        session.add(row)
        session.flush()
        self.announcer.cancellation(session, row, order, at, event="Create")
        if request.requested_at is not None and request.requested_at > at:
            self.queue.submit(session, Work(CANCEL_WORK, row.id), at, run_at=request.requested_at)
        else:
            self.begin(session, row, order, at)
        return row

    def _overtake(self, session: Session, order: OrderRow, request: CancelRequest, at: datetime) -> None:
        """A cancellation that waits for its day gives way to one that comes earlier; any other refuses."""
        known = session.scalars(
            select(OrderCancellationRow).where(
                OrderCancellationRow.order_id == order.id, OrderCancellationRow.state.in_([str(state) for state in OPEN])
            )
        ).first()
        if known is None:
            return
        if known.state != CancelState.ACCEPTED or known.requested_at is None or (request.requested_at or at) >= known.requested_at:
            message = f"order {order.id} is being cancelled by {known.id}"
            raise StateRefused(Refusal("beingCancelled", order.id, message, "follow that cancellation"))
        known.errors = [_error("overtaken", f"order {order.id} is to be cancelled earlier than on that day", at)]
        known.message = "another cancellation came first"
        self._move(session, known, order, CancelState.TERMINATED, at)

    def begin(self, session: Session, row: OrderCancellationRow, order: OrderRow, at: datetime) -> None:
        """Call off what has not begun, and let the workers know."""
        order.cancellation_id, order.cancellation_reason = row.id, row.reason
        self._move(session, row, order, CancelState.IN_PROGRESS, at)
        for item in order.items:
            if item.state not in FINAL:
                move(item, ItemState.ASSESSING_CANCELLATION)
        self.outcomes.settle(session, order, at)
        going = select(PlanRow.id).where(PlanRow.order_id == order.id, PlanRow.state.not_in([str(state) for state in ENDED]))
        for plan_id in session.scalars(going).all():
            self.queue.submit(
                session, Work(PLAN_WORK, plan_id), at
            )  # also of what is called off: the worker strikes it off the queue
        for plan in _waiting(session, order):
            self.outcomes.call_off(session, order, plan, at)
            session.add(noted(plan, "cancelled", "; ".join(filter(None, ("the order was cancelled", row.reason))), row.client, at))
        self.outcomes.settle(session, order, at)
        if _all_ended(order) and not _completed(order):
            self._finish(session, row, order, (), at)

    def go_on(self, session: Session, row: OrderCancellationRow, order: OrderRow, at: datetime) -> None:
        """Whatever the cancellation waits for may have come; called again, it does nothing twice."""
        if row.state == CancelState.ACCEPTED:
            self._on_its_day(session, row, order, at)
        elif row.state == CancelState.IN_PROGRESS and _all_ended(order):
            undoing = session.get(OrderRow, row.undone_by) if row.undone_by else None
            if undoing is None:
                self._undo(session, row, order, at)
            elif undoing.state in FINAL:
                self._finish(session, row, order, _taken_over(order, undoing, at), at)

    def _on_its_day(self, session: Session, row: OrderCancellationRow, order: OrderRow, at: datetime) -> None:
        if order.state in FINAL:
            row.errors = [_error("orderEnded", f"order {order.id} was {order.state} before the day had come", at)]
            row.message = "nothing was cancelled"
            self._move(session, row, order, CancelState.TERMINATED, at)
        else:
            self.begin(session, row, order, at)

    def _undo(self, session: Session, row: OrderCancellationRow, order: OrderRow, at: datetime) -> None:
        """Place the order that takes back what was completed; what cannot be taken back stays and is named."""
        wrong = [(item, why) for item in _completed(order) if (why := _irrevocable(session, item))]
        lasting = {item.reference for item, _ in wrong}
        items = [item for item in _completed(order) if item.action != "noChange" and item.reference not in lasting]
        if items:
            try:
                with session.begin_nested():
                    row.undone_by = self.desk.place(session, _undoing(order, items), ITSELF, at, undoes=row.id).order.id
            except OrderRefused as error:
                wrong += [(item, str(error)) for item in items]
            else:
                return
        self._finish(session, row, order, [_stays(item, why, at) for item, why in wrong], at)

    def _finish(
        self, session: Session, row: OrderCancellationRow, order: OrderRow, errors: Sequence[dict[str, str]], at: datetime
    ) -> None:
        for item in _completed(order):
            if item.action == "noChange":
                move(item, ItemState.CANCELLED)
        row.errors = list(errors)
        left = _completed(order)
        if not left:
            row.effective_at = order.cancelled_at = at
            row.message = f"nothing of order {order.id} is left{f'; order {row.undone_by} undid it' if row.undone_by else ''}"
            self._move(session, row, order, CancelState.DONE, at)
        else:
            order.cancellation_id = ""
            row.message = f"of order {order.id} stays: {', '.join(item.reference for item in left)}"
            self._move(session, row, order, CancelState.TERMINATED, at)
        self.outcomes.settle(session, order, at)

    def _move(self, session: Session, row: OrderCancellationRow, order: OrderRow, state: CancelState, at: datetime) -> None:
        row.state = state
        session.flush()
        self.announcer.cancellation(session, row, order, at)


class CancellationRunner:
    """Handles claims of kind `cancellation`: its day has come, every item has ended, or what undoes them has."""

    def __init__(self, database: Database, clock: Clock, queue: WorkQueue, cancellations: Cancellations) -> None:
        self._database, self._clock, self._queue, self._cancellations = database, clock, queue, cancellations

    def __call__(self, claim: Claim) -> None:
        at = self._clock.now()
        with self._database.write() as session:
            row = session.get(OrderCancellationRow, claim.work.key)
            order = locked_order(session, row.order_id) if row is not None else None
            if row is not None and order is not None:
                session.refresh(row)
                if row.state == CancelState.ACCEPTED and row.requested_at is not None and row.requested_at > at:
                    self._queue.release(session, claim, at, run_at=row.requested_at, counted=False)  # the time of day was set back
                    return
                self._cancellations.go_on(session, row, order, at)
            if not self._queue.finish(session, claim, at):
                raise Superseded(claim.work.key, claim.fence)


def _refuse_if_too_late(order: OrderRow, request: CancelRequest, at: datetime) -> None:
    if order.state in FINAL:
        remedy = "delete its services with a new order" if order.state != ItemState.CANCELLED else "nothing is left to cancel"
        raise StateRefused(Refusal("orderEnded", order.id, f"order {order.id} is {order.state}", remedy))
    if order.undoes:
        message = f"order {order.id} carries out cancellation {order.undoes}"
        raise StateRefused(Refusal("undoes", order.id, message, "let it end, then order anew"))
    if request.requested_at is not None and request.requested_at > at + FARTHEST:
        message = f"{request.requested_at.isoformat()} is more than {FARTHEST.days} days ahead"
        raise StateRefused(Refusal("dateTooFar", order.id, message, "cancel it nearer to that day"))


def _waiting(session: Session, order: OrderRow) -> Iterable[PlanRow]:
    """Plans that nobody has in hand and that have changed nothing. What a worker holds at this moment notices by itself."""
    mine = select(PlanRow).where(PlanRow.order_id == order.id, PlanRow.state == PlanState.WAITING).order_by(PlanRow.id)
    rows = session.scalars(mine.with_for_update(skip_locked=True).execution_options(populate_existing=True)).all()
    return [row for row in rows if untouched(row) and row.state not in ENDED]


def _all_ended(order: OrderRow) -> bool:
    return all(item.state in FINAL for item in order.items)


def _completed(order: OrderRow) -> list[OrderItemRow]:
    return [item for item in order.items if item.state == ItemState.COMPLETED]


def _irrevocable(session: Session, item: OrderItemRow) -> str:
    """Why it cannot be undone; "" when it can."""
    if item.action == "delete":
        return f"service {item.service_id} is terminated and cannot be brought back; order it anew"
    service = session.get(ServiceRow, item.service_id)
    if item.action == "modify" and (item.former is None or service is None or service.characteristics != item.characteristics):
        return f"service {item.service_id} has been changed since; set it right with a new order"
    return ""


def _undoing(order: OrderRow, items: Sequence[OrderItemRow]) -> OrderRequest:
    """The way back, in the opposite order; items of one plan stay together."""
    own = {item.reference: item for item in items}
    party = {"id": order.customer, "role": "customer", "@referredType": "Customer"}
    return OrderRequest(
        customer=order.customer,
        items=tuple(_undone(item, own) for item in items),
        document={  # what a client would have sent: in TMF641's words
            "description": f"undoes order {order.id}, which was cancelled",
            "relatedParty": [party],
            "orderRelationship": [{"id": order.id, "relationshipType": "undoes"}],
        },
        correlation_id=order.correlation_id,
        priority=URGENT,
    )


def _undone(item: OrderItemRow, own: dict[str, OrderItemRow]) -> ItemRequest:
    needed_by = [Related("dependsOn", other.reference) for other in own.values() if item.reference in other.depends_on]
    together = [Related(BUNDLE, other.reference) for other in own.values() if other is not item and other.plan_id == item.plan_id]
    back = ItemRequest(item.reference, "delete", item.specification, service_id=item.service_id, related=(*needed_by, *together))
    if item.action == "add" or item.former is None:
        return back
    state = item.former["state"]
    return replace(
        back,
        action="modify",
        characteristics=item.former["characteristics"],
        values=item.former.get("values", {}),
        state=state,
        suspension_reason=item.former["suspension_reason"] if state == "inactive" else "",
    )


def _taken_over(order: OrderRow, undoing: OrderRow, at: datetime) -> list[dict[str, str]]:
    """What was undone is cancelled; the errors of the rest."""
    items, errors = by_reference(order), []
    for undone in undoing.items:
        item = items[undone.reference]
        if undone.state == ItemState.COMPLETED:
            move(item, ItemState.CANCELLED)
            item.errors = []
        else:
            why = "; ".join(error["message"] for error in undone.errors) or f"order {undoing.id} is {undoing.state}"
            errors.append(_stays(item, why, at))
    lasting = [item for item in order.items if item.state == ItemState.COMPLETED and item.reference not in by_reference(undoing)]
    return [*errors, *(_stays(item, "it cannot be undone", at) for item in lasting if item.action != "noChange")]


def _stays(item: OrderItemRow, why: str, at: datetime) -> dict[str, str]:
    failure = Failure("", "notUndone", f"item {item.reference} stays: {why}")
    tell([item], [failure], at)
    return _error(failure.code, failure.message, at)


def _error(code: str, message: str, at: datetime) -> dict[str, str]:
    return Failure("", code, message).to_document() | {"at": at.isoformat()}
