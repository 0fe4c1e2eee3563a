from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event

from inventory.db import Database
from inventory.work import Backoff, DatabaseQueue, Work, WorkQueue
from inventory.work_memory import MemoryQueue
from tests.clock import FakeClock

LEASE = timedelta(seconds=30)
QUEUES: dict[str, Callable[[Database], WorkQueue]] = {"database": DatabaseQueue, "memory": lambda _: MemoryQueue()}


@pytest.fixture(params=QUEUES)
def queue(request: pytest.FixtureRequest, database: Database) -> WorkQueue:
    return QUEUES[request.param](database)


def rolled_back(database, action):
    with database.write() as session:
        result = action(session)
        session.rollback()
    return result


class Desk:
    """The queue with its transactions and the time of day."""

    def __init__(self, database, queue, clock):
        self.database, self.queue, self.clock = database, queue, clock

    def submit(self, key, kind="plan", **options):
        with self.database.write() as session:
            self.queue.submit(session, Work(kind, key, {"key": key}), self.clock.now(), **options)

    def claim(self, worker="w1", kinds=("plan",), limit=1):
        return self.queue.claim(kinds, worker, self.clock.now(), LEASE, limit=limit)

    def keys(self, **options):
        return [claim.work.key for claim in self.claim(**options)]

    def finish(self, claim):
        with self.database.write() as session:
            return self.queue.finish(session, claim, self.clock.now())

    def release(self, claim, after=None, **options):
        run_at = None if after is None else self.clock.now() + after
        with self.database.write() as session:
            return self.queue.release(session, claim, self.clock.now(), run_at=run_at, **options)


@pytest.fixture
def desk(database, queue, clock: FakeClock):
    return Desk(database, queue, clock)


def test_work_is_claimed_once_and_carries_its_payload(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    assert (claim.work, claim.worker, claim.fence, claim.attempts) == (Work("plan", "p1", {"key": "p1"}), "w1", 1, 1)
    assert desk.claim("w2") == ()


def test_only_the_kinds_asked_for_are_given(desk):
    desk.submit("p1")
    assert desk.keys(kinds=("bill",)) == []
    assert desk.keys(kinds=("bill", "plan")) == ["p1"]


def test_the_most_urgent_comes_first_then_the_longest_due(desk):
    now = desk.clock.advance(10)
    desk.submit("late", run_at=now - timedelta(seconds=1))
    desk.submit("early", run_at=now - timedelta(seconds=5))
    desk.submit("urgent", priority=1)
    assert desk.keys(limit=9) == ["urgent", "early", "late"]


def test_submitting_what_is_open_doubles_nothing_but_brings_it_forward(desk):
    desk.submit("p1", run_at=desk.clock.now() + timedelta(hours=1))
    assert desk.keys() == []
    desk.submit("p1")
    desk.submit("p1", run_at=desk.clock.now() + timedelta(hours=1))
    assert desk.keys(limit=9) == ["p1"]


def test_bringing_work_forward_never_makes_it_less_urgent(desk):
    desk.submit("p1", priority=1)
    desk.submit("p1")
    desk.submit("p2", priority=50)
    desk.submit("p3")
    desk.submit("p3", priority=10)
    assert desk.keys(limit=9) == ["p1", "p3", "p2"]


def test_submitting_what_is_being_done_leaves_it_alone(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    desk.submit("p1")
    assert desk.keys() == []
    assert desk.finish(claim)


def test_a_lease_that_ended_is_given_to_another_and_the_first_is_too_late(desk):
    desk.submit("p1")
    (first,) = desk.claim("w1")
    desk.clock.advance(LEASE)
    (second,) = desk.claim("w2")
    assert (second.fence, second.attempts) == (2, 2)
    assert not desk.finish(first)
    assert not desk.release(first, timedelta())
    assert desk.queue.renew([first, second], desk.clock.now(), LEASE) == {second.id}
    assert desk.finish(second)


def test_what_is_being_finished_keeps_no_other_lease_from_being_renewed(desk):
    """On SQLite there is one writer, and nothing that others keep locked."""
    desk.submit("a")
    desk.submit("b")
    first, second = desk.claim(limit=2)
    desk.clock.advance(LEASE / 2)
    if not desk.database.is_sqlite and isinstance(desk.queue, DatabaseQueue):
        with desk.database.write() as session:
            desk.queue.finish(session, first, desk.clock.now())
            assert desk.queue.renew([first, second], desk.clock.now(), LEASE) == {first.id, second.id}
    else:
        assert desk.queue.renew([second], desk.clock.now(), LEASE) == {second.id}
    desk.clock.advance(LEASE * 3 / 4)
    assert second.id not in {claim.id for claim in desk.claim("w2", limit=2)}


def test_renewing_keeps_the_lease(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    desk.clock.advance(LEASE - timedelta(seconds=1))
    assert desk.queue.renew([claim], desk.clock.now(), LEASE) == {claim.id}
    desk.clock.advance(LEASE - timedelta(seconds=1))
    assert desk.keys(worker="w2") == []


def test_released_work_waits_until_its_time(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    assert desk.release(claim, timedelta(seconds=5), error="busy")
    assert desk.keys() == []
    desk.clock.advance(timedelta(seconds=5))
    (again,) = desk.claim()
    assert (again.attempts, again.fence) == (2, 2)


def test_what_is_to_be_tried_again_does_not_wait_for_what_the_clock_was_set_back_by(desk):
    hour = timedelta(hours=1)
    desk.submit("p1")
    (claim,) = desk.claim()
    desk.release(claim, timedelta(seconds=5))
    desk.submit("tomorrow", run_at=desk.clock.now() + timedelta(days=1))
    desk.clock.step_to(desk.clock.now() - hour)
    assert desk.keys() == []
    desk.queue.hasten(hour, desk.clock.now())
    assert desk.keys(limit=9) == ["p1"]


def test_waiting_that_was_not_its_own_fault_is_not_counted(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    desk.release(claim, timedelta(), counted=False)
    assert desk.claim()[0].attempts == 1


def test_dead_work_is_never_given_again_until_submitted_anew(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    assert desk.release(claim, None, error="no use")
    desk.clock.advance(timedelta(days=1))
    assert desk.keys() == []
    desk.submit("p1")
    (again,) = desk.claim()
    assert (again.attempts, again.fence) == (1, 2)


def test_the_fence_rises_over_the_whole_life_of_a_key(desk):
    fences = []
    for _ in range(3):
        desk.submit("p1")
        (claim,) = desk.claim()
        fences.append(claim.fence)
        desk.finish(claim)
    assert fences == [1, 2, 3]


def test_work_submitted_in_a_transaction_that_failed_never_was(desk):
    rolled_back(desk.database, lambda session: desk.queue.submit(session, Work("plan", "p1"), desk.clock.now()))
    assert desk.keys() == []


def test_work_finished_in_a_transaction_that_failed_is_still_held(desk):
    desk.submit("p1")
    (claim,) = desk.claim()
    assert rolled_back(desk.database, lambda session: desk.queue.finish(session, claim, desk.clock.now()))
    assert desk.finish(claim)


def test_what_a_dead_worker_left_is_due_at_once(desk):
    desk.submit("p1")
    desk.submit("p2")
    (left,) = desk.claim("dead")
    (kept,) = desk.claim("alive")
    assert desk.queue.abandon(lambda worker: worker == "dead", desk.clock.now()) == 1
    assert desk.keys(worker="w3", limit=9) == [left.work.key]
    assert desk.finish(kept)


def test_many_workers_share_the_work_without_doing_any_twice(desk):
    for number in range(40):
        desk.submit(f"p{number}")

    def work(worker):
        done = []
        while claims := desk.claim(f"w{worker}", limit=3):
            done += [claim.work.key for claim in claims if desk.finish(claim)]
        return done

    with ThreadPoolExecutor(6) as pool:
        done = [key for keys in pool.map(work, range(6)) for key in keys]
    assert sorted(done) == sorted(f"p{number}" for number in range(40))


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 1), (1, 1), (2, 2), (4, 8), (9, 256), (10, 300), (10_000, 300)])
def test_backing_off_doubles_up_to_a_limit(attempts, seconds):
    assert Backoff().delay(attempts) == timedelta(seconds=seconds)


def test_a_notice_that_a_savepoint_took_along_is_given_again(database, clock):
    """On PostgreSQL: once in a transaction otherwise."""
    queue, told = DatabaseQueue(database), []

    def note(_connection, _cursor, statement, *_rest):
        told.append("pg_notify" in statement)

    event.listen(database.engine, "before_cursor_execute", note)
    with database.write() as session:
        savepoint = session.begin_nested()
        queue.submit(session, Work("plan", "p1"), clock.now())
        savepoint.rollback()
        queue.submit(session, Work("plan", "p2"), clock.now())
        queue.submit(session, Work("plan", "p3"), clock.now())
    event.remove(database.engine, "before_cursor_execute", note)
    assert told.count(True) == (0 if database.is_sqlite else 2)
    assert sorted(claim.work.key for claim in queue.claim(["plan"], "w1", clock.now(), LEASE, limit=9)) == ["p2", "p3"]
