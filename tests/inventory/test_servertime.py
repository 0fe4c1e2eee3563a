"""Leases that no clock ends which somebody sets: that of a daemon, or that of the database server."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from inventory.db import Database
from inventory.servertime import ServerTime
from inventory.tables import WorkItemRow
from inventory.work import Claim, DatabaseQueue, Work
from tests.clock import EPOCH, FakeClock

LEASE = timedelta(seconds=30)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Server:
    """Says what time it is after half a second on the way."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.time = ServerTime(self.clock.monotonic)

    def asked(self, way: float = 0.5) -> timedelta:
        begun = self.clock.monotonic()
        self.clock.advance(way / 2)
        said = self.clock.now()
        self.clock.advance(way / 2)
        return self.time.heard(said, begun, LEASE)


@pytest.fixture
def server() -> Server:
    return Server()


def test_time_that_goes_on_as_it_does_is_believed(server: Server) -> None:
    for way in (0.0, 3.0, 0.1, 20.0, 0.2):
        server.clock.advance(7)
        assert server.asked(way) == timedelta()
        assert server.time.ends_leases


def test_for_a_lease_after_a_step_forward_none_ends(server: Server) -> None:
    server.asked()
    server.clock.step_to(server.clock.now() + HOUR)
    assert server.asked() == timedelta()
    assert not server.time.ends_leases
    server.clock.advance(LEASE - SECOND)
    assert not server.time.ends_leases
    server.clock.advance(SECOND)
    assert server.time.ends_leases
    assert server.asked() == timedelta()
    assert server.time.ends_leases, "it was set once"


def test_a_step_back_is_told_once_and_at_least_so_much(server: Server) -> None:
    server.asked()
    server.clock.step_to(server.clock.now() - HOUR)
    assert HOUR - SECOND <= server.asked() <= HOUR
    assert server.asked() == timedelta()
    assert server.time.ends_leases


class Daemons:
    """Two on one database, each by a clock of its own. On SQLite there is one, and its leases go by that clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clocks = {"a": FakeClock(), "b": FakeClock()}
        self.queues = {name: DatabaseQueue(database, server_time=ServerTime()) for name in self.clocks}

    def submit(self, key: str, *, run_at: datetime | None = None) -> None:
        with self.database.write() as session:
            self.queues["a"].submit(session, Work("plan", key), EPOCH, run_at=run_at)

    def claim(self, name: str) -> tuple[Claim, ...]:
        return self.queues[name].claim(["plan"], name, self.clocks[name].now(), LEASE)

    def row(self) -> WorkItemRow:
        with self.database.read() as session:
            return session.scalars(select(WorkItemRow)).one()

    def server_says(self, by: timedelta) -> None:
        """As if the server's clock had been set by so much: what is remembered of it is older or younger."""
        for queue in self.queues.values():
            if (known := queue._server_time) is not None and known._ahead is not None:
                known._ahead = tuple(each - by.total_seconds() for each in known._ahead)


@pytest.fixture
def daemons(database: Database) -> Daemons:
    return Daemons(database)


def test_a_daemon_whose_clock_is_set_ends_no_lease_of_another(daemons: Daemons) -> None:
    daemons.submit("p")
    (claim,) = daemons.claim("a")
    daemons.clocks["b"].step_to(EPOCH + HOUR)
    taken = daemons.claim("b")
    assert bool(taken) == daemons.database.is_sqlite
    if not taken:
        assert daemons.queues["a"].renew([claim], EPOCH - HOUR, LEASE) == {claim.id}
        assert daemons.claim("b") == ()


def test_what_waits_is_due_by_the_clock_of_who_looks(daemons: Daemons) -> None:
    daemons.submit("p", run_at=EPOCH + HOUR)
    assert daemons.claim("a") == ()
    daemons.clocks["a"].advance(HOUR)
    assert [claim.work.key for claim in daemons.claim("a")] == ["p"]


def test_a_lease_that_ended_by_the_servers_clock_is_given_to_another(daemons: Daemons) -> None:
    daemons.submit("p")
    (first,) = daemons.claim("a")
    if daemons.database.is_sqlite:
        daemons.clocks["b"].advance(LEASE)
    else:
        expire(daemons.database)
    (second,) = daemons.claim("b")
    assert (second.id, second.fence) == (first.id, first.fence + 1)


def test_a_lease_that_the_servers_clock_jumped_over_is_not(daemons: Daemons) -> None:
    daemons.submit("p")
    assert daemons.claim("b")
    daemons.claim("a")
    if not daemons.database.is_sqlite:
        expire(daemons.database)
    daemons.server_says(HOUR)
    assert daemons.claim("a") == ()


def test_a_dead_workers_lease_does_not_grow_when_the_servers_clock_is_set_back(daemons: Daemons) -> None:
    daemons.submit("p")
    daemons.claim("b")
    if daemons.database.is_sqlite:
        assert daemons.row().run_at == EPOCH + LEASE
        return
    with daemons.database.write() as session:
        session.execute(text("UPDATE work_item SET run_at = statement_timestamp() + interval '1 hour'"))
    daemons.claim("a")
    daemons.server_says(-HOUR)
    daemons.claim("a")
    with daemons.database.read() as session:
        left = session.scalar(text("SELECT run_at - statement_timestamp() FROM work_item"))
    assert timedelta() < left <= LEASE


def expire(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE work_item SET run_at = statement_timestamp() - interval '1 second' WHERE state = 'claimed'"))
