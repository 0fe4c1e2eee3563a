"""Services: what a customer has, its part on each element, and the ports and links it runs over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from inventory.allocation import Allocation, held, release_service
from inventory.errors import ServiceStateConflict, UnknownObject
from inventory.ports import PortClaim, bequeath_claims, claims
from inventory.prepared import Prepared, among
from inventory.sharing import disown
from inventory.storing import new_row, store, write
from inventory.tables import ElementRow, LinkRow, PlannedPartRow, PortRow, ServicePartRow, ServiceResourceRow, ServiceRow
from policies.values import new_id

State = Literal["feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated"]
"""TMF638."""
Role = Literal["endpoint", "transit"]
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NewService:
    name: str
    specification: str
    specification_version: str
    customer: str
    """Account number."""
    characteristics: Mapping[str, Any]
    agreement: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ServicePart:
    element: str
    platform: str
    desired: str
    adopted_at: datetime | None = None
    """When what stood there was taken as the intent; None while it is what the specification renders."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    reference: str
    port_id: str
    role: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with all it has."""

    id: str
    name: str
    specification: str
    specification_version: str
    state: str
    customer: str
    agreement: str | None
    characteristics: Mapping[str, Any]
    suspension_reason: str
    revision: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    parts: tuple[ServicePart, ...]
    ports: tuple[ServicePort, ...]
    links: tuple[str, ...]
    """Names."""
    allocations: Mapping[str, Allocation]
    """By role."""
    claims: tuple[PortClaim, ...]


def create_service(
    session: Session,
    new: NewService,
    at: datetime,
    *,
    state: State = "reserved",
    parts: Mapping[str, str] = _NONE,
    ports: Mapping[str, Role] = _NONE,
    links: Sequence[str] = (),
) -> ServiceRow:
    """`parts`: id of an element → what the service desires there; `ports`: id → role; `links`: ids."""
    service_id = new.id or new_id("svc", at)
    row = new_row(
        ServiceRow,
        id=service_id,
        name=new.name,
        specification=new.specification,
        specification_version=new.specification_version,
        state=state,
        customer=new.customer,
        agreement=new.agreement,
        characteristics=dict(new.characteristics),
        extra=dict(new.extra),
        revision=1,
        created_at=at,
    )
    store(session, [row])
    write(
        session,
        ServicePartRow,
        [
            {"id": new_id("rfs"), "service_id": service_id, "element_id": element_id, "desired": text}
            for element_id, text in sorted(parts.items())
        ],
    )
    write(
        session,
        ServiceResourceRow,
        [
            {"id": new_id("srs"), "service_id": service_id, "port_id": port, "link_id": link, "role": role}
            for (port, link), role in _resources(ports, links).items()
        ],
    )
    return row


def service_row(session: Session, service_id: str) -> ServiceRow:
    row = session.get(ServiceRow, service_id)
    if row is None:
        raise UnknownObject("service", service_id, "list them with `fabd inventory show services`")
    return row


def change_service(
    session: Session,
    service_id: str,
    characteristics: Mapping[str, Any],
    *,
    name: str | None = None,
    specification_version: str | None = None,
) -> ServiceRow:
    """New characteristics, and a revision more. `ServiceStateConflict` once it is terminated."""
    row = service_row(session, service_id)
    if row.state == "terminated":
        raise ServiceStateConflict(service_id, row.state, "changed")
    row.characteristics = dict(characteristics)
    row.name = name or row.name
    row.specification_version = specification_version or row.specification_version
    row.revision += 1
    return row


def set_parts(session: Session, service_id: str, desired: Mapping[str, str]) -> None:
    """The service's rendered intent by element; elements that are not named, or named with "", have no part any more."""
    row = service_row(session, service_id)
    wanted = _by_element_id(session, desired)
    for part in list(row.parts):
        if part.element_id in wanted:
            text = wanted.pop(part.element_id)
            if text != part.desired:
                part.desired, part.adopted_at = text, None
        else:
            row.parts.remove(part)
    row.parts.extend(
        ServicePartRow(id=new_id("rfs"), element_id=element_id, desired=text) for element_id, text in sorted(wanted.items())
    )
    session.flush()


def plan_parts(session: Session, service_id: str, owner: str, desired: Mapping[str, str]) -> None:
    """What the service is to be, by element, once the plan of the order item `owner` holds."""
    session.add_all(
        PlannedPartRow(id=new_id("rfs"), service_id=service_id, element_id=element_id, owner=owner, desired=text)
        for element_id, text in sorted(_by_element_id(session, desired).items())
    )
    session.flush()


def planned_parts(session: Session, service_id: str, owner: str) -> dict[str, str]:
    """Element → text; see `plan_parts`."""
    query = (
        select(ElementRow.name, PlannedPartRow.desired)
        .join(PlannedPartRow, PlannedPartRow.element_id == ElementRow.id)
        .where(PlannedPartRow.service_id == service_id, PlannedPartRow.owner == owner)
    )
    return dict(session.execute(query.order_by(ElementRow.name)).all())


def forget_planned_parts(session: Session, service_id: str, *, owner: str | None = None, but: str | None = None) -> None:
    """Those of one order item, or all `but` those of one, or all."""
    statement = delete(PlannedPartRow).where(PlannedPartRow.service_id == service_id)
    if owner is not None:
        statement = statement.where(PlannedPartRow.owner == owner)
    if but is not None:
        statement = statement.where(PlannedPartRow.owner != but)
    session.execute(statement)


def set_resources(session: Session, service_id: str, ports: Mapping[str, Role], links: Sequence[str] = ()) -> None:
    """The ports (id → role) and links (ids) that the service runs over, instead of those it had."""
    row = service_row(session, service_id)
    wanted = _resources(ports, links)
    for resource in list(row.resources):
        role = wanted.pop((resource.port_id, resource.link_id), None)
        if role is None:
            row.resources.remove(resource)
        else:
            resource.role = role
    row.resources.extend(
        ServiceResourceRow(id=new_id("srs"), port_id=port, link_id=link, role=role) for (port, link), role in wanted.items()
    )
    session.flush()


def _resources(ports: Mapping[str, Role], links: Sequence[str]) -> dict[tuple[str | None, str | None], Role]:
    """Id of a port or of a link → role."""
    found: dict[tuple[str | None, str | None], Role] = {(port, None): role for port, role in ports.items()}
    return found | {(None, link): "transit" for link in links}


def terminate_service(session: Session, service_id: str, at: datetime, *, used: bool = True) -> ServiceRow:
    """Its parts, ports and links are free, its values rest (`used`: it was on the network). The row stays for the record."""
    row = service_row(session, service_id)
    if row.state == "terminated":
        raise ServiceStateConflict(service_id, row.state, "terminated again")
    row.state, row.ended_at = "terminated", at
    row.suspension_reason = ""
    row.parts.clear()
    row.resources.clear()
    session.flush()
    forget_planned_parts(session, service_id)
    disown(session, service_id)
    bequeath_claims(session, service_id)
    release_service(session, service_id, at, used=used)
    return row


def service_view(session: Session, service_id: str) -> ServiceView:
    row = service_row(session, service_id)
    return ServiceView(
        id=row.id,
        name=row.name,
        specification=row.specification,
        specification_version=row.specification_version,
        state=row.state,
        customer=row.customer,
        agreement=row.agreement,
        characteristics=dict(row.characteristics),
        suspension_reason=row.suspension_reason,
        revision=row.revision,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        parts=parts_of(session, service_id),
        ports=_ports(session, service_id),
        links=_links(session, service_id),
        allocations=held(session, service_id),
        claims=claims(session, service_id),
    )


def parts_of(session: Session, service_id: str) -> tuple[ServicePart, ...]:
    """What the service is, by element."""
    return parts_of_all(session, [service_id])[service_id]


def parts_of_all(session: Session, services: Collection[str]) -> dict[str, tuple[ServicePart, ...]]:
    """Service → what it is, by element."""
    found: dict[str, tuple[ServicePart, ...]] = dict.fromkeys(services, ())
    if session.autoflush:
        session.flush()
    for service_id, *part in _PARTS.rows(session.connection(), {"services": services}):
        found[service_id] += (ServicePart(*part),)
    return found


def services_on(
    session: Session, *, ports: Sequence[str] = (), links: Sequence[str] = (), element: str | None = None
) -> tuple[str, ...]:
    """Ids of services that run over any of these ports or links (ids), or have a part on the element (name)."""
    found: set[str] = set()
    if ports:
        found.update(session.scalars(select(ServiceResourceRow.service_id).where(ServiceResourceRow.port_id.in_(ports))))
    if links:
        found.update(session.scalars(select(ServiceResourceRow.service_id).where(ServiceResourceRow.link_id.in_(links))))
    if element is not None:
        parts = select(ServicePartRow.service_id).join(ElementRow, ElementRow.id == ServicePartRow.element_id)
        found.update(session.scalars(parts.where(ElementRow.name == element)))
    return tuple(sorted(found))


def _by_element_id(session: Session, desired: Mapping[str, str]) -> dict[str, str]:
    ids = dict(session.execute(select(ElementRow.name, ElementRow.id).where(ElementRow.name.in_(desired))).all())
    return {_known(ids, "element", name): text for name, text in desired.items() if text}


def _known(ids: Mapping[str, str], kind: str, name: str) -> str:
    if name not in ids:
        raise UnknownObject(kind, name)
    return ids[name]


def _ports(session: Session, service_id: str) -> tuple[ServicePort, ...]:
    query = (
        select(ElementRow.name, PortRow.name, PortRow.id, ServiceResourceRow.role)
        .join(PortRow, PortRow.element_id == ElementRow.id)
        .join(ServiceResourceRow, ServiceResourceRow.port_id == PortRow.id)
        .where(ServiceResourceRow.service_id == service_id)
        .order_by(ElementRow.name, PortRow.name)
    )
    return tuple(ServicePort(f"{element}/{port}", port_id, role) for element, port, port_id, role in session.execute(query))


def _links(session: Session, service_id: str) -> tuple[str, ...]:
    query = (
        select(LinkRow.name)
        .join(ServiceResourceRow, ServiceResourceRow.link_id == LinkRow.id)
        .where(ServiceResourceRow.service_id == service_id)
        .order_by(LinkRow.name)
    )
    return tuple(session.scalars(query))


_PARTS = Prepared(
    select(ServicePartRow.service_id, ElementRow.name, ElementRow.platform, ServicePartRow.desired, ServicePartRow.adopted_at)
    .join(ServicePartRow, ServicePartRow.element_id == ElementRow.id)
    .where(among(ServicePartRow.service_id, "services"))
    .order_by(ElementRow.name)
)
