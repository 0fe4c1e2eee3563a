"""What does not fit together in the books: values, ports and parts without a service, services without a value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from agent.fulfillment.planning import lay
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderItemRow
from inventory.capacity import miscounts
from inventory.tables import (
    AllocationRow,
    BandwidthHeirRow,
    ElementRow,
    PlannedPartRow,
    PoolRow,
    PortClaimRow,
    PortRow,
    ServicePartRow,
    ServiceRow,
    StatementRow,
)
from inventory.topology import Topology, load_topology
from policies.catalog import Catalog
from policies.errors import NotInCatalog, PolicyError
from policies.layout import Realises
from policies.rendering import needs
from policies.specification import Specification

LIVE = ("reserved", "inactive", "active")
"""Services in these states hold what their specification asks for."""
PLENTY_BPS = 10**18
"""Bandwidth that a way is judged by afterwards: what it reserved is taken already."""


class LeakKind(StrEnum):
    ALLOCATION = "allocationWithoutService"
    MISSING = "serviceWithoutAllocation"
    CLAIM = "claimWithoutService"
    PART = "partWithoutService"
    COUNT = "poolMiscounted"
    PROMISE = "promiseWithoutHeir"
    UNOWNED = "valueWithoutOwner"


@dataclass(frozen=True, slots=True)
class Leak:
    kind: LeakKind
    object: str
    """What it is about: `pool vlan-access 104`, `service svc-…`, `port pe1/ge-0/0/1`, `element sw1`."""
    message: str
    remedy: str
    pool: str = ""
    value: str = ""
    """A value that can be kept back; "" where there is none."""

    def __str__(self) -> str:
        return f"{self.object}: {self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Books:
    leaks: tuple[Leak, ...]
    unjudged: Mapping[str, str] = field(default_factory=dict)
    """Service → why nobody can say what it should hold."""


def read_books(session: Session, catalog: Catalog, realises: Realises) -> Books:
    unjudged: dict[str, str] = {}
    leaks = (
        *_allocations(session),
        *_missing(session, catalog, realises, unjudged),
        *_claims(session),
        *_parts(session),
        *_counts(session),
        *_promises(session),
    )
    return Books(leaks, unjudged)


def _allocations(session: Session) -> Iterator[Leak]:
    rows = session.execute(
        select(AllocationRow, PoolRow.name, ServiceRow.state)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .outerjoin(ServiceRow, ServiceRow.id == AllocationRow.service_id)
        .where(AllocationRow.state == "allocated", ServiceRow.state.is_(None) | (ServiceRow.state == "terminated"))
        .order_by(PoolRow.name, AllocationRow.value)
    )
    for row, pool, state in rows:
        holder = f"service {row.service_id}, which is {state or 'not there'}" if row.service_id else "nobody"
        what = f"{row.amount_bps} bit/s" if row.amount_bps else row.value
        yield Leak(LeakKind.ALLOCATION, f"pool {pool} {what}", f"it is given to {holder}", "report it: fabd lost a value")


def _missing(session: Session, catalog: Catalog, realises: Realises, unjudged: dict[str, str]) -> Iterator[Leak]:
    held: dict[str, set[str]] = {}
    given = select(AllocationRow.service_id, AllocationRow.role).where(AllocationRow.state == "allocated")
    for service_id, role in session.execute(given):
        held.setdefault(service_id or "", set()).add(role or "")
    network, changing = load_topology(session), set(session.scalars(_changing()))
    for service in session.scalars(select(ServiceRow).where(ServiceRow.state.in_(LIVE)).order_by(ServiceRow.id)):
        if service.id in changing:
            continue
        try:
            spec = catalog.specification(service.specification)
            wanted = _roles(spec, service.characteristics, network, realises)
        except (NotInCatalog, PolicyError) as error:
            unjudged[service.id] = str(error)
            continue
        mine = held.get(service.id, set())
        for role in sorted(wanted - mine):
            if not (_per_link(spec, role) and any(has.partition(":")[0] == role.partition(":")[0] for has in mine)):
                message = f"{service.name} should hold a value as {role!r} and holds none"
                yield Leak(LeakKind.MISSING, f"service {service.id}", message, "modify the service, or delete it and order it anew")


def _changing() -> Select[str]:
    """Services that an order is working at: what they hold is on its way."""
    return select(OrderItemRow.service_id).where(_unfinished(OrderItemRow))


def _roles(spec: Specification, characteristics: Mapping[str, Any], network: Topology, realises: Realises) -> set[str]:
    layout = lay(spec, characteristics, network, realises, lambda _pool: PLENTY_BPS)
    return {need.role for need in needs(spec, characteristics, layout)}


def _per_link(spec: Specification, role: str) -> bool:
    """Ways change with the network; the links of the day on which it was ordered are as good as today's."""
    return any(rule.per == "link" and rule.role == role.partition(":")[0] for rule in spec.resources)


def _claims(session: Session) -> Iterator[Leak]:
    rows = session.execute(
        select(PortClaimRow, ElementRow.name, PortRow.name, ServiceRow.state)
        .join(PortRow, PortRow.id == PortClaimRow.port_id)
        .join(ElementRow, ElementRow.id == PortRow.element_id)
        .outerjoin(ServiceRow, ServiceRow.id == PortClaimRow.service_id)
        .where(ServiceRow.state.is_(None) | (ServiceRow.state == "terminated"))
        .order_by(ElementRow.name, PortRow.name, PortClaimRow.vlan)
    )
    for row, element, port, state in rows:
        what = f"VLAN {row.vlan}" if row.vlan else "the whole port"
        message = f"{what} is taken by service {row.service_id}, which is {state or 'not there'}"
        yield Leak(LeakKind.CLAIM, f"port {element}/{port}", message, "report it: fabd lost a port")


def _parts(session: Session) -> Iterator[Leak]:
    """Rows of services that are not there cannot be (foreign keys); those of terminated ones can."""
    for table, what in ((ServicePartRow, "a part"), (PlannedPartRow, "a planned part"), (StatementRow, "configuration of its own")):
        rows = session.execute(
            select(ElementRow.name, table.service_id)
            .join(table, table.element_id == ElementRow.id)
            .join(ServiceRow, ServiceRow.id == table.service_id)
            .where(ServiceRow.state == "terminated")
            .distinct()
            .order_by(ElementRow.name, table.service_id)
        )
        for element, service_id in rows:
            message = f"service {service_id} has {what} here and is terminated"
            yield Leak(LeakKind.PART, f"element {element}", message, "report it: fabd forgot to take it back")


def _counts(session: Session) -> Iterator[Leak]:
    for found in miscounts(session):
        message = f"it counts {found.counted} bit/s and has given {found.given}"
        excess = found.counted - found.given
        room = f"{excess} bit/s less than it has; make its capacity_bps so much larger"
        if excess < 0:
            room = f"{-excess} bit/s more than it has; make its capacity_bps so much smaller"
        yield Leak(LeakKind.COUNT, f"pool {found.pool}", message, f"report it, and until it is mended orders find {room}")


def _promises(session: Session) -> Iterator[Leak]:
    """Bandwidth passes on within an order, while the items that give it and get it are on their way."""
    giver, heir, giving, getting = aliased(AllocationRow), aliased(AllocationRow), aliased(OrderItemRow), aliased(OrderItemRow)
    under_way = (
        select(getting.id)
        .join(giving, giving.order_id == getting.order_id)
        .where(getting.id == heir.owner, giving.service_id == giver.service_id, _unfinished(giving), _unfinished(getting))
    )
    rows = session.execute(
        select(BandwidthHeirRow, giver, heir, PoolRow.name)
        .outerjoin(giver, giver.id == BandwidthHeirRow.giver)
        .outerjoin(heir, heir.id == BandwidthHeirRow.heir)
        .outerjoin(PoolRow, PoolRow.id == func.coalesce(giver.pool_id, heir.pool_id))
        .where(~under_way.exists() | (giver.pool_id != heir.pool_id))
        .order_by(PoolRow.name, BandwidthHeirRow.giver, BandwidthHeirRow.heir)
    )
    for promise, source, target, pool in rows:
        giver_name, giver_there = _holder(promise.giver, source)
        heir_name, heir_there = _holder(promise.heir, target)
        message = f"{promise.amount_bps} bit/s of {giver_name} are promised to {heir_name}"
        remedy = "report it: fabd forgot to take it back, and will miscount the pool when what is there of them ends"
        if giver_there and heir_there:
            message += ", which does not wait for them"
            remedy = "report it, and until it is mended make the pool's capacity_bps so much smaller: both have them"
        yield Leak(LeakKind.PROMISE, f"pool {pool or 'unknown'}", message, remedy)


def _unfinished(item: type[OrderItemRow]) -> ColumnElement[bool]:
    return (item.action != "noChange") & item.state.not_in([str(state) for state in FINAL])


def _holder(allocation: str, row: AllocationRow | None) -> tuple[str, bool]:
    """Who has it, and whether it is there at all."""
    return (f"allocation {allocation}, which is not there", False) if row is None else (f"service {row.service_id}", True)
