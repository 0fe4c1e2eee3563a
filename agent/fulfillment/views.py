"""What people see of plans: a timeline of phases, elements, milliseconds, native payloads and the elements' answers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Missing
from agent.fulfillment.plan import Failure
from agent.fulfillment.tables import ChangeSetRow, ElementHoldRow, JournalRow, OrderItemRow, PlanRow


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
    """started, done, refused, failed or resolved."""
    milliseconds: int | None
    detail: str
    worker: str


@dataclass(frozen=True, slots=True)
class PlanView:
    id: str
    order_id: str
    items: tuple[str, ...]
    """The client's ids of the items it carries out."""
    state: str
    step: str
    decision: str | None
    failures: tuple[Failure, ...]
    created_at: datetime
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
        items=tuple(session.scalars(references)),
        state=row.state,
        step=row.step,
        decision=row.decision,
        failures=tuple(Failure.from_document(document) for document in (row.error or {}).get("failures", [])),
        created_at=row.created_at,
        deadline=row.deadline,
        finished_at=row.finished_at,
        changes=tuple(change_view(change) for change in row.change_sets),
        timeline=_timeline(session, row.id),
    )


def plan_views(session: Session, order_id: str) -> tuple[PlanView, ...]:
    """All of an order, in the order of their making."""
    ids = session.scalars(select(PlanRow.id).where(PlanRow.order_id == order_id).order_by(PlanRow.id))
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
    return tuple(HoldView(row.element, row.plan_id, row.since, row.in_doubt, row.reason) for row in session.scalars(query))


def _timeline(session: Session, plan_id: str) -> tuple[Moment, ...]:
    rows = session.scalars(select(JournalRow).where(JournalRow.plan_id == plan_id).order_by(JournalRow.id))
    return tuple(Moment(row.at, row.step, row.element, row.outcome, row.milliseconds, row.detail, row.worker) for row in rows)
