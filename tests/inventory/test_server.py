"""Connections to PostgreSQL between two transactions: what is kept, what is looked after, what becomes of those that are lost."""

from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from inventory import server
from inventory.db import Database
from inventory.prepared import Prepared
from inventory.tables import SiteRow

OFTEN = 10
"""psycopg has a statement prepared by the server when it comes for the sixth time."""
ONE = Prepared(select(SiteRow.name).where(SiteRow.name == bindparam("name")))


@pytest.fixture
def served(_postgresql_url) -> Iterator[Database]:
    """With one connection, so that what is said of it is said of the same one."""
    database = Database(_postgresql_url, pool_size=1)
    yield database
    database.close()


def prepared(database: Database) -> list[str]:
    with database.read() as session:
        found = session.connection().exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    return [statement for statement in found if "FROM site" in statement]


def read(database: Database, name: str = "x") -> None:
    with database.read() as session:
        ONE.rows(session.connection(), {"name": name})


def backend_of(session: Session) -> int:
    return session.scalars(text("SELECT pg_backend_pid()")).one()


def end(database: Database, backend: int) -> None:
    """As a server that is restarted ends its connections."""
    other = Database(database.url)
    with other.read() as session:
        assert session.scalar(text("SELECT pg_terminate_backend(:backend, 60000)"), {"backend": backend})  # milliseconds
    other.close()


def lose(database: Database) -> None:
    """The server ends the one connection, which nobody uses at that moment."""
    with database.read() as session:
        backend = backend_of(session)
    end(database, backend)


def test_what_is_prepared_outlasts_sessions_that_only_read(served: Database) -> None:
    for _ in range(OFTEN):
        read(served)
    assert len(prepared(served)) == 1


def test_what_a_reading_session_has_changed_is_taken_back(served: Database) -> None:
    with served.read() as session:
        session.execute(text("CREATE TABLE strange (id INTEGER)"))
    with served.read() as session:
        assert session.scalar(text("SELECT to_regclass('strange')")) is None


def test_a_transaction_that_the_database_ended_leaves_nothing_to_the_next_one(served: Database) -> None:
    with pytest.raises(DBAPIError), served.read() as session:
        session.execute(text("SELECT 1 / 0"))
    with served.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_connection_that_was_lost_while_nobody_used_it_is_replaced_unseen(served: Database, monkeypatch) -> None:
    monkeypatch.setattr(server, "FRESH_S", 0.0)
    lose(served)
    read(served)


def test_one_that_was_lost_just_now_is_told_of_once(served: Database, monkeypatch) -> None:
    monkeypatch.setattr(server, "FRESH_S", 3600.0)
    lose(served)
    with pytest.raises(OperationalError) as told:
        read(served)
    assert told.value.connection_invalidated
    read(served)


def test_one_that_is_lost_in_the_middle_is_told_of_and_replaced(served: Database) -> None:
    with served.read() as session:
        end(served, backend_of(session))
        with pytest.raises(OperationalError):
            session.execute(text("SELECT 1"))
    read(served)
