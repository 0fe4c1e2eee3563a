"""The cable room: a namespace in which every cable is a bridge between two patch leads.

Unplugging a cable takes the carrier away from both its ports while both stay administratively up, as a cut fibre does.
(Setting one end of a plain veth pair down would be an administrative act of that router: no fault to report.)
"""

from tests.lab import namespaces
from tests.lab.shell import run
from tests.lab.topology import CABLES, CABLES_LAID, Cable


def lay() -> None:
    namespaces.create(CABLES)
    for number, cable in enumerate(CABLES_LAID):
        bridge = f"cable{number}"
        # No querier lives here, so snooping could only lose multicast (OSPF hellos).
        namespaces.ip(CABLES, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
        namespaces.ip(CABLES, "link", "set", bridge, "up")
        for end in cable.ends:
            connect(end.node, end.port, CABLES, end.label)
            namespaces.ip(CABLES, "link", "set", end.label, "master", bridge)


def connect(node: str, port: str, other: str, other_port: str) -> None:
    """A veth pair, created in its two namespaces at once, so that interface numbers are small and the same every time."""
    peer = ["peer", "name", other_port, "netns", namespaces.full_name(other)]
    run(["ip", "link", "add", port, "netns", namespaces.full_name(node), "type", "veth", *peer])
    namespaces.ip(node, "link", "set", port, "up")
    namespaces.ip(other, "link", "set", other_port, "up")


def unplug(cable: Cable) -> None:
    for end in cable.ends:
        namespaces.ip(CABLES, "link", "set", end.label, "down")


def plug(cable: Cable) -> None:
    for end in cable.ends:
        namespaces.ip(CABLES, "link", "set", end.label, "up")
