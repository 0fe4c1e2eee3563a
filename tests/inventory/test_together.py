"""What several threads have ready at the same time is written as one set, and what is wrong with one is told to that one alone."""

import threading
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from inventory.changing import write_changes
from inventory.db import TRIES, Database, once_committed
from inventory.errors import OutcomeUnknown
from inventory.loading import lock
from inventory.tables import SiteRow
from inventory.together import Together
from tests.inventory.waiting import until

DEADLINE = 60


class Sites:
    """Writes sites by name; the first set waits until `others` more have come."""

    def __init__(self, database) -> None:
        self.database = database
        self.together = Together(database, self._write)
        self.sets: list[list[str]] = []
        self.failed: dict[str, Exception] = {}
        self.effects: list[str] = []
        self.writing, self.go = threading.Event(), threading.Event()

    def _write(self, session, names) -> None:
        self.sets.append(list(names))
        if len(self.sets) == 1:
            self.writing.set()
            assert self.go.wait(DEADLINE)
        once_committed(session, lambda: self.effects.extend(names))
        session.add_all(SiteRow(id=f"ste-{name}-{position}", name=name) for position, name in enumerate(names))
        session.flush()

    def add(self, name: str) -> None:
        try:
            self.together.add(name)
        except Exception as error:  # noqa: BLE001  looked at by the test
            self.failed[name] = error

    def run(self, first: str, *others: str) -> None:
        """`others` come while `first` is written."""
        threads = [threading.Thread(target=self.add, args=(name,)) for name in (first, *others)]
        threads[0].start()
        assert self.writing.wait(DEADLINE)
        for thread in threads[1:]:
            thread.start()
        until(lambda: len(self.together._waiting) >= len(others))
        self.go.set()
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()

    def names(self) -> list[str]:
        with self.database.read() as session:
            return sorted(session.scalars(select(SiteRow.name)))


@pytest.fixture
def sites(database) -> Sites:
    return Sites(database)


def test_those_that_come_while_one_is_written_are_written_as_one_set(sites):
    sites.run("a", "b", "c", "d")
    assert [sorted(names) for names in sites.sets] == [["a"], ["b", "c", "d"]]
    assert sites.names() == ["a", "b", "c", "d"]


def test_a_set_that_the_database_refuses_is_written_one_by_one(sites):
    sites.run("a", "b", "a", "c")
    assert sorted(len(names) for names in sites.sets) == [1, 1, 1, 1, 3]
    assert sites.names() == ["a", "b", "c"]
    assert list(sites.failed) == ["a"]
    assert isinstance(sites.failed["a"], IntegrityError)


def test_the_log_says_why_and_nothing_of_what_was_to_be_written(sites):
    with capture_logs() as said:
        sites.run("a", "b", "a", "c")
    (line,) = [each for each in said if each["event"].startswith("a set was taken back")]
    assert "site" in line["reason"]
    assert "INSERT" not in line["reason"]
    assert "ste-" not in line["reason"]


def test_one_that_is_alone_and_refused_is_not_tried_again(sites):
    sites.go.set()
    sites.add("a")
    sites.add("a")
    assert sites.sets == [["a"], ["a"]]
    assert list(sites.failed) == ["a"]


@pytest.mark.parametrize("others", [(), ("b", "c")])
def test_a_row_that_another_process_keeps_locked_holds_up_only_who_wants_it(sites, others, monkeypatch):
    """On SQLite nobody can lock a row, so there is nothing to prove."""
    monkeypatch.setattr("inventory.db.SET_LOCK_TIMEOUT_MS", 50)
    if sites.database.is_sqlite:
        return
    with sites.database.write() as session:
        session.add(SiteRow(id="ste-kept", name="kept"))

    def write(session, names) -> None:
        for name in names:
            lock(session, SiteRow, [f"ste-{name}"])
            session.add(SiteRow(id=f"ste-{name}-new", name=f"{name} new"))

    together = Together(sites.database, write)
    with sites.database.write() as paused:
        lock(paused, SiteRow, ["ste-kept"])
        threads = [threading.Thread(target=together.add, args=(name,)) for name in ("kept", *others)]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join(DEADLINE)
            assert not thread.is_alive()
        together.add("d")
        assert sites.names() == sorted([*(f"{name} new" for name in (*others, "d")), "kept"])
        assert threads[0].is_alive()
    threads[0].join(DEADLINE)
    assert "kept new" in sites.names()


def test_one_that_would_have_waited_for_ever_is_written_once_more(sites, monkeypatch):
    """By itself, when the other has gone on, or again when it was too quick for that. On SQLite nobody can lock a row."""
    monkeypatch.setattr("inventory.db.SET_LOCK_TIMEOUT_MS", DEADLINE * 1000)
    if sites.database.is_sqlite:
        return
    with sites.database.write() as session:
        session.add_all(SiteRow(id=f"ste-{name}", name=name) for name in "xy")
    has_x, tries = threading.Event(), []

    def write(session, _entries) -> None:
        tries.append(len(tries))
        lock(session, SiteRow, ["ste-x"])
        has_x.set()
        lock(session, SiteRow, ["ste-y"])["ste-y"].address = "written"

    thread = threading.Thread(target=Together(sites.database, write).add, args=("one",))
    with sites.database.write() as other:
        other.execute(text(f"SET LOCAL deadlock_timeout = '{DEADLINE}s'"))
        lock(other, SiteRow, ["ste-y"])
        thread.start()
        assert has_x.wait(DEADLINE)
        lock(other, SiteRow, ["ste-x"])
    thread.join(DEADLINE)
    with sites.database.read() as session:
        assert session.get_one(SiteRow, "ste-y").address == "written"
    assert 2 <= len(tries) <= 1 + TRIES


def test_when_there_is_no_database_everybody_hears_it(sites, monkeypatch):
    def broken():
        raise ConnectionError("no database")

    monkeypatch.setattr(sites.database, "write", broken)
    sites.add("a")
    assert isinstance(sites.failed["a"], ConnectionError)
    assert sites.sets == []


def test_rows_are_locked_and_read_once_in_a_transaction(sites):
    sites.go.set()
    sites.add("a")
    with sites.database.write() as session:
        (row,) = lock(session, SiteRow, ["ste-a-0", "ste-none"]).values()
        row.address = "changed"
        assert lock(session, SiteRow, ["ste-a-0"])["ste-a-0"] is row
        assert row.address == "changed"


def test_what_was_changed_before_rows_are_locked_is_not_lost(sites):
    sites.go.set()
    sites.add("a")
    with sites.database.write() as session:
        session.get_one(SiteRow, "ste-a-0").address = "changed"
        assert lock(session, SiteRow, ["ste-a-0"])["ste-a-0"].address == "changed"


@pytest.mark.parametrize("addresses", [("same", "same"), ("one", "other")])
def test_changed_columns_are_written_and_nothing_else(sites, addresses):
    sites.go.set()
    sites.add("a")
    sites.add("b")
    with sites.database.write() as session:
        rows = session.scalars(select(SiteRow).order_by(SiteRow.name)).all()
        for row, address in zip(rows, addresses, strict=True):
            row.address = address
            row.attributes = dict(row.attributes)
        write_changes(session, (SiteRow,))
        assert not session.dirty
    with sites.database.read() as session:
        assert tuple(session.scalars(select(SiteRow.address).order_by(SiteRow.name))) == addresses


def test_what_a_savepoint_takes_back_is_forgotten(sites):
    sites.go.set()
    sites.add("a")
    with sites.database.write() as session:
        row = session.scalars(select(SiteRow)).one()
        was = row.address
        with suppress(LookupError), session.begin_nested():
            row.address = "taken back"
            write_changes(session, (SiteRow,))
            assert session.scalar(select(SiteRow.address)) == "taken back"
            raise LookupError
        assert row.address == was


class Lost:
    """The connection goes while it commits: before the server hears of it, or when it has done it."""

    def __init__(self, dialect: Any, *, made: bool) -> None:
        self._commit, self._made, self.times = dialect.do_commit, made, 1

    def __call__(self, connection: Any) -> None:
        if not self.times:
            self._commit(connection)
            return
        self.times -= 1
        if self._made:
            self._commit(connection)
        connection.driver_connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("made", [True, False])
def test_a_set_whose_commit_nobody_confirmed_is_written_once(sites, made, monkeypatch):
    """SQLite has no connection to lose."""
    if sites.database.is_sqlite:
        return
    with sites.database.read() as session:
        session.execute(text("SELECT 1"))
    monkeypatch.setattr(sites.database.engine.dialect, "do_commit", Lost(sites.database.engine.dialect, made=made))
    sites.go.set()
    sites.add("a")
    assert (sites.names(), sites.failed, sites.effects) == (["a"], {}, ["a"])
    assert len(sites.sets) == (1 if made else 2)


def test_when_nobody_can_say_what_became_of_a_set_that_is_told_and_nothing_is_written_twice(sites, monkeypatch):
    if sites.database.is_sqlite:
        return
    with sites.database.read() as session:
        session.execute(text("SELECT 1"))
    monkeypatch.setattr(sites.database.engine.dialect, "do_commit", Lost(sites.database.engine.dialect, made=True))
    monkeypatch.setattr("inventory.db._STATUS", text("SELECT NULL WHERE :transaction IS NOT NULL"))
    sites.go.set()
    sites.add("a")
    assert isinstance(sites.failed["a"], OutcomeUnknown)
    assert (sites.names(), len(sites.sets)) == (["a"], 1)


def test_a_unit_of_work_whose_commit_nobody_confirmed_says_so(database, monkeypatch):
    if database.is_sqlite:
        return
    with database.read() as session:
        session.execute(text("SELECT 1"))
    monkeypatch.setattr(database.engine.dialect, "do_commit", Lost(database.engine.dialect, made=False))
    with pytest.raises(OutcomeUnknown, match="whether this was done is not known"), database.write() as session:
        session.add(SiteRow(id="ste-a", name="a"))


def test_units_that_share_such_a_commit_are_done_once_more_where_it_was_not_made(database, monkeypatch):
    if database.is_sqlite:
        return
    with database.read() as session:
        session.execute(text("SELECT 1"))
    monkeypatch.setattr(database.engine.dialect, "do_commit", Lost(database.engine.dialect, made=False))
    database.together(lambda session: session.add(SiteRow(id="ste-a", name="a")))
    with database.read() as session:
        assert session.scalars(select(SiteRow.name)).all() == ["a"]


def test_who_reads_at_length_may_be_silent_for_longer(database):
    if database.is_sqlite:
        return
    with database.read_at_length() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30min"
    with database.read() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"


class Expected:
    """So many are on their way."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.at_points = 0

    def expected(self) -> int:
        return self.number

    @contextmanager
    def waiting(self):
        self.at_points += 1
        yield
        self.at_points -= 1


def company_of(sites, expected: Expected, *names: str) -> None:
    sites.go.set()
    sites.together = Together(sites.database, sites._write, expected)
    threads = [threading.Thread(target=sites.add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_a_set_waits_until_half_of_those_that_are_expected_have_come(sites, monkeypatch):
    monkeypatch.setattr("inventory.together.GATHER_S", DEADLINE)
    expected = Expected(8)
    company_of(sites, expected, "a", "b", "c", "d")
    assert [sorted(names) for names in sites.sets] == [["a", "b", "c", "d"]]
    assert expected.at_points == 0


def test_a_set_waits_for_nobody_who_does_not_come_in_time(sites, monkeypatch):
    monkeypatch.setattr("inventory.together.GATHER_S", 0.01)
    company_of(sites, Expected(1_000), "a")
    assert sites.names() == ["a"]


def test_two_that_are_under_way_wait_for_nobody(sites, monkeypatch):
    monkeypatch.setattr("inventory.together.GATHER_S", 3_600)
    company_of(sites, Expected(2), "a")
    assert sites.names() == ["a"]


class Impatient(Together[str]):
    """Whoever waits for another one to write waits until `event` at most."""

    def __init__(self, database, write, company, event) -> None:
        super().__init__(database, write, company)
        self.event = event

    def _is_settled(self, ticket, until) -> bool:
        del until
        assert self.event.wait(DEADLINE)
        return ticket.settled.acquire(blocking=False)


@pytest.mark.parametrize("fails", [False, True])
def test_who_waits_too_long_for_a_set_that_is_being_written_is_told_so_and_writes_nothing(database, fails, monkeypatch):
    monkeypatch.setattr("inventory.together.GATHER_S", DEADLINE)
    writing, go, errors, sets = threading.Event(), threading.Event(), {}, []

    def write(session, names) -> None:
        sets.append(sorted(names))
        writing.set()
        assert go.wait(DEADLINE)
        if fails and len(names) > 1:
            raise LookupError
        session.add_all(SiteRow(id=f"ste-{name}", name=name) for name in names)

    together = Impatient(database, write, Expected(4), writing)

    def add(name) -> None:
        try:
            together.add(name)
        except OutcomeUnknown as error:
            errors[name] = str(error)

    threads = {name: threading.Thread(target=add, args=(name,)) for name in "ab"}
    for thread in threads.values():
        thread.start()
    pause = threading.Event()
    for _ in range(1000 * DEADLINE):
        if errors:
            break
        pause.wait(0.001)
    go.set()
    for thread in threads.values():
        thread.join(DEADLINE)
        assert not thread.is_alive()
    ((late, words),) = errors.items()
    (leader,) = {"a", "b"} - {late}
    assert words.startswith("the database does not answer: whether this was done is not known; ")
    with database.read() as session:
        assert session.scalars(select(SiteRow.name).order_by(SiteRow.name)).all() == ([leader] if fails else ["a", "b"])
    assert sets == [["a", "b"], *([[leader]] if fails else [])]


def test_who_waits_too_long_for_a_set_that_has_not_begun_leaves_it_and_writes_by_itself(database):
    begun, go, event, sets = threading.Event(), threading.Event(), threading.Event(), []

    def write(session, names) -> None:
        sets.append(sorted(names))
        if "a" in names:
            begun.set()
            assert go.wait(DEADLINE)
        session.add_all(SiteRow(id=f"ste-{name}", name=name) for name in names)

    together = Impatient(database, write, None, event)
    first = threading.Thread(target=together.add, args=("a",))
    first.start()
    assert begun.wait(DEADLINE)
    others = [threading.Thread(target=together.add, args=(name,)) for name in "bc"]
    for number, thread in enumerate(others, 1):
        thread.start()
        until(lambda number=number: len(together._waiting) >= number)
    event.set()
    until(lambda: len(together._waiting) <= 1)
    go.set()
    for thread in (first, *others):
        thread.join(DEADLINE)
        assert not thread.is_alive()
    with database.read() as session:
        assert session.scalars(select(SiteRow.name).order_by(SiteRow.name)).all() == ["a", "b", "c"]
    assert sorted(sets) == [["a"], ["b"], ["c"]]


def test_where_the_server_cannot_be_reached_one_connect_tells_all_of_the_set():
    gone, tries = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing"), []
    sites = Sites(gone)

    @event.listens_for(gone.engine, "do_connect")
    def _all_have_come(*_args: object) -> None:
        tries.append(1)
        until(lambda: len(sites.together._waiting) == 3)

    threads = [threading.Thread(target=sites.add, args=(name,)) for name in "abc"]
    with capture_logs() as logs:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
    gone.close()
    told = {name: type(error) for name, error in sites.failed.items()}
    assert told == dict.fromkeys("abc", OperationalError)
    assert (len(tries), sites.sets) == (1, [])
    (line,) = (each for each in logs if each["log_level"] == "warning")
    assert line["event"] == "the database cannot be reached; all that wait for it are told"
    assert line["entries"] == 3


@pytest.mark.parametrize("answers", [True, False])
def test_a_set_whose_connection_was_lost_is_written_one_by_one_only_where_the_server_is_there_again(database, monkeypatch, answers):
    monkeypatch.setattr(database, "is_sqlite", False)
    monkeypatch.setattr(database, "answers", lambda: answers)
    sets: list[list[str]] = []

    def write(session, names) -> None:
        sets.append(list(names))
        if len(names) > 1:
            raise OperationalError("insert", {}, Exception("server closed the connection"), connection_invalidated=True)
        session.add(SiteRow(id=f"ste-{names[0]}", name=names[0]))

    outcomes = Together(database, write).add_all(["a", "b"])
    assert [outcome.alone for outcome in outcomes] == [answers, answers]
    assert [outcome.away for outcome in outcomes] == [not answers, not answers]
    assert sets == [["a", "b"]], "those to be written by themselves are left to who asked"
    assert [isinstance(outcome.error, OperationalError) for outcome in outcomes] == [not answers, not answers]
