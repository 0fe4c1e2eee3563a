"""A simulated network: elements, the links between them, and the traffic that flows over what is up.

Everything happens in one asyncio loop; other threads go through `drivers.sim.thread.SimThread`.
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.sim.element import SimElement
from drivers.sim.errors import SimError, UnknownObject
from drivers.sim.neighbours import Neighbour
from drivers.sim.paths import End, Flow, Graph, Wire, rates
from drivers.sim.sshd import load_host_keys
from drivers.sim.state import ElementState, EventKind, Interface, SimPort
from drivers.sim.topology import DemandSpec, Topology

DEFAULT_VLAN = 1


@dataclass(slots=True)
class SimLink:
    name: str
    a: End
    b: End
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """Traffic from one port to another and back, bit/s."""

    name: str
    source: End
    sink: End
    bps: float
    reverse_bps: float = 0.0
    requires_service: bool = False


class SimNetwork:
    """`keys` is a folder for SSH host keys that outlive the run; without it every run makes new ones."""

    def __init__(self, topology: Topology, keys: Path | None = None) -> None:
        self.topology = topology
        self.elements = {spec.name: SimElement(spec, topology, load_host_keys(keys, spec.name)) for spec in topology.elements}
        self.links = {link.label: SimLink(link.label, link.a, link.b) for link in topology.links}
        self._link_at = {end: link for link in self.links.values() for end in (link.a, link.b)}
        self.demands = {spec.label: _demand(spec) for spec in topology.traffic}
        self._held: set[frozenset[str]] = set()
        """Pairs of elements whose BGP session is kept from being established."""
        self._rewiring = False
        self._stale = False
        self._reboots: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises PortInUse when an address is taken; what was started by then is stopped again."""
        for element in self.elements.values():
            # ahead of the servers' own listeners: who is out of reach must not send a trap about it
            element.state.listeners.insert(0, self._on_event)
            element.faults.on_plug = self.rewire
            element.state.beyond = partial(self._answers_beyond, element.spec.name)
            element.state.heard = partial(self._heard, element.spec.name)
            element.state.adjacent = partial(self._adjacent, element.spec.name)
        self.rewire()
        try:
            for element in self.elements.values():
                await element.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        for task in list(self._reboots):
            task.cancel()
        await asyncio.gather(*self._reboots, return_exceptions=True)
        for element in self.elements.values():
            await element.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    # -- looking

    def element(self, name: str) -> SimElement:
        if name not in self.elements:
            raise UnknownObject(f"there is no element {name}; the network has {', '.join(self.elements)}")
        return self.elements[name]

    def port(self, element: str, name: str) -> SimPort:
        ports = self.element(element).state.ports
        if name not in ports:
            raise UnknownObject(f"{element} has no port {name}; it has {', '.join(ports)}")
        return ports[name]

    def link(self, name: str) -> SimLink:
        """By its name, or by one of its ends (`pe1:ge-0/0/0` or `pe1/ge-0/0/0`)."""
        for link in self.links.values():
            if name in (link.name, *(f"{end.element}{mark}{end.port}" for end in (link.a, link.b) for mark in ":/")):
                return link
        raise UnknownObject(f"there is no link {name}; the network has {', '.join(self.links)}")

    def known_hosts(self) -> str:
        """The elements' host keys in the format of OpenSSH's known_hosts."""
        lines = []
        for element in self.elements.values():
            for protocol, endpoint in element.endpoints.items():
                if protocol != "snmp":
                    keys = (key.export_public_key().decode().split()[:2] for key in element.host_keys)
                    lines += [f"[{endpoint.host}]:{endpoint.port} {kind} {key}\n" for kind, key in keys]
        return "".join(lines)

    def _heard(self, element: str) -> dict[str, tuple[str, str]]:
        """Port → the other end, of ports that are up at both ends of a link (LLDP)."""
        found = {}
        for name, port in self.elements[element].state.ports.items():
            link = self._link_at.get(End(element, name))
            if link is None or not port.oper_up:
                continue
            far = link.b if link.a == End(element, name) else link.a
            if self.elements[far.element].state.ports[far.port].oper_up:
                found[name] = (far.element, far.port)
        return found

    def _adjacent(self, element: str) -> list[Neighbour]:
        """OSPF with routers at the other ends of links, BGP with all of the mesh; bridges have no part in either."""
        if not self._routes(element):
            return []
        found = [
            Neighbour("ospf", self.elements[far].state.address, port=port)
            for port, (far, _) in self._heard(element).items()
            if self._routes(far)
        ]
        if element in self.topology.bgp:
            reached = self._reached(element)
            for name in (name for name in self.topology.bgp if name != element):
                established = name in reached and frozenset({element, name}) not in self._held
                found.append(Neighbour("bgp", self.elements[name].state.address, established))
        return found

    def _routes(self, element: str) -> bool:
        return self.elements[element].spec.platform != "qbridge"

    def _reached(self, element: str) -> set[str]:
        """Elements that traffic gets to over links that are up."""
        graph = Graph(Wire(link.a, link.b) for link in self.links.values() if self._is_up(link))
        return {name for name in graph.reachable(element) if self.elements[name].powered}

    # -- doing

    def cut(self, link: str) -> None:
        self.link(link).cut = True
        self.rewire()

    def restore(self, link: str) -> None:
        self.link(link).cut = False
        self.rewire()

    def set_admin(self, element: str, port: str, *, up: bool) -> None:
        """As somebody at the element's console would: the configuration changes too."""
        self.port(element, port)
        state = self.element(element).state
        state.enable(port, up)
        state.changed()

    def plug(self, element: str, port: str, *, plugged: bool) -> None:
        """Pull the cable out of a port, or put it back (customer ports have no link to cut)."""
        self.element(element).faults.plug(port, plugged=plugged)

    def lose(self, element: str, port: str, fraction: float) -> None:
        self.element(element).faults.lose(port, fraction)
        self.rewire()

    def attenuate(self, element: str, port: str, db: float) -> None:
        """Take so much of the light that arrives at a port."""
        self.port(element, port).attenuation_db = db

    def hold_session(self, element: str, other: str, *, held: bool) -> None:
        """Keep the BGP session of two elements of the mesh from being established, or let it come up again."""
        for name in (element, other):
            if name not in self.topology.bgp:
                raise UnknownObject(f"{name} speaks no BGP; those that do are {', '.join(self.topology.bgp) or 'none'}")
        pair = frozenset({element, other})
        (self._held.add if held else self._held.discard)(pair)

    def set_demand(self, name: str, bps: float, reverse_bps: float | None = None) -> None:
        if name not in self.demands:
            raise UnknownObject(f"there is no traffic {name}; the network has {', '.join(self.demands)}")
        demand = self.demands[name]
        self.demands[name] = replace(demand, bps=bps, reverse_bps=demand.reverse_bps if reverse_bps is None else reverse_bps)
        self.rewire()

    def add_demand(self, demand: Demand) -> None:
        for end in (demand.source, demand.sink):
            self.port(end.element, end.port)
        self.demands[demand.name] = demand
        self.rewire()

    def isolate(self, name: str, *, isolated: bool = True) -> None:
        """Cut management off from the element, or let it through again; traffic goes on."""
        self.element(name).isolated = isolated
        self.rewire()

    def reboot(self, name: str, seconds: float = 0.0) -> None:
        """Reboot; for `seconds` the element is off, its neighbours lose carrier and nothing answers."""
        element = self.element(name)
        if seconds <= 0:
            element.faults.reboot()
            return
        if not element.powered:
            raise SimError(f"{name} is rebooting already; wait until it is back")
        element.powered = False
        self.rewire()
        task = asyncio.get_running_loop().create_task(self._power_on(element, seconds))
        self._reboots.add(task)
        task.add_done_callback(self._reboots.discard)

    async def _power_on(self, element: SimElement, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            element.powered = True
            element.faults.reboot()

    # -- consequences

    def rewire(self) -> None:
        """Work out reachability, carrier and traffic from what is cut, plugged, enabled and powered."""
        if self._rewiring:
            self._stale = True
            return
        self._rewiring = True
        try:
            self._stale = True
            while self._stale:
                self._stale = False
                self._settle()
        finally:
            self._rewiring = False

    def _settle(self) -> None:
        up = {name: self._is_up(link) for name, link in self.links.items()}
        graph = Graph(Wire(link.a, link.b) for name, link in self.links.items() if up[name])
        self._set_reachable(graph)
        for name, element in self.elements.items():
            for port in element.state.ports.values():
                carrier = self._has_carrier(End(name, port.name), port)
                if port.carrier != carrier:
                    element.state.set_carrier(port, up=carrier)
        self._set_rates(graph)

    def _is_up(self, link: SimLink) -> bool:
        return not link.cut and all(self._works(end) for end in (link.a, link.b))

    def _works(self, end: End) -> bool:
        port = self.elements[end.element].state.ports[end.port]
        return port.admin_up and port.plugged and self.elements[end.element].powered

    def _has_carrier(self, end: End, port: SimPort) -> bool:
        """Light comes from the far end, so a port that is itself shut still has it; a customer's end is always lit."""
        link = self._link_at.get(end)
        if link is None or not port.plugged:
            return port.plugged
        return not link.cut and self._works(link.b if end == link.a else link.a)

    def _set_reachable(self, graph: Graph) -> None:
        management = self.topology.management
        near = graph.reachable(management.via) if management.inband and management.via else set(self.elements)
        for name, element in self.elements.items():
            reachable = element.powered and not element.isolated and name in near
            if reachable != element.state.reachable:
                element.faults.set_reachable(reachable)

    def _answers_beyond(self, asking: str, vrf: str, address: str) -> bool:
        """Whether an element that can be reached over the links has the address on a port that works."""
        near = (self.elements[name].state for name in self._reached(asking) if name != asking)
        return any(
            (interface.vrf or "") == vrf and state.oper_up(interface.name) and _has_address(interface, address)
            for state in near
            for interface in state.interfaces.values()
        )

    def _set_rates(self, graph: Graph) -> None:
        flows = [flow for demand in self.demands.values() for flow in self._flows(demand)]
        wanted = rates(flows, graph, lambda end: 1.0 - self.elements[end.element].state.ports[end.port].loss)
        for name, element in self.elements.items():
            element.state.count()
            for port in element.state.ports.values():
                rate = wanted.get(End(name, port.name))
                port.in_bps, port.out_bps = (rate.in_bps, rate.out_bps) if rate else (0.0, 0.0)

    def _flows(self, demand: Demand) -> list[Flow]:
        ends = (demand.source, demand.sink)
        if not all(self.elements[e.element].powered and self.port(*e).oper_up for e in ends):
            return []
        if demand.requires_service and not all(carries_service(self.elements[e.element].state, e.port) for e in ends):
            return []
        forward = Flow(demand.source, demand.sink, self._admitted(demand.source, demand.bps))
        backward = Flow(demand.sink, demand.source, self._admitted(demand.sink, demand.reverse_bps))
        return [forward, backward]

    def _admitted(self, end: End, bps: float) -> float:
        """What the rate limit on the port (or a subinterface of it) lets in."""
        interfaces = self.elements[end.element].state.interfaces.values()
        limits = [i.rate_bps for i in interfaces if _on_port(i.name, end.port) and i.rate_bps]
        return min([bps, *limits, self.port(*end).speed_bps])

    def _on_event(self, state: ElementState, kind: EventKind, port: SimPort | None) -> None:  # noqa: ARG002 - a listener
        self.rewire()


def _has_address(interface: Interface, address: str) -> bool:
    return any(ip_address(each.ip) == ip_address(address) for each in (*interface.ipv4, *interface.ipv6))


def carries_service(state: ElementState, port: str) -> bool:
    """Whether something is configured on the port (or a subinterface) that could carry a customer's traffic."""
    found = state.ports[port]
    if any(found.index in vlan.egress for vlan in state.vlans.values() if vlan.vid != DEFAULT_VLAN):
        return True
    return any(
        interface.enabled and (interface.ipv4 or interface.ipv6 or interface.vlan)
        for interface in state.interfaces.values()
        if _on_port(interface.name, port)
    )


def _on_port(interface: str, port: str) -> bool:
    return interface == port or interface.startswith(f"{port}.")


def _demand(spec: DemandSpec) -> Demand:
    return Demand(spec.label, spec.source, spec.sink, spec.bps, spec.reverse_bps, spec.requires_service)
