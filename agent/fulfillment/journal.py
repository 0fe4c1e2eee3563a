"""The journal of one plan in one worker's hands.

A *point* is one transaction that moves the plan on: what happened until then and what comes next stand in it or not at all.
Every point checks the fence first, so a worker that was overtaken writes nothing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, lazyload

from agent.fulfillment.errors import Cancelled, Interrupted, Missing, Superseded
from agent.fulfillment.fences import Fences, Hand
from agent.fulfillment.participant import Note
from agent.fulfillment.plan import Step
from agent.fulfillment.points import Entry, Records, line_of, write_lines
from agent.fulfillment.tables import JournalRow, OrderRow, PlanRow
from inventory.db import Database
from inventory.errors import OutcomeUnknown
from inventory.together import Together
from inventory.work import Claim

Checkpoint = Callable[[str], None]
"""Called as `before <point>` and `after <point>`: where tests kill the daemon."""


def no_checkpoint(name: str) -> None:
    del name


class Journal:
    def __init__(  # noqa: PLR0917  what it writes to, for whom, and by which clock
        self,
        database: Database,
        points: Together[Entry],
        claim: Claim,
        now: Callable[[], datetime],
        checkpoint: Checkpoint,
        monotonic: Callable[[], float] = time.monotonic,
        fences: Fences | None = None,
    ) -> None:
        """`fences`: of all plans of this process, where there are others."""
        self.plan_id = claim.work.key
        self._database = database
        self._points = points
        self._claim = claim
        self._now = now
        self._checkpoint = checkpoint
        self._monotonic = monotonic
        self._fences = fences or Fences(database, monotonic)
        self.hand = Hand(self.plan_id, claim.fence)
        self.cancelled = False
        """Whether the plan's order was, at the last point."""
        self.correlation_id = ""
        """Of the order's request: its log lines, those of the plan and its events carry the same."""

    @contextmanager
    def point(self, name: str, notes: Iterable[Note] = ()) -> Iterator[tuple[Session, PlanRow]]:
        """One transaction of this plan alone."""
        self._checkpoint(f"before {name}")
        with self._database.write() as session:
            began = self._monotonic()
            found = session.execute(_PLAN, {"plan": self.plan_id}).first()
            if found is None:
                raise Missing("plan", self.plan_id)
            row, cancellation, correlation = found
            if row.fence != self._claim.fence:
                raise Superseded(self.plan_id, self._claim.fence)
            self.cancelled, self.correlation_id = bool(cancellation), correlation or ""
            write_lines(session, [line_of(self._claim, note) for note in notes])
            yield session, row
        self.hand.proved_at = began
        self._checkpoint(f"after {name}")

    def advance(self, name: str, entry: Entry) -> Records:
        """A point that is written together with those of other plans; gives what is new of the elements.

        Raises `Superseded`, and `Cancelled` where the point minds that the plan's order is; then nothing of it is written.
        """
        self._checkpoint(f"before {name}")
        entry.monotonic = self._monotonic
        self._points.add(entry)
        self.cancelled, self.correlation_id = bool(entry.head.cancellation), entry.head.correlation_id
        if entry.error is not None:
            raise entry.error
        self.hand.proved_at = entry.met_at
        self._checkpoint(f"after {name}")
        return entry.written

    def passed(self, name: str, begins: Step, notes: list[Note]) -> None:
        """A place between two effects on the network at which nothing need be durable: told with the next point."""
        self._checkpoint(f"before {name}")
        notes.append(self.started(begins))
        self._checkpoint(f"after {name}")

    def guard(self) -> None:
        """Asked before each push. `Superseded` when the plan is in other hands; `Interrupted` when nobody can tell."""
        if self._fences.stale(self.hand):
            with self._readable("nothing more is pushed"):
                self._fences.prove(self.hand)

    def heed(self) -> None:
        """Asked between two points while a plan that has changed nothing waits. `Cancelled` when its order was.

        `Interrupted` when nobody can tell: it is no fault of the element that is waited for.
        """
        with self._readable("it is tried again"), self._database.read() as session:
            cancellation = session.connection().scalar(_CANCELLATION, {"plan": self.plan_id})
        if cancellation:
            self.cancelled = True
            raise Cancelled

    def remark(self, note: Note) -> None:
        """A line in a transaction of its own, between two points, said while an element is waited for; see `heed`."""
        with self._readable("it is tried again"), self.point("remark", [note]):
            pass

    def tell(self, session: Session, note: Note) -> None:
        """A line, in the transaction of a point."""
        write_lines(session, [line_of(self._claim, note)])

    @contextmanager
    def _readable(self, follows: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OutcomeUnknown) as error:
            raise Interrupted(f"plan {self.plan_id}: the journal cannot be read or written ({error}); {follows}") from error

    def started(self, step: Step, detail: str = "") -> Note:
        return Note(self._now(), step, None, "started", detail=detail)


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


_PLAN = (
    select(PlanRow, OrderRow.cancellation_id, OrderRow.correlation_id)
    .outerjoin(OrderRow, OrderRow.id == PlanRow.order_id)
    .where(PlanRow.id == bindparam("plan"))
    .with_for_update(of=PlanRow)
    .options(lazyload(PlanRow.change_sets))
)
_CANCELLATION = (
    select(OrderRow.cancellation_id).join(PlanRow, PlanRow.order_id == OrderRow.id).where(PlanRow.id == bindparam("plan"))
)
