"""Connections to PostgreSQL: how they are made, found to be alive, and cleaned of what one transaction leaves for the next.

SQLAlchemy and psycopg are careful for whoever uses them. Between two transactions they ask the server whether it lives, and after a
rollback they forget every statement that it has prepared, which ends every session that only reads. Both cost more than most
transactions here do, so both are done when there is reason to.
"""

import time
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import PoolProxiedConnection

from inventory.errors import DatabaseDriverMissing

if TYPE_CHECKING:
    import psycopg

PATIENCE = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""How long PostgreSQL's host may take to answer a new connection, s; to acknowledge what it is sent, ms; and to stay silent in the
middle of a statement until it is asked whether it is there, s, how often and how many times. The URL may say otherwise. Whoever
places orders waits behind it, and TCP by itself waits a quarter of an hour."""
LOCK_TIMEOUT_MS = 20_000
"""How long PostgreSQL waits for what another transaction has locked: its process may be stopped in the middle."""
IDLE_TIMEOUT_MS = 30_000
"""How long a transaction may say nothing on PostgreSQL. A worker that is stopped while it renews its lease would else keep its
plan's row locked, over which everybody else skips, until it is woken."""
FRESH_S = 1.0
"""A connection that was used so lately is not asked whether it lives. If it does not, who uses it is told, as if it had gone in the
middle of what he does."""
STATEMENTS = 400
"""Prepared on each connection at most: more than fabd has."""
_REUSE = {"pool_use_lifo": True, "pool_recycle": 300}
"""What was used last is used next: it has the most prepared. But how a statement is carried out is decided for good after some
times, and what was right while a table was empty is not when it is full: so each connection begins anew after so many seconds."""
_SETTINGS = {
    "lock_timeout": LOCK_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}
"""The server lets go of what a client has locked whose host is gone."""


def server_engine(url: URL, pool_size: int) -> Engine:
    """Raises `DatabaseDriverMissing`."""
    patience = {name: value for name, value in PATIENCE.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=patience, pool_size=pool_size, max_overflow=10, pool_pre_ping=True, **_REUSE)
    except ModuleNotFoundError as error:
        raise DatabaseDriverMissing(url.drivername, error.name or str(error)) from error

    dialect = engine.dialect
    care = _Care(dialect.do_ping)
    dialect.do_ping = care.ping  # type: ignore[method-assign]  # else with every transaction
    dialect.do_rollback = care.roll_back  # type: ignore[method-assign]  # psycopg would forget what is prepared
    savepoints = _Savepoints()
    dialect.do_savepoint = savepoints.begin  # type: ignore[method-assign]  # SQLAlchemy would compile these each time
    dialect.do_release_savepoint = savepoints.release  # type: ignore[method-assign]
    dialect.do_rollback_to_savepoint = savepoints.roll_back_to  # type: ignore[method-assign]

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401  the DBAPI connection is untyped
        connection.prepared_max = STATEMENTS
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"SET {name} = {value}" for name, value in _SETTINGS.items()))
        connection.commit()

    return engine


class _Care:
    """Of connections between two transactions. Thread-safe: a connection is in one thread's hands."""

    def __init__(self, ping: Any) -> None:  # noqa: ANN401  SQLAlchemy's own
        self._ping = ping
        self._used: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def ping(self, dbapi_connection: Any) -> bool:  # noqa: ANN401  the DBAPI connection is untyped
        if time.monotonic() - self._used.get(dbapi_connection, float("-inf")) < FRESH_S and not dbapi_connection.closed:
            return True
        return bool(self._ping(dbapi_connection))

    def roll_back(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Also of one that goes back to the pool, with nothing to take back as a rule."""
        raw = cast("psycopg.Connection", dbapi_connection.driver_connection)
        server = raw.pgconn
        if server.transaction_status in _BEGUN and not server.pipeline_status:
            server.exec_(b"ROLLBACK")
        if server.transaction_status != _IDLE:  # in the middle of something, or lost
            raw.rollback()
        self._used[raw] = time.monotonic()


class _Savepoints:
    def begin(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"SAVEPOINT {name}")

    def release(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")

    def roll_back_to(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {name}")


_IDLE, _BEGUN = 0, (2, 3)
"""Of a connection that is no transaction's, and of one that is in a transaction, or in one that has failed (libpq's
PGTransactionStatusType)."""
