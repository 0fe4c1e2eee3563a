"""The first point: plans that a worker has claimed become its own, and those that nothing keeps begin."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from sqlalchemy import Row, Table, select
from sqlalchemy.orm import Session

from agent.fulfillment import freezes, holds
from agent.fulfillment.errors import ElementsHeld, Superseded
from agent.fulfillment.items import items_of
from agent.fulfillment.outcome import PLAN_WORK, order_of
from agent.fulfillment.overtaken import ask, is_owed, predecessor
from agent.fulfillment.participant import Note
from agent.fulfillment.plan import CANCELLED, ENDED, Plan, PlannedItem, PlanState, Step, read_plan
from agent.fulfillment.points import Entry, Head
from agent.fulfillment.realisation import ports_of_new
from agent.fulfillment.recovery import Course, course_of
from agent.fulfillment.tables import ChangeSetRow, PlanRow
from agent.fulfillment.tools import Tools
from inventory.prepared import Prepared, among
from inventory.work import Claim, Work


@dataclass(frozen=True, slots=True)
class Taken:
    """A plan that goes on, and what stands around it."""

    plan: Plan
    held: ElementsHeld | None
    """By whom its elements are, if it is not alone on them."""
    begins: Sequence[str]
    """Customer ports (`element/port`) that come into use, of a plan that only adds."""


class Taking(Entry):
    rank = 2
    minds_cancellation = False
    takes = True
    reads_plan = True
    moves_order = True

    def __init__(self, tools: Tools, claim: Claim) -> None:
        super().__init__(claim, (), (), {})
        self.tools = tools
        self.taken: Taken | None = None
        """None when the plan has ended already, or waits."""

    @classmethod
    def write_all(cls, session: Session, entries: Sequence[Self]) -> None:
        tools, at = entries[0].tools, entries[0].tools.clock.now()
        plans = {entry.plan_id: entry.head.row for entry in entries if entry.head.row is not None}
        freezes.look_ahead(session, at)
        going = [entry for entry in entries if entry.begins(session, plans[entry.plan_id], at)]
        changes = _changes(session, [entry.plan_id for entry in going])
        held = holds.holders(session, {row.element for rows in changes.values() for row in rows})
        begins = ports_of_new(session, [entry.plan_id for entry in going])
        for entry in going:
            row = plans[entry.plan_id]
            order = order_of(session, row)
            items = [PlannedItem(item.action, item.service_id) for item in items_of(order, row)] if order else []
            plan = read_plan(row, changes.get(row.id, ()), items)
            entry.go_on(plan, holds.refusal(held, plan.id, [each.element for each in plan.changes]), begins.get(plan.id, []))
        tools.lifecycle.look_ahead(session, [port for entry in going if entry.taken for port in entry.taken.begins])
        tools.doors.look_ahead(session, {row.element for rows in changes.values() for row in rows} - held.keys())

    def meet(self, head: Head | None) -> None:
        super().meet(head)
        self.taken = None

    def go_on(self, plan: Plan, held: ElementsHeld | None, begins: Sequence[str]) -> None:
        self.taken = Taken(plan, held, begins)
        if course_of(plan) is not Course.FORWARD:
            self.tell(Note(self.tools.clock.now(), plan.step, None, "started"))

    def begins(self, session: Session, row: PlanRow, at: datetime) -> bool:
        """Whether it goes on now. If not it waits, for its day or for somebody, or has ended."""
        row.fence = self.claim.fence
        if row.state in ENDED:
            self.tools.queue.finish(session, self.claim, at)
            return False
        if row.state == PlanState.RUNNING:
            self._distrust(session, at)
        return row.state == PlanState.IN_DOUBT or self._nothing_keeps(session, row, at)

    def _distrust(self, session: Session, at: datetime) -> None:
        """Its worker did not put the plan back. If it is not dead for sure it may wake and push: look once it has had its time."""
        before = predecessor(session, self.plan_id)
        if before and not self.tools.gone(before) and is_owed(session, self.plan_id):
            run_at = at + self.tools.settings.lease
            ask(session, self.tools.queue, self.plan_id, f"taken over by {self.claim.fence}", at, run_at=run_at)

    def _nothing_keeps(self, session: Session, row: PlanRow, at: datetime) -> bool:
        waited = row.waits, row.waits_until
        kept = self.tools.outcomes.begin(session, row, at)
        step = Step(row.step)
        if kept is None and row.state not in ENDED:
            row.state = PlanState.RUNNING
            if waited[0]:
                self.tell(Note(at, step, None, "released", detail=f"the {waited[0]} keeps it no longer"))
            return True
        if kept is not None and (kept.expired or (kept.waits, kept.until) != waited):
            self.tell(Note(at, step, None, "waiting", detail=kept.words))
        if row.state in ENDED:
            if kept is None:
                self.tell(Note(at, step, None, "cancelled", detail=CANCELLED.message))
            self._let_go(session, row, at)
            ours = self.tools.queue.finish(session, self.claim, at)
        else:
            row.state, row.step = PlanState.WAITING, Step.CONNECT
            words = kept.words if kept else ""
            ours = self.tools.queue.release(session, self.claim, at, run_at=row.waits_until, error=words, counted=False)
        if not ours:
            raise Superseded(row.id, self.claim.fence)
        return False

    def _let_go(self, session: Session, row: PlanRow, at: datetime) -> None:
        for plan_id in holds.waiting_for(session, [row.id], holds.release(session, row.id)):
            self.tools.queue.submit(session, Work(PLAN_WORK, plan_id), at)


def _changes(session: Session, plans: Collection[str]) -> Mapping[str, Sequence[Row[Any]]]:
    """Plan → its change sets, by element."""
    found: dict[str, list[Row[Any]]] = {}
    for row in _CHANGES.named(session.connection(), {"plans": plans}):
        found.setdefault(row.plan_id, []).append(row)
    return found


_CHANGE_SETS = cast("Table", ChangeSetRow.__table__)
_CHANGES = Prepared(
    select(*_CHANGE_SETS.c).where(among(_CHANGE_SETS.c.plan_id, "plans")).order_by(_CHANGE_SETS.c.plan_id, _CHANGE_SETS.c.element)
)
