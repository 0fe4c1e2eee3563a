"""What plans write at the points of their journals: those that are there at the same moment are written as one set.

An entry is what one plan writes. First all plans of a set are locked, in the order of their ids, and each is asked whether it is
still its worker's; then each kind of point does its part for all that are at it; then lines, elements and plans are written, many
to a statement. What is wrong with one is noted in its entry, and nothing of that is written.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self, cast

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Cancelled, Missing, Superseded
from agent.fulfillment.locked import lock_orders
from agent.fulfillment.participant import Note, Participant, Record
from agent.fulfillment.tables import ChangeSetRow, JournalRow, OrderItemRow, OrderRow, PlanRow
from crm_bridge import outbox
from inventory.changing import write_changes
from inventory.loading import Loading
from inventory.prepared import Prepared, among
from inventory.tables import ServiceRow
from inventory.work import Claim

Line = dict[str, object]
"""A row of the journal."""
Records = dict[str, Record]
"""By element."""


class Head(NamedTuple):
    """Of a plan, as it stands in its transaction."""

    id: str
    fence: int
    decision: str | None
    cancellation: str
    correlation_id: str
    order_id: str = ""
    started_at: datetime | None = None
    readings: Mapping[str, Any] | None = None
    row: PlanRow | None = None
    """All of it, for who asks for that (`Entry.reads_plan`)."""


class Entry:
    """One plan at a point. `values`: columns of the plan → what they become; `error`: why nothing of it was written."""

    rank: ClassVar[int] = 1
    """Kinds of one set do their part in this order."""
    minds_cancellation: ClassVar[bool] = True
    takes: ClassVar[bool] = False
    """The plan becomes this claim's; otherwise it must be it."""
    moves_order: ClassVar[bool] = False
    """Its order is locked when it does its part."""
    reads_plan: ClassVar[bool] = False
    """Wants the plan's whole row."""

    def __init__(self, claim: Claim, notes: Iterable[Note], participants: Sequence[Participant], values: dict[str, object]) -> None:
        self.claim, self.plan_id = claim, claim.work.key
        self.participants = participants
        self.values = values
        self._notes = list(notes)
        self.monotonic: Callable[[], float] = time.monotonic
        self.met_at = float("-inf")
        """When the plan was seen to be its worker's."""
        self.lines: list[Line] = []
        self.written: Records = {}
        self.head = Head(self.plan_id, 0, None, "", "")
        self.error: Exception | None = None

    @classmethod
    def write_all(cls, session: Session, entries: Sequence[Self]) -> None:
        """The part of this kind of point, for all that are at it."""

    def tell(self, note: Note) -> None:
        self.lines.append(line_of(self.claim, note))

    def meet(self, head: Head | None) -> None:
        """Begin, maybe once more, with the plan as it stands."""
        self.lines, self.written, self.error = [line_of(self.claim, note) for note in self._notes], {}, None
        if head is None:
            self.error = Missing("plan", self.plan_id)
        elif head.fence > self.claim.fence or (head.fence < self.claim.fence and not self.takes):
            self.error = Superseded(self.plan_id, self.claim.fence)
        else:
            self.head, self.met_at = head, self.monotonic()
            if head.cancellation and self.minds_cancellation:
                self.error = Cancelled()


def write_set(session: Session, entries: Sequence[Entry]) -> None:
    """All of a set, in the transaction of the session."""
    heads = _heads(session, {entry.plan_id for entry in entries}, {entry.plan_id for entry in entries if entry.reads_plan})
    newest: dict[str, int] = {}
    for entry in entries:
        newest[entry.plan_id] = max(entry.claim.fence, newest.get(entry.plan_id, 0))
    for entry in entries:
        entry.meet(heads.get(entry.plan_id))
        if entry.claim.fence < newest[entry.plan_id]:
            entry.error = Superseded(entry.plan_id, entry.claim.fence)
    with outbox.gathering(session):
        _write_kinds(session, entries)
    holding = [entry for entry in entries if entry.error is None]
    write_lines(session, [line for entry in holding for line in entry.lines])
    written = _record(session, [(entry.plan_id, participant) for entry in holding for participant in entry.participants])
    for entry in holding:
        entry.written = written.get(entry.plan_id, {})
    _move(session, holding)
    write_changes(session, (PlanRow, OrderRow, OrderItemRow, ServiceRow))


def _write_kinds(session: Session, entries: Sequence[Entry]) -> None:
    """Each kind of point does its part."""
    orders_locked = False
    for kind in sorted({type(entry) for entry in entries}, key=lambda kind: kind.rank):
        if kind.moves_order and not orders_locked:  # those of all kinds at once, after the elements that are claimed first
            lock_orders(session, {entry.head.order_id for entry in entries if entry.moves_order and entry.error is None})
            orders_locked = True
        alike = [entry for entry in entries if type(entry) is kind and entry.error is None]
        if alike:
            kind.write_all(session, alike)


def line_of(claim: Claim, note: Note) -> Line:
    return {
        "plan_id": claim.work.key,
        "at": note.at,
        "step": note.step,
        "element": note.element,
        "outcome": note.outcome,
        "milliseconds": note.milliseconds,
        "detail": note.detail,
        "answer": note.answer,
        "worker": claim.worker,
        "fence": claim.fence,
    }


def write_lines(session: Session, lines: Sequence[Line]) -> None:
    if lines:
        _LINE.run_all(session.connection(), lines)


def record(session: Session, plan_id: str, participants: Iterable[Participant]) -> Records:
    """Write down how each element stands, where that is new: element → what was written."""
    return _record(session, [(plan_id, participant) for participant in participants]).get(plan_id, {})


def _heads(session: Session, plans: AbstractSet[str], whole: AbstractSet[str]) -> dict[str, Head]:
    """Locked. `whole`: those of which the row is wanted."""
    found = [Head(*row) for row in _HEADS.rows(session.connection(), {"plans": sorted(plans)})]
    rows = {row.id: row for row in _ROWS.rows(session, {"plans": list(whole)})} if whole else {}
    return {head.id: head._replace(row=rows[head.id]) if head.id in rows else head for head in found}


def _record(session: Session, parts: Iterable[tuple[str, Participant]]) -> dict[str, Records]:
    """Plan → element → how it stands, of those that stand otherwise than the journal has it."""
    written: dict[str, Records] = {}
    rows: dict[Prepared, list[dict[str, str]]] = {_STANDING: [], _STAGED: []}
    for plan_id, participant in parts:
        standing, said = participant.standing, participant.recorded or {}
        if standing == participant.recorded:
            continue
        written.setdefault(plan_id, {})[participant.element] = standing
        changed = participant.staged and any(standing.get(text) != said.get(text) for text in _TEXTS)
        rows[_STAGED if changed else _STANDING].append({"plan": plan_id, "of": participant.element, **standing})
    for statement, some in rows.items():
        statement.run_all(session.connection(), some)
    return written


def _move(session: Session, entries: Sequence[Entry]) -> None:
    """Plans that get the same values get them by one statement."""
    groups: list[tuple[dict[str, object], list[str]]] = []
    for entry in entries:
        alike = next((plans for values, plans in groups if values == entry.values), None)
        if alike is None:
            groups.append((entry.values, [entry.plan_id]))
        else:
            alike.append(entry.plan_id)
    for values, plans in groups:
        if values:
            _movement(tuple(values)).run(session.connection(), {"plans": plans, **values})


@lru_cache
def _movement(columns: tuple[str, ...]) -> Prepared:
    values = {name: bindparam(name, type_=_PLANS.c[name].type) for name in columns}
    return Prepared(update(_PLANS).where(among(_PLANS.c.id, "plans")).values(values))


_TEXTS = ("before", "forward", "reverse")
"""Of a change set: written when its element says how it will make it, not each time."""
_LINES, _CHANGES = cast("Table", JournalRow.__table__), cast("Table", ChangeSetRow.__table__)
_PLANS = cast("Table", PlanRow.__table__)
_HEADS = Prepared(
    select(
        PlanRow.id,
        PlanRow.fence,
        PlanRow.decision,
        func.coalesce(OrderRow.cancellation_id, ""),
        func.coalesce(OrderRow.correlation_id, ""),
        PlanRow.order_id,
        PlanRow.started_at,
        PlanRow.readings,
    )
    .outerjoin(OrderRow, OrderRow.id == PlanRow.order_id)
    .where(among(PlanRow.id, "plans"))
    .order_by(PlanRow.id)
    .with_for_update(of=_PLANS)
)
_ROWS = Loading(PlanRow, among(PlanRow.id, "plans"))
"""Of those that are locked already."""
_LINE = Prepared(
    insert(_LINES), ["plan_id", "at", "step", "element", "outcome", "milliseconds", "detail", "answer", "worker", "fence"]
)
_STAND = (
    update(_CHANGES)
    .where(_CHANGES.c.plan_id == bindparam("plan"), _CHANGES.c.element == bindparam("of"))
    .values(state=bindparam("state"), session_id=bindparam("session_id"), answer=bindparam("answer"))
)
_STANDING = Prepared(_STAND)
_STAGED = Prepared(
    _STAND.values(
        before=bindparam("before"),
        forward=bindparam("forward"),
        reverse=bindparam("reverse"),
        own_before=func.coalesce(_CHANGES.c.own_before, _CHANGES.c.before),
    )
)
