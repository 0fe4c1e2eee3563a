"""Who suffers: from ports, links and elements to services.

A service is down when a port or link that it runs over is; it is unknown when an element that it runs over does not answer, was
not asked or cannot be (it has no SNMP endpoint), and nothing says that it is down. What it crosses in layer 3 without owning
anything there is not among its resources, and does not hit it.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import chunks
from agent.assurance.topology.correlation import ELEMENT, LINK, PORT, Failures, element_of
from inventory.prepared import Prepared, among
from inventory.tables import ElementRow, EndpointRow, ServiceResourceRow, ServiceRow
from inventory.topology import Graph, Topology

UP, DOWN, UNKNOWN = "up", "down", "unknown"
NOT_MEASURED = "not measured: no SNMP endpoint"


class Resource(NamedTuple):
    """What a service has of the network: a port or a link, by id."""

    port_id: str | None
    link_id: str | None
    role: str


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one service runs over: its ports, and the ports at both ends of its links, as element/port."""

    service_id: str
    ports: frozenset[str]
    unmeasured: frozenset[str] = frozenset()
    """Elements among its own that nobody can ask."""

    @property
    def elements(self) -> frozenset[str]:
        return frozenset(map(element_of, self.ports))


@dataclass(frozen=True, slots=True)
class Condition:
    state: str
    culprits: frozenset[str] = frozenset()
    """Ports (element/port) that are down or unseen, or elements that are silent or cannot be asked, as far as they decide the
    state."""
    because: str = ""
    """What is the matter with them, where no alarm tells it."""


def condition(footprint: Footprint, failures: Failures) -> Condition:
    if down := footprint.ports & failures.down:
        return Condition(DOWN, down)
    if silent := footprint.elements & failures.silent:
        return Condition(UNKNOWN, silent)
    if unseen := footprint.ports & failures.unseen:
        return Condition(UNKNOWN, unseen)
    if footprint.unmeasured:
        return Condition(UNKNOWN, footprint.unmeasured, NOT_MEASURED)
    return Condition(UP)


def footprints(session: Session, topology: Graph, services: Iterable[str]) -> Mapping[str, Footprint]:
    """Of those that are active."""
    resources: dict[str, list[Resource]] = {}
    for chunk in chunks(sorted(set(services))):
        rows = session.execute(
            select(ServiceResourceRow.service_id, ServiceResourceRow.port_id, ServiceResourceRow.link_id, ServiceResourceRow.role)
            .join(ServiceRow, ServiceRow.id == ServiceResourceRow.service_id)
            .where(ServiceResourceRow.service_id.in_(chunk), ServiceRow.state == "active")
        )
        for service_id, port_id, link_id, role in rows:
            resources.setdefault(service_id, []).append(Resource(port_id, link_id, role))
    return footprints_of(session, topology, resources)


def footprints_of(session: Session, topology: Graph, resources: Mapping[str, Iterable[Resource]]) -> Mapping[str, Footprint]:
    """Of services whose resources are known."""
    found: dict[str, set[str]] = {}
    for service_id, some in resources.items():
        ports = found.setdefault(service_id, set())
        for resource in some:
            if resource.port_id is not None:
                ports.add(topology.port_by_id(resource.port_id).reference)
            if resource.link_id is not None:
                link = topology.link_by_id(resource.link_id)
                ports.update((link.a.reference, link.b.reference))
    blind = unmeasured(session, {element_of(port) for ports in found.values() for port in ports})
    return {
        service_id: Footprint(service_id, frozenset(ports), blind & {element_of(port) for port in ports} if blind else blind)
        for service_id, ports in found.items()
    }


def unmeasured(session: Session, elements: AbstractSet[str] | None = None) -> frozenset[str]:
    """Those of the elements (of all: None) that have no SNMP endpoint."""
    if elements is None:
        return frozenset(session.scalars(_EVERY_BLIND))
    connection = session.connection()
    return frozenset(name for chunk in chunks(sorted(elements)) for (name,) in _BLIND.rows(connection, {"elements": chunk}))


_EVERY_BLIND = select(ElementRow.name).where(
    ~exists().where(EndpointRow.element_id == ElementRow.id, EndpointRow.protocol == "snmp")
)
_BLIND = Prepared(_EVERY_BLIND.where(among(ElementRow.name, "elements")))


def services_over(session: Session, topology: Topology, root_object: str) -> frozenset[str]:
    """Services with anything on `link:<name>`, `port:<element>/<port>` or `element:<name>`; active or not."""
    return services_on(session, topology, ports_over(topology, root_object))


def services_on(session: Session, topology: Topology, ports: AbstractSet[str]) -> frozenset[str]:
    """Services with any of these ports (element/port), or a link that ends at one; active or not."""
    known = ports & topology.ports.keys()
    ids = sorted(topology.ports[reference].id for reference in known)
    links = sorted({link.id for reference in known if (link := topology.link_of(reference)) is not None})
    columns = ((ServiceResourceRow.port_id, ids), (ServiceResourceRow.link_id, links))
    return frozenset(
        service
        for column, values in columns
        for chunk in chunks(values)
        for service in session.scalars(select(ServiceResourceRow.service_id).where(column.in_(chunk)).distinct())
    )


def ports_over(topology: Topology, root_object: str) -> frozenset[str]:
    """The ports (element/port) that fail with it."""
    kind, _, name = root_object.partition(":")
    if kind == PORT:
        return frozenset({name})
    if kind == LINK and name in topology.links_by_name:
        link = topology.links_by_name[name]
        return frozenset({link.a.reference, link.b.reference})
    if kind == ELEMENT and name in topology.elements:
        return frozenset(port.reference for port in topology.ports_of(name))
    return frozenset()
