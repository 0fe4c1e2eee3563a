"""The cable room: a namespace in which every cable is a bridge between two patch leads.

Unplugging a cable takes the carrier away from both its ports while both stay administratively up, as a cut fibre does.
(Setting one end of a plain veth pair down would be an administrative act of that router: no fault to report.) A cable can also
swallow what it is given: both ports keep their carrier, and nothing, or not all of it, comes out at the other end.
"""

from tests.lab import namespaces
from tests.lab.shell import run
from tests.lab.topology import CABLES, CABLES_LAID, Cable, End, ends_of

_LLDP = str(1 << 0x0E)
"""Of the groups 01:80:c2:00:00:00 to 0f."""
_OSPF = 89  # protocol of IP


def lay() -> None:
    namespaces.create(CABLES)
    # A cable says nothing of its own: a bridge with IPv6 solicits routers for minutes, which its two ends count as received.
    namespaces.without_ipv6(CABLES)
    for number, cable in enumerate(CABLES_LAID):
        bridge = f"cable{number}"
        # No querier lives here, so snooping could only lose multicast (OSPF hellos).
        namespaces.ip(CABLES, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
        namespaces.ip(CABLES, "link", "set", bridge, "up")
        for end in cable.ends:
            _attach(end, bridge)


def _attach(end: End, bridge: str, number: int | None = None) -> None:
    connect(end.node, end.port, CABLES, end.label, number)
    namespaces.ip(CABLES, "link", "set", end.label, "master", bridge)
    # A bridge keeps frames of LLDP to itself, which a cable does not.
    namespaces.ip(CABLES, "link", "set", end.label, "type", "bridge_slave", "group_fwd_mask", _LLDP)


def connect(node: str, port: str, other: str, other_port: str, number: int | None = None) -> None:
    """A veth pair, created in its two namespaces at once, so that interface numbers are small and the same every time."""
    peer = ["peer", "name", other_port, "netns", namespaces.full_name(other)]
    numbered = ["index", str(number)] if number else []
    run(["ip", "link", "add", port, *numbered, "netns", namespaces.full_name(node), "type", "veth", *peer])
    namespaces.ip(node, "link", "set", port, "up")
    namespaces.ip(other, "link", "set", other_port, "up")


def unplug(cable: Cable) -> None:
    for end in cable.ends:
        namespaces.ip(CABLES, "link", "set", end.label, "down")


def plug(cable: Cable) -> None:
    for end in cable.ends:
        namespaces.ip(CABLES, "link", "set", end.label, "up")


def replace_ports(node: str) -> None:
    """Make a node's ports anew, as a restart does: same names and numbers, no address, and counters at 0."""
    numbers = {name: int(str(port["ifindex"])) for name, port in namespaces.ports(node).items()}
    for end in ends_of(node):
        namespaces.ip(CABLES, "link", "delete", end.label)
        bridge = next(f"cable{number}" for number, cable in enumerate(CABLES_LAID) if end in cable.ends)
        _attach(end, bridge, numbers[end.port])


def swallow(cable: Cable, percent: int = 100) -> None:
    """Let so much of what goes through it be lost, both ways. Until `carry`.

    While it is not everything, neighbours stay neighbours, as they do with the usual timers: hellos here are missed in seconds.
    """
    lost = "" if percent == 100 else f"meta protocol ip ip protocol != {_OSPF} numgen random mod 100 < {percent} "
    commands = [f"add table netdev {_table(cable)}"]
    for number, end in enumerate(cable.ends):
        chain = f"{_table(cable)} way{number}"
        hook = f'{{ type filter hook ingress device "{end.label}" priority 0; }}'
        commands += [f"add chain netdev {chain} {hook}", f"add rule netdev {chain} {lost}drop"]
    namespaces.execute(CABLES, ["nft", "; ".join(commands)])


def carry(cable: Cable) -> None:
    namespaces.execute(CABLES, ["nft", f"delete table netdev {_table(cable)}"])


def _table(cable: Cable) -> str:
    return cable.name.replace("-", "_")
