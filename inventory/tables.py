"""Tables of the system of record.

Containment: site → site, site → element → port; links join ports. Pools give allocations to services; a service has one part
per element and uses ports and links. `work_item` is the work queue that lower floors submit to.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inventory.db import Base


class SiteRow(Base):
    __tablename__ = "site"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("site.id"))
    address: Mapped[str] = mapped_column(default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ElementRow(Base):
    """A managed device."""

    __tablename__ = "element"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"))
    platform: Mapped[str]
    role: Mapped[str] = mapped_column(default="edge")
    """edge, core or access."""
    administrative: Mapped[str] = mapped_column(default="unlocked")
    """locked elements are neither polled nor configured (X.731)."""
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    endpoints: Mapped[list["EndpointRow"]] = relationship(cascade="all, delete-orphan", lazy="selectin")
    ports: Mapped[list["PortRow"]] = relationship(cascade="all, delete-orphan", back_populates="element")


class EndpointRow(Base):
    """One management protocol of an element. `credential` is a reference, never a secret."""

    __tablename__ = "endpoint"
    __table_args__ = (UniqueConstraint("element_id", "protocol"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    element_id: Mapped[str] = mapped_column(ForeignKey("element.id", ondelete="CASCADE"))
    protocol: Mapped[str]
    """netconf, ssh or snmp."""
    host: Mapped[str]
    port: Mapped[int]
    credential: Mapped[str]


class PortRow(Base):
    __tablename__ = "port"
    __table_args__ = (UniqueConstraint("element_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    element_id: Mapped[str] = mapped_column(ForeignKey("element.id", ondelete="CASCADE"))
    name: Mapped[str]
    if_index: Mapped[int | None]
    """ifIndex as last discovered (RFC 2863); verified by name at each poll."""
    speed_bps: Mapped[int] = mapped_column(BigInteger, default=1_000_000_000)
    role: Mapped[str] = mapped_column(default="customer")
    """customer, core or management; only customer ports are sold."""
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    element: Mapped[ElementRow] = relationship(back_populates="ports")


class LinkRow(Base):
    __tablename__ = "link"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    a_port_id: Mapped[str] = mapped_column(ForeignKey("port.id", ondelete="CASCADE"), unique=True)
    b_port_id: Mapped[str] = mapped_column(ForeignKey("port.id", ondelete="CASCADE"), unique=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ChangeRow(Base):
    """How often something that others keep in memory was changed (`inventory.changes`)."""

    __tablename__ = "change_count"

    what: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class PoolRow(Base):
    """Something given out: kind vlan, integer, ipv4-prefix, ipv6-prefix, ipv4-address, ipv6-address, rd, rt, vni, bandwidth.

    `cursor` is the offset of the first value never given out: allocating is one row lock and one insert, however full or large
    the pool is. What was released comes back from the quarantine index.
    """

    __tablename__ = "pool"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    definition: Mapped[dict[str, Any]]
    """Per kind: {ranges: [[100, 199], …]}, {prefix: 10.0.0.0/16, length: 31}, {administrator: 65000, …}, {capacity_bps: …}."""
    size: Mapped[str]
    """How many values there are, as digits (an IPv6 pool outgrows any integer column)."""
    cursor: Mapped[str] = mapped_column(default="0")
    used_bps: Mapped[int] = mapped_column(BigInteger, default=0)
    """Only for bandwidth."""
    quarantine_s: Mapped[int] = mapped_column(default=0)
    low_watermark: Mapped[int] = mapped_column(default=0)
    """Per cent free below which an alarm is raised."""


class PoolSampleRow(Base):
    """How much of a pool was used on one day: what its end is reckoned from."""

    __tablename__ = "pool_sample"

    pool_id: Mapped[str] = mapped_column(ForeignKey("pool.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    """2026-01-05, in UTC."""
    used: Mapped[str]
    """Values, or bit/s, as digits; the last look of the day counts."""


class AllocationRow(Base):
    __tablename__ = "allocation"
    __table_args__ = (
        UniqueConstraint("pool_id", "value"),
        UniqueConstraint("owner", "role"),
        Index("ix_allocation_reuse", "pool_id", "state", "reusable_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    pool_id: Mapped[str] = mapped_column(ForeignKey("pool.id"))
    value: Mapped[str]
    """What is given: "104", "10.0.0.2/31", "65000:7". Bandwidth rows carry a unique token here."""
    amount_bps: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(default="allocated")
    """allocated, quarantined, or reserved (found in use or kept back; never given out)."""
    owner: Mapped[str | None]
    """The order item; asking again for (owner, role) gives the same value. NULL when quarantined or reserved."""
    role: Mapped[str | None]
    service_id: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")
    allocated_at: Mapped[datetime]
    reusable_at: Mapped[datetime | None]


class BandwidthHeirRow(Base):
    """Of the bandwidth of one allocation, what another has from the moment on that it is given back (`inventory.heirs`)."""

    __tablename__ = "bandwidth_heir"

    giver: Mapped[str] = mapped_column(primary_key=True)
    """Allocation."""
    heir: Mapped[str] = mapped_column(primary_key=True, index=True)
    """Allocation, of the same pool."""
    amount_bps: Mapped[int] = mapped_column(BigInteger)
    """Counted once in the pool, with the giver's."""


class PortClaimRow(Base):
    """Who uses a port, and by which VLAN; VLAN 0 is the whole port, untagged."""

    __tablename__ = "port_claim"
    __table_args__ = (
        UniqueConstraint("port_id", "vlan"),
        Index("ix_port_claim_heir", "heir", sqlite_where=text("heir IS NOT NULL"), postgresql_where=text("heir IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    port_id: Mapped[str] = mapped_column(ForeignKey("port.id"))
    vlan: Mapped[int]
    service_id: Mapped[str] = mapped_column(index=True)
    owner: Mapped[str]
    """The order item."""
    heir: Mapped[str | None]
    """The service that has it next, once the one that has it now has ended: one order replaces one by the other."""


class ServiceRow(Base):
    """A customer-facing service (TMF638)."""

    __tablename__ = "service"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    specification: Mapped[str]
    specification_version: Mapped[str]
    state: Mapped[str]
    """TMF638: feasibilityChecked, designed, reserved, inactive, active, terminated."""
    customer: Mapped[str] = mapped_column(index=True)
    """Account number."""
    agreement: Mapped[str | None]
    """Agreement id in the bridge; carries SLA and tariff."""
    characteristics: Mapped[dict[str, Any]]
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the client sent beyond what fabd understands; echoed."""
    suspension_reason: Mapped[str] = mapped_column(default="")
    """Why it is inactive, in the words of who suspended it; "" when it is not."""
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    parts: Mapped[list["ServicePartRow"]] = relationship(cascade="all, delete-orphan")
    resources: Mapped[list["ServiceResourceRow"]] = relationship(cascade="all, delete-orphan")


class ServicePartRow(Base):
    """A resource-facing service: what one service is on one element, as rendered intent."""

    __tablename__ = "service_part"
    __table_args__ = (UniqueConstraint("service_id", "element_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"))
    element_id: Mapped[str] = mapped_column(ForeignKey("element.id"), index=True)
    desired: Mapped[str]
    """Rendered native configuration that the service owns on the element."""
    adopted_at: Mapped[datetime | None]
    """When what stood on the element was taken as the intent; NULL while `desired` is what the specification renders."""


class PlannedPartRow(Base):
    """What a service is to be on an element once its plan holds, or once it is resumed. Until then it keeps its place there."""

    __tablename__ = "planned_part"
    __table_args__ = (UniqueConstraint("service_id", "element_id", "owner"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"))
    element_id: Mapped[str] = mapped_column(ForeignKey("element.id"), index=True)
    owner: Mapped[str]
    """The order item."""
    desired: Mapped[str]


class StatementRow(Base):
    """One smallest thing that a service says on an element, while it stands there: several services may say the same."""

    __tablename__ = "statement"

    element_id: Mapped[str] = mapped_column(ForeignKey("element.id", ondelete="CASCADE"), primary_key=True)
    slot: Mapped[str] = mapped_column(primary_key=True)
    """Digest of the place that it takes, which holds one value."""
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True, index=True)
    value: Mapped[str]
    """Digest; "" where the place says it all."""


class ServiceResourceRow(Base):
    """A port or link that a service runs over: what impact analysis and monitors go by."""

    __tablename__ = "service_resource"
    __table_args__ = (
        UniqueConstraint("service_id", "port_id"),
        UniqueConstraint("service_id", "link_id"),
        Index("ix_service_resource_port", "port_id"),
        Index("ix_service_resource_link", "link_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"))
    port_id: Mapped[str | None] = mapped_column(ForeignKey("port.id"))
    link_id: Mapped[str | None] = mapped_column(ForeignKey("link.id"))
    role: Mapped[str]
    """endpoint (customer port; counted for usage) or transit."""


class WorkItemRow(Base):
    """Claimed with a lease and a rising fence; one open row per (kind, key)."""

    __tablename__ = "work_item"
    __table_args__ = (
        Index(
            "uq_work_item_open",
            "kind",
            "key",
            unique=True,
            sqlite_where=text("state IN ('ready','claimed')"),
            postgresql_where=text("state IN ('ready','claimed')"),
        ),
        Index("ix_work_item_due", "state", "run_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default="ready")
    """ready, claimed, done or dead."""
    priority: Mapped[int] = mapped_column(default=100)
    run_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class MaintenanceRow(Base):
    """A window of the maintenance calendar, once or by a rule (RFC 5545). What is to come can be called off, what has been not."""

    __tablename__ = "maintenance"
    __table_args__ = (Index("ix_maintenance_span", "start", "until"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    start: Mapped[datetime]
    end: Mapped[datetime]
    """Of the first occurrence, half-open."""
    rule: Mapped[str] = mapped_column(default="")
    """RRULE without its name; "" for a window that comes once."""
    time_zone: Mapped[str] = mapped_column(default="UTC")
    """On whose wall clock the rule is read."""
    until: Mapped[datetime | None]
    """When the last occurrence ends; NULL for a rule without an end."""
    skipped: Mapped[list[Any]] = mapped_column(default=list)
    """Starts of occurrences that were called off one by one."""
    notice_at: Mapped[datetime]
    """When those affected were told, as far as contracts go."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    cancelled_at: Mapped[datetime | None]
    """From here on nothing of it happens; what lies before stays."""
    cancelled_by: Mapped[str] = mapped_column(default="")
    cancel_reason: Mapped[str] = mapped_column(default="")
    scopes: Mapped[list["MaintenanceScopeRow"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="MaintenanceScopeRow.kind, MaintenanceScopeRow.name"
    )


class MaintenanceScopeRow(Base):
    """What a window is about: an element, port, site, service or customer, by its name."""

    __tablename__ = "maintenance_scope"

    maintenance_id: Mapped[str] = mapped_column(ForeignKey("maintenance.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """element, port (element/port), site, service (id) or customer (account number)."""
    name: Mapped[str] = mapped_column(primary_key=True)
