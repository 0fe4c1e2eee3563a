"""What an order would do, with nothing kept and nothing touched: values, native payloads, the difference, who would feel it.

Proof by construction: the values are taken in a transaction that is rolled back before anything is rendered, so the writer's place
is held only while they are looked up; no element is asked, held or locked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.fulfillment.designs import Design
from agent.fulfillment.planning import Change
from inventory.tables import AllocationRow, ElementRow, PoolRow, PortRow, ServicePartRow, ServiceResourceRow, ServiceRow

MOST_NAMED = 50
"""Services named per port; a trunk may carry thousands."""


@dataclass(frozen=True, slots=True)
class GivenValue:
    """A value that the order would take from a pool, keep, or give back."""

    item: str
    role: str
    pool: str
    value: str
    amount_bps: int = 0
    """Of a bandwidth pool, so much (bit/s); its value is then only a name for it."""


@dataclass(frozen=True, slots=True)
class PreviewedChange:
    """One element's part. Texts are native: `payload` as it would be sent, `diff` of what the services own there."""

    element: str
    platform: str
    commitment: str
    before: str
    after: str
    diff: str
    payload: str
    reverse: str


@dataclass(frozen=True, slots=True)
class PreviewedPlan:
    """One network transaction."""

    items: tuple[str, ...]
    """The client's ids of the items it would carry out."""
    changes: tuple[PreviewedChange, ...]
    approval: str
    """Why somebody would have to approve it first; "" when nobody has to."""


@dataclass(frozen=True, slots=True)
class TouchedService:
    id: str
    name: str
    customer: str
    state: str


@dataclass(frozen=True, slots=True)
class TouchedPort:
    port: str
    """`element/port`."""
    services: tuple[TouchedService, ...]
    """Others that run over it, the first of them by id."""
    count: int


@dataclass(frozen=True, slots=True)
class TouchedElement:
    element: str
    services: int
    """Others that have configuration there."""
    added: int
    removed: int
    """Lines of the difference."""
    ports: tuple[TouchedPort, ...]


@dataclass(frozen=True, slots=True)
class EndingService:
    """What the order takes away from a customer, for good or for a while."""

    item: str
    action: str
    service: TouchedService


@dataclass(frozen=True, slots=True)
class Impact:
    elements: tuple[TouchedElement, ...]
    changed: tuple[EndingService, ...]
    """Services that are there already and would be changed, suspended, resumed or ended."""


@dataclass(frozen=True, slots=True)
class Preview:
    allocations: tuple[GivenValue, ...]
    released: tuple[GivenValue, ...]
    """What would go back to its pool. Values rest there before somebody else gets them; bandwidth is free at once."""
    changes: tuple[PreviewedChange, ...]
    """Of all plans."""
    plans: tuple[PreviewedPlan, ...]
    impact: Impact

    def plan_of(self, item: str) -> PreviewedPlan:
        return next(plan for plan in self.plans if item in plan.items)


@dataclass(frozen=True, slots=True)
class ThoughtPlan:
    """The designs of one bundle, with what they change."""

    designs: Sequence[Design]
    changes: Sequence[Change]
    approval: str


def preview(session: Session, designs: Sequence[Design], plans: Sequence[ThoughtPlan]) -> Preview:
    """Only reads."""
    shown = tuple(
        PreviewedPlan(tuple(each.request.reference for each in plan.designs), _changes(plan.changes), plan.approval)
        for plan in plans
    )
    changes = tuple(change for plan in shown for change in plan.changes)
    given = tuple(
        GivenValue(design.request.reference, allocation.role, allocation.pool, allocation.value, allocation.amount_bps)
        for design in designs
        for allocation in design.allocations
    )
    return Preview(given, _released(session, designs), changes, shown, _impact(session, designs, changes))


def _released(session: Session, designs: Sequence[Design]) -> tuple[GivenValue, ...]:
    """Of services that end, and of those that are changed so that they need another value, or less bandwidth."""
    ending = {design.service_id: design for design in designs if _gives_back(design)}
    held = (
        select(AllocationRow.service_id, AllocationRow.role, PoolRow.name, AllocationRow.value, AllocationRow.amount_bps)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .where(AllocationRow.service_id.in_(ending), AllocationRow.owner.is_not(None))
        .order_by(AllocationRow.service_id, AllocationRow.role)
    )
    found = [
        (design, GivenValue(design.request.reference, role or "", pool, value, amount_bps))
        for service_id, role, pool, value, amount_bps in session.execute(held)
        if (design := ending.get(service_id or ""))
    ]
    return tuple(back for design, value in found if (back := _given_back(design, value)))


def _given_back(design: Design, value: GivenValue) -> GivenValue | None:
    """Of what its service has: all of it, what it needs no more of a link, or nothing."""
    kept = next((each for each in design.allocations if (each.pool, each.value) == (value.pool, value.value)), None)
    if kept is None:
        return value
    less = value.amount_bps - kept.amount_bps
    return replace(value, amount_bps=less) if less > 0 else None


def _gives_back(design: Design) -> bool:
    """A suspended service keeps what it has."""
    return design.request.action == "delete" or (design.request.action == "modify" and design.product is not None)


def _changes(changed: Iterable[Change]) -> tuple[PreviewedChange, ...]:
    return tuple(
        PreviewedChange(
            element=change.set.element,
            platform=change.set.platform,
            commitment=change.commitment,
            before=change.set.before,
            after=change.set.after,
            diff=difference(change.set.before, change.set.after),
            payload=change.set.forward,
            reverse=change.set.reverse,
        )
        for change in changed
    )


def difference(before: str, after: str) -> str:
    """Unified, without its header."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return "\n".join(line for line in lines if not line.startswith(("--- ", "+++ ")))


def _impact(session: Session, designs: Sequence[Design], changes: Sequence[PreviewedChange]) -> Impact:
    own = {design.service_id for design in designs}
    ports = _ports(session, designs)
    names = dict.fromkeys(change.element for change in changes)
    elements = tuple(
        TouchedElement(
            element=name,
            services=_others_on(session, name, own),
            added=_lines(changes, name, "+"),
            removed=_lines(changes, name, "-"),
            ports=tuple(_touched(session, port_id, f"{name}/{port}", own) for port_id, port in ports.get(name, ())),
        )
        for name in names
    )
    existing = [design for design in designs if design.request.action in {"modify", "delete"}]
    rows = {row.id: row for row in session.scalars(select(ServiceRow).where(ServiceRow.id.in_(own)))}
    changed = tuple(
        EndingService(design.request.reference, _action(design), _service(rows[design.service_id]))
        for design in existing
        if design.service_id in rows
    )
    return Impact(elements, changed)


def _action(design: Design) -> str:
    state = getattr(design.request, "state", "")
    if design.request.action == "modify" and state:
        return {"inactive": "suspend", "active": "resume"}[state]
    return design.request.action


def _ports(session: Session, designs: Sequence[Design]) -> dict[str, list[tuple[str, str]]]:
    """Element → ports (id, name) that the services use, now or then."""
    wanted = {(element, port) for design in designs for element, ports in design.intent.ports.items() for port in ports}
    query = select(PortRow.id, ElementRow.name, PortRow.name).join(ElementRow, ElementRow.id == PortRow.element_id)
    used = query.join(ServiceResourceRow, ServiceResourceRow.port_id == PortRow.id).where(
        ServiceResourceRow.service_id.in_({design.service_id for design in designs})
    )
    named = query.where(ElementRow.name.in_({element for element, _ in wanted}), PortRow.name.in_({port for _, port in wanted}))
    found = set(session.execute(used).all()) | {row for row in session.execute(named).all() if (row[1], row[2]) in wanted}
    ports: dict[str, list[tuple[str, str]]] = {}
    for port_id, element, port in sorted(found, key=lambda row: (row[1], row[2])):
        ports.setdefault(element, []).append((port_id, port))
    return ports


def _touched(session: Session, port_id: str, reference: str, own: set[str]) -> TouchedPort:
    over = (
        select(ServiceRow)
        .join(ServiceResourceRow, ServiceResourceRow.service_id == ServiceRow.id)
        .where(ServiceResourceRow.port_id == port_id, ServiceRow.id.not_in(own))
    )
    count = session.scalar(select(func.count()).select_from(over.subquery())) or 0
    rows = session.scalars(over.order_by(ServiceRow.id).limit(MOST_NAMED)).all()
    return TouchedPort(reference, tuple(map(_service, rows)), count)


def _others_on(session: Session, element: str, own: set[str]) -> int:
    parts = (
        select(func.count())
        .select_from(ServicePartRow)
        .join(ElementRow, ElementRow.id == ServicePartRow.element_id)
        .where(ElementRow.name == element, ServicePartRow.service_id.not_in(own))
    )
    return session.scalar(parts) or 0


def _lines(changes: Sequence[PreviewedChange], element: str, sign: str) -> int:
    return sum(line.startswith(sign) for change in changes if change.element == element for line in change.diff.splitlines())


def _service(row: ServiceRow) -> TouchedService:
    return TouchedService(row.id, row.name, row.customer, row.state)
