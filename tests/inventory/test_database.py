"""The unit of work and the column types, on both databases."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, PendingRollbackError

from inventory.db import Database
from inventory.errors import DatabaseDriverMissing
from inventory.server import PATIENCE
from inventory.tables import SiteRow, WorkItemRow
from inventory.unit import UnitOfWork
from tests.clock import EPOCH, FakeClock


def site(name: str) -> SiteRow:
    return SiteRow(id=f"ste-{name}", name=name, address="", attributes={})


def test_a_missing_driver_is_named_with_what_to_install() -> None:
    with pytest.raises(DatabaseDriverMissing, match=r"module pg8000, which is not installed.*pip install 'fabd\[postgresql\]'"):
        Database("postgresql+pg8000://host/fabd")


def test_a_unit_of_work_that_ends_is_kept(database: Database) -> None:
    with database.write() as session:
        session.add(site("ghent"))
    with database.read() as session:
        assert session.scalars(select(SiteRow.name)).all() == ["ghent"]


def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    def fail_half_way() -> None:
        with database.write() as session:
            session.add(site("ghent"))
            session.flush()
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    with database.read() as session:
        assert session.scalars(select(SiteRow)).all() == []


def test_a_unit_of_work_knows_its_connection_only_as_long_as_its_transaction(database: Database) -> None:
    with UnitOfWork(database.engine) as session:
        connection = session.connection()
        assert session.connection() is connection
        with session.begin_nested():
            session.add(site("ghent"))
            assert session.connection() is connection
        session.add(site("ghent"))
        with pytest.raises(IntegrityError):
            session.flush()
        with pytest.raises(PendingRollbackError):
            session.connection()
        session.rollback()
        assert session.connection().execute(select(SiteRow.name)).all() == []


def test_each_test_begins_with_an_empty_database(database: Database) -> None:
    with database.read() as session:
        assert session.scalars(select(SiteRow)).all() == []


def test_an_instant_comes_back_as_the_same_instant_in_utc(database: Database) -> None:
    brussels = EPOCH.astimezone(timezone(timedelta(hours=1)))
    with database.write() as session:
        session.add(WorkItemRow(id="w", kind="k", key="x", run_at=brussels, created_at=brussels))
    with database.read() as session:
        row = session.get_one(WorkItemRow, "w")
        assert row.run_at == EPOCH
        assert row.run_at.tzinfo is UTC


def test_a_naive_instant_is_refused(database: Database) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  the point of the test
    with pytest.raises(Exception, match="naive date-time"), database.write() as session:
        session.add(WorkItemRow(id="w", kind="k", key="x", run_at=naive, created_at=EPOCH))


def test_writers_of_several_threads_take_turns(database: Database) -> None:
    def write(name: str) -> None:
        for turn in range(5):
            with database.write() as session:
                session.add(site(f"{name}-{turn}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as session:
        assert len(session.scalars(select(SiteRow)).all()) == 15


def test_the_fake_clock_moves_only_when_told(clock: FakeClock) -> None:
    before = clock.now(), clock.monotonic()
    assert (clock.now(), clock.monotonic()) == before
    clock.advance(90)
    assert (clock.now() - before[0], clock.monotonic() - before[1]) == (timedelta(seconds=90), 90.0)
    clock.step_to(EPOCH)
    assert (clock.now(), clock.monotonic() - before[1]) == (EPOCH, 90.0)


@pytest.mark.parametrize("said", [{}, {"connect_timeout": "3"}, {"tcp_user_timeout": "5000", "keepalives_idle": "9"}])
def test_a_server_that_does_not_answer_is_waited_for_so_long(database: Database, said: dict[str, str]) -> None:
    """SQLite has no server."""
    if database.is_sqlite:
        return
    patient = Database(database.url.update_query_dict(said))
    try:
        with patient.read() as session:
            driver = session.connection().connection.driver_connection
            assert driver is not None
            expected = {name: str(value) for name, value in PATIENCE.items()} | said
            assert driver.info.get_parameters().items() >= expected.items()
    finally:
        patient.close()
