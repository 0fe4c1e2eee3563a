"""One simulated element: its state, its faults, and the servers that its platform has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncssh
import yaml
from lxml import etree

from drivers.sim.cli import CliServer, eos
from drivers.sim.cli.render import running_config
from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults
from drivers.sim.netconf import NetconfServer
from drivers.sim.snmp import SnmpAgent
from drivers.sim.stamp import StampReflectors
from drivers.sim.state import ElementState, Interface, SimPort
from drivers.sim.topology import ElementSpec, Protocols, Topology

ManagementProtocol = str
"""netconf, ssh or snmp."""


class Server(Protocol):
    async def start(self, host: str, port: int) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int


class SimElement:
    """`state` and `faults` belong to the loop in which the servers run."""

    def __init__(self, spec: ElementSpec, topology: Topology, host_keys: Sequence[asyncssh.SSHKey]) -> None:
        self.spec = spec
        self.host_keys = host_keys
        self.state = _state(spec, topology)
        self.faults = ElementFaults(self.state)
        self.powered = True
        self.isolated = False
        """Its management address is out of reach, whatever carries it; traffic goes on."""
        self._netconf: NetconfServer | None = None
        self._servers = self._make_servers(topology)
        self._stamp = StampReflectors(self.state, self.faults)
        self._stamp_port = topology.protocols.stamp
        self.endpoints = {protocol: Endpoint(self.state.address, _port(topology.protocols, protocol)) for protocol in self._servers}

    async def start(self) -> None:
        for protocol, server in self._servers.items():
            endpoint = self.endpoints[protocol]
            await server.start(endpoint.host, endpoint.port)
        await self._stamp.start(self.state.address, self._stamp_port)

    async def stop(self) -> None:
        await self.faults.stop()
        await self._stamp.stop()
        for server in self._servers.values():
            await server.stop()

    @property
    def reflecting(self) -> Endpoint:
        """Where the element itself answers STAMP; customers' routers behind it answer at the same port."""
        return Endpoint(self.state.address, self._stamp_port)

    def running_text(self) -> str:
        """The running configuration in the element's own language, always in the same order."""
        if self._netconf:
            return etree.tostring(self._netconf.running(), pretty_print=True, encoding="unicode")
        if self.spec.platform == "ios":
            return "\n".join(running_config(self.state)) + "\n"
        if self.spec.platform == "eos":
            return "\n".join(eos.shown(running_config(self.state))) + "\n"
        return yaml.safe_dump(_bridge(self.state), sort_keys=True)

    def _make_servers(self, topology: Topology) -> dict[ManagementProtocol, Server]:
        credentials: SimCredentials = topology.credentials.resolve()
        servers: dict[ManagementProtocol, Server] = {}
        if self.spec.platform == "ietf":
            self._netconf = NetconfServer(self.state, self.faults, credentials, self.host_keys)
            servers["netconf"] = self._netconf
        if self.spec.platform in ("ios", "eos"):
            servers["ssh"] = CliServer(self.state, self.faults, credentials, self.host_keys)
        servers["snmp"] = SnmpAgent(
            self.state, self.faults, credentials, topology.trap_targets(), trap_version=topology.trap_version
        )
        return servers


def _port(protocols: Protocols, protocol: ManagementProtocol) -> int:
    return {"netconf": protocols.netconf, "ssh": protocols.ssh, "snmp": protocols.snmp}[protocol]


def _state(spec: ElementSpec, topology: Topology) -> ElementState:
    address = topology.addresses()[spec.name]
    low = int(address.rpartition(".")[2])
    ports = {}
    for position, port in enumerate(spec.ports, start=1):
        index = port.index or position
        mac = f"02:fa:bd:{low:02x}:{index >> 8 & 0xFF:02x}:{index & 0xFF:02x}"
        ports[port.name] = SimPort(port.name, index, port.speed, mac=mac)
    state = ElementState(spec.name, spec.platform, address, ports, location=spec.site)
    for link in topology.links:
        for here, there in ((link.a, link.b), (link.b, link.a)):
            if here.element == spec.name:
                state.interfaces[here.port] = Interface(here.port)
                state.describe(here.port, f"to {there.element} {there.port}")
    state.save()
    return state


def _bridge(state: ElementState) -> dict[str, object]:
    names = {port.index: port.name for port in state.ports.values()}
    return {
        "vlans": {
            vlan.vid: {
                "name": vlan.name,
                "egress": sorted(names.get(i, str(i)) for i in vlan.egress),
                "untagged": sorted(names.get(i, str(i)) for i in vlan.untagged),
            }
            for vlan in state.vlans.values()
        },
        "ports": {port.name: {"alias": port.alias, "enabled": port.admin_up, "pvid": port.pvid} for port in state.ports.values()},
    }
