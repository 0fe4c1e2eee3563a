"""Units of work that want the same rows share a transaction on either database, and each of them stands or falls by itself."""

import threading

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from inventory.db import Database, once_committed
from inventory.loading import lock
from inventory.tables import SiteRow

DEADLINE = 20


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
    assert len(tries) == 2


@pytest.mark.parametrize("last", [add("c"), lambda session: session.rollback()])
def test_a_server_that_is_lost_is_told_to_all_that_share_the_transaction_and_to_nobody_else(database: Database, last, monkeypatch):
    """SQLite has none to lose."""
    if database.is_sqlite:
        return
    monkeypatch.setattr("inventory.groupcommit.LONGEST_S", DEADLINE)
    errors, inside, go = [], threading.Event(), threading.Event()

    def first(session: Session) -> None:
        add("a")(session)
        inside.set()
        assert go.wait(DEADLINE)

    def losing(session: Session) -> None:
        add("b")(session)
        with database.write() as other:
            other.execute(_END, {"backend": session.scalar(text("SELECT pg_backend_pid()"))})
        last(session)

    def told(work) -> None:
        try:
            database.together(work)
        except OperationalError as error:
            errors.append(error.connection_invalidated)

    def second() -> None:
        assert inside.wait(DEADLINE)
        told(losing)

    def release() -> None:
        pause = threading.Event()
        while not database._writer._queued:
            assert not pause.wait(0.001)
        go.set()

    at_once(lambda: told(first), second, release)
    assert errors == [True, True]
    database.together(add("d"))
    assert names(database) == ["d"]


_END = text("SELECT pg_terminate_backend(:backend, 5000)")
