"""The operator's word about an element in doubt. It settles the element; the plan's next run carries it out."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing, Refusal, ResolutionRefused
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.plan import Decision, Failure, PlanState, Step, Verb
from agent.fulfillment.tables import ElementHoldRow, JournalRow, PlanRow
from inventory.tables import ElementRow
from inventory.work import Work, WorkQueue


def resolve(session: Session, queue: WorkQueue, element: str, verb: Verb, *, by: str, at: datetime) -> str:
    """Note the decision and make the plan due; its id. `Missing` or `ResolutionRefused`."""
    hold = session.get(ElementHoldRow, element)
    if hold is None or not hold.in_doubt:
        raise _not_in_doubt(session, element)
    plan = session.scalars(select(PlanRow).where(PlanRow.id == hold.plan_id).with_for_update()).one()
    if plan.state != PlanState.IN_DOUBT:
        raise ResolutionRefused(
            Refusal("beingTried", element, f"plan {plan.id} is being worked on right now", "look again with `fabd plan show`")
        )
    change = next(change for change in plan.change_sets if change.element == element)
    change.resolution = verb
    if verb is Verb.REVERT and plan.decision == Decision.COMMIT:
        overruled = Failure(element, "revertedByOperator", f"{by} decided to revert it while it was in doubt")
        plan.decision, plan.step, plan.error = Decision.REVERT, Step.REVERT, {"failures": [overruled.to_document()]}
    session.add(_noted(plan, element, verb, by, at))
    queue.submit(session, Work(PLAN_WORK, plan.id), at)
    return plan.id


def _not_in_doubt(session: Session, element: str) -> Missing | ResolutionRefused:
    if session.scalars(select(ElementRow.id).where(ElementRow.name == element)).first() is None:
        return Missing("element", element)
    return ResolutionRefused(
        Refusal("notInDoubt", element, f"{element} is not in doubt", "nothing is to resolve; see `fabd element list`")
    )


def _noted(plan: PlanRow, element: str, verb: Verb, by: str, at: datetime) -> JournalRow:
    return JournalRow(
        plan_id=plan.id,
        at=at,
        step=plan.step,
        element=element,
        outcome="resolved",
        milliseconds=None,
        detail=f"{verb} by {by}",
        worker=by,
        fence=plan.fence,
    )
