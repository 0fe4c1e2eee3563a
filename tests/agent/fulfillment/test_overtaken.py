"""A worker that is stopped just before a push, overtaken, and woken: what it pushes then does not survive."""

import threading
import time

from sqlalchemy import select

from agent.fulfillment.journal import Journal
from agent.fulfillment.tables import PlanRow
from inventory.tables import WorkItemRow
from tests.agent.fulfillment.network import internet
from tests.agent.fulfillment.running import DEADLINE

REPAIRS = select(PlanRow).where(PlanRow.purpose == "redeploy")
PUSH = 2
"""Of the times a plan asks whether it may push: staging is the first."""


class Sleeper:
    """A worker, the first one, sleeps between its fence check and the push, until it is woken; nobody renews its lease."""

    def __init__(self, monkeypatch, fabd, push=PUSH, fence=1) -> None:
        self._push, self._fence = push, fence
        self.asleep, self.wake = threading.Event(), threading.Event()
        self._guard, self._asked, self._plan = Journal.guard, 0, ""
        monkeypatch.setattr(Journal, "guard", lambda journal: self._ask(journal))  # noqa: PLW0108  a function takes its journal as self
        queue = fabd.service.worker._work
        renew = queue.renew
        monkeypatch.setattr(
            queue, "renew", lambda claims, *when: renew([claim for claim in claims if not self._lapses(claim)], *when)
        )

    def _lapses(self, claim) -> bool:
        return (claim.work.key, claim.fence) == (self._plan, self._fence)

    def _ask(self, journal) -> None:
        self._plan = self._plan or journal.plan_id
        self._guard(journal)
        self._asked += 1
        if self._asked == self._push:
            self.asleep.set()
            assert self.wake.wait(DEADLINE)


def test_a_late_push_of_an_overtaken_worker_does_not_survive(fabd, monkeypatch):
    before = fabd.everything()
    sleeper = Sleeper(monkeypatch, fabd)
    order = fabd.order(internet(port="pe2/Gi0/1"))
    assert sleeper.asleep.is_set()
    assert order.state == "failed"
    assert fabd.everything() == before
    pushed = late_push(fabd)
    sleeper.wake.set()
    until(pushed, "the late push never came")
    until(lambda: fabd.everything() == before and not open_work(fabd), "the late push survives")
    with fabd.database.read() as session:
        repair = session.scalars(REPAIRS).one()
    assert (repair.state, repair.order_id) == ("done", "")


def test_nor_where_another_service_stands_by_then(fabd, monkeypatch):
    sleeper = Sleeper(monkeypatch, fabd)
    failed = fabd.order(internet(port="pe2/Gi0/1", description="first"))
    assert failed.state == "failed"
    assert fabd.order(internet(port="pe2/Gi0/1", description="second")).state == "completed"
    there = fabd.everything()
    assert "second" in there["pe2"]
    pushed = late_push(fabd)
    sleeper.wake.set()
    until(pushed, "the late push never came")
    until(lambda: fabd.everything() == there and not open_work(fabd), "the late push survives")


def late_push(fabd):
    """Whether it has come: to be seen in the elements until it is taken back, and in the plan that does so."""

    def repairs() -> int:
        with fabd.database.read() as session:
            return len(session.scalars(REPAIRS).all())

    texts, plans = fabd.everything(), repairs()
    return lambda: fabd.everything() != texts or repairs() != plans


def until(holds, otherwise: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, otherwise
        threading.Event().wait(0.02)


def open_work(fabd) -> list[str]:
    with fabd.database.read() as session:
        return list(session.scalars(select(WorkItemRow.kind).where(WorkItemRow.state != "done")))
