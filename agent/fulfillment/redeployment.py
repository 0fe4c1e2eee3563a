"""Making the network match the intent again: a plan without an order, through the same transaction as any other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from agent.fulfillment import unordered
from agent.fulfillment.drift import Drift, DriftState
from agent.fulfillment.errors import Missing, PhaseFailed, Refusal, StateRefused
from agent.fulfillment.intents import refuse_other_intent
from agent.fulfillment.plan import Purpose
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import ChangeSetRow, PlanRow
from drivers.platform import Platform
from drivers.port import ChangeSet
from inventory.work import WorkQueue


@dataclass(frozen=True, slots=True)
class Redeployer:
    queue: WorkQueue
    settings: FulfilmentSettings
    platforms: Callable[[str], Platform]

    def plan(self, session: Session, drifts: Sequence[Drift], at: datetime) -> str:
        """One plan for all elements that have drifted; its id. `StateRefused` when none has, or nothing may be changed now."""
        drifted = [drift for drift in drifts if drift.state is DriftState.DRIFTED]
        if not drifted:
            raise StateRefused(*(_nothing_to_do(drift) for drift in drifts))
        changes = [_change(drift, self.platforms(drift.platform), at) for drift in drifted]
        return unordered.begin(session, self.queue, self.settings, Purpose.REDEPLOY, changes, at)

    def back(self, session: Session, plan_id: str, at: datetime) -> str:
        """A plan that puts back what stood there before a redeployment; its id. Raises as `way_back` does, and as `plan`."""
        changes = [_reverse(change, at) for change in self.way_back(session, plan_id)]
        return unordered.begin(session, self.queue, self.settings, Purpose.REDEPLOY, changes, at)

    def way_back(self, session: Session, plan_id: str) -> Sequence[ChangeSetRow]:
        """What the redeployment changed. `Missing`, or `StateRefused` when services there have changed since."""
        plan = session.get(PlanRow, plan_id)
        if plan is None or not plan.change_sets:
            raise Missing("plan", plan_id, "what stood there before is not known any more; change it by hand")
        try:
            refuse_other_intent(session, plan, self.platforms)
        except PhaseFailed as failed:
            remedy = "what stood there before does not fit any more; change it by hand"
            raise StateRefused(*(Refusal(each.code, each.element, each.message, remedy) for each in failed.failures)) from failed
        return plan.change_sets


def _reverse(change: ChangeSetRow, at: datetime) -> ChangeSetRow:
    """The intent stays: by it is judged whether services have changed."""
    back = ChangeSet(change.element, change.platform, change.after, change.before, change.reverse, change.forward)
    return unordered.row(back, change.commitment, at, intent=change.own_after)


def _change(drift: Drift, platform: Platform, at: datetime) -> ChangeSetRow:
    """Keeps by what it was judged."""
    change = ChangeSet(drift.element, drift.platform, drift.before, drift.after, drift.payload, drift.reverse)
    return unordered.row(change, platform.commitment, at, intent=drift.intent)


def _nothing_to_do(drift: Drift) -> Refusal:
    if drift.state is DriftState.IN_SYNC:
        return Refusal("inSync", drift.element, f"{drift.element} is as it should be", "nothing is to redeploy")
    remedy = "wait for the plan" if drift.state is DriftState.SKIPPED else "see that it can be reached"
    return Refusal("notCompared", drift.element, f"{drift.element} was not compared: {drift.reason}", f"{remedy}, then try again")
