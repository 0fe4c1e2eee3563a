"""A simulated bridge with its SNMP agent on loopback, in a loop of its own because the driver blocks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from drivers.port import Credential, Target
from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults
from drivers.sim.snmp.agent import SnmpAgent
from drivers.sim.state import ElementState
from tests.drivers.sim.elements import Loop, loop_thread, switch

SECRETS = SimCredentials()
V2C = Credential("sim-v2c", community=SECRETS.community)
V3 = Credential("sim-v3", username=SECRETS.v3_user, auth_key=SECRETS.v3_auth, priv_key=SECRETS.v3_priv)


@dataclass(frozen=True)
class Lab:
    loop: Loop
    state: ElementState
    faults: ElementFaults
    agent: SnmpAgent

    def target(self, credential: Credential = V2C, element: str = "acc1") -> Target:
        return Target(element, "qbridge", "snmp", "127.0.0.1", self.agent.port, credential)


@pytest.fixture(scope="session")
def _loop() -> Iterator[Loop]:
    with loop_thread() as loop:
        yield loop


@pytest.fixture
def lab(_loop: Loop) -> Iterator[Lab]:
    """Ports ge1…ge10 with ifIndex 101…110 are bridge ports 1…10."""

    def build() -> Lab:
        state = switch()
        faults = ElementFaults(state)
        return Lab(_loop, state, faults, SnmpAgent(state, faults, SECRETS))

    lab = _loop.call(build)
    _loop.run(lab.agent.start("127.0.0.1", 0))
    yield lab
    _loop.run(lab.agent.stop())


@pytest.fixture
def soon() -> float:
    """A deadline that only a hang can miss."""
    return time.monotonic() + 60
