"""A small network for layouts: two SNMP switches before an edge, edges of every platform around a core.

sw1 ── sw2 ── pe1 (ios) ── p1 ── pe2 (ietf)      sw3 ── pe3 (frr)      pe3 ── p1
"""

from inventory.topology import ElementNode, LinkNode, PortNode, Topology

REALISES = {
    "ietf": frozenset({"ipv4", "ipv6", "description"}),
    "frr": frozenset({"ipv4", "ipv6", "description", "announce"}),
    "ios": frozenset({"ipv4", "ipv6", "description", "announce", "vlan", "rate", "vrf", "switching", "multicast"}),
    "qbridge": frozenset({"switching", "vlan", "description"}),
}
ELEMENTS = {
    "sw1": ("qbridge", "access"),
    "sw2": ("qbridge", "access"),
    "sw3": ("qbridge", "access"),
    "pe1": ("ios", "edge"),
    "pe2": ("ietf", "edge"),
    "pe3": ("frr", "edge"),
    "pe4": ("ios", "edge"),
    "p1": ("frr", "core"),
}
CABLES = (
    ("sw1/24", "sw2/23"),
    ("sw2/24", "pe1/ge-0/0/9"),
    ("sw3/24", "pe3/eth9"),
    ("pe1/ge-0/0/0", "p1/c-pe1"),
    ("pe2/ge-0/0/0", "p1/c-pe2"),
    ("pe3/eth0", "p1/c-pe3"),
    ("pe4/ge-0/0/0", "pe1/ge-0/0/8"),
)
CUSTOMER = ("sw1/3", "sw1/4", "sw2/3", "sw3/3", "pe1/ge-0/0/1", "pe1/ge-0/0/2", "pe2/ge-0/0/1", "pe3/eth1", "pe4/ge-0/0/1")


def network() -> Topology:
    ports: dict[str, PortNode] = {}
    core = [(end, "core") for cable in CABLES for end in cable]
    for reference, role in [*((reference, "customer") for reference in CUSTOMER), *core]:
        element, _, name = reference.partition("/")
        index = int(name) if name.isdecimal() else 100 + len(ports)
        ports[reference] = PortNode(f"prt-{reference}", element, name, index, 1_000_000_000, role)
    attributes = {"bgp_as": 65000}
    elements = [ElementNode(f"elm-{name}", name, *kind, "lab", "unlocked", attributes) for name, kind in ELEMENTS.items()]
    links = [LinkNode(f"lnk-{a}", a, ports[a], ports[b]) for a, b in CABLES]
    return Topology.of(elements, ports.values(), links)
