"""A daemon that leaves orders to other processes notices when there are none."""

import asyncio
from datetime import timedelta

import pytest

from agent.fulfillment.attendance import PATIENCE, Attendance
from inventory.servertime import ServerTime
from inventory.work import DatabaseQueue, Work
from tests.clock import EPOCH, FakeClock

LEASE = timedelta(seconds=30)
LONG = PATIENCE + timedelta(seconds=1)


@pytest.fixture
def queue(database) -> DatabaseQueue:
    return DatabaseQueue(database)


def submit(database, queue, key: str, kind: str = "plan", **when) -> None:
    with database.write() as session:
        queue.submit(session, Work(kind, key), EPOCH, **when)


def fault_after(database, passed: timedelta, queue: DatabaseQueue | None = None) -> str:
    clock = FakeClock()
    clock.step_to(EPOCH + passed)
    attendance = Attendance(database, queue or DatabaseQueue(database), clock, {"plan"})
    asyncio.run(attendance.look())
    return attendance.fault


def test_what_nobody_takes_up_for_long_is_told_of_and_not_before(database, queue):
    submit(database, queue, "one")
    assert fault_after(database, PATIENCE - timedelta(seconds=1)) == ""
    assert "start `fabd work`" in fault_after(database, LONG)


@pytest.mark.parametrize("what", [{"kind": "test"}, {"run_at": EPOCH + timedelta(days=1)}], ids=["of this daemon", "for tomorrow"])
def test_what_others_are_not_to_do_now_is_no_fault(database, queue, what):
    submit(database, queue, "one", **what)
    assert fault_after(database, LONG) == ""


def test_a_long_queue_is_no_fault_while_somebody_works(database, queue):
    submit(database, queue, "one")
    submit(database, queue, "two")
    (claim,) = queue.claim({"plan"}, "worker", EPOCH + LONG, LEASE)
    assert fault_after(database, LONG) == ""
    with database.write() as session:
        queue.finish(session, claim, EPOCH + LONG)
    assert fault_after(database, LONG + PATIENCE / 2) == ""
    assert fault_after(database, 3 * LONG) != ""


def test_what_was_left_behind_by_one_that_died_is_told_of(database, queue):
    submit(database, queue, "one")
    queue.claim({"plan"}, "worker", EPOCH, LEASE)
    assert fault_after(database, LEASE / 2) == ""
    assert "start `fabd work`" in fault_after(database, LEASE + LONG)


def test_who_looks_for_what_the_dead_left_does_not_make_it_new(database, queue):
    """As a daemon that places does when it starts."""
    submit(database, queue, "one")
    queue.claim({"plan"}, "worker", EPOCH, LEASE)
    assert queue.abandon(lambda _worker: True, EPOCH + LEASE + LONG) == 1
    assert "start `fabd work`" in fault_after(database, LEASE + LONG)


@pytest.mark.parametrize("ahead", [timedelta(days=40_000), timedelta()], ids=["ahead", "behind"])
def test_work_in_hand_is_no_fault_to_a_daemon_whose_clock_is_not_the_servers(database, ahead):
    """The server's time is today's, the daemon's long after it or long before."""
    served = DatabaseQueue(database, server_time=ServerTime())
    submit(database, served, "one")
    assert served.claim({"plan"}, "worker", EPOCH, LEASE)
    assert (fault_after(database, ahead, served) == "") is (not database.is_sqlite or not ahead)
