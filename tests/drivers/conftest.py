from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.simulated import Simulated, simulated


@pytest.fixture(scope="session")
def routers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    with simulated(Path(tmp_path_factory.mktemp("routers")), 0) as network:
        yield network


@pytest.fixture
def clean(routers: Simulated) -> Iterator[Simulated]:
    """The routers without a trace of another test's faults."""
    yield routers
    for element in ("pe1", "pe2", "pe3"):
        routers.sim.call(lambda network, name=element: network.elements[name].faults.clear())
