"""Changing what was said of an order after it was placed: words at any time, dates and priority until something of it has begun."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, Refusal, StateRefused
from agent.fulfillment.events import Announcer
from agent.fulfillment.items import kept_plans, ready_plans
from agent.fulfillment.locked import locked_order
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.pace import Pace
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.states import ItemState
from agent.fulfillment.tables import OrderRow
from inventory.work import Work, WorkQueue

NOT_BEGUN = frozenset({ItemState.ACKNOWLEDGED, ItemState.PENDING})


@dataclass(frozen=True, slots=True)
class Amendment:
    """All of what a client says of an order beside its items, as it is to be from now on."""

    external_id: str | None
    requested_start: datetime | None
    requested_completion: datetime | None
    priority: int
    document: Mapping[str, Any]
    """To be echoed."""


@dataclass(frozen=True, slots=True)
class Amendments:
    queue: WorkQueue
    announcer: Announcer
    settings: FulfilmentSettings
    pace: Pace

    def amend(self, session: Session, order_id: str, wanted: Amendment, at: datetime) -> OrderRow:
        """`Missing`, or `StateRefused` when it comes too late for a date, or another order has the external id."""
        order = locked_order(session, order_id)
        if order is None:
            raise Missing("order", order_id)
        moved = (order.requested_start, order.requested_completion, order.priority) != (
            wanted.requested_start,
            wanted.requested_completion,
            wanted.priority,
        )
        if moved and (begun := _begun(order)):
            message = f"order {order.id} has begun ({begun}); its dates and its priority have had their effect"
            raise StateRefused(Refusal("orderBegun", order.id, message, "leave them as they are, or cancel it"))
        _refuse_taken(session, order, wanted)
        order.external_id, order.document = wanted.external_id, dict(wanted.document)
        order.requested_start, order.requested_completion = wanted.requested_start, wanted.requested_completion
        order.priority = wanted.priority
        if moved:
            self._reschedule(session, order, at)
        session.flush()
        self.announcer.order(session, order, at, event="AttributeValueChange")
        return order

    def _reschedule(self, session: Session, order: OrderRow, at: datetime) -> None:
        """Sooner by the queue; later by the plan itself, which does not begin before its day. What keeps it is asked again."""
        begin = max(at, order.requested_start or at)
        for plan_id in ready_plans(order, ()):
            self.queue.submit(session, Work(PLAN_WORK, plan_id), at, run_at=begin, priority=order.priority)
        for plan_id in kept_plans(order):
            self.queue.submit(session, Work(PLAN_WORK, plan_id), at, priority=order.priority)
        order.expected_completion = self.pace.expected(session, order, at)


def _begun(order: OrderRow) -> str:
    """The first item that has, and how far it is; "" when none has. An item that asks for nothing has nothing to begin."""
    begun = (item for item in order.items if item.action != "noChange" and item.state not in NOT_BEGUN)
    item = next(begun, None)
    return "" if item is None else f"item {item.reference} is {item.state}"


def _refuse_taken(session: Session, order: OrderRow, wanted: Amendment) -> None:
    if wanted.external_id is None or wanted.external_id == order.external_id:
        return
    taken = select(OrderRow.id).where(OrderRow.client == order.client, OrderRow.external_id == wanted.external_id)
    other = session.scalars(taken).first()
    if other is not None:
        message = f"external id {wanted.external_id!r} belongs to order {other}"
        raise StateRefused(Refusal("externalIdTaken", order.id, message, "give this one another"))
