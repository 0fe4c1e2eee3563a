from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.sim.thread import SimThread
from tests.agent.installation import Installation, simulated_network


@pytest.fixture(scope="session")
def host_keys(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("host-keys")


@pytest.fixture
def sim(host_keys) -> Iterator[SimThread]:
    """A network that outlives the daemons in front of it."""
    with simulated_network(0, host_keys) as thread:
        yield thread


@pytest.fixture
def installation(tmp_path, sim) -> Iterator[Installation]:
    with Installation(tmp_path / "fabd", sim) as installation:
        yield installation
