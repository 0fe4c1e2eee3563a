"""What is watched: elements with an SNMP endpoint, the ports of their links, and the ports that services want watched."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from agent.assurance.tables import MonitorRow
from agent.assurance.topology.correlation import Network
from inventory.prepared import Prepared
from inventory.tables import ElementRow, EndpointRow, ServiceRow
from inventory.topology import PortNode, Topology, load_topology

ATTACHMENT = "poller"
"""Element attribute: true where the poller is attached, when management runs through the network itself."""

USAGE, STATUS = "usage", "status"
CONTRACT_FACTOR = 2
"""A shaped customer may burst to this multiple of the contracted rate before a count is implausible."""


@dataclass(frozen=True, slots=True)
class WatchedPort:
    port_id: str
    element: str
    name: str
    if_index: int | None
    speed_bps: int

    @property
    def reference(self) -> str:
        return f"{self.element}/{self.name}"


@dataclass(frozen=True, slots=True)
class WatchedElement:
    id: str
    name: str
    platform: str
    host: str
    port: int
    credential: str
    """Reference."""
    ports: tuple[WatchedPort, ...]


@dataclass(frozen=True, slots=True)
class UsageMonitor:
    """One service's octets on one port."""

    id: str
    service_id: str
    port_id: str
    element: str
    port: str
    started_at: datetime
    contract_bps: int
    """0 when no rate is contracted."""


@dataclass(frozen=True)
class Watchlist:
    topology: Topology
    elements: Mapping[str, WatchedElement]
    usage: Mapping[str, tuple[UsageMonitor, ...]] = field(default_factory=dict)
    """By port id."""
    ports: frozenset[str] = frozenset()
    """All that are watched, as element/port; those of locked elements, which are not read now, among them."""

    @cached_property
    def network(self) -> Network:
        """As correlation sees it."""
        elements = self.topology.elements
        return Network(
            frozenset(elements),
            {link.name: (link.a.reference, link.b.reference) for link in self.topology.links},
            frozenset(name for name, element in elements.items() if element.attributes.get(ATTACHMENT)),
        )

    @cached_property
    def by_host(self) -> Mapping[str, tuple[str, ...]]:
        """Address of the SNMP endpoint → elements there."""
        found: dict[str, tuple[str, ...]] = {}
        for element in self.elements.values():
            found[element.host] = (*found.get(element.host, ()), element.name)
        return found

    def neighbours(self, elements: Iterable[str]) -> frozenset[str]:
        """Watched elements one link away, without the elements themselves."""
        names = frozenset(elements)
        near = {hop.in_port.element for name in names if name in self.topology.elements for hop in self.topology.neighbours(name)}
        return frozenset(near & set(self.elements)) - names


@dataclass(frozen=True, slots=True)
class Wires:
    """What of a watchlist only the inventory says."""

    topology: Topology
    managed: tuple[WatchedElement, ...]
    """By SNMP, without ports."""


def load_wires(session: Session) -> Wires:
    topology = load_topology(session)
    rows = session.execute(
        select(ElementRow.id, ElementRow.name, ElementRow.platform, EndpointRow.host, EndpointRow.port, EndpointRow.credential)
        .join(EndpointRow, EndpointRow.element_id == ElementRow.id)
        .where(EndpointRow.protocol == "snmp", ElementRow.administrative != "locked")
        .order_by(ElementRow.name)
    )
    return Wires(topology, tuple(WatchedElement(*row, ports=()) for row in rows))


def load_watchlist(session: Session, wires: Wires | None = None) -> Watchlist:
    """`wires`: where they are known already."""
    known = wires or load_wires(session)
    topology, managed = known.topology, known.managed
    usage, monitored = _monitors(session, topology)
    wanted = {end.reference: end for link in topology.links for end in (link.a, link.b)} | monitored
    ports: dict[str, list[WatchedPort]] = {}
    for node in sorted(wanted.values(), key=lambda port: port.reference):
        ports.setdefault(node.element, []).append(WatchedPort(node.id, node.element, node.name, node.if_index, node.speed_bps))
    elements = {element.name: replace(element, ports=tuple(ports.get(element.name, ()))) for element in managed}
    return Watchlist(topology, elements, usage, frozenset(wanted))


def _monitors(session: Session, topology: Topology) -> tuple[dict[str, tuple[UsageMonitor, ...]], dict[str, PortNode]]:
    """A port that has left the inventory under a living service is left out; the inventory's own check reports that."""
    if session.new or session.dirty:
        session.flush()
    rows = _MONITORS.rows(session.connection(), {})
    nodes = {port_id: _port(topology, port_id) for port_id in {row[2] for row in rows}}
    usage: dict[str, tuple[UsageMonitor, ...]] = {}
    for monitor_id, service_id, port_id, kind, started_at, characteristics in rows:
        if kind == USAGE and (node := nodes[port_id]) is not None:
            contract = _contract_bps(characteristics or {})
            monitor = UsageMonitor(monitor_id, service_id, node.id, node.element, node.name, started_at, contract)
            usage[node.id] = (*usage.get(node.id, ()), monitor)
    return usage, {node.reference: node for node in nodes.values() if node is not None}


_MONITORS = Prepared(
    select(
        MonitorRow.id,
        MonitorRow.service_id,
        MonitorRow.port_id,
        MonitorRow.kind,
        MonitorRow.started_at,
        ServiceRow.characteristics,
    )
    .outerjoin(ServiceRow, and_(ServiceRow.id == MonitorRow.service_id, MonitorRow.kind == USAGE))
    .where(MonitorRow.ended_at.is_(None))
    .order_by(MonitorRow.id)
)
"""All that is watched for services now; what a service is, only where its octets are counted."""


def usage_monitor(monitor: MonitorRow, node: PortNode, characteristics: Mapping[str, object]) -> UsageMonitor:
    contract = _contract_bps(characteristics)
    return UsageMonitor(monitor.id, monitor.service_id, node.id, node.element, node.name, monitor.started_at, contract)


def _contract_bps(characteristics: Mapping[str, object]) -> int:
    rate = characteristics.get("rate")
    return rate * 1_000_000 if isinstance(rate, int) else 0


def _port(topology: Topology, port_id: str) -> PortNode | None:
    try:
        return topology.port_by_id(port_id)
    except LookupError:
        return None
