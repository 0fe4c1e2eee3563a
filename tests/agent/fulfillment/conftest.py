import os
from collections.abc import Iterator

import pytest

from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from tests.agent.fulfillment.running import TOPOLOGY, Running


@pytest.fixture(scope="module")
def sim() -> Iterator[SimThread]:
    pid = os.getpid()
    network = f"127.{100 + pid % 100}.{(pid // 100 * 8 + 77) % 256}.0/24"
    with SimThread(parse_topology(TOPOLOGY | {"network": network})) as thread:
        yield thread


@pytest.fixture
def fabd(database, sim, tmp_path) -> Iterator[Running]:
    running = Running(database, sim, tmp_path)
    running.service.start()
    yield running
    assert running.service.stop()
    for driver in running.drivers.values():
        driver.close()
