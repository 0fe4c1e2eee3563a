"""The worker's own threads, on a real clock; waits end by events, with a deadline."""

import os
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.clock import SystemClock
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.stalls import Stalls
from agent.fulfillment.worker import Worker, WorkerName
from inventory.db import Database
from inventory.tables import WorkItemRow
from inventory.work import Backoff, DatabaseQueue, Work

DEADLINE = 60
SETTINGS = FulfilmentSettings(
    workers=2, poll=timedelta(milliseconds=20), lease=timedelta(seconds=1), retry=Backoff(timedelta(0), timedelta(0))
)


class Bench:
    def __init__(self, database) -> None:
        self.database, self.queue, self.clock = database, DatabaseQueue(database), SystemClock()
        self.done: list[str] = []
        self.all_done = threading.Event()
        self.expected = 1

    def submit(self, *keys) -> None:
        with self.database.write() as session:
            for key in keys:
                self.queue.submit(session, Work("plan", key), self.clock.now())

    def handle(self, claim) -> None:
        with self.database.write() as session:
            assert self.queue.finish(session, claim, self.clock.now())
        self.done.append(claim.work.key)
        if len(self.done) >= self.expected:
            self.all_done.set()

    def worker(self, handler=None, settings=SETTINGS) -> Worker:
        return Worker(self.database, self.queue, {"plan": handler or self.handle}, self.clock, settings)


@pytest.fixture
def bench(database) -> Bench:
    return Bench(database)


def test_work_is_done_and_the_worker_stops(bench):
    bench.expected = 5
    worker = bench.worker()
    worker.start()
    bench.submit(*"abcde")
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert sorted(bench.done) == list("abcde")


def test_work_that_fails_is_tried_again_and_the_worker_lives_on(bench):
    tries = []

    def fails_once(claim):
        tries.append(claim.attempts)
        if len(tries) == 1:
            raise ZeroDivisionError
        bench.handle(claim)

    bench.submit("a")
    worker = bench.worker(fails_once)
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert tries == [1, 2]


def test_a_lease_is_renewed_while_the_work_goes_on(bench):
    go = threading.Event()
    begun = threading.Event()

    def slow(claim):
        begun.set()
        assert go.wait(DEADLINE)
        bench.handle(claim)

    bench.submit("a")
    worker = bench.worker(slow)
    worker.start()
    assert begun.wait(DEADLINE)
    first = lease_end(bench)
    deadline = bench.clock.monotonic() + DEADLINE
    while lease_end(bench) <= first:
        assert bench.clock.monotonic() < deadline, "the lease was never renewed"
    go.set()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert bench.done == ["a"]


def test_a_clock_set_forward_does_not_take_a_plan_from_its_own_worker(bench, clock):
    bench.clock = clock
    go, begun = threading.Event(), threading.Event()
    attempts = []

    def slow(claim):
        attempts.append(claim.attempts)
        begun.set()
        assert go.wait(DEADLINE)
        bench.handle(claim)

    bench.submit("a")
    worker = bench.worker(slow)
    worker.start()
    assert begun.wait(DEADLINE)
    clock.step_to(clock.now() + timedelta(hours=1))
    deadline = time.monotonic() + DEADLINE
    while lease_end(bench) <= clock.now():
        assert time.monotonic() < deadline, "the lease was never renewed"
    go.set()
    assert bench.all_done.wait(DEADLINE)
    worker.stop(timedelta(seconds=DEADLINE))
    assert attempts == [1]


def test_a_clock_set_back_does_not_keep_work_from_being_tried_again(bench, clock):
    bench.clock = clock
    later, tries = replace(SETTINGS, retry=Backoff(timedelta(seconds=30), timedelta(seconds=30))), []

    def fails_once(claim):
        tries.append(claim.attempts)
        if len(tries) == 1:
            raise ZeroDivisionError
        bench.handle(claim)

    bench.submit("a")
    worker = bench.worker(fails_once, later)
    worker.start()
    deadline = time.monotonic() + DEADLINE
    while work_state(bench) != ("ready", 1):
        assert time.monotonic() < deadline, "it was never put back"
    clock.step_to(clock.now() - timedelta(hours=1))
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert tries == [1, 2]


def test_stopping_waits_for_work_in_hand_but_not_for_ever(bench):
    go = threading.Event()
    begun = threading.Event()

    def hangs(claim):
        begun.set()
        assert go.wait(DEADLINE)
        bench.handle(claim)

    bench.submit("a", "b", "c")
    worker = bench.worker(hangs)
    worker.start()
    assert begun.wait(DEADLINE)
    assert not worker.stop(timedelta(milliseconds=50))
    assert worker.stopping
    go.set()
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert len(bench.done) <= 2


def test_what_a_dead_process_left_is_taken_up_at_once(bench):
    bench.submit("a")
    name = WorkerName()
    dead = f"{name.host}/{name.pid}/another-life"
    bench.queue.claim(["plan"], dead, bench.clock.now(), timedelta(hours=1))
    worker = bench.worker()
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))


def test_a_worker_is_gone_only_when_this_host_can_tell():
    name = WorkerName()
    assert not name.is_gone(str(name))
    assert name.is_gone(f"{name.host}/{os.getpid()}/other")
    assert not name.is_gone(f"{name.host}/{os.getppid()}/parent")
    assert name.is_gone(f"{name.host}/{2**22 + 1}/long-gone")
    assert not name.is_gone(f"elsewhere/{2**22 + 1}/alive")
    assert not name.is_gone("test")


def work_state(bench):
    with bench.database.read() as session:
        row = session.scalars(select(WorkItemRow)).one()
        return row.state, row.attempts


def lease_end(bench):
    with bench.database.read() as session:
        return session.scalars(select(WorkItemRow.lease_until)).one()


def test_plans_that_are_stuck_keep_nobody_else_waiting(bench):
    """As many hang as there are workers, and as many again; the others are done all the same."""
    go = threading.Event()
    stuck = [f"stuck{n}" for n in range(2 * SETTINGS.workers)]

    def handle(claim):
        if claim.work.key in stuck:
            assert go.wait(DEADLINE)
        bench.handle(claim)

    others = [f"other{n}" for n in range(20)]
    bench.expected = len(others)
    bench.submit(*stuck, *others)
    worker = bench.worker(handle, replace(SETTINGS, stall_after=timedelta(milliseconds=20)))
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert sorted(bench.done) == sorted(others)
    go.set()
    assert worker.stop(timedelta(seconds=DEADLINE))


def test_there_are_never_more_threads_than_allowed(bench):
    go, running, most = threading.Event(), [], []
    settings = replace(SETTINGS, stall_after=timedelta(0), most_workers=3)

    def hangs(claim):
        running.append(claim.work.key)
        most.append(len(running))
        if len(running) == settings.most_workers:
            go.set()
        assert go.wait(DEADLINE)
        running.remove(claim.work.key)
        bench.handle(claim)

    bench.expected = 12
    bench.submit(*(str(n) for n in range(bench.expected)))
    worker = bench.worker(hangs, settings)
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert max(most) == settings.most_workers


def test_plans_of_one_element_take_turns_and_no_thread_waits_for_another(bench):
    at_once, seen = [], []

    def handle(claim):
        at_once.append(claim.work.key)
        seen.append(len(at_once))
        bench.handle(claim)
        at_once.remove(claim.work.key)

    bench.expected = 10
    bench.submit(*(str(n) for n in range(bench.expected)))
    elements = lambda work: {each.key: ("pe1",) for each in work}  # noqa: E731  one expression, used here alone
    worker = Worker(bench.database, bench.queue, {"plan": handle}, bench.clock, SETTINGS, elements_of=elements)
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert set(seen) == {1}


def test_what_waits_in_line_is_given_back_when_the_worker_stops(bench):
    go, begun = threading.Event(), threading.Event()

    def hangs(claim):
        begun.set()
        assert go.wait(DEADLINE)
        bench.handle(claim)

    bench.submit("a", "b", "c")
    elements = lambda work: {each.key: ("pe1",) for each in work}  # noqa: E731  see above
    worker = Worker(bench.database, bench.queue, {"plan": hangs}, bench.clock, SETTINGS, elements_of=elements)
    worker.start()
    assert begun.wait(DEADLINE)
    assert not worker.stop(timedelta(milliseconds=50))
    again = []
    deadline = time.monotonic() + DEADLINE
    while len(again) < 2:
        assert time.monotonic() < deadline, "nothing was given back"
        again += bench.queue.claim(["plan"], "next", bench.clock.now(), timedelta(minutes=1), limit=5)
    assert {claim.attempts for claim in again} == {1}
    go.set()
    assert worker.stop(timedelta(seconds=DEADLINE))


def test_work_that_another_process_submits_wakes_the_worker_where_the_database_can_tell(bench):
    """On SQLite there is no other process; there the worker looks."""
    worker = bench.worker(settings=replace(SETTINGS, poll=timedelta(milliseconds=20 if bench.database.is_sqlite else 3_600_000)))
    worker.start()
    other = Database(bench.database.url)
    queue = DatabaseQueue(other)
    with other.write() as session:
        queue.submit(session, Work("plan", "a"), bench.clock.now())
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    other.close()


def test_plans_in_line_for_one_element_do_not_fill_the_hands_of_the_worker(bench):
    go = threading.Event()
    mine = [f"a-line{n}" for n in range(3 * SETTINGS.backlog)]
    others = [f"other{n}" for n in range(10)]

    def handle(claim):
        if claim.work.key in mine:
            assert go.wait(DEADLINE)
        bench.handle(claim)

    def elements(work):
        return {each.key: ("slow",) if each.key in mine else (each.key,) for each in work}

    bench.expected = len(others)
    bench.submit(*mine)
    bench.submit(*others)
    worker = Worker(bench.database, bench.queue, {"plan": handle}, bench.clock, SETTINGS, elements_of=elements)
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert sorted(bench.done) == sorted(others)
    go.set()
    assert worker.stop(timedelta(seconds=DEADLINE))


def test_a_plan_that_waits_for_the_database_leaves_its_place_to_another_but_not_to_any_number(bench):
    stalls = Stalls(bench.clock)
    go, at_point, begun = threading.Event(), threading.Semaphore(0), []

    def handle(claim):
        begun.append(claim.work.key)
        with stalls.waiting():
            at_point.release()
            assert go.wait(DEADLINE)
        bench.handle(claim)

    bench.expected = 6
    bench.submit(*"abcdef")
    worker = Worker(bench.database, bench.queue, {"plan": handle}, bench.clock, SETTINGS, stalls=stalls)
    worker.start()
    for _ in range(2 * SETTINGS.workers):
        assert at_point.acquire(timeout=DEADLINE)
    assert len(begun) == stalls.at_points == 2 * SETTINGS.workers
    go.set()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert stalls.at_points == 0


def test_plans_that_wait_for_no_database_are_no_more_than_there_are_workers(bench):
    at_once, seen = [], []

    def handle(claim):
        at_once.append(claim.work.key)
        seen.append(len(at_once))
        bench.handle(claim)
        at_once.remove(claim.work.key)

    bench.expected = 30
    bench.submit(*map(str, range(bench.expected)))
    worker = bench.worker(handle, replace(SETTINGS, stall_after=timedelta(hours=1)))
    worker.start()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
    assert max(seen) <= SETTINGS.workers


def test_threads_that_find_no_place_are_left_to_sleep(bench):
    """Two were at a point and made place for two others; now these work, and the first two are done."""
    stalls = Stalls(bench.clock, after=3600)
    durable, go, at_work = threading.Event(), threading.Event(), threading.Semaphore(0)
    looked, slept = threading.Semaphore(0), []

    def handle(claim):
        if claim.work.key in "ab":
            with stalls.waiting():
                assert durable.wait(DEADLINE)
        else:
            at_work.release()
            assert go.wait(DEADLINE)
        bench.handle(claim)

    bench.expected = 6
    bench.submit(*"abcdef")
    worker = Worker(bench.database, bench.queue, {"plan": handle}, bench.clock, SETTINGS, stalls=stalls)
    staff, wait = worker._staff, worker._changed.wait
    worker._staff = lambda: (staff(), looked.release())
    worker._changed.wait = lambda: (slept.append(True), wait())
    worker.start()
    for _ in range(SETTINGS.workers):
        assert at_work.acquire(timeout=DEADLINE)
    durable.set()
    until = time.monotonic() + DEADLINE
    while worker._idle < SETTINGS.workers and time.monotonic() < until:
        assert looked.acquire(timeout=DEADLINE)
    assert worker._idle == SETTINGS.workers
    with worker._changed:  # who counts as idle has gone to sleep
        times = len(slept)
    for _ in range(5 + looked._value):
        worker.kick()
        assert looked.acquire(timeout=DEADLINE)
    assert len(slept) == times
    go.set()
    assert bench.all_done.wait(DEADLINE)
    assert worker.stop(timedelta(seconds=DEADLINE))
