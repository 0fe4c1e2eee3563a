"""Tables of assurance. Samples of every cycle stay in memory and metrics; what is stored is evidence: readings that bills stand on,
observations that changed a state, and the states themselves as intervals.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db import Base, Unsigned64


class MonitorRow(Base):
    """What a service wants watched on a port; starts and ends with the service."""

    __tablename__ = "monitor"
    __table_args__ = (UniqueConstraint("service_id", "port_id", "kind"), Index("ix_monitor_active", "ended_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(index=True)
    element_id: Mapped[str] = mapped_column(index=True)
    port_id: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    """usage (status and counters, billed) or status."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ReadingRow(Base):
    """A counter reading that usage stands on: the last good one of each bin, and those at activation and before a delete."""

    __tablename__ = "reading"
    __table_args__ = (UniqueConstraint("service_id", "port_id", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(index=True)
    port_id: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime]
    uptime_ticks: Mapped[int] = mapped_column(BigInteger)
    discontinuity_ticks: Mapped[int] = mapped_column(BigInteger)
    octets_in: Mapped[int] = mapped_column(Unsigned64)
    octets_out: Mapped[int] = mapped_column(Unsigned64)
    occasion: Mapped[str]
    """activation, poll or final."""
    poll_id: Mapped[str] = mapped_column(index=True)
    """The poll cycle that read it."""


class PollRow(Base):
    """One cycle, as evidence: when, how many answered, who did not and why."""

    __tablename__ = "poll"

    id: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime]
    source: Mapped[str]
    """poll (a regular cycle), verify (what was suspected) or service (readings of one that begins or ends)."""
    elements: Mapped[int]
    failures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """element → reason."""


class UsageBinRow(Base):
    """Octets of one service on one port in one fixed bin `[start, end)`."""

    __tablename__ = "usage_bin"
    __table_args__ = (UniqueConstraint("service_id", "port_id", "start"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(index=True)
    port_id: Mapped[str]
    start: Mapped[datetime]
    end: Mapped[datetime]
    octets_in: Mapped[int] = mapped_column(Unsigned64)
    octets_out: Mapped[int] = mapped_column(Unsigned64)
    quality: Mapped[str]
    """measured, interpolated or missing."""
    gap_reason: Mapped[str] = mapped_column(default="")
    readings: Mapped[list[Any]] = mapped_column(default=list)
    """Ids of the readings the octets are the difference of."""
    usage_id: Mapped[str | None]


class ObservationRow(Base):
    """Evidence that changed a state: a poll's finding, a trap, a targeted read."""

    __tablename__ = "observation"
    __table_args__ = (Index("ix_observation_object", "element", "object", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    element: Mapped[str]
    object: Mapped[str]
    """Port name, or "" for the element itself."""
    source: Mapped[str]
    """poll, trap, verify, service, books or client."""
    finding: Mapped[str]
    """E.g. linkDown, linkUp, unreachable, reachable."""
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    poll_id: Mapped[str | None] = mapped_column(index=True)


class AlarmRow(Base):
    """The state of (element, object, cause, qualifier); `cleared_at` is a flag beside the last severity (X.733, RFC 8632)."""

    __tablename__ = "alarm"
    __table_args__ = (UniqueConstraint("element", "object", "cause", "qualifier"), Index("ix_alarm_open", "cleared_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    element: Mapped[str]
    """Or `pool:<name>`."""
    object: Mapped[str]
    cause: Mapped[str]
    """X.733 probable cause in our spelling: linkDown, elementUnreachable, lowWatermark, configurationDrift."""
    qualifier: Mapped[str] = mapped_column(default="")
    severity: Mapped[str]
    text: Mapped[str]
    count: Mapped[int] = mapped_column(default=1)
    raised_at: Mapped[datetime]
    """Of the present (or last) occurrence."""
    last_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    acknowledged_at: Mapped[datetime | None]
    standing: Mapped[str] = mapped_column(default="pending")
    """pending (cause not yet decided), root or symptom."""
    problem_id: Mapped[str | None] = mapped_column(ForeignKey("problem.id"), index=True)
    why: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Rule, path and verification behind the standing: "why was there no ticket?" has an answer."""
    alarm_type: Mapped[str] = mapped_column(default="communicationsAlarm", server_default="communicationsAlarm")
    """X.733's five, in TMF642's spelling."""
    probable_cause: Mapped[str] = mapped_column(default="", server_default="")
    """As X.733 spells it; "" for the cause itself."""
    source: Mapped[str] = mapped_column(default="", server_default="")
    """The system that told of it; "" for fabd itself."""
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What that system said besides, kept to be echoed."""
    changed_at: Mapped[datetime | None]
    """When anything about it changed last; none before there was such a column."""
    assigned_to: Mapped[str | None]
    shelved_by: Mapped[str | None]
    shelved_until: Mapped[datetime | None]
    escalated: Mapped[int] = mapped_column(default=0, server_default="0")
    """Rules of escalation that this occurrence has come to."""
    parent_id: Mapped[str | None] = mapped_column(index=True)
    """The alarm that it was grouped under, by somebody's word or by nearness."""
    penalty: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of flap damping (RFC 2439), as it was at `penalty_at`; it decays from there."""
    penalty_at: Mapped[datetime | None]
    muted: Mapped[str] = mapped_column(default="", server_default="")
    """Why nobody is told of it at present; "" when everybody is."""
    muted_until: Mapped[datetime | None] = mapped_column(index=True)
    untold: Mapped[str] = mapped_column(default="", server_default="")
    """What was to be told while it was muted: raised, changed, or nothing."""
    stuck_at: Mapped[datetime | None]
    """When it was found to stand for longer than anything should."""


class AlarmChangeRow(Base):
    """The alarm's history, append-only."""

    __tablename__ = "alarm_change"
    __table_args__ = (Index("ix_alarm_change_alarm", "alarm_id", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    change: Mapped[str]
    """raised, updated, cleared, standing, acknowledged, unacknowledged, commented, assigned, shelved, unshelved, …"""
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    observation_id: Mapped[str | None]


class MarkRow(Base):
    """How often something was changed; whoever keeps a copy in memory sees by it that another process has changed it."""

    __tablename__ = "assurance_mark"

    name: Mapped[str] = mapped_column(primary_key=True)
    """alarms."""
    value: Mapped[int] = mapped_column(BigInteger)


class ProblemRow(Base):
    """One root cause, from its first alarm to its repair."""

    __tablename__ = "problem"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(index=True)
    """Root object and problem class."""
    problem_class: Mapped[str]
    root_object: Mapped[str]
    """link:<name>, port:<element>/<port> or element:<name>."""
    state: Mapped[str]
    """open or resolved."""
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What clients and operators wrote on it (TMF656): status, priority, notes, tracking records."""
    parent_id: Mapped[str | None] = mapped_column(index=True)
    """The problem that it was grouped under."""


class ServiceStateRow(Base):
    """Health of a service as half-open intervals; the open one has no end. Both bounds of a transition are kept."""

    __tablename__ = "service_state"
    __table_args__ = (
        UniqueConstraint("service_id", "start"),
        Index("ix_service_state_open", "service_id", "end"),
        Index("ix_service_state_trouble", "state", "end"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str]
    state: Mapped[str]
    """up, down or unknown."""
    start: Mapped[datetime]
    start_earliest: Mapped[datetime]
    """Last instant known good (or bad, for a recovery); `start` lies in [start_earliest, start_latest]."""
    start_latest: Mapped[datetime]
    end: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Alarm, problem and observation ids."""


class ObjectiveResultRow(Base):
    """One objective of one service over one period that has ended, kept or missed; says how far the periods have been judged."""

    __tablename__ = "objective_result"
    __table_args__ = (UniqueConstraint("service_id", "rule", "period_start"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str]
    agreement_id: Mapped[str]
    rule: Mapped[str]
    """E.g. "availability"."""
    period_start: Mapped[datetime]
    period_end: Mapped[datetime] = mapped_column(index=True)
    objective: Mapped[Decimal]
    measured: Mapped[Decimal | None]
    """Per cent; None when no time counted."""
    agreed_s: Mapped[Decimal]
    down_s: Mapped[Decimal]
    unknown_s: Mapped[Decimal]
    violation_id: Mapped[str | None]
    judged_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the numbers stand on: how unknown time counts, what was taken out, cases in time of all cases."""


class IndicatorRow(Base):
    """What was measured of a service over one span of time (usually a minute): loss, delay, jitter, throughput …"""

    __tablename__ = "indicator"
    __table_args__ = (Index("ix_indicator_start", "start"),)

    service_id: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    seconds: Mapped[int]
    value: Mapped[float | None] = mapped_column(Double)
    """In base units: a ratio, seconds, bit/s; NULL when nothing came back."""
    quality: Mapped[str]
    """measured, or missing: nothing is known of this time."""


class IndicatorSpanRow(Base):
    """Minutes of one kind in a row, judged when they were measured: what objectives count, however long the minutes are kept."""

    __tablename__ = "indicator_span"
    __table_args__ = (Index("ix_indicator_span_end", "service_id", "metric", "end"),)

    service_id: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    end: Mapped[datetime]
    good: Mapped[bool]
    """Whether the objective of that time was met; what no span covers is unknown."""


class HeardUntilRow(Base):
    """How far an element's notifications were heard: from there on they are asked for again after a restart."""

    __tablename__ = "heard_until"

    element: Mapped[str] = mapped_column(primary_key=True)
    event_time: Mapped[datetime]
    """Of its latest event, by its own clock."""
