"""The exchange that our simulated element keeps, here against Debian's netconfd: the reference for it."""

import ncclient.transport.session
import pytest

from tests.drivers.sim import exchange
from tests.drivers.sim.exchange import FACTS
from tests.lab.configurations import netconf_server
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def _quick_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock client looks every 0.1 s whether it has something to send; that is most of what these tests would take."""
    monkeypatch.setattr(ncclient.transport.session, "TICK", 0.005)


@pytest.mark.parametrize("fact", FACTS)
def test_netconfd_keeps_the_exchange(management: Lab, fact: str) -> None:
    exchange.check(netconf_server(management), FACTS[fact])
