"""What a plan's end means for its items, their services and the order; always inside the transaction that ends the plan."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.events import Announcer
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.plan import Failure, PlanState
from agent.fulfillment.realisation import Realisation
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.states import FINAL, ItemState, can_become, order_state
from agent.fulfillment.tables import OrderItemRow, OrderRow, PlanRow
from inventory.work import Work, WorkQueue

PLAN_WORK = "plan"
"""Kind of the work item of a plan; its key is the plan's id."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    queue: WorkQueue
    realisation: Realisation
    announcer: Announcer
    settings: FulfilmentSettings

    def begin(self, session: Session, plan: PlanRow, at: datetime) -> None:
        """A worker has taken the plan."""
        order = _order(session, plan)
        for item in _items(order, plan):
            _move(item, ItemState.IN_PROGRESS)
        order.started_at = order.started_at or at
        self._settle(session, order, at)

    def succeed(self, session: Session, plan: PlanRow, before: CounterReadings, after: CounterReadings, at: datetime) -> None:
        """Services begin (with readings taken `after`) or end (with those taken `before`); what depends on the items may start."""
        order = _order(session, plan)
        for item in _items(order, plan):
            _move(item, ItemState.COMPLETED)
            item.errors = []
            self.realisation.realise(session, item, order, before, after, at)
        self._start_ready(session, order, at)
        self._settle(session, order, at)

    def fail(self, session: Session, plan: PlanRow, failures: Sequence[Failure], at: datetime, *, used: bool) -> None:
        """Nothing of it stays. `used`: it was on the network for a moment, so its values rest before they are given again."""
        order = _order(session, plan)
        errors = [failure.to_document() | {"at": at.isoformat()} for failure in failures]
        for item in _items(order, plan):
            _move(item, ItemState.FAILED)
            item.errors = errors
            self.realisation.withdraw(session, item, order, at, used=used)
        self._fail_dependents(session, order, at)
        self._settle(session, order, at)

    def hold(self, session: Session, plan: PlanRow, failures: Sequence[Failure], at: datetime) -> None:
        """An element is in doubt: the items wait for it, or for an operator."""
        order = _order(session, plan)
        for item in _items(order, plan):
            _move(item, ItemState.HELD)
            item.errors = [failure.to_document() | {"at": at.isoformat()} for failure in failures]
        self._settle(session, order, at)

    def _start_ready(self, session: Session, order: OrderRow, at: datetime) -> None:
        done = {item.reference for item in order.items if item.state == ItemState.COMPLETED}
        for plan_id in ready_plans(order, done):
            row = session.get_one(PlanRow, plan_id)
            row.deadline = at + self.settings.plan_timeout
            self.queue.submit(session, Work(PLAN_WORK, plan_id), at)

    def _fail_dependents(self, session: Session, order: OrderRow, at: datetime) -> None:
        """What needed a failed item cannot come to be either, nor what needed that; items of one plan fail together."""
        while doomed := _doomed_plan(order):
            plan = session.get_one(PlanRow, doomed)
            plan.state, plan.finished_at = PlanState.FAILED, at
            for item in _items(order, plan):
                failed = [reference for reference in item.depends_on if _by_reference(order)[reference].state in _NOT_DONE]
                needed = ", ".join(failed) or "another item of its bundle"
                message = f"not tried: it depends on item {needed}, which was not completed"
                _move(item, ItemState.IN_PROGRESS)
                _move(item, ItemState.FAILED)
                item.errors = [Failure("", "dependencyFailed", message).to_document() | {"at": at.isoformat()}]
                self.realisation.withdraw(session, item, order, at, used=False)

    def _settle(self, session: Session, order: OrderRow, at: datetime) -> None:
        state = order_state([item.state for item in order.items])
        if state == order.state:
            return
        order.state = state
        order.completed_at = at if state in FINAL else None
        session.flush()
        self.announcer.order(session, order, at)


_NOT_DONE = FINAL - {ItemState.COMPLETED}


def ready_plans(order: OrderRow, done: Iterable[str]) -> list[str]:
    """Plans whose items have not begun and depend on nothing that is not done (or in the plan itself)."""
    finished = set(done)
    plans: dict[str, list[OrderItemRow]] = {}
    for item in order.items:
        if item.plan_id is not None:
            plans.setdefault(item.plan_id, []).append(item)
    return [
        plan_id
        for plan_id, items in plans.items()
        if all(item.state == ItemState.ACKNOWLEDGED for item in items) and _needs(items) <= finished
    ]


def _order(session: Session, plan: PlanRow) -> OrderRow:
    """Plans of one order end in different workers: the order's row is their lock."""
    return session.scalars(
        select(OrderRow).where(OrderRow.id == plan.order_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def _items(order: OrderRow, plan: PlanRow) -> list[OrderItemRow]:
    return [item for item in order.items if item.plan_id == plan.id]


def _by_reference(order: OrderRow) -> dict[str, OrderItemRow]:
    return {item.reference: item for item in order.items}


def _needs(items: Sequence[OrderItemRow]) -> set[str]:
    own = {item.reference for item in items}
    return {reference for item in items for reference in item.depends_on} - own


def _doomed_plan(order: OrderRow) -> str | None:
    items = _by_reference(order)
    for item in order.items:
        if item.state == ItemState.ACKNOWLEDGED and any(items[needed].state in _NOT_DONE for needed in item.depends_on):
            return item.plan_id
    return None


def _move(item: OrderItemRow, state: ItemState) -> None:
    """Along the state machine; from held the way on leads through inProgress."""
    now = ItemState(item.state)
    if now is state:
        return
    if now is ItemState.HELD and not can_become(now, state):
        now = ItemState.IN_PROGRESS
    if not can_become(now, state):
        raise RuntimeError(f"item {item.reference} of order {item.order_id} is {item.state} and cannot become {state}")
    item.state = state
