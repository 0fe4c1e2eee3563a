"""How a plan goes on, by what its journal says. Pure."""

from enum import StrEnum

from agent.fulfillment.plan import ChangeState, Decision, Plan, PlannedChange, Step, Verb
from agent.fulfillment.tables import PlanRow

BEFORE_ANY_COMMIT = frozenset({Step.CONNECT, Step.HOLD, Step.STAGE})


class Course(StrEnum):
    FORWARD = "forward"
    """From the first step: nothing on the network has changed."""
    ROLL_FORWARD = "rollForward"
    """It is decided: make it hold everywhere."""
    REVERT = "revert"
    """It is undone everywhere."""


def untouched(row: PlanRow) -> bool:
    """Nothing on the network can have changed by this plan yet."""
    return row.decision is None and row.step in BEFORE_ANY_COMMIT


def course_of(plan: Plan) -> Course:
    """The decision rules; without one, what may have been committed is undone."""
    if plan.decision is Decision.COMMIT:
        return Course.ROLL_FORWARD
    if plan.decision is Decision.REVERT:
        return Course.REVERT
    return Course.FORWARD if plan.step in BEFORE_ANY_COMMIT else Course.REVERT


def initial_state(plan: Plan, planned: PlannedChange) -> ChangeState:
    """What a worker that takes the plan over knows of one element: after the first commit may have begun, only that it must look.

    An operator's word settles an element without asking it.
    """
    if planned.resolution is Verb.KEEP:
        return ChangeState.KEPT
    if planned.resolution is Verb.REPLACED and course_of(plan) is Course.REVERT:
        return ChangeState.REVERTED
    return ChangeState.PLANNED if course_of(plan) is Course.FORWARD else ChangeState.IN_DOUBT
