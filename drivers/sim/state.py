"""One state per simulated element: what NETCONF, the command line or SNMP SET configures is what every other shows.

All of it lives in one asyncio loop (see `drivers.sim.network`); nothing here is touched from another thread.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from drivers.sim.neighbours import Neighbour

Ticks = int
"""Hundredths of a second (TimeTicks, RFC 2578)."""

COUNTER64 = 2**64
COUNTER32 = 2**32
LIT_DBM, RECEIVED_DBM, DARK_DBM = -2.0, -6.0, -40.0
"""What a transceiver sends, what arrives of it at the other end, and what it shows when there is none."""


@dataclass(slots=True)
class Address:
    """An IP address on an interface."""

    ip: str
    prefix_length: int


@dataclass(slots=True)
class Interface:
    """Configuration of one interface, physical (same name as a `SimPort`) or logical (`ge-0/0/1.100`)."""

    name: str
    description: str = ""
    enabled: bool = True
    type: str = "ethernetCsmacd"
    mtu: int | None = None
    vlan: int | None = None
    vrf: str | None = None
    rate_bps: int | None = None
    """Rate of what comes in from the wire, bit/s."""
    rate_out_bps: int | None = None
    ipv4: list[Address] = field(default_factory=list)
    ipv6: list[Address] = field(default_factory=list)


@dataclass(slots=True)
class Counters:
    """Octets and packets since boot, exact integers; 64 bits wide on the wire."""

    in_octets: int = 0
    out_octets: int = 0
    in_packets: int = 0
    out_packets: int = 0
    in_errors: int = 0
    in_discards: int = 0
    discontinuity: Ticks = 0


@dataclass(slots=True)
class SimPort:
    """A physical port: what the wire and the traffic model do to it."""

    name: str
    index: int
    speed_bps: int = 1_000_000_000
    alias: str = ""
    mac: str = "02:00:00:00:00:00"
    admin_up: bool = True
    pvid: int = 1
    """VLAN of untagged frames (dot1qPvid)."""
    switchport: Literal["", "access", "trunk"] = ""
    voice_vlan: int | None = None
    """Of a telephone's tagged frames, beside what the port carries otherwise."""
    igmp_filter: int | None = None
    """Number of the profile that says which groups may be joined."""
    igmp_max_groups: int | None = None
    carrier: bool = True
    """False while the link is cut or the far end is shut down."""
    last_change: Ticks = 0
    in_bps: float = 0.0
    out_bps: float = 0.0
    loss: float = 0.0
    """Fraction of the traffic that the port drops."""
    plugged: bool = True
    """False while somebody has pulled the cable out of this port (flap, unplug); the link model turns it into carrier."""
    attenuation_db: float = 0.0
    """What the fibre to this port takes away beyond the usual: dirt, a bend, an ageing laser at the other end."""
    temperature_celsius: float = 35.0
    counters: Counters = field(default_factory=Counters)
    counted_at: float = 0.0
    """`time.monotonic()` up to which `counters` hold the traffic."""

    @property
    def oper_up(self) -> bool:
        return self.admin_up and self.carrier

    @property
    def receive_dbm(self) -> float:
        return max(RECEIVED_DBM - self.attenuation_db, DARK_DBM) if self.carrier else DARK_DBM

    @property
    def transmit_dbm(self) -> float:
        return LIT_DBM if self.admin_up else DARK_DBM


@dataclass(slots=True)
class Vlan:
    """One row of dot1qVlanStaticTable (Q-BRIDGE-MIB, RFC 4363): port indices."""

    vid: int
    name: str = ""
    egress: set[int] = field(default_factory=set)
    untagged: set[int] = field(default_factory=set)
    forbidden: set[int] = field(default_factory=set)


@dataclass(slots=True)
class IgmpProfile:
    """Ranges of multicast groups, permitted or (by default) denied."""

    number: int
    permits: bool = False
    ranges: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class RouteTargets:
    import_rt: list[str] = field(default_factory=list)
    export_rt: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Vrf:
    name: str
    rd: str | None = None
    import_rt: list[str] = field(default_factory=list)
    export_rt: list[str] = field(default_factory=list)
    families: dict[str, RouteTargets] = field(default_factory=dict)
    """`ipv4` and `ipv6` where the VRF has them, with route targets of their own."""


class Announcement(NamedTuple):
    """A prefix that BGP announces. Two VRFs may announce the same one."""

    vrf: str
    """'' for the global table."""
    prefix: str


CONFIGURED = ("interfaces", "vlans", "vrfs", "igmp_profiles", "asn", "bgp_families", "prefixes", "location", "contact")
"""Attributes of an element that are configuration: `save` keeps them, `reboot` brings them back."""
CONFIGURED_PORT = ("admin_up", "alias", "pvid", "switchport", "voice_vlan", "igmp_filter", "igmp_max_groups")


@dataclass(frozen=True, slots=True)
class Saved:
    """The startup configuration: the values of `CONFIGURED`, and of `CONFIGURED_PORT` per port."""

    element: dict[str, object] = field(default_factory=dict)
    ports: dict[str, dict[str, object]] = field(default_factory=dict)


EventKind = Literal["linkDown", "linkUp", "coldStart", "config"]
Listener = Callable[["ElementState", EventKind, "SimPort | None"], None]


@dataclass(slots=True)
class ElementState:
    """Everything one element is, whatever protocol asks."""

    name: str
    platform: str
    address: str
    ports: dict[str, SimPort]
    interfaces: dict[str, Interface] = field(default_factory=dict)
    vlans: dict[int, Vlan] = field(default_factory=dict)
    vrfs: dict[str, Vrf] = field(default_factory=dict)
    igmp_profiles: dict[int, IgmpProfile] = field(default_factory=dict)
    asn: int | None = None
    """Autonomous system, while BGP is configured."""
    bgp_families: set[tuple[str, str]] = field(default_factory=set)
    """(`ipv4` | `ipv6`, VRF or '')"""
    prefixes: set[Announcement] = field(default_factory=set)
    location: str = ""
    contact: str = ""
    booted_at: float = field(default_factory=time.monotonic)
    reachable: bool = True
    """False while in-band management cannot reach it (see `drivers.sim.network`)."""
    listeners: list[Listener] = field(default_factory=list)
    beyond: Callable[[str, str], bool] = lambda vrf, address: False  # noqa: ARG005 - alone, an element reaches nobody
    """(VRF, address) → whether the network behind this element answers (see `drivers.sim.network`)."""
    heard: Callable[[], Mapping[str, tuple[str, str]]] = dict
    """Port → element and port at the other end of its link, while it has carrier (see `drivers.sim.network`)."""
    adjacent: Callable[[], Sequence[Neighbour]] = tuple
    """Neighbours of routing protocols (see `drivers.sim.network`)."""
    saved: Saved = field(default_factory=Saved)

    def __post_init__(self) -> None:
        self.save()

    def uptime(self) -> Ticks:
        return int((time.monotonic() - self.booted_at) * 100) % COUNTER32

    def port_by_index(self, index: int) -> SimPort | None:
        return next((port for port in self.ports.values() if port.index == index), None)

    def interface(self, name: str) -> Interface:
        """The interface of that name, made when configuration first names it."""
        return self.interfaces.setdefault(name, Interface(name))

    def describe(self, name: str, text: str) -> None:
        """Set an interface's description; of a physical port, its ifAlias as well (they are one thing)."""
        self.interface(name).description = text
        if port := self.ports.get(name):
            port.alias = text

    def enable(self, name: str, enabled: bool) -> None:
        """Set `enabled`; of a physical port, its ifAdminStatus as well."""
        self.interface(name).enabled = enabled
        if port := self.ports.get(name):
            self.set_admin(port, up=enabled)

    def oper_up(self, name: str) -> bool | None:
        """Whether interface `name` works; None when there is no such thing in hardware (configured only).

        A subinterface (`ge-0/0/1.100`) follows its port, a loopback (`lo0`, `Loopback0`) its own switch.
        """
        interface = self.interfaces.get(name)
        enabled = interface.enabled if interface else True
        if port := self.ports.get(name):
            return port.oper_up
        if port := self.ports.get(name.rpartition(".")[0]):
            return enabled and port.oper_up
        return enabled if name.lower().startswith("lo") else None

    def save(self) -> None:
        """Running configuration to startup."""
        self.saved = self.snapshot()

    def snapshot(self) -> Saved:
        """The running configuration."""
        element = {name: getattr(self, name) for name in CONFIGURED}
        ports = {port.name: {name: getattr(port, name) for name in CONFIGURED_PORT} for port in self.ports.values()}
        return deepcopy(Saved(element, ports))

    def restore(self, saved: Saved) -> None:
        """Make this the running configuration; listeners hear of it, and of ports that go up or down by it."""
        saved = deepcopy(saved)
        for name, value in saved.element.items():
            setattr(self, name, value)
        for port in self.ports.values():
            for name, value in saved.ports.get(port.name, {}).items():
                if name == "admin_up":
                    self.set_admin(port, up=bool(value))
                else:
                    setattr(port, name, value)
        self.changed()

    def reboot(self) -> None:
        """Back to the startup configuration, uptime and counters at zero; listeners hear coldStart."""
        saved = deepcopy(self.saved)
        for name, value in saved.element.items():
            setattr(self, name, value)
        self.booted_at = now = time.monotonic()
        for port in self.ports.values():
            for name, value in saved.ports.get(port.name, {}).items():
                setattr(port, name, value)
            port.counters, port.counted_at, port.last_change = Counters(), now, 0
        for listener in list(self.listeners):
            listener(self, "coldStart", None)

    def reset_counters(self) -> None:
        """Counters to zero without a reboot; the discontinuity time tells (RFC 2863)."""
        self.count()
        for port in self.ports.values():
            port.counters = Counters(discontinuity=self.uptime())

    def count(self, now: float | None = None) -> None:
        """Bring every counter up to `now` at the present rates (called before rates change and before counters are read)."""
        now = time.monotonic() if now is None else now
        for port in self.ports.values():
            elapsed = now - port.counted_at if port.counted_at else 0.0
            port.counted_at = now
            if elapsed <= 0 or not port.oper_up:
                continue
            kept = 1.0 - port.loss
            octets_in, octets_out = int(port.in_bps * elapsed * kept / 8), int(port.out_bps * elapsed * kept / 8)
            counters = port.counters
            counters.in_discards += int(port.in_bps * elapsed * port.loss / 8) // 800
            counters.in_octets = (counters.in_octets + octets_in) % COUNTER64
            counters.out_octets = (counters.out_octets + octets_out) % COUNTER64
            counters.in_packets = (counters.in_packets + octets_in // 800) % COUNTER64
            counters.out_packets = (counters.out_packets + octets_out // 800) % COUNTER64

    def set_admin(self, port: SimPort, up: bool) -> None:
        self._change(port, admin_up=up)

    def set_carrier(self, port: SimPort, up: bool) -> None:
        self._change(port, carrier=up)

    def changed(self) -> None:
        """Tell listeners that the configuration changed (traffic is routed anew, notifications are sent)."""
        for listener in list(self.listeners):
            listener(self, "config", None)

    def _change(self, port: SimPort, *, admin_up: bool | None = None, carrier: bool | None = None) -> None:
        self.count()
        before = port.oper_up
        port.admin_up = port.admin_up if admin_up is None else admin_up
        port.carrier = port.carrier if carrier is None else carrier
        if port.oper_up == before:
            return
        port.last_change = self.uptime()
        for listener in list(self.listeners):
            listener(self, "linkUp" if port.oper_up else "linkDown", port)
