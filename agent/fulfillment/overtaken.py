"""When one worker overtakes another, the elements on which a late push cannot be prevented are to be looked at again."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.tables import ChangeSetRow, JournalRow
from drivers.port import Commitment
from inventory.work import Work, WorkQueue

RECHECK_WORK = "recheck"
"""Kind of the work item; its key names the plan and who asked."""


def ask(session: Session, queue: WorkQueue, plan_id: str, why: str, at: datetime, *, run_at: datetime | None = None) -> None:
    """Have the elements of the plan looked at again. `why` makes the work another than what is under way already."""
    queue.submit(session, Work(RECHECK_WORK, f"{plan_id}/{why}", {"plan": plan_id}), at, run_at=run_at)


def predecessor(session: Session, plan_id: str) -> str:
    """The worker that last wrote in the plan's journal; "" when none has."""
    last = select(JournalRow.worker).where(JournalRow.plan_id == plan_id, JournalRow.fence > 0).order_by(JournalRow.id.desc())
    return session.scalars(last.limit(1)).first() or ""


def is_owed(session: Session, plan_id: str) -> bool:
    """Whether the plan changes an element on which a push cannot be prevented by ending its session."""
    immediate = select(ChangeSetRow.id).where(ChangeSetRow.plan_id == plan_id, ChangeSetRow.commitment == Commitment.IMMEDIATE)
    return session.scalars(immediate.limit(1)).first() is not None
