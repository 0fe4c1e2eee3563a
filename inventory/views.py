"""The inventory as an operator looks at it: the network as a tree, one element, pools. Values that turn into JSON with `asdict`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.elements import Endpoint, element
from inventory.services import services_on
from inventory.tables import ElementRow, PortClaimRow, PortRow, ServiceRow, SiteRow
from inventory.topology import load_topology


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element in the tree."""

    name: str
    platform: str
    role: str
    administrative: str
    ports: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A site, with what it contains."""

    name: str
    sites: tuple["Branch", ...]
    elements: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class PortUse:
    name: str
    if_index: int | None
    speed_bps: int
    role: str
    peer: str
    """Reference of the port across the link; "" without one."""
    claims: Mapping[int, str]
    """VLAN (0: the whole port) → service."""


@dataclass(frozen=True, slots=True)
class ElementSheet:
    name: str
    site: str
    platform: str
    role: str
    administrative: str
    attributes: Mapping[str, Any]
    endpoints: tuple[Endpoint, ...]
    ports: tuple[PortUse, ...]
    services: tuple[str, ...]
    """Ids of those with a part on the element."""


@dataclass(frozen=True, slots=True)
class ServiceLine:
    id: str
    name: str
    specification: str
    state: str
    customer: str


def tree(session: Session) -> tuple[Branch, ...]:
    """Sites that are in no other, with all below them."""
    counts: dict[str, int] = {}
    for element_id in session.scalars(select(PortRow.element_id)):
        counts[element_id] = counts.get(element_id, 0) + 1
    elements: dict[str, list[Leaf]] = {}
    for row in session.scalars(select(ElementRow).order_by(ElementRow.name)):
        leaf = Leaf(row.name, row.platform, row.role, row.administrative, counts.get(row.id, 0))
        elements.setdefault(row.site_id, []).append(leaf)
    children: dict[str | None, list[SiteRow]] = {}
    for site in session.scalars(select(SiteRow).order_by(SiteRow.name)):
        children.setdefault(site.parent_id, []).append(site)

    def branch(site: SiteRow) -> Branch:
        below = tuple(branch(child) for child in children.get(site.id, ()))
        return Branch(site.name, below, tuple(elements.get(site.id, ())))

    return tuple(branch(site) for site in children.get(None, ()))


def element_sheet(session: Session, name: str) -> ElementSheet:
    """`UnknownObject` when there is none of that name."""
    found, topology = element(session, name), load_topology(session)
    uses: dict[str, dict[int, str]] = {}
    for row in session.scalars(
        select(PortClaimRow).join(PortRow).where(PortRow.element_id == found.id).order_by(PortClaimRow.vlan)
    ):
        uses.setdefault(row.port_id, {})[row.vlan] = row.service_id
    peers = {hop.out_port.id: hop.in_port.reference for hop in topology.neighbours(name)}
    return ElementSheet(
        name=found.name,
        site=found.site,
        platform=found.platform,
        role=found.role,
        administrative=found.administrative,
        attributes=found.attributes,
        endpoints=found.endpoints,
        ports=tuple(
            PortUse(port.name, port.if_index, port.speed_bps, port.role, peers.get(port.id, ""), uses.get(port.id, {}))
            for port in topology.ports_of(name)
        ),
        services=services_on(session, element=name),
    )


def service_lines(session: Session, *, customer: str | None = None, terminated: bool = False) -> tuple[ServiceLine, ...]:
    """Services in the order in which they were made; those that ended only when asked for."""
    query = select(ServiceRow).order_by(ServiceRow.created_at, ServiceRow.id)
    if customer is not None:
        query = query.where(ServiceRow.customer == customer)
    if not terminated:
        query = query.where(ServiceRow.state != "terminated")
    return tuple(ServiceLine(row.id, row.name, row.specification, row.state, row.customer) for row in session.scalars(query))
