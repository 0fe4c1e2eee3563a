"""Forgetting an order that has ended: with its items, plans and journal. Its services stay what they are."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, Refusal, StateRefused
from agent.fulfillment.events import Announcer
from agent.fulfillment.locked import locked_order
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import ElementHoldRow, OrderRow, PlanRow


def remove(session: Session, order_id: str, announcer: Announcer, at: datetime) -> OrderRow:
    """`Missing`, or `StateRefused` while something of it is still to come."""
    order = locked_order(session, order_id)
    if order is None:
        raise Missing("order", order_id)
    if order.state not in FINAL:
        message = f"order {order.id} is {order.state}"
        raise StateRefused(Refusal("orderOpen", order.id, message, "cancel it, and delete it when it has ended"))
    plans = select(PlanRow.id).where(PlanRow.order_id == order.id)
    held = session.scalars(select(ElementHoldRow.element).where(ElementHoldRow.plan_id.in_(plans))).first()
    if held is not None:
        message = f"a plan of order {order.id} still holds {held}"
        raise StateRefused(Refusal("elementHeld", order.id, message, f"decide about it with `fabd element resolve {held}`"))
    announcer.order(session, order, at, event="Delete")
    ids = session.scalars(plans).all()
    session.delete(order)
    session.flush()
    session.execute(delete(PlanRow).where(PlanRow.id.in_(ids)))
    return order
