"""Plans without an order: they change the network for its own sake, through the same transaction as any other plan."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from agent.fulfillment.errors import Refusal, StateRefused
from agent.fulfillment.freezes import frozen
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.plan import VERSION, ChangeState, PlanState, Purpose, Step
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import ChangeSetRow, PlanRow
from drivers.port import ChangeSet
from inventory.work import Work, WorkQueue
from policies.values import new_id


def begin(  # noqa: PLR0917  a plan and what it is made with
    session: Session,
    queue: WorkQueue,
    settings: FulfilmentSettings,
    purpose: Purpose,
    changes: Iterable[ChangeSetRow],
    at: datetime,
    *,
    rest: timedelta | None = None,
) -> str:
    """The plan's id. `rest`: see `PlanRow.rest_s`. `StateRefused` when nothing may be changed now."""
    freeze = frozen(session, settings.freezes, at, urgent=False)
    if freeze is not None:
        message = f"nothing is changed until {freeze.until.isoformat(timespec='minutes')}: {freeze.reason}"
        raise StateRefused(Refusal("changeFreeze", "", message, "wait, or end it: `fabd freeze end`"))
    plan = PlanRow(
        id=new_id("pln", at),
        order_id="",
        purpose=purpose,
        version=VERSION,
        state=PlanState.WAITING,
        step=Step.CONNECT,
        created_at=at,
        deadline=at + settings.plan_timeout,
        rest_s=None if rest is None else int(rest.total_seconds()),
        change_sets=list(changes),
    )
    session.add(plan)
    session.flush()
    queue.submit(session, Work(PLAN_WORK, plan.id), at)
    return plan.id


def row(change: ChangeSet, commitment: str, at: datetime, *, intent: str | None = None) -> ChangeSetRow:
    """One element's part of such a plan; nothing has to be up for it, and no service is tested.

    `intent`: what services said when the change was found right, where that is not what it leads to.
    """
    return ChangeSetRow(
        id=new_id("chg", at),
        element=change.element,
        platform=change.platform,
        commitment=commitment,
        own_before=change.before,
        own_after=change.after if intent is None else intent,
        before=change.before,
        after=change.after,
        forward=change.forward,
        reverse=change.reverse,
        ports=[],
        checks=[],
        state=ChangeState.PLANNED,
    )
