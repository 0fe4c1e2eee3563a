"""What a plan's beginning and end mean for its items and the order; always inside the plan's own transaction.

A plan without an order (`order_id` "") has neither: its end tells only those whom the change itself concerns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from agent.fulfillment.events import Announcer
from agent.fulfillment.gate import Barrier, Waits, barrier
from agent.fulfillment.items import CANCELLING, doomed_plan, items_of, missing_items, move, ready_plans, tell
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.locked import locked_order
from agent.fulfillment.milestones import Milestone, reach, service_milestone
from agent.fulfillment.pace import Pace
from agent.fulfillment.plan import Approval, Failure, PlanState
from agent.fulfillment.points import Head
from agent.fulfillment.realisation import Realisation, Realised
from agent.fulfillment.recovery import untouched
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.states import FINAL, ItemState, order_state
from agent.fulfillment.tables import OrderItemRow, OrderRow, PlanRow
from inventory.tables import ServiceRow
from inventory.work import Work, WorkQueue

PLAN_WORK = "plan"
"""Kind of the work item of a plan; its key is the plan's id."""
CANCEL_WORK = "cancellation"
"""Kind of the work item of an order's cancellation; its key is the cancellation's id."""


@dataclass(frozen=True, slots=True)
class Success:
    """A plan that holds on its elements, with readings taken `before` and `after`."""

    plan: PlanRow | Head
    elements: Sequence[str]
    before: CounterReadings
    after: CounterReadings

    def items(self, order: OrderRow) -> list[OrderItemRow]:
        return [item for item in order.items if item.plan_id == self.plan.id]


@dataclass(frozen=True, slots=True)
class Outcomes:
    queue: WorkQueue
    realisation: Realisation
    announcer: Announcer
    settings: FulfilmentSettings
    pace: Pace = field(default_factory=Pace)

    def begin(self, session: Session, plan: PlanRow, at: datetime) -> Barrier | None:
        """A worker has taken the plan. What keeps it from beginning, if anything does; or the plan has ended with this."""
        order = order_of(session, plan)
        if order is not None:
            kept = self._kept_back(session, order, plan, at) if untouched(plan) else None
            if kept is not None or plan.finished_at is not None:
                return kept
            self._go_on(session, order, plan, at)
        plan.started_at = plan.started_at or at
        return None

    def succeed(self, session: Session, successes: Sequence[Success], at: datetime) -> None:
        """Services begin (with readings taken `after`) or end (with those taken `before`); what depends on the items may start."""
        realised: list[Realised] = []
        for each in successes:
            order = order_of(session, each.plan)
            if each.plan.started_at is not None:
                self.pace.learn(at - each.plan.started_at)
            if order is None:
                continue
            for item in each.items(order):
                move(item, ItemState.COMPLETED)
                item.errors = []
                realised.append(Realised(item, order, each.before, each.after))
        services = self.realisation.realise(session, realised, at)
        for each in successes:
            order = order_of(session, each.plan)
            if order is not None:
                self._reached(session, order, each, services, at)
                if not order.cancellation_id:
                    self._start_ready(session, order, at)
                self.settle(session, order, at)

    def fail(self, session: Session, plan: PlanRow, failures: Sequence[Failure], at: datetime, *, used: bool) -> None:
        """Nothing of it stays. `used`: it was on the network for a moment, so its values rest before they are given again."""
        order = order_of(session, plan)
        if order is None:
            return
        items = items_of(order, plan)
        tell(items, failures, at)
        for item in items:
            move(item, ItemState.CANCELLED if order.cancellation_id else ItemState.FAILED)
            self.realisation.withdraw(session, item, order, at, used=used)
        self._fail_dependents(session, order, at)
        self.settle(session, order, at)

    def hold(self, session: Session, plan: PlanRow, failures: Sequence[Failure], at: datetime) -> None:
        """An element is in doubt: the items wait for it, or for an operator."""
        order = order_of(session, plan)
        if order is None:
            return
        items = items_of(order, plan)
        tell(items, failures, at)
        for item in items:
            if item.state != ItemState.PENDING_CANCELLATION:
                move(item, ItemState.HELD)
        self.settle(session, order, at)

    def reverting(self, session: Session, plan: PlanRow, at: datetime) -> None:
        """It was decided to undo the plan because its order was cancelled."""
        order = order_of(session, plan)
        if order is None:
            return
        for item in items_of(order, plan):
            if item.state in CANCELLING:
                move(item, ItemState.PENDING_CANCELLATION)
        self.settle(session, order, at)

    def call_off(self, session: Session, order: OrderRow, plan: PlanRow, at: datetime) -> None:
        """End a plan of a cancelled order that has changed nothing; `settle` is the caller's."""
        plan.state, plan.finished_at = PlanState.CANCELLED, at
        plan.waits, plan.waits_until = "", None
        for item in items_of(order, plan):
            if item.state not in CANCELLING:
                move(item, ItemState.ASSESSING_CANCELLATION)
            move(item, ItemState.PENDING_CANCELLATION)
            move(item, ItemState.CANCELLED)
            item.errors = []
            self.realisation.withdraw(session, item, order, at, used=False)

    def settle(self, session: Session, order: OrderRow, at: datetime) -> None:
        """The order's state by its items', told when it is another; who waits for the order's end is woken."""
        cancelling = bool(order.cancellation_id) and order.cancelled_at is None
        states = [item.state for item in order.items]
        ended = all(state in FINAL for state in states)
        if cancelling and ended:
            self.queue.submit(session, Work(CANCEL_WORK, order.cancellation_id), at)
        state = order_state(states, cancelling=cancelling)
        if state == order.state:
            return
        order.state = state
        order.completed_at = at if state in FINAL else None
        self.announcer.order(session, order, at)
        if order.undoes and state in FINAL:
            self.queue.submit(session, Work(CANCEL_WORK, order.undoes), at)

    # -- beginning -----------------------------------------------------------------------------------------------------

    def _kept_back(self, session: Session, order: OrderRow, plan: PlanRow, at: datetime) -> Barrier | None:
        """A plan that is kept waits, or ends because nobody came in time."""
        if order.cancellation_id:
            self.call_off(session, order, plan, at)
            self.settle(session, order, at)
            return None
        items = items_of(order, plan)
        kept = barrier(session, order, items, plan, self.settings, at)
        if kept is None:
            return None
        if kept.expired:
            plan.state, plan.finished_at, plan.waits, plan.waits_until = PlanState.FAILED, at, "", None
            for item in items:
                move(item, ItemState.IN_PROGRESS)
            self.fail(session, plan, [kept.to_failure()], at, used=False)
            return kept
        self._wait(session, order, plan, items, kept, at)
        return kept

    def _wait(  # noqa: PLR0917  a plan with all that stands around it
        self, session: Session, order: OrderRow, plan: PlanRow, items: Sequence[OrderItemRow], kept: Barrier, at: datetime
    ) -> None:
        plan.waits, plan.waits_until = kept.waits, kept.until
        plan.deadline = kept.until + self.settings.plan_timeout
        if kept.waits is Waits.START and all(item.state == ItemState.ACKNOWLEDGED for item in items):
            return  # as it was ordered
        known = items[0].errors[0]["message"] if items and items[0].errors else ""
        tell(items, [kept.to_failure()], at)
        for item in items:
            move(item, ItemState.PENDING)
        known_end = kept.waits in {Waits.START, Waits.FREEZE}
        order.expected_completion = self.pace.expected(session, order, at, begin=kept.until) if known_end else None
        self.settle(session, order, at)
        if kept.waits is Waits.REFERENCE and known != kept.words:
            self.announcer.order(session, order, at, event="InformationRequired")

    def _go_on(self, session: Session, order: OrderRow, plan: PlanRow, at: datetime) -> None:
        items = items_of(order, plan)
        if plan.waits:
            plan.waits, plan.waits_until = "", None
            order.expected_completion = self.pace.expected(session, order, at)
            tell(items, [], at)
        if plan.started_at is None:  # its time counts from now: it may have waited for other items, or for somebody
            plan.deadline = at + self.settings.plan_timeout
            self._tell_approval(session, order, plan, items)
        for item in items:
            if item.state not in CANCELLING:
                move(item, ItemState.IN_PROGRESS)
        order.started_at = order.started_at or at
        self.settle(session, order, at)

    def _tell_approval(self, session: Session, order: OrderRow, plan: PlanRow, items: Sequence[OrderItemRow]) -> None:
        if plan.approval == Approval.APPROVED and plan.approved_at is not None:
            reach(order, Milestone.APPROVED, f"plan {plan.id} was approved by {plan.approved_by}", items, plan.approved_at)
            self.announcer.order(session, order, plan.approved_at, event="Milestone")

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _reached(
        self, session: Session, order: OrderRow, success: Success, services: Mapping[str, ServiceRow], at: datetime
    ) -> None:
        """One event for what one transaction has brought about."""
        changed = [item for item in success.items(order) if item.action != "noChange"]
        if not changed:
            return
        elements = ", ".join(success.elements)
        if elements:
            reach(order, Milestone.COMMITTED, f"confirmed and saved on {elements}", changed, at)
        for item in changed:
            milestone = service_milestone(item, services[item.service_id])
            reach(order, milestone, f"service {item.service_id}", [item], at)
        self.announcer.order(session, order, at, event="Milestone")

    def _start_ready(self, session: Session, order: OrderRow, at: datetime) -> None:
        done = {item.reference for item in order.items if item.state == ItemState.COMPLETED}
        for plan_id in ready_plans(order, done):
            self.queue.submit(session, Work(PLAN_WORK, plan_id), at, priority=order.priority)

    def _fail_dependents(self, session: Session, order: OrderRow, at: datetime) -> None:
        """What needed a failed item cannot come to be either, nor what needed that; items of one plan fail together."""
        while doomed := doomed_plan(order):
            plan = session.get_one(PlanRow, doomed)
            plan.state, plan.finished_at = PlanState.FAILED, at
            for item in items_of(order, plan):
                needed = ", ".join(missing_items(order, item)) or "another item of its bundle"
                message = f"not tried: it depends on item {needed}, which was not completed"
                move(item, ItemState.IN_PROGRESS)
                move(item, ItemState.FAILED)
                tell([item], [Failure("", "dependencyFailed", message)], at)
                self.realisation.withdraw(session, item, order, at, used=False)


def order_of(session: Session, plan: PlanRow | Head) -> OrderRow | None:
    """Locked. None for a plan without an order."""
    return locked_order(session, plan.order_id) if plan.order_id else None
