"""The journal of one plan in one worker's hands.

A *point* is one transaction that moves the plan on: what happened until then and what comes next stand in it or not at all.
Every point checks the fence first, so a worker that was overtaken writes nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Interrupted, Missing, Superseded
from agent.fulfillment.network import Note, Participant
from agent.fulfillment.plan import Step
from agent.fulfillment.tables import JournalRow, PlanRow
from inventory.db import Database
from inventory.work import Claim

Checkpoint = Callable[[str], None]
"""Called as `before <point>` and `after <point>`: where tests kill the daemon."""


def no_checkpoint(name: str) -> None:
    del name


class Journal:
    def __init__(self, database: Database, claim: Claim, now: Callable[[], datetime], checkpoint: Checkpoint) -> None:
        self.plan_id = claim.work.key
        self._database = database
        self._claim = claim
        self._now = now
        self._checkpoint = checkpoint

    @contextmanager
    def point(self, name: str, notes: Iterable[Note] = (), *, taking: bool = False) -> Iterator[tuple[Session, PlanRow]]:
        """One transaction. `taking`: the plan is ours from here on, whoever had it with a lower fence."""
        self._checkpoint(f"before {name}")
        with self._database.write() as session:
            row = session.scalars(select(PlanRow).where(PlanRow.id == self.plan_id).with_for_update()).first()
            if row is None:
                raise Missing("plan", self.plan_id)
            if row.fence > self._claim.fence or (row.fence < self._claim.fence and not taking):
                raise Superseded(self.plan_id, self._claim.fence)
            row.fence = self._claim.fence
            session.add_all(self.journaled(note) for note in notes)
            yield session, row
        self._checkpoint(f"after {name}")

    def guard(self) -> None:
        """Asked before each push. `Superseded` when the plan is in other hands; `Interrupted` when nobody can tell."""
        try:
            with self._database.read() as session:
                fence = session.scalar(select(PlanRow.fence).where(PlanRow.id == self.plan_id))
        except SQLAlchemyError as error:
            raise Interrupted(f"plan {self.plan_id}: the journal cannot be read ({error}); nothing more is pushed") from error
        if fence != self._claim.fence:
            raise Superseded(self.plan_id, self._claim.fence)

    def started(self, step: Step, detail: str = "") -> Note:
        return Note(self._now(), step, None, "started", detail=detail)

    def journaled(self, note: Note) -> JournalRow:
        return JournalRow(
            plan_id=self.plan_id,
            at=note.at,
            step=note.step,
            element=note.element,
            outcome=note.outcome,
            milliseconds=note.milliseconds,
            detail=note.detail,
            worker=self._claim.worker,
            fence=self._claim.fence,
        )


def noted(plan: PlanRow, outcome: str, detail: str, by: str, at: datetime, *, element: str | None = None) -> JournalRow:
    """A line of the journal that no worker writes: somebody has said something about the plan."""
    return JournalRow(
        plan_id=plan.id,
        at=at,
        step=plan.step,
        element=element,
        outcome=outcome,
        milliseconds=None,
        detail=detail,
        worker=by,
        fence=plan.fence or 0,
    )


def record(row: PlanRow, participants: Iterable[Participant]) -> None:
    """Write down how each element stands."""
    changes = {change.element: change for change in row.change_sets}
    for participant in participants:
        change = changes[participant.element]
        change.state = participant.state
        if participant.staged:
            real = participant.change
            change.before, change.forward, change.reverse = real.before, real.forward, real.reverse
        change.session_id = participant.session_id
        change.answer = participant.answer or change.answer
