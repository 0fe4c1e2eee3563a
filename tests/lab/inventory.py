"""The lab as fabd's inventory document sees it; interface numbers are read from the kernel."""

from typing import Any

from tests.lab import namespaces
from tests.lab.credentials import CLI, NETCONF, SHELL, snmp_v3
from tests.lab.topology import (
    AUTONOMOUS_SYSTEM,
    CABLES_LAID,
    LEAVES,
    NC1,
    NETCONF_PORT,
    ROUTERS,
    SITE,
    SNMP_PORT,
    SSH_PORT,
    Router,
    cable_at,
    ends_of,
)

PORT_SPEED = 10_000_000_000  # bit/s, what a veth device reports


def document() -> dict[str, Any]:
    return {
        "sites": [{"name": SITE}],
        "elements": [*(_router(router) for router in ROUTERS), _netconf_store()],
        "links": [_link(cable.name) for cable in CABLES_LAID if cable.a.address],
    }


def _router(router: Router) -> dict[str, Any]:
    numbers = namespaces.ports(router.name)
    ports = [
        {
            "name": end.port,
            "if_index": numbers[end.port]["ifindex"],
            "speed_bps": PORT_SPEED,
            "role": _port_role(router.name, end.port),
        }
        for end in ends_of(router.name)
    ]
    endpoints = {
        "ssh": {"host": str(router.management), "port": SSH_PORT, "credential": SHELL if router in LEAVES else CLI},
        "snmp": {"host": str(router.management), "port": SNMP_PORT, "credential": snmp_v3(router.name)},
    }
    return {
        "name": router.name,
        "site": SITE,
        "platform": router.platform,
        "role": router.role,
        "endpoints": endpoints,
        "ports": ports,
        "attributes": {"bgp_as": AUTONOMOUS_SYSTEM} | _tunnel(router),
    }


def _tunnel(router: Router) -> dict[str, str]:
    """Where a leaf's tunnels end, and from whom it learns of others."""
    neighbour = next((peer for peer in LEAVES if peer != router), None) if router in LEAVES else None
    return {"loopback": str(router.loopback), "evpn_neighbour": str(neighbour.loopback)} if neighbour else {}


def _netconf_store() -> dict[str, Any]:
    ports = [{"name": name, "speed_bps": PORT_SPEED, "role": "customer"} for name in NC1.ports]
    endpoint = {"host": str(NC1.management.ip), "port": NETCONF_PORT, "credential": NETCONF}
    return {
        "name": NC1.name,
        "site": SITE,
        "platform": "ietf",
        "role": "edge",
        "endpoints": {"netconf": endpoint},
        "ports": ports,
        "attributes": {"notifications": True},
    }


def _port_role(node: str, port: str) -> str:
    return "core" if cable_at(node, port).a.address else "customer"


def _link(name: str) -> dict[str, Any]:
    cable = next(cable for cable in CABLES_LAID if cable.name == name)
    a, b = cable.ends
    return {"name": name, "a": f"{a.node}/{a.port}", "b": f"{b.node}/{b.port}"}
