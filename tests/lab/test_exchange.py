"""The exchange that our simulated element keeps, here against Debian's netconfd: the reference for it."""

import pytest

from tests.drivers.sim import exchange
from tests.drivers.sim.exchange import FACTS
from tests.lab.configurations import netconf_server
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("fact", FACTS)
def test_netconfd_keeps_the_exchange(management: Lab, fact: str) -> None:
    exchange.check(netconf_server(management), FACTS[fact])
