"""What people see of plans: a timeline of phases, elements, milliseconds, native payloads and the elements' answers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.fulfillment import holds
from agent.fulfillment.errors import Missing
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.plan import ENDED, Failure, PlanState
from agent.fulfillment.tables import ChangeSetRow, ElementHoldRow, JournalRow, OrderItemRow, PlanRow
from inventory.tables import WorkItemRow
from inventory.work import Work


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One element's part. Texts are native: as they were sent, and as the element answered."""

    element: str
    platform: str
    commitment: str
    state: str
    before: str
    after: str
    payload: str
    reverse: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the journal."""

    at: datetime
    step: str
    element: str | None
    outcome: str
    """started, done, refused, failed, waiting, retrying, approved, rejected, released, cancelled or resolved."""
    milliseconds: int | None
    detail: str
    answer: str
    """What the element said in this step."""
    worker: str


@dataclass(frozen=True, slots=True)
class PlanView:
    id: str
    order_id: str
    """"" when no order stands behind it."""
    purpose: str
    items: tuple[str, ...]
    """The client's ids of the items it carries out."""
    state: str
    step: str
    decision: str | None
    approval: str
    """"" when none is needed, else required, approved or rejected."""
    approved_by: str
    approved_at: datetime | None
    waits: str
    """start, approval, reference or freeze; "" when it waits for none of these."""
    waits_until: datetime | None
    next_try: datetime | None
    """When a worker looks at it again."""
    blockers: tuple["HoldView", ...]
    """Other plans that hold what it needs."""
    failures: tuple[Failure, ...]
    created_at: datetime
    started_at: datetime | None
    deadline: datetime
    finished_at: datetime | None
    changes: tuple[ChangeView, ...]
    timeline: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class HoldView:
    element: str
    plan_id: str
    since: datetime
    in_doubt: bool
    reason: str


def plan_view(session: Session, plan_id: str) -> PlanView:
    """`Missing` when there is none."""
    row = session.get(PlanRow, plan_id)
    if row is None:
        raise Missing("plan", plan_id)
    references = select(OrderItemRow.reference).where(OrderItemRow.plan_id == row.id).order_by(OrderItemRow.position)
    return PlanView(
        id=row.id,
        order_id=row.order_id,
        purpose=row.purpose,
        items=tuple(session.scalars(references)),
        state=row.state,
        step=row.step,
        decision=row.decision,
        approval=row.approval,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        waits=row.waits,
        waits_until=row.waits_until,
        next_try=_next_try(session, row),
        blockers=_blockers(session, row),
        failures=tuple(Failure.from_document(document) for document in (row.error or {}).get("failures", [])),
        created_at=row.created_at,
        started_at=row.started_at,
        deadline=row.deadline,
        finished_at=row.finished_at,
        changes=tuple(change_view(change) for change in row.change_sets),
        timeline=_timeline(session, row.id),
    )


def plan_views(session: Session, order_id: str) -> tuple[PlanView, ...]:
    """All of an order, in the order of its items."""
    position = func.min(OrderItemRow.position)
    mine = select(PlanRow.id).join(OrderItemRow, OrderItemRow.plan_id == PlanRow.id).where(PlanRow.order_id == order_id)
    ids = session.scalars(mine.group_by(PlanRow.id).order_by(position))
    return tuple(plan_view(session, plan_id) for plan_id in ids.all())


def change_view(row: ChangeSetRow) -> ChangeView:
    return ChangeView(
        element=row.element,
        platform=row.platform,
        commitment=row.commitment,
        state=row.state,
        before=row.before,
        after=row.after,
        payload=row.forward,
        reverse=row.reverse,
        answer=row.answer,
    )


def hold_views(session: Session, *, in_doubt: bool = False) -> tuple[HoldView, ...]:
    """Which plan holds which element; only those in doubt when asked so."""
    query = select(ElementHoldRow).order_by(ElementHoldRow.element)
    if in_doubt:
        query = query.where(ElementHoldRow.in_doubt)
    return tuple(map(_hold_view, session.scalars(query)))


def _hold_view(row: ElementHoldRow | holds.Holder) -> HoldView:
    return HoldView(row.element, row.plan_id, row.since, row.in_doubt, row.reason)


def _blockers(session: Session, row: PlanRow) -> tuple[HoldView, ...]:
    if row.state != PlanState.WAITING:
        return ()
    return tuple(map(_hold_view, holds.of_others(session, row.id, [change.element for change in row.change_sets])))


def _next_try(session: Session, row: PlanRow) -> datetime | None:
    if row.state in ENDED:
        return None
    due = select(WorkItemRow.run_at).where(WorkItemRow.id == Work(PLAN_WORK, row.id).id, WorkItemRow.state == "ready")
    return session.scalars(due).first()


def _timeline(session: Session, plan_id: str) -> tuple[Moment, ...]:
    rows = session.scalars(select(JournalRow).where(JournalRow.plan_id == plan_id).order_by(JournalRow.id))
    return tuple(
        Moment(row.at, row.step, row.element, row.outcome, row.milliseconds, row.detail, row.answer, row.worker) for row in rows
    )
