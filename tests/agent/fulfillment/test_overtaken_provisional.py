"""A late push to a command line with confirmed commits does not stand until it expires: it is withdrawn as its worker wakes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.errors import EditRefused
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from drivers.ssh.confirmed import ConfirmedSession
from tests.agent.fulfillment import running
from tests.agent.fulfillment.network import internet
from tests.agent.fulfillment.test_overtaken import Sleeper, open_work, until
from tests.loopback import fresh

TOPOLOGY = {"name": "provisional", "elements": [{"name": "pe3", "platform": "eos", "ports": ["Ethernet[1-3]"]}]}
ELEMENT, PORT = "pe3", "pe3/Ethernet1"
REVERSE = 3
"""Of the times a plan asks whether it may push, where its commit fails: staging is the first, committing the second."""


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("fence", [1, 2])
def test_what_a_late_reverse_of_an_overtaken_worker_takes_from_another_service_is_brought_back(fabd, monkeypatch, fence):
    """Of the worker that committed, too, or of the next one, which only took the plan over to undo it."""
    if fence == 1:
        refuses_once(monkeypatch)
    else:
        fabd.kill_at = "before decide"
    sleeper = Sleeper(monkeypatch, fabd, REVERSE, fence)
    assert fabd.order(internet(port=PORT, description="branch")).state == "failed"
    assert sleeper.asleep.is_set()
    assert fabd.order(internet(port=PORT, description="branch")).state == "completed"
    there = fabd.running(ELEMENT)
    asked: list[str] = []
    watch(fabd, lambda: asked.append(fabd.running(ELEMENT)))
    sleeper.wake.set()
    until(lambda: asked, "nobody looked at the element again")
    assert "branch" not in asked[0], "the late reverse never came"
    until(lambda: fabd.running(ELEMENT) == there and not open_work(fabd), "what it took stays away")


def refuses_once(monkeypatch) -> None:
    """To show what it has committed."""
    verify, refused = ConfirmedSession.verify, []

    def once(session, change, deadline):
        if not refused:
            refused.append(True)
            raise EditRefused(ELEMENT, "nothing is shown")
        return verify(session, change, deadline)

    monkeypatch.setattr(ConfirmedSession, "verify", once)


def watch(fabd, look) -> None:
    """Calls `look` whenever elements are about to be looked at again."""
    worker = fabd.service.worker
    handlers = worker._handlers
    recheck = handlers["recheck"]

    def watched(claim) -> None:
        look()
        recheck(claim)

    handlers["recheck"] = watched
