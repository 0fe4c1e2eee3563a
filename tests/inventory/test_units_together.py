"""Units of work that want the same rows share a transaction on either database, and each of them stands or falls by itself."""

import threading
from contextlib import suppress
from contextvars import ContextVar

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from inventory.db import TRIES, Database, once_committed
from inventory.loading import lock
from inventory.postponed import remembered, settle, untold
from inventory.storing import insertion, write
from inventory.tables import SiteRow
from inventory.tasks import Task, do_all
from tests.inventory.waiting import until

DEADLINE = 60


def add(name: str):
    def work(session: Session) -> str:
        session.add(SiteRow(id=f"ste-{name}", name=name))
        session.flush()
        return name

    return work


def names(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(SiteRow.name)))


def at_once(*calls) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_each_returns_what_its_work_does_and_is_durable_then(database: Database) -> None:
    found = {}

    def one(name: str) -> None:
        found[name] = (database.together(add(name)), name in names(database))

    at_once(*[lambda name=name: one(name) for name in "abcdefgh"])
    assert found == {name: (name, True) for name in "abcdefgh"}


def test_what_fails_takes_back_itself_alone(database: Database) -> None:
    failed = []

    def fail(session: Session) -> None:
        add("bad")(session)
        raise LookupError("refused")

    def failing() -> None:
        try:
            database.together(fail)
        except LookupError as error:
            failed.append(str(error))

    at_once(lambda: database.together(add("a")), failing, lambda: database.together(add("b")), failing)
    assert (names(database), failed) == (["a", "b"], ["refused", "refused"])


def test_effects_follow_what_is_durable_and_nothing_else(database: Database) -> None:
    seen = []

    def refused(session: Session) -> None:
        once_committed(session, lambda: seen.append("refused"))
        raise LookupError

    def placed(session: Session) -> None:
        add("a")(session)
        once_committed(session, lambda: seen.append(names(database)))

    database.together(placed)
    with pytest.raises(LookupError):
        database.together(refused)
    assert seen == [["a"]]


def test_who_meets_a_lock_waits_for_it_by_himself(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite he stands in line for the one writer's place, as everybody does."""
    monkeypatch.setattr("inventory.db.SET_LOCK_TIMEOUT_MS", 50)
    database.together(add("kept"))
    locked, tried, others_done = threading.Event(), threading.Event(), threading.Event()
    tries = []

    def keep() -> None:
        with database.write() as session:
            lock(session, SiteRow, ["ste-kept"])
            locked.set()
            if not database.is_sqlite:
                assert tried.wait(DEADLINE)
                assert others_done.wait(DEADLINE)

    def want(session: Session) -> None:
        tries.append(len(tries))
        if len(tries) > 1:
            tried.set()
        lock(session, SiteRow, ["ste-kept"])["ste-kept"].address = "changed"

    def wanting() -> None:
        assert locked.wait(DEADLINE)
        database.together(want)

    def others() -> None:
        assert database.is_sqlite or tried.wait(DEADLINE)
        database.together(add("other"))
        others_done.set()

    at_once(keep, wanting, others)
    with database.read() as session:
        assert session.get_one(SiteRow, "ste-kept").address == "changed"
    assert names(database) == ["kept", "other"]
    assert len(tries) == (1 if database.is_sqlite else 2)


def test_by_itself_who_would_have_waited_for_ever_begins_once_more(database: Database) -> None:
    """On SQLite nobody can lock a row."""
    if database.is_sqlite:
        return
    for name in "xy":
        database.together(add(name))
    has_x, tries = threading.Event(), []

    def work(session: Session) -> None:
        tries.append(len(tries))
        lock(session, SiteRow, ["ste-x"])
        has_x.set()
        lock(session, SiteRow, ["ste-y"])["ste-y"].address = "written"

    thread = threading.Thread(target=database.by_itself, args=(work,))
    with database.write() as other:
        other.execute(text(f"SET LOCAL deadlock_timeout = '{DEADLINE}s'"))
        lock(other, SiteRow, ["ste-y"])
        thread.start()
        assert has_x.wait(DEADLINE)
        lock(other, SiteRow, ["ste-x"])
    thread.join(DEADLINE)
    with database.read() as session:
        assert session.get_one(SiteRow, "ste-y").address == "written"
    assert 2 <= len(tries) <= TRIES


def test_what_shared_a_transaction_with_a_server_that_was_lost_is_done_by_itself(database: Database) -> None:
    """SQLite has none to lose."""
    if database.is_sqlite:
        return
    errors, inside, go = [], threading.Event(), threading.Event()

    def first(session: Session) -> None:
        add("a")(session)
        inside.set()
        assert go.wait(DEADLINE)

    def losing(session: Session) -> None:
        add("b")(session)
        with database.write() as other:
            other.execute(_END, {"backend": session.scalar(text("SELECT pg_backend_pid()"))})
        add("c")(session)

    def told(work) -> None:
        try:
            database.together(work)
        except OperationalError as error:
            errors.append(error.connection_invalidated)

    def later(work) -> None:
        assert inside.wait(DEADLINE)
        told(work)

    at_once(lambda: told(first), lambda: later(losing), lambda: later(add("e")), lambda: _release(database, 2, go))
    assert errors == [True]
    assert names(database) == ["a", "e"]


def test_what_one_tells_is_there_for_the_next_and_written_once(database: Database) -> None:
    inside, go, seen = threading.Event(), threading.Event(), []

    def first(session: Session) -> None:
        inside.set()
        assert go.wait(DEADLINE)
        write(session, SiteRow, [{"id": "ste-0", "name": "0"}])

    def telling(name: str):
        def work(session: Session) -> None:
            told = sorted(str(values["name"]) for values in untold(session, insertion(SiteRow)))
            write(session, SiteRow, [{"id": f"ste-{name}", "name": name}])
            settle(session)
            before = sorted(str(values["name"]) for values in untold(session, insertion(SiteRow)))
            assert len(before) == len(told) + 1
            if name == "c":
                seen.extend(session.scalars(select(SiteRow.name)))

        return work

    def later(work) -> None:
        assert inside.wait(DEADLINE)
        database.together(work)

    others = [lambda name=name: later(telling(name)) for name in "abc"]
    at_once(lambda: database.together(first), *others, lambda: _release(database, 3, go))
    assert {"0", "c"} <= set(seen)
    assert names(database) == ["0", "a", "b", "c"]


@pytest.mark.parametrize("looks", [False, True])
def test_what_is_taken_back_takes_nothing_with_it_that_others_told_before(database: Database, looks: bool) -> None:
    """Nor when it made that be written in its course."""
    inside, go, refused = threading.Event(), threading.Event(), []

    def first(_session: Session) -> None:
        inside.set()
        assert go.wait(DEADLINE)

    def telling(name: str):
        return lambda session: write(session, SiteRow, [{"id": f"ste-{name}", "name": name}])

    def failing(session: Session) -> None:
        telling("bad")(session)
        if looks:
            assert "bad" in session.scalars(select(SiteRow.name)).all()
        raise LookupError

    def later(work) -> None:
        assert inside.wait(DEADLINE)
        try:
            database.together(work)
        except LookupError:
            refused.append(True)

    works = [telling("a"), failing, telling("b"), failing, telling("c")]
    at_once(lambda: database.together(first), *[lambda work=work: later(work) for work in works], lambda: _release(database, 5, go))
    assert (names(database), refused) == (["a", "b", "c"], [True, True])


def test_what_is_told_in_a_savepoint_that_is_taken_back_is_never_written(database: Database) -> None:
    known: list[set[object]] = []

    def tell(session: Session, name: str) -> None:
        write(session, SiteRow, [{"id": f"ste-{name}", "name": name}])
        remembered(session)[name] = True

    def work(session: Session) -> None:
        tell(session, "before")
        with suppress(LookupError), session.begin_nested():
            tell(session, "inside")
            raise LookupError
        with session.begin_nested():
            tell(session, "kept")
        tell(session, "after")
        known.append(set(remembered(session)))

    database.together(work)
    assert (names(database), known) == (["after", "before", "kept"], [{"before", "after"}])


def test_who_is_refused_by_the_database_is_told_so_alone(database: Database) -> None:
    inside, go, refused = threading.Event(), threading.Event(), []

    def first(_session: Session) -> None:
        inside.set()
        assert go.wait(DEADLINE)

    def telling(name: str, key: str):
        return lambda session: write(session, SiteRow, [{"id": f"ste-{key}", "name": name}])

    def later(work) -> None:
        assert inside.wait(DEADLINE)
        try:
            database.together(work)
        except IntegrityError:
            refused.append(True)

    works = [telling("a", "a"), telling("b", "1"), telling("b", "2"), telling("c", "c")]
    at_once(lambda: database.together(first), *[lambda work=work: later(work) for work in works], lambda: _release(database, 4, go))
    assert (names(database), refused) == (["a", "b", "c"], [True])


def test_each_works_with_the_context_of_who_asked_for_it(database: Database) -> None:
    who: ContextVar[str] = ContextVar("who")
    found = {}

    def one(name: str) -> None:
        who.set(name)
        found[name] = database.together(lambda _: who.get())

    at_once(*[lambda name=name: one(name) for name in "abcdefgh"])
    assert found == {name: name for name in "abcdefgh"}


def test_an_effect_that_fails_does_nothing_twice(database: Database) -> None:
    inside, go, runs = threading.Event(), threading.Event(), []

    def first(_session: Session) -> None:
        inside.set()
        assert go.wait(DEADLINE)

    def fail() -> None:
        raise LookupError

    def telling(name: str):
        def work(session: Session) -> None:
            runs.append(name)
            write(session, SiteRow, [{"id": f"ste-{name}", "name": f"{name}{len(runs)}"}])
            once_committed(session, fail)

        return work

    def later(name: str) -> None:
        assert inside.wait(DEADLINE)
        database.together(telling(name))

    at_once(lambda: database.together(first), lambda: later("a"), lambda: later("b"), lambda: _release(database, 2, go))
    assert sorted(runs) == ["a", "b"]
    assert len(names(database)) == len(runs)


def test_what_cannot_be_written_is_not_forgotten_where_another_one_met_it_and_went_on(database: Database) -> None:
    def telling(session: Session) -> None:
        write(session, SiteRow, [{"id": "ste-bad", "name": object()}])

    def reading(session: Session) -> None:
        with suppress(DBAPIError):  # he takes it for a failure of what he asked
            session.scalars(select(SiteRow.name)).all()

    with pytest.raises(DBAPIError), database.write() as session:
        do_all(session, [Task(telling), Task(reading)])
    assert names(database) == []


def test_a_unit_inside_another_one_is_a_mistake_that_is_told_instead_of_waiting_for_itself(database: Database) -> None:
    with pytest.raises(RuntimeError, match="session down"):
        database.together(lambda _: database.together(add("a")))
    assert names(database) == []


def _release(database: Database, others: int, go: threading.Event) -> None:
    """Once so many stand behind the first."""
    until(lambda: len(database._tasks._together._waiting) >= others)
    go.set()


_END = text(f"SELECT pg_terminate_backend(:backend, {DEADLINE * 1000})")
