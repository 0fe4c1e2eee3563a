from collections.abc import Iterator

import ncclient.transport.session
import pytest

from drivers.sim.thread import SimThread
from tests.drivers.sim import networks
from tests.drivers.sim.exchange import Server


@pytest.fixture(autouse=True)
def _quick_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock client looks every 0.1 s whether it has something to send; that is most of what these tests would take."""
    monkeypatch.setattr(ncclient.transport.session, "TICK", 0.005)


@pytest.fixture
def sim() -> Iterator[SimThread]:
    with networks.running() as running:
        yield running


@pytest.fixture
def server(sim: SimThread) -> Server:
    return networks.netconf(sim)
