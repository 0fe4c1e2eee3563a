"""What the lab consists of: names, addresses and cables, as plain values.

    ce1 ─cust1[pe1]c-p1 ─ c-pe1[p1]c-pe2 ─ c-p1[pe2]cust1─ ce2        each with a leg in `mgmt` (10.255.0.0/24)
    ce3 ─cust1[leaf1]c-p1 ─ c-leaf1[p1]c-leaf2 ─ c-p1[leaf2]cust1─ ce4

All routers speak OSPF (v2 and v3) and a full mesh of internal BGP between their loopbacks, the leaves EVPN among themselves. A
customer's prefix is known to the others once its edge announces it, by `network` below `router bgp` or `router ospf`, and not
before. The leaves are managed through their shell, with the kernel's links in it, the others through vtysh alone. The hosts ce1 to
ce4 have no address: the test gives them one.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address

MANAGEMENT = "mgmt"
MANAGEMENT_ADDRESS = IPv4Interface("10.255.0.254/24")
CABLES = "cables"
AUTONOMOUS_SYSTEM = 65000
SITE = "lab"

SSH_PORT = 22
SNMP_PORT = 161
NETCONF_PORT = 8300
TRAP_PORT = 1162  # SNMPv2c
TRAP_V3_PORT = 1163  # the same events, SNMPv3 authPriv
SYSLOG_PORT = 1514


@dataclass(frozen=True)
class Router:
    name: str
    role: str
    number: int
    platform: str = "frr"

    @property
    def management(self) -> IPv4Address:
        return IPv4Address(f"10.255.0.{self.number}")

    @property
    def loopback(self) -> IPv4Address:
        return IPv4Address(f"10.255.255.{self.number}")

    @property
    def loopback6(self) -> IPv6Address:
        return IPv6Address(f"2001:db8:255::{self.number}")

    @property
    def engine_id(self) -> bytes:
        """RFC 3411 section 5: net-snmp's enterprise number, format 4 (text)."""
        return bytes.fromhex("80001f8804") + f"fabdlab-{self.name}".encode()


@dataclass(frozen=True)
class End:
    """One end of a cable; `address` is configured on core ports only."""

    node: str
    port: str
    address: IPv4Interface | None = None

    @property
    def label(self) -> str:
        """The far end of the patch lead, in the cable room; at most 15 characters, as interface names are."""
        return f"{self.node}.{self.port}"


@dataclass(frozen=True)
class Cable:
    name: str
    a: End
    b: End

    @property
    def ends(self) -> tuple[End, End]:
        return self.a, self.b


@dataclass(frozen=True)
class NetconfStore:
    """netconfd: a configuration store with the standard interface models, without interfaces of its own."""

    name: str
    management: IPv4Interface
    ports: tuple[str, ...]


PE1 = Router("pe1", "edge", 11)
P1 = Router("p1", "core", 12)
PE2 = Router("pe2", "edge", 13)
LEAF1 = Router("leaf1", "edge", 14, "frr-linux")
LEAF2 = Router("leaf2", "edge", 15, "frr-linux")
LEAVES = (LEAF1, LEAF2)
ROUTERS = (PE1, P1, PE2, *LEAVES)
HOSTS = ("ce1", "ce2", "ce3", "ce4")
HOST_PORT = "wan"
NC1 = NetconfStore("nc1", IPv4Interface("10.255.0.31/24"), ("ge-0/0/0", "ge-0/0/1", "ge-0/0/2"))

CABLES_LAID = (
    Cable(
        "pe1-p1",
        End("pe1", "c-p1", IPv4Interface("10.0.12.1/30")),
        End("p1", "c-pe1", IPv4Interface("10.0.12.2/30")),
    ),
    Cable(
        "p1-pe2",
        End("p1", "c-pe2", IPv4Interface("10.0.23.1/30")),
        End("pe2", "c-p1", IPv4Interface("10.0.23.2/30")),
    ),
    Cable(
        "leaf1-p1",
        End("leaf1", "c-p1", IPv4Interface("10.0.14.1/30")),
        End("p1", "c-leaf1", IPv4Interface("10.0.14.2/30")),
    ),
    Cable(
        "leaf2-p1",
        End("leaf2", "c-p1", IPv4Interface("10.0.15.1/30")),
        End("p1", "c-leaf2", IPv4Interface("10.0.15.2/30")),
    ),
    Cable("pe1-ce1", End("pe1", "cust1"), End("ce1", HOST_PORT)),
    Cable("pe2-ce2", End("pe2", "cust1"), End("ce2", HOST_PORT)),
    Cable("leaf1-ce3", End("leaf1", "cust1"), End("ce3", HOST_PORT)),
    Cable("leaf2-ce4", End("leaf2", "cust1"), End("ce4", HOST_PORT)),
)


def ends_of(node: str) -> list[End]:
    return [end for cable in CABLES_LAID for end in cable.ends if end.node == node]


def cable_at(node: str, port: str) -> Cable:
    """:raises LookupError: no cable of the lab ends there."""
    for cable in CABLES_LAID:
        if any(end.node == node and end.port == port for end in cable.ends):
            return cable
    raise LookupError(f"no cable of the lab ends at {node}:{port}")
