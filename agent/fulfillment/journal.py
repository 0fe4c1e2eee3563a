"""The journal of one plan in one worker's hands.

A *point* is one transaction that moves the plan on: what happened until then and what comes next stand in it or not at all.
Every point checks the fence first, so a worker that was overtaken writes nothing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import cast

from sqlalchemy import Table, Update, bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, lazyload

from agent.fulfillment.errors import Cancelled, Interrupted, Missing, Superseded
from agent.fulfillment.participant import Note, Participant, Record
from agent.fulfillment.plan import Step
from agent.fulfillment.tables import ChangeSetRow, JournalRow, OrderRow, PlanRow
from inventory.db import Database
from inventory.work import Claim

Records = dict[str, Record]
"""By element."""
Checkpoint = Callable[[str], None]
"""Called as `before <point>` and `after <point>`: where tests kill the daemon."""

FRESH_S = 0.2
"""A point proves that the plan is ours. A push that follows within this time need not ask again: a lease lasts far longer."""


def no_checkpoint(name: str) -> None:
    del name


class Journal:
    def __init__(
        self,
        database: Database,
        claim: Claim,
        now: Callable[[], datetime],
        checkpoint: Checkpoint,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan_id = claim.work.key
        self._database = database
        self._claim = claim
        self._now = now
        self._checkpoint = checkpoint
        self._monotonic = monotonic
        self._proved = float("-inf")
        """When a transaction last showed that the plan is ours; on the monotonic clock."""
        self.cancelled = False
        """Whether the plan's order was, at the last point."""
        self.correlation_id = ""
        """Of the order's request: its log lines, those of the plan and its events carry the same."""

    @contextmanager
    def point(self, name: str, notes: Iterable[Note] = (), *, taking: bool = False) -> Iterator[tuple[Session, PlanRow]]:
        """One transaction. `taking`: the plan is ours from here on, whoever had it with a lower fence."""
        self._checkpoint(f"before {name}")
        with self._database.write() as session:
            began = self._monotonic()
            found = session.execute(_PLAN, {"plan": self.plan_id}).first()
            if found is None:
                raise Missing("plan", self.plan_id)
            row, cancellation, correlation = found
            self._take(row.fence, cancellation, correlation, taking=taking)
            row.fence = self._claim.fence
            write(session, [self._line(note) for note in notes])
            yield session, row
        self._proved = began
        self._checkpoint(f"after {name}")

    def advance(self, name: str, notes: Iterable[Note], participants: Iterable[Participant], values: dict[str, object]) -> Records:
        """A point that only writes: the plan's columns, its lines, and how the elements stand; gives what is new of these.

        Raises `Cancelled` when the plan's order is.
        """
        with self.advancing(name, notes, participants, values) as (_, written):
            return written

    @contextmanager
    def advancing(
        self, name: str, notes: Iterable[Note], participants: Iterable[Participant], values: dict[str, object]
    ) -> Iterator[tuple[Session, Records]]:
        """As `advance`, with room for more in the same transaction."""
        self._checkpoint(f"before {name}")
        with self._database.write() as session:
            began = self._monotonic()
            head = session.connection().execute(_advance(tuple(values)), {"plan": self.plan_id, **values}).first()
            if head is None:
                raise Missing("plan", self.plan_id)
            self._take(*head)  # nothing of it stays where this raises
            if self.cancelled:
                raise Cancelled
            write(session, [self._line(note) for note in notes])
            yield session, record(session, self.plan_id, participants)
        self._proved = began
        self._checkpoint(f"after {name}")

    def _take(self, fence: int, cancellation: str | None, correlation: str | None, *, taking: bool = False) -> None:
        if fence > self._claim.fence or (fence < self._claim.fence and not taking):
            raise Superseded(self.plan_id, self._claim.fence)
        self.cancelled, self.correlation_id = bool(cancellation), correlation or ""

    def passed(self, name: str, begins: Step, notes: list[Note]) -> None:
        """A place between two effects on the network at which nothing need be durable: told with the next point."""
        self._checkpoint(f"before {name}")
        notes.append(self.started(begins))
        self._checkpoint(f"after {name}")

    def guard(self) -> None:
        """Asked before each push. `Superseded` when the plan is in other hands; `Interrupted` when nobody can tell."""
        now = self._monotonic()
        if now - self._proved < FRESH_S:
            return
        try:
            with self._database.read() as session:
                fence = session.connection().scalar(_FENCE, {"plan": self.plan_id})
        except SQLAlchemyError as error:
            raise Interrupted(f"plan {self.plan_id}: the journal cannot be read ({error}); nothing more is pushed") from error
        if fence != self._claim.fence:
            raise Superseded(self.plan_id, self._claim.fence)
        self._proved = now

    def remark(self, note: Note) -> None:
        """A line in a transaction of its own, between two points."""
        with self.point("remark", [note]):
            pass

    def tell(self, session: Session, note: Note) -> None:
        """A line, in the transaction of a point."""
        write(session, [self._line(note)])

    def started(self, step: Step, detail: str = "") -> Note:
        return Note(self._now(), step, None, "started", detail=detail)

    def _line(self, note: Note) -> dict[str, object]:
        return {
            "plan_id": self.plan_id,
            "at": note.at,
            "step": note.step,
            "element": note.element,
            "outcome": note.outcome,
            "milliseconds": note.milliseconds,
            "detail": note.detail,
            "answer": note.answer,
            "worker": self._claim.worker,
            "fence": self._claim.fence,
        }


def write(session: Session, lines: list[dict[str, object]]) -> None:
    if lines:
        session.connection().execute(_LINE, lines)


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


@lru_cache
def _advance(columns: tuple[str, ...]) -> Update:
    """Gives the plan's fence, and what is to be known of its order."""
    values = {name: bindparam(name, type_=_PLANS.c[name].type) for name in columns}
    of_order = [select(column).where(OrderRow.id == _PLANS.c.order_id).scalar_subquery() for column in _OF_ORDER]
    return update(_PLANS).where(_PLANS.c.id == bindparam("plan")).values(values).returning(_PLANS.c.fence, *of_order)


def record(session: Session, plan_id: str, participants: Iterable[Participant]) -> Records:
    """Write down how each element stands, where that is new: element → what was written."""
    written: Records = {}
    for participant in participants:
        standing = participant.standing
        if standing != participant.recorded:
            said = participant.recorded or {}
            changed = any(standing.get(text) != said.get(text) for text in _TEXTS)
            statement, told = (_STAGED, standing) if changed else (_STANDING, _without_texts(standing))
            session.connection().execute(statement, {"plan": plan_id, "of": participant.element, **told})
            written[participant.element] = standing
    return written


def _without_texts(standing: Record) -> Record:
    return {name: text for name, text in standing.items() if name not in _TEXTS}


_TEXTS = ("before", "forward", "reverse")
"""Of a change set: written when its element says how it will make it, not each time."""
_LINES, _CHANGES = cast("Table", JournalRow.__table__), cast("Table", ChangeSetRow.__table__)
_PLANS = cast("Table", PlanRow.__table__)
_OF_ORDER = (OrderRow.cancellation_id, OrderRow.correlation_id)
_PLAN = (
    select(PlanRow, *_OF_ORDER)
    .outerjoin(OrderRow, OrderRow.id == PlanRow.order_id)
    .where(PlanRow.id == bindparam("plan"))
    .with_for_update(of=PlanRow)
    .options(lazyload(PlanRow.change_sets))
)
_FENCE = select(PlanRow.fence).where(PlanRow.id == bindparam("plan"))
_LINE = insert(_LINES)
_STANDING = (
    update(_CHANGES)
    .where(_CHANGES.c.plan_id == bindparam("plan"), _CHANGES.c.element == bindparam("of"))
    .values(state=bindparam("state"), session_id=bindparam("session_id"), answer=bindparam("answer"))
)
_STAGED = _STANDING.values(before=bindparam("before"), forward=bindparam("forward"), reverse=bindparam("reverse"))
