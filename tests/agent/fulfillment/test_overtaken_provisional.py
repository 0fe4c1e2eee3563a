"""A late push to a command line with confirmed commits does not stand until it expires: it is withdrawn as its worker wakes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from tests.agent.fulfillment import running
from tests.agent.fulfillment.network import internet
from tests.agent.fulfillment.test_overtaken import Sleeper, open_work, until
from tests.loopback import fresh

TOPOLOGY = {"name": "provisional", "elements": [{"name": "pe3", "platform": "eos", "ports": ["Ethernet[1-3]"]}]}
ELEMENT, PORT = "pe3", "pe3/Ethernet1"


@pytest.fixture(scope="module")
def sim() -> Iterator[SimThread]:
    with SimThread(parse_topology(TOPOLOGY | {"network": fresh()})) as thread:
        yield thread


@pytest.fixture(autouse=True)
def _nothing_expires(monkeypatch) -> None:
    """Within the time that a test takes."""
    monkeypatch.setattr(running, "SETTINGS", replace(running.SETTINGS, confirm_timeout=timedelta(hours=1)))


def test_a_late_commit_of_an_overtaken_worker_is_withdrawn(fabd, monkeypatch):
    before = fabd.running(ELEMENT)
    sleeper = Sleeper(monkeypatch, fabd)
    order = fabd.order(internet(port=PORT, description="late"))
    assert sleeper.asleep.is_set()
    assert (order.state, fabd.running(ELEMENT)) == ("failed", before)
    asked: list[bool] = []
    watch(fabd, lambda: asked.append("late" in fabd.running(ELEMENT)))
    sleeper.wake.set()
    until(lambda: asked, "nobody looked at the element again")
    until(lambda: fabd.running(ELEMENT) == before and not open_work(fabd), "the late commit stands")
    assert asked[0], "the late push never came"
    assert fabd.order(internet(port=PORT, description="next")).state == "completed", "nothing keeps others from committing"


def watch(fabd, look) -> None:
    """Calls `look` whenever elements are about to be looked at again."""
    worker = fabd.service.worker
    handlers = worker._handlers
    recheck = handlers["recheck"]

    def watched(claim) -> None:
        look()
        recheck(claim)

    handlers["recheck"] = watched
