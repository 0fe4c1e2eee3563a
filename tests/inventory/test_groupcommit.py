"""Units of work that queue for SQLite's one writer's place share its wait for the disk, and nothing else."""

import sqlite3
import threading
from contextlib import suppress

import pytest
from sqlalchemy import URL, Engine, create_engine, event, select
from sqlalchemy.exc import IntegrityError, OperationalError

from inventory.db import Database, once_committed
from inventory.tables import SiteRow
from tests.inventory.waiting import until

DEADLINE = 60


@pytest.fixture
def sqlite(_sqlite_url: URL, monkeypatch):
    """Where units come together however long a busy machine takes to begin the next one."""
    monkeypatch.setattr("inventory.groupcommit.LONGEST_S", DEADLINE)
    database = Database(_sqlite_url)
    yield database
    database.close()


def nothing(_session) -> None:
    pass


def add(database: Database, name: str, *, also=nothing) -> None:
    with database.write() as session:
        session.add(SiteRow(id=f"ste-{name}", name=name))
        also(session)


def sites(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(select(SiteRow.name)))


class Queue:
    """Units that wait for the place while the first one has it."""

    def __init__(self, database: Database, add_one=add) -> None:
        self.database, self.add = database, add_one
        self.commits = 0
        event.listen(database.engine, "commit", self._count)
        self.failed: dict[str, BaseException] = {}

    def _count(self, _connection) -> None:
        self.commits += 1

    def run(self, *names: str, also=nothing) -> None:
        threads = [threading.Thread(target=self._add, args=(name,)) for name in names[1:]]

        def let_others_queue(session) -> None:
            session.flush()
            for thread in threads:
                thread.start()
            until(lambda: self.database._writer._queued >= len(threads))
            also(session)

        try:
            self.add(self.database, names[0], also=let_others_queue)
        except Exception as error:  # noqa: BLE001  looked at by the test
            self.failed[names[0]] = error
        for thread in threads:
            thread.join(DEADLINE)

    def _add(self, name: str) -> None:
        try:
            self.add(self.database, name)
        except Exception as error:  # noqa: BLE001  looked at by the test
            self.failed[name] = error


def test_those_that_queue_are_committed_together(sqlite):
    queue = Queue(sqlite)
    queue.run("a", "b", "c", "d")
    assert sites(sqlite.engine) == ["a", "b", "c", "d"]
    assert queue.failed == {}
    assert queue.commits < 4


def test_one_that_fails_takes_only_itself_back(sqlite):
    queue = Queue(sqlite)

    def fail(_session) -> None:
        raise LookupError("nothing of the first")

    queue.run("a", "b", "b", "c", also=fail)
    assert sites(sqlite.engine) == ["b", "c"]
    assert sorted(queue.failed) == ["a", "b"]


def test_none_is_told_that_it_is_durable_before_it_is(sqlite):
    """Another process sees what a unit wrote as soon as the unit has ended."""
    other = create_engine(sqlite.url)
    seen: dict[str, list[str]] = {}

    def write(name: str) -> None:
        add(sqlite, name)
        seen[name] = sites(other)

    threads = [threading.Thread(target=write, args=(f"{n:02}",)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    other.dispose()
    assert len(seen) == 24
    assert all(name in names for name, names in seen.items())


def test_when_the_disk_refuses_every_one_of_them_is_told(sqlite):
    queue = Queue(sqlite)

    def full(_connection) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("database or disk is full"))

    event.listen(sqlite.engine, "commit", full)
    queue.run("a", "b", "c")
    event.remove(sqlite.engine, "commit", full)
    assert sorted(queue.failed) == ["a", "b", "c"]
    add(sqlite, "d")
    assert sites(sqlite.engine) == ["d"]


def test_when_a_full_disk_takes_all_of_them_back_none_is_told_that_it_is_durable(sqlite):
    """SQLite ends the whole transaction then, not only the unit that found no room."""
    with sqlite.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def fill_up(session) -> None:
        session.connection().exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
        session.add(SiteRow(id="ste-vast", name="b" * 1_000_000))
        session.flush()

    def add_b(database, name, *, also=nothing) -> None:
        add(database, name, also=fill_up if name == "b" else also)

    queue = Queue(sqlite, add_b)
    queue.run("a", "b")
    assert sorted(queue.failed) == ["a", "b"]
    assert all("disk is full" in str(error) for error in queue.failed.values())
    add(sqlite, "c")
    assert sites(sqlite.engine) == ["c"]


def test_effects_follow_what_is_durable_and_only_that(database):
    told: list[str] = []
    add(database, "a", also=lambda session: once_committed(session, lambda: told.append("a")))

    def take_back(session) -> None:
        once_committed(session, lambda: told.append("b"))
        session.rollback()

    add(database, "b", also=take_back)

    def fail(session) -> None:
        once_committed(session, lambda: told.append("c"))
        raise LookupError

    with pytest.raises(LookupError):
        add(database, "c", also=fail)
    assert told == ["a"]


def failing(how, session) -> None:
    """Inside a savepoint."""
    if how == "raises":
        raise LookupError
    session.add_all([SiteRow(id="ste-1", name="there"), SiteRow(id="ste-2", name="there")])
    session.flush()


@pytest.mark.parametrize("how", ["raises", "is refused by the database"])
def test_what_a_savepoint_takes_back_has_no_effects_and_what_was_said_around_it_has(database, how):
    told: list[str] = []

    def tell(what: str) -> None:
        once_committed(session, lambda: told.append(what))

    with database.write() as session:
        tell("before")
        with session.begin_nested():
            tell("kept")
            with suppress(LookupError, IntegrityError), session.begin_nested():
                tell("inside")
                with session.begin_nested():
                    tell("further inside")
                failing(how, session)
            tell("kept after it")
        with suppress(LookupError), session.begin_nested():
            with session.begin_nested():
                tell("released, and then taken back")
            raise LookupError
        tell("after")
    assert told == ["before", "kept", "kept after it", "after"]


def test_units_on_sqlite_are_written_on_one_connection_which_is_let_go_of_at_the_end(sqlite):
    used = set()
    event.listen(sqlite.engine, "begin", lambda connection: used.add(id(connection.connection.driver_connection)))
    for name in "abc":
        add(sqlite, name)
    sqlite.close()
    assert len(used) == 1
    assert sqlite.engine.pool.checkedout() == 0
    add(sqlite, "d")
    assert sites(sqlite.engine) == ["a", "b", "c", "d"]


def test_a_unit_that_does_not_end_keeps_nobody_from_closing(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.groupcommit.CLOSE_S", 0.01)
    with sqlite.write() as session:
        session.add(SiteRow(id="ste-a", name="a"))
        session.flush()
        closing = threading.Thread(target=sqlite.close)
        closing.start()
        closing.join(DEADLINE)
        assert not closing.is_alive()
    assert sites(sqlite.engine) == ["a"]
