"""What ends a wait before its time: a reference that another system has completed, a freeze that was ended."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, Refusal, StateRefused
from agent.fulfillment.gate import Waits
from agent.fulfillment.items import by_reference
from agent.fulfillment.locked import locked_order
from agent.fulfillment.milestones import Milestone, reach
from agent.fulfillment.outcome import PLAN_WORK, Outcomes
from agent.fulfillment.plan import PlanState
from agent.fulfillment.states import ItemState
from agent.fulfillment.tables import OrderItemRow, PlanRow
from inventory.work import Work

_MAY_WAIT = frozenset({ItemState.ACKNOWLEDGED, ItemState.PENDING})


def complete_wait(
    session: Session, outcomes: Outcomes, order_id: str, reference: str, at: datetime, *, by: str, note: str = ""
) -> OrderItemRow:
    """What the item waits for has been completed; said again, nothing happens. `Missing` or `StateRefused`."""
    order = locked_order(session, order_id)
    if order is None:
        raise Missing("order", order_id)
    item = by_reference(order).get(reference)
    if item is None:
        raise Missing(f"item {reference!r} of order", order_id, f"its items: `fabd order show {order_id}`")
    if not item.waits_for:
        message = f"item {reference} of order {order_id} waits for nothing that another system completes"
        raise StateRefused(Refusal("waitsForNothing", reference, message, "see `fabd order show`"))
    if item.released_at is not None:
        return item
    if item.state not in _MAY_WAIT:
        message = f"item {reference} of order {order_id} is {item.state} and waits no more"
        raise StateRefused(Refusal("waitOver", reference, message, "see `fabd order show`"))
    item.released_at = at
    reach(order, Milestone.RELEASED, ": ".join(filter(None, (f"{item.waits_for} was completed by {by}", note))), [item], at)
    outcomes.announcer.order(session, order, at, event="Milestone")
    if item.plan_id is not None and item.state == ItemState.PENDING:
        outcomes.queue.submit(session, Work(PLAN_WORK, item.plan_id), at, priority=order.priority)
    return item


def wake_frozen(session: Session, outcomes: Outcomes, at: datetime) -> int:
    """Plans that a freeze holds back look again; how many those are."""
    frozen = select(PlanRow.id, PlanRow.order_id).where(PlanRow.state == PlanState.WAITING, PlanRow.waits == Waits.FREEZE)
    rows = session.execute(frozen.order_by(PlanRow.id)).all()
    for plan_id, _ in rows:
        outcomes.queue.submit(session, Work(PLAN_WORK, plan_id), at)
    return len(rows)
