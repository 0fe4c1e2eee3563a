"""The word that a plan waits for: approved, or rejected with a reason."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, Refusal, StateRefused
from agent.fulfillment.items import items_of, move
from agent.fulfillment.journal import noted
from agent.fulfillment.milestones import Milestone, reach
from agent.fulfillment.outcome import PLAN_WORK, Outcomes, order_of
from agent.fulfillment.plan import ENDED, Approval, Failure, PlanState
from agent.fulfillment.recovery import untouched
from agent.fulfillment.states import ItemState
from agent.fulfillment.tables import PlanRow
from inventory.work import Work


def approve(session: Session, outcomes: Outcomes, plan_id: str, at: datetime, *, by: str, note: str = "") -> PlanRow:
    """It begins as soon as nothing else keeps it. Approved again, nothing happens. `Missing` or `StateRefused`."""
    plan = _waiting(session, plan_id, Approval.APPROVED)
    if plan.approval == Approval.APPROVED:
        return plan
    _decide(session, plan, Approval.APPROVED, at, by=by, note=note)
    plan.deadline = at + outcomes.settings.plan_timeout
    order = order_of(session, plan)
    if order is not None:
        reach(order, Milestone.APPROVED, f"plan {plan.id} was approved by {by}", items_of(order, plan), at)
        outcomes.announcer.order(session, order, at, event="Milestone")
    if plan.waits == "approval":  # else it is in the queue, or waits for other items of its order
        outcomes.queue.submit(session, Work(PLAN_WORK, plan.id), at, priority=order.priority if order else 0)
    return plan


def reject(session: Session, outcomes: Outcomes, plan_id: str, at: datetime, *, by: str, note: str = "") -> PlanRow:
    """Its items fail with the words, and everything is given back. `Missing` or `StateRefused`."""
    plan = _waiting(session, plan_id, Approval.REJECTED)
    if plan.approval == Approval.REJECTED:
        return plan
    _decide(session, plan, Approval.REJECTED, at, by=by, note=note)
    plan.state, plan.finished_at, plan.waits, plan.waits_until = PlanState.FAILED, at, "", None
    words = Failure("", "rejected", f"rejected by {by}{f': {note}' if note else ''}")
    plan.error = {"failures": [words.to_document()]}
    order = order_of(session, plan)
    if order is not None:
        for item in items_of(order, plan):
            move(item, ItemState.IN_PROGRESS)
        outcomes.fail(session, plan, [words], at, used=False)
    outcomes.queue.submit(session, Work(PLAN_WORK, plan.id), at)  # the worker strikes it off the queue
    return plan


def _waiting(session: Session, plan_id: str, wanted: Approval) -> PlanRow:
    """The plan, locked, while it waits for the word, or when it has had the same one before."""
    plan = session.scalars(select(PlanRow).where(PlanRow.id == plan_id).with_for_update()).first()
    if plan is None:
        raise Missing("plan", plan_id)
    if plan.approval == wanted:
        return plan
    if not plan.approval:
        raise StateRefused(Refusal("needsNoApproval", plan_id, f"plan {plan_id} needs no approval", "see `fabd plan show`"))
    if plan.approval != Approval.REQUIRED:
        message = f"plan {plan_id} was {plan.approval} by {plan.approved_by}"
        raise StateRefused(Refusal("decidedAlready", plan_id, message, "place a new order, or cancel this one"))
    if plan.state in ENDED or not untouched(plan):
        raise StateRefused(Refusal("planEnded", plan_id, f"plan {plan_id} is {plan.state}", "see `fabd plan show`"))
    return plan


def _decide(session: Session, plan: PlanRow, approval: Approval, at: datetime, *, by: str, note: str) -> None:
    plan.approval, plan.approved_by, plan.approved_at = approval, by, at
    session.add(noted(plan, str(approval), "; ".join(filter(None, (f"{approval} by {by}", note))), by, at))
