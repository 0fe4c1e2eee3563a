from collections.abc import Iterator

import pytest

from drivers.sim.thread import SimThread
from tests.agent.chaos.truth import Twin
from tests.agent.installation import Installation, simulated_network


@pytest.fixture(scope="module")
def sim() -> Iterator[SimThread]:
    with simulated_network(0) as thread:
        yield thread


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Iterator[Twin]:
    with simulated_network(1) as thread:
        twin = Twin(thread, tmp_path_factory.mktemp("twin"))
        yield twin
        twin.close()


@pytest.fixture
def installation(tmp_path, sim) -> Iterator[Installation]:
    with Installation(tmp_path, sim) as installation:
        yield installation
