from collections.abc import Iterator

import pytest

from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from tests.agent.fulfillment.running import TOPOLOGY, Running
from tests.loopback import fresh


@pytest.fixture(scope="module")
def sim() -> Iterator[SimThread]:
    with SimThread(parse_topology(TOPOLOGY | {"network": fresh()})) as thread:
        yield thread


@pytest.fixture
def fabd(database, sim, tmp_path) -> Iterator[Running]:
    running = Running(database, sim, tmp_path)
    running.service.start()
    yield running
    assert running.service.stop()
    for driver in running.drivers.values():
        driver.close()
