"""Tables of the CRM and billing bridge.

Three unique constraints make once-only effects of at-least-once delivery: `usage_record(source, source_id)`,
`rated_line(usage_id, charge, tariff_version, run)` and `credit(agreement_id, service_id, rule, period_start)`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inventory.db import Base, Unsigned64


class CustomerRow(Base):
    __tablename__ = "customer"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_number: Mapped[str] = mapped_column(unique=True)
    """Immutable, with a check digit; what orders and bills name."""
    external_id: Mapped[str | None] = mapped_column(unique=True)
    """The customer's key in the imported file or another CRM: importing again updates the same customer."""
    name: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    currency: Mapped[str] = mapped_column(default="EUR")
    contact: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("customer.id"))
    created_at: Mapped[datetime]


class AgreementRow(Base):
    """What was agreed: SLA, tariff, service hours. A change is a new version; the old one keeps its dates."""

    __tablename__ = "agreement"
    __table_args__ = (UniqueConstraint("customer_id", "name", "version"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    name: Mapped[str]
    version: Mapped[int]
    specification: Mapped[str]
    """The service specification it covers, or "*"."""
    sla: Mapped[str]
    tariff: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """`{"sla": {…}, "tariff": {…}}`: what differs from the named SLA (time zone, service hours, unknown policy, maintenance
    allowance, re-open window …) and tariff (period …), written as in their files."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class TicketRow(Base):
    """One per problem and affected customer (TMF621); `key` = customer, root object, problem class."""

    __tablename__ = "ticket"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(index=True)
    """Unique among tickets that are not closed or cancelled; kept by `crm_bridge.tickets` inside the transaction."""
    open_key: Mapped[str | None] = mapped_column(unique=True)
    """The key while the ticket can still be re-opened, else NULL: the constraint behind "one ticket"."""
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    problem_id: Mapped[str | None] = mapped_column(index=True)
    root_object: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    ticket_type: Mapped[str] = mapped_column(default="trouble")
    status: Mapped[str]
    """TMF621: acknowledged, inProgress, held, pending, resolved, closed, rejected, cancelled."""
    severity: Mapped[str]
    priority: Mapped[str]
    repeats: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    """When its repair has to begin at the latest; never before the ticket."""
    expected_at: Mapped[datetime | None]
    """When its repair is expected to be done: within the target, and before the breach where there is still time."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    services: Mapped[list["TicketServiceRow"]] = relationship(cascade="all, delete-orphan", lazy="selectin")
    changes: Mapped[list["TicketChangeRow"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="TicketChangeRow.at, TicketChangeRow.id"
    )
    notes: Mapped[list["TicketNoteRow"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="TicketNoteRow.at, TicketNoteRow.id"
    )


class TicketServiceRow(Base):
    __tablename__ = "ticket_service"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    service_id: Mapped[str] = mapped_column(primary_key=True, index=True)
    down_from: Mapped[datetime | None]
    down_to: Mapped[datetime | None]


class TicketChangeRow(Base):
    """The status log; the ticket's clocks are a fold over it."""

    __tablename__ = "ticket_change"

    id: Mapped[str] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    actor: Mapped[str]


class TicketNoteRow(Base):
    __tablename__ = "ticket_note"

    id: Mapped[str] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    author: Mapped[str]
    text: Mapped[str]


class UsageRecordRow(Base):
    """Usage (TMF635). The id is derived from service, resource, counter and bin start: the same bin is the same record."""

    __tablename__ = "usage_record"
    __table_args__ = (UniqueConstraint("source", "source_id"), Index("ix_usage_record_rating", "customer_id", "status", "start"))

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    """Who delivered it: "counters" for polled ports."""
    source_id: Mapped[str]
    digest: Mapped[str]
    """Of the content: the same id with another content is a conflict (409)."""
    usage_type: Mapped[str]
    status: Mapped[str]
    """TMF635: received, guided, rejected, rated, rerated, recycled, billed."""
    status_reason: Mapped[str] = mapped_column(default="")
    service_id: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[str | None] = mapped_column(ForeignKey("customer.id"))
    start: Mapped[datetime]
    end: Mapped[datetime]
    octets_in: Mapped[int] = mapped_column(Unsigned64)
    """Towards the operator's port (ifHCInOctets): what the customer sent."""
    octets_out: Mapped[int] = mapped_column(Unsigned64)
    quality: Mapped[str]
    """measured, interpolated (counter unbroken over the gap) or missing."""
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What it is made of: bin id, reading ids, element and port."""
    received_at: Mapped[datetime]


class RatedLineRow(Base):
    __tablename__ = "rated_line"
    __table_args__ = (UniqueConstraint("usage_id", "charge", "tariff_version", "run"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    usage_id: Mapped[str] = mapped_column()
    """A usage record, or for recurring charges the derived id of (service, element of the tariff, period)."""
    charge: Mapped[str]
    """The charge of the tariff, with its step where prices are graduated ("traffic#2"): a record across a step has two lines."""
    tariff: Mapped[str]
    tariff_version: Mapped[str]
    run: Mapped[int] = mapped_column(default=1)
    service_id: Mapped[str] = mapped_column(index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    basis: Mapped[str]
    """flat, time, service, bandwidth or bytes."""
    description: Mapped[str]
    start: Mapped[datetime]
    end: Mapped[datetime]
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    unit_price: Mapped[Decimal]
    amount: Mapped[Decimal]
    """Unrounded; rounded once, on the bill line."""
    currency: Mapped[str]
    bill_line_id: Mapped[str | None] = mapped_column(ForeignKey("bill_line.id"), index=True)
    rated_at: Mapped[datetime]


class RatingTotalRow(Base):
    """What one service has used of one tariff version in one cycle so far: where on the graduated scale the next record starts."""

    __tablename__ = "rating_total"

    service_id: Mapped[str] = mapped_column(primary_key=True)
    tariff: Mapped[str] = mapped_column(primary_key=True)
    tariff_version: Mapped[str] = mapped_column(primary_key=True)
    cycle_start: Mapped[datetime] = mapped_column(primary_key=True)
    octets_in: Mapped[Decimal] = mapped_column(default=Decimal(0))
    octets_out: Mapped[Decimal] = mapped_column(default=Decimal(0))
    """Whole numbers; sums of counters do not fit into the width of one."""


class ViolationRow(Base):
    __tablename__ = "violation"
    __table_args__ = (UniqueConstraint("agreement_id", "service_id", "rule", "period_start"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreement.id"))
    service_id: Mapped[str] = mapped_column(index=True)
    rule: Mapped[str]
    """The objective, e.g. "availability"."""
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    objective: Mapped[Decimal]
    measured: Mapped[Decimal]
    down_s: Mapped[Decimal]
    unknown_s: Mapped[Decimal]
    agreed_s: Mapped[Decimal]
    """|W ∩ S \\ X|: the time the objective speaks of."""
    evidence: Mapped[dict[str, Any]]
    """Outages with their alarms, observations and tickets."""
    found_at: Mapped[datetime]


class CreditRow(Base):
    __tablename__ = "credit"
    __table_args__ = (UniqueConstraint("agreement_id", "service_id", "rule", "period_start"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreement.id"))
    service_id: Mapped[str] = mapped_column(index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    rule: Mapped[str]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    violation_id: Mapped[str] = mapped_column(ForeignKey("violation.id"))
    percent: Mapped[Decimal]
    base_amount: Mapped[Decimal]
    amount: Mapped[Decimal]
    """Positive; the bill line carries it negative."""
    currency: Mapped[str]
    reason: Mapped[str]
    bill_line_id: Mapped[str | None] = mapped_column(ForeignKey("bill_line.id"))
    granted_at: Mapped[datetime]


class ExclusionRow(Base):
    """Time of one service that no objective counts, by somebody's word: force majeure, or what the customer brought about."""

    __tablename__ = "sla_exclusion"
    __table_args__ = (Index("ix_sla_exclusion_service", "service_id", "end"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id"))
    kind: Mapped[str]
    """forceMajeure or customerCaused."""
    start: Mapped[datetime]
    end: Mapped[datetime]
    reason: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(default="")


class BillRow(Base):
    """A bill (TMF678). Once sent it never changes."""

    __tablename__ = "bill"

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    """Gap-free, from `number_sequence`, taken in the bill's own transaction."""
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    state: Mapped[str]
    """TMF678: new, onHold, validated, sent, partiallyPaid, settled."""
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    currency: Mapped[str]
    total: Mapped[Decimal]
    coverage: Mapped[Decimal | None]
    """Share of bins that were measured; below 0.95 the bill needs review."""
    created_at: Mapped[datetime]
    lines: Mapped[list["BillLineRow"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="BillLineRow.position"
    )


class BillLineRow(Base):
    __tablename__ = "bill_line"
    __table_args__ = (UniqueConstraint("bill_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    bill_id: Mapped[str] = mapped_column(ForeignKey("bill.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str]
    """recurring, usage or credit."""
    service_id: Mapped[str | None]
    description: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    amount: Mapped[Decimal]
    credit_id: Mapped[str | None]


class NumberSequenceRow(Base):
    """Gap-free numbers: the row is locked by the transaction that takes one."""

    __tablename__ = "number_sequence"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_value: Mapped[int]


class EventRow(Base):
    """The outbox: written in the transaction of the fact it tells, delivered later, in order per aggregate."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_aggregate", "aggregate", "sequence"),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    aggregate: Mapped[str]
    """E.g. "order:<id>": order is kept within it."""
    type: Mapped[str] = mapped_column(index=True)
    """TM Forum event name, e.g. serviceOrderStateChangeEvent."""
    payload: Mapped[dict[str, Any]]
    correlation_id: Mapped[str]
    at: Mapped[datetime]


class SubscriptionRow(Base):
    """A webhook or a TM Forum hub registration."""

    __tablename__ = "subscription"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """webhook (CloudEvents, signed) or hub (TM Forum listener)."""
    callback: Mapped[str]
    secret_reference: Mapped[str] = mapped_column(default="")
    query: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="active")
    """active or disabled (by 410 or by an operator)."""
    from_sequence: Mapped[int]
    owner: Mapped[str] = mapped_column(default="")
    api: Mapped[str] = mapped_column(default="")
    """Base path of the API whose hub it was registered at; "" when it is told of everything."""
    resources: Mapped[list[Any]] = mapped_column(default=list)
    """Kinds of resources that this API has events of, e.g. serviceOrder; empty: all."""
    created_at: Mapped[datetime]


class DeliveryRow(Base):
    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_state", "state"),
        Index("ix_delivery_next", "subscription_id", "state", "event_sequence"),
        Index("ix_delivery_order", "subscription_id", "state", "aggregate", "event_sequence"),
    )

    event_sequence: Mapped[int] = mapped_column(ForeignKey("event.sequence"), primary_key=True)
    subscription_id: Mapped[str] = mapped_column(ForeignKey("subscription.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str]
    """due, delivered or dead."""
    aggregate: Mapped[str]
    """The event's, here too: what must wait for what is asked for every attempt."""
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    last_error: Mapped[str] = mapped_column(default="")
