"""The exchange that also runs against Debian's netconfd, here against the simulated element."""

import pytest

from tests.drivers.sim import exchange
from tests.drivers.sim.exchange import FACTS, Server


@pytest.mark.parametrize("fact", FACTS)
def test_the_simulated_element_keeps_the_exchange(server: Server, fact: str) -> None:
    exchange.check(server, FACTS[fact])
