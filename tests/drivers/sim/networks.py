"""Simulated networks for tests, each on loopback addresses of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from drivers.sim.thread import SimThread
from drivers.sim.topology import Topology, parse_topology
from tests.drivers.sim.exchange import Server
from tests.loopback import fresh

TRIANGLE: dict[str, object] = {
    "name": "triangle",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[0-3]"]},
        {"name": "pe2", "platform": "ios", "ports": ["GigabitEthernet0/[0-3]"]},
        {"name": "p1", "platform": "ietf", "role": "core", "ports": ["xe-0/0/[0-3]"]},
    ],
    "links": [
        {"name": "direct", "a": "pe1:ge-0/0/0", "b": "pe2:GigabitEthernet0/0"},
        {"name": "west", "a": "pe1:ge-0/0/1", "b": "p1:xe-0/0/0"},
        {"name": "east", "a": "pe2:GigabitEthernet0/1", "b": "p1:xe-0/0/1"},
    ],
    "traffic": [{"name": "office", "from": "pe1:ge-0/0/2", "to": "pe2:GigabitEthernet0/2", "bps": "8M", "reverse_bps": "2M"}],
}
"""Two edges joined directly and over a core; `office` takes the direct link while it is up."""


def topology(document: dict[str, object] | None = None, **changes: object) -> Topology:
    return parse_topology({**(document or TRIANGLE), "network": fresh(), **changes})


@contextmanager
def running(document: dict[str, object] | None = None, **changes: object) -> Iterator[SimThread]:
    with SimThread(topology(document, **changes)) as sim:
        yield sim


def netconf(sim: SimThread, element: str = "pe1") -> Server:
    endpoint = sim.network.elements[element].endpoints["netconf"]
    login = sim.network.topology.credentials.resolve()
    return Server(endpoint.host, endpoint.port, login.user, login.password)
