"""The word that a plan waits for: approved, or rejected with a reason.

Said of the plan alone; its items and its order follow when a worker looks, at once. So nobody here waits for an order that another
worker has locked.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, Refusal, StateRefused
from agent.fulfillment.gate import Waits
from agent.fulfillment.journal import noted
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.plan import ENDED, Approval, Failure
from agent.fulfillment.recovery import untouched
from agent.fulfillment.requests import URGENT
from agent.fulfillment.tables import PlanRow
from inventory.work import Work, WorkQueue


def approve(session: Session, queue: WorkQueue, plan_id: str, at: datetime, *, by: str, note: str = "") -> PlanRow:
    """It begins as soon as nothing else keeps it. Approved again, nothing happens. `Missing` or `StateRefused`."""
    plan = _waiting(session, plan_id, Approval.APPROVED)
    if plan.approval == Approval.REQUIRED:
        _decide(session, plan, Approval.APPROVED, at, by=by, note=note)
        if plan.waits == Waits.APPROVAL:  # else no worker has looked yet, or it waits for other items of its order
            queue.submit(session, Work(PLAN_WORK, plan.id), at)
    return plan


def reject(session: Session, queue: WorkQueue, plan_id: str, at: datetime, *, by: str, note: str = "") -> PlanRow:
    """Its items fail with the words, and everything is given back. Rejected again, nothing happens. Raises as `approve` does."""
    plan = _waiting(session, plan_id, Approval.REJECTED)
    if plan.approval == Approval.REQUIRED:
        _decide(session, plan, Approval.REJECTED, at, by=by, note=note)
        words = Failure("", "rejected", f"rejected by {by}{f': {note}' if note else ''}")
        plan.error = {"failures": [words.to_document()]}
        queue.submit(session, Work(PLAN_WORK, plan.id), at, priority=URGENT)
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
