"""Tables of fulfilment: orders, plans, change sets, the journal, and who holds which element."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inventory.db import Base


class OrderRow(Base):
    """A service order (TMF641). Its state is derived from its items and kept here for filtering."""

    __tablename__ = "service_order"
    __table_args__ = (UniqueConstraint("client", "external_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    client: Mapped[str]
    """Name of the token that placed it."""
    external_id: Mapped[str | None]
    body_digest: Mapped[str]
    customer: Mapped[str] = mapped_column(index=True)
    """Account number."""
    state: Mapped[str] = mapped_column(index=True)
    document: Mapped[dict[str, Any]]
    """What the client sent, unknown attributes included, without the server's fields."""
    correlation_id: Mapped[str]
    order_date: Mapped[datetime] = mapped_column(index=True)
    requested_start: Mapped[datetime | None]
    requested_completion: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    priority: Mapped[int] = mapped_column(default=100)
    """Lower is sooner."""
    expected_completion: Mapped[datetime | None]
    milestones: Mapped[list[Any]] = mapped_column(default=list)
    """TMF641 milestones, as they were reached."""
    jeopardy: Mapped[list[Any]] = mapped_column(default=list)
    """TMF641 jeopardy alerts."""
    cancellation_id: Mapped[str] = mapped_column(default="")
    """Of the cancellation that is or was carried out; "" when there is none, or its day has not come."""
    cancellation_reason: Mapped[str] = mapped_column(default="")
    cancelled_at: Mapped[datetime | None]
    undoes: Mapped[str] = mapped_column(default="")
    """The cancellation that this order carries out by undoing what another one had completed; "" for a client's order."""
    items: Mapped[list["OrderItemRow"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="OrderItemRow.position"
    )


class OrderItemRow(Base):
    __tablename__ = "order_item"
    __table_args__ = (UniqueConstraint("order_id", "reference"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("service_order.id", ondelete="CASCADE"))
    reference: Mapped[str]
    """The client's own item id."""
    position: Mapped[int]
    action: Mapped[str]
    """add, modify, delete or noChange."""
    state: Mapped[str]
    specification: Mapped[str]
    service_id: Mapped[str] = mapped_column(index=True)
    depends_on: Mapped[list[Any]] = mapped_column(default=list)
    """References of items that must complete first."""
    characteristics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    document: Mapped[dict[str, Any]]
    errors: Mapped[list[Any]] = mapped_column(default=list)
    """TMF641 error messages, in the element's own words."""
    wanted_state: Mapped[str] = mapped_column(default="")
    """active or inactive; "" leaves the service's state as the action says."""
    suspension_reason: Mapped[str] = mapped_column(default="")
    waits_for: Mapped[str] = mapped_column(default="")
    """A reference that another system completes before the item begins; "" when none."""
    wait_until: Mapped[datetime | None]
    """When the item fails if the reference has not been completed by then."""
    released_at: Mapped[datetime | None]
    """When the reference was completed."""
    former: Mapped[dict[str, Any] | None]
    """Of a modify: the service's characteristics, state and suspension_reason when it was ordered, for its way back."""
    outlook: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What its service comes to when the plan holds, beside the planned parts; see `reservation.Outlook`."""
    plan_id: Mapped[str | None] = mapped_column(ForeignKey("plan.id"), index=True)


class PlanRow(Base):
    """One network transaction: the change sets of one item, or of several related by `bundle`."""

    __tablename__ = "plan"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Also the `persist` id of its confirmed commits."""
    order_id: Mapped[str] = mapped_column(index=True)
    """"" when no order stands behind it."""
    purpose: Mapped[str] = mapped_column(default="order")
    """order, or redeploy: the network is made to match the intent again."""
    approval: Mapped[str] = mapped_column(default="")
    """"" when none is needed, else required, approved or rejected."""
    approved_by: Mapped[str] = mapped_column(default="")
    approved_at: Mapped[datetime | None]
    waits: Mapped[str] = mapped_column(default="")
    """Why it has not begun though its day has come: approval, reference or freeze; "" when nothing keeps it."""
    waits_until: Mapped[datetime | None]
    """When that wait ends by itself."""
    started_at: Mapped[datetime | None]
    """When a worker first began with it."""
    version: Mapped[int] = mapped_column(default=1)
    """Of the list of steps: a journal written by an older program is finished by that program's steps."""
    state: Mapped[str] = mapped_column(index=True)
    """waiting, running, done, failed, cancelled or inDoubt."""
    step: Mapped[str]
    """Name of the step that runs or is next."""
    decision: Mapped[str | None]
    """commit or revert; NULL before it is made. This is the decision of the transaction."""
    fence: Mapped[int] = mapped_column(default=0)
    """Of the worker that last claimed it; checked before each push."""
    error: Mapped[dict[str, Any] | None]
    """Why it reverts: {failures: [{element, code, message}, …]}."""
    readings: Mapped[dict[str, Any] | None]
    """Counters read before what is deleted goes; needed when the delete holds, maybe by another worker."""
    created_at: Mapped[datetime]
    deadline: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    rest_s: Mapped[int | None]
    """How long a port that is bounced stays shut; NULL: as is usual, and of other plans."""
    change_sets: Mapped[list["ChangeSetRow"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="ChangeSetRow.element"
    )


class ChangeSetRow(Base):
    """What one plan changes on one element, with the way back; written before anything is pushed."""

    __tablename__ = "change_set"
    __table_args__ = (UniqueConstraint("plan_id", "element"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"))
    element: Mapped[str] = mapped_column(index=True)
    platform: Mapped[str]
    commitment: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    forward: Mapped[str]
    reverse: Mapped[str]
    own_before: Mapped[str | None]
    """What the plan's services say by themselves, where `before` and `after` also name what others have there; else NULL."""
    own_after: Mapped[str | None]
    ports: Mapped[list[Any]] = mapped_column(default=list)
    checks: Mapped[list[Any]] = mapped_column(default=list)
    """Service tests: [{kind, arguments}, …]."""
    state: Mapped[str] = mapped_column(default="planned")
    """planned, staged, committed, confirmed, saved, reverted, kept (by an operator) or inDoubt."""
    session_id: Mapped[str] = mapped_column(default="")
    """Journaled before staging, so that a takeover can end it."""
    resolution: Mapped[str] = mapped_column(default="")
    """What an operator decided about an element in doubt: keep, revert or replaced."""
    answer: Mapped[str] = mapped_column(default="")


class JournalRow(Base):
    """What happened, append-only: one row as a step starts and one as it ends."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_plan", "plan_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    step: Mapped[str]
    element: Mapped[str | None]
    outcome: Mapped[str]
    """started, done, refused, failed, retrying or resolved."""
    milliseconds: Mapped[int | None]
    detail: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")
    """What the element said in this step."""
    worker: Mapped[str]
    fence: Mapped[int]


class ElementHoldRow(Base):
    """Which plan holds an element: one at a time. `in_doubt` keeps every other plan away until it is resolved."""

    __tablename__ = "element_hold"

    element: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plan.id"), index=True)
    fence: Mapped[int]
    since: Mapped[datetime]
    in_doubt: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(default="")


class DriftRow(Base):
    """How an element's owned configuration stood when it was last compared with the intent."""

    __tablename__ = "drift"

    element: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    """inSync, drifted, unknown (it could not be asked) or skipped (a plan has it)."""
    reason: Mapped[str] = mapped_column(default="")
    digest: Mapped[str] = mapped_column(default="")
    """Of the owned configuration as it stood."""
    missing: Mapped[list[Any]] = mapped_column(default=list)
    unexpected: Mapped[list[Any]] = mapped_column(default=list)
    checked_at: Mapped[datetime]


class DriftRunRow(Base):
    """A comparison or repair of several elements, done in the background."""

    __tablename__ = "drift_run"

    id: Mapped[str] = mapped_column(primary_key=True)
    verb: Mapped[str]
    """check-sync, diff, redeploy or adopt."""
    elements: Mapped[list[Any]]
    service_id: Mapped[str] = mapped_column(default="")
    """Only what this service has there; "" for all that fabd owns there."""
    dry_run: Mapped[bool] = mapped_column(default=False)
    by: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    """waiting, running or done."""
    results: Mapped[list[Any]] = mapped_column(default=list)
    """One per element that is through."""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class OrderCancellationRow(Base):
    """A request to cancel an order (TMF641 CancelServiceOrder)."""

    __tablename__ = "order_cancellation"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("service_order.id", ondelete="CASCADE"), index=True)
    client: Mapped[str]
    """Name of the token that asked for it."""
    state: Mapped[str] = mapped_column(index=True)
    """TMF641 TaskStateType: accepted, inProgress, done or terminatedWithError."""
    reason: Mapped[str] = mapped_column(default="")
    document: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the client sent, unknown attributes included."""
    requested_at: Mapped[datetime | None]
    """When the client wants it cancelled; NULL: now."""
    created_at: Mapped[datetime]
    effective_at: Mapped[datetime | None]
    """When the order was cancelled."""
    message: Mapped[str] = mapped_column(default="")
    """What came of it."""
    errors: Mapped[list[Any]] = mapped_column(default=list)
    """Why it was not carried out whole: [{element, code, message, at}, …]."""
    undone_by: Mapped[str] = mapped_column(default="")
    """The order that undoes what was completed; "" when nothing was."""


class FreezeRow(Base):
    """A change freeze: a time in which no plan begins to change the network."""

    __tablename__ = "change_freeze"

    id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    start: Mapped[datetime] = mapped_column(index=True)
    end: Mapped[datetime] = mapped_column(index=True)
    urgent_passes: Mapped[bool] = mapped_column(default=False)
    """Whether orders of the most urgent priority go on."""
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    ended_by: Mapped[str] = mapped_column(default="")
    """Who ended it before its time; `end` is then when."""
