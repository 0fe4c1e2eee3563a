"""A simulated NETCONF router and a command-line router, and targets for them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from drivers.port import Credential, Target
from drivers.sim.faults import ElementFaults
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from tests.loopback import numbered

PORTS = {"pe1": "ge-0/0/[0-3]", "pe2": "GigabitEthernet0/[0-3]", "pe3": "Ethernet[1-3]"}
PLATFORMS = {"pe1": ("ietf", "netconf"), "pe2": ("ios", "ssh"), "pe3": ("eos", "ssh")}


def soon(seconds: float = 60.0) -> float:
    return time.monotonic() + seconds


class Simulated:
    def __init__(self, sim: SimThread, folder: Path) -> None:
        self.sim = sim
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(sim.network.known_hosts())

    def target(self, element: str, *, password: str | None = None, known_hosts: Path | None = None) -> Target:
        platform, protocol = PLATFORMS[element]
        endpoint = self.sim.network.elements[element].endpoints[protocol]
        secrets = self.sim.network.topology.credentials.resolve()
        credential = Credential("sim", secrets.user, secrets.password if password is None else password)
        return Target(element, platform, protocol, endpoint.host, endpoint.port, credential, known_hosts or self.known_hosts)

    def faults(self, element: str) -> ElementFaults:
        return self.sim.network.elements[element].faults

    def running(self, element: str) -> str:
        return self.sim.call(lambda network: network.elements[element].running_text())

    def restart_elsewhere(self, target: Target, port: int) -> Target:
        return replace(target, port=port)


@contextmanager
def simulated(folder: Path, subnet: int) -> Iterator[Simulated]:
    """Addresses of this process's own, so that test runs side by side do not meet."""
    topology = parse_topology(
        {
            "name": "drivers",
            "network": numbered(16 + subnet),
            "elements": [{"name": name, "platform": PLATFORMS[name][0], "ports": [PORTS[name]]} for name in PORTS],
            "links": [{"a": "pe1:ge-0/0/0", "b": "pe2:GigabitEthernet0/0"}],
        }
    )
    with SimThread(topology) as sim:
        yield Simulated(sim, folder)
