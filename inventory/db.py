"""The database: one engine, the metadata every package adds its tables to, and the unit of work.

SQLite by default (WAL, `synchronous=FULL`, foreign keys, one writer), PostgreSQL by URL; the same code on both. A unit of
work is one transaction: `with database.write() as session: …` commits at the end or leaves nothing behind.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as AllInUse
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.types import TypeDecorator

from inventory.errors import OutcomeUnknown
from inventory.groupcommit import WRITER, SingleWriter, in_transaction
from inventory.server import server_engine
from inventory.unit import UnitOfWork

if TYPE_CHECKING:
    from inventory.tasks import Task, Tasks
    from inventory.together import Outcome

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

SQLITE_CONNECTIONS = 8, 120
"""Kept open, and beyond that at once: one for each thread that reads."""
SQLITE_CACHE_KIB = 16_384
"""Pages that a connection keeps in memory, as far as it has read so many."""
SQLITE_CHECKPOINT_PAGES = 8_000
"""How much of the write-ahead log (32 MB) is written before it is carried over into the database file: a page that changes with
every order is carried over once for hundreds of orders, not for each dozen."""
BUSY_TIMEOUT_MS = 20_000
"""How long SQLite waits for a writer of another process before it says "database is locked"."""
LONG_IDLE_TIMEOUT_MS = 1_800_000
"""How long a report or an export may say nothing on PostgreSQL: it locks nothing, but while it lasts nothing that is deleted makes
room."""
ASKED_FOR_S, ASKED_AGAIN_S = 10.0, 0.2
"""How long a server that was lost while it committed is asked what became of it, and how often."""
TRIES = 3
"""Of a transaction by itself that others keep getting into the way of."""
LET_BY_S = 0.1
"""How long it keeps away before the next: who waited for it must take what he waits for before it does so again."""
SET_LOCK_TIMEOUT_MS = 1_000
"""How long PostgreSQL waits for a lock where others wait behind who waits."""
_SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "temp_store=MEMORY",  # what a savepoint may have to take back would else be a file, written with each page that changes
    f"cache_size=-{SQLITE_CACHE_KIB}",
    f"wal_autocheckpoint={SQLITE_CHECKPOINT_PAGES}",
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC. SQLite keeps it as naive text, so what comes back is given its zone again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive date-time reached the database: {value!r}; attach a time zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else value.replace(tzinfo=UTC)


class Exact(TypeDecorator[Decimal]):
    """A Decimal kept as text: SQLite has no exact numeric type, and both databases must hold the same digits."""

    impl = String(48)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else Decimal(value)


class Unsigned64(TypeDecorator[int]):
    """A 64-bit counter: 2^64-1 fits no signed BIGINT, so it is kept as twenty digits that sort like the number."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else f"{value:020d}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else int(value)


Document = JSON().with_variant(JSONB(), "postgresql")
"""A JSON column."""


class Base(DeclarativeBase):
    """Every table of every package."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime(), Decimal: Exact(), dict[str, Any]: Document, list[Any]: Document}  # noqa: RUF012  SQLAlchemy reads it from the class


class Database:
    """The engine and the unit of work of one fabd database. Raises `DatabaseDriverMissing`."""

    def __init__(self, url: str | URL, *, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else server_engine(self.url, pool_size)
        self._writer = SingleWriter(self.engine) if self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; whatever it changed is rolled back."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: commits at the end, or leaves nothing behind.

        On SQLite it holds the single writer's place from its first statement, so that no two can deadlock; asking for a second
        one inside the first is a mistake in the program and raises `RuntimeError` instead of waiting for itself. Those that
        queue for the place are made durable together, and none returns before it is.

        Raises `OutcomeUnknown` when the server was lost in the middle of the commit.
        """
        if self._writer is not None:
            with self._writer.unit() as session:
                yield session
        else:
            committing = False
            try:
                with UnitOfWork(self.engine, expire_on_commit=False) as session, session.begin():
                    yield session
                    session.flush()
                    committing = True
            except DBAPIError as error:
                if committing and error.connection_invalidated:
                    raise OutcomeUnknown from error
                raise
        carry_out(session.info.pop(_EFFECTS, ()))

    def together(self, work: Callable[[Session], Result]) -> Result:
        """`work` in one transaction as by `write`, for what many do at once that want the same rows (places of one queue, pools).

        What comes while others are done is done by one of the threads, one after another, in one transaction: otherwise each would
        wait for the disk while it keeps the rows from the next. What they write is written for all of them at the end, as far as
        nobody asks for it before (`inventory.postponed`). On PostgreSQL one waits for what others have locked only briefly, for all
        stand behind it; then it is done again in a transaction of its own, and waits as long as anybody.
        """
        return self._tasks.do(work)

    def all_together(self, tasks: "Sequence[Task[Any]]") -> "list[Outcome]":
        """Several pieces of work that one thread does for others, as by `together`: what came of each.

        Those to be done by themselves (`by_itself`) are left to the caller.
        """
        return self._tasks.do_all(tasks)

    def by_itself(self, work: Callable[[Session], Result]) -> Result:
        """`work` in a transaction of its own; once more where PostgreSQL ended it, for it and another one waited for each other."""
        for number in range(1, TRIES):
            try:
                with self.write() as session:
                    return work(session)
            except OperationalError as error:
                if _sqlstate(error) != _DEADLOCK:
                    raise
            time.sleep(number * LET_BY_S)
        with self.write() as session:
            return work(session)

    @contextmanager
    def read_at_length(self) -> Iterator[Session]:
        """As `read`, where much is reckoned between two questions: reports, exports. Nobody waits for who only reads."""
        with self.read() as session:
            if not self.is_sqlite:
                session.execute(AT_LENGTH)
            yield session

    def made(self, transaction: int) -> bool:
        """Whether it was committed, after all (`wait_briefly` gives its number). Raises `OutcomeUnknown` when nobody can say."""
        until = time.monotonic() + ASKED_FOR_S
        while True:
            try:
                with self.engine.connect() as connection:
                    status = connection.scalar(_STATUS, {"transaction": transaction})
            except DBAPIError:
                status = _GOES_ON
            if status is not None and status != _GOES_ON:
                return bool(status == "committed")
            if status is None or time.monotonic() >= until:
                raise OutcomeUnknown
            time.sleep(ASKED_AGAIN_S)

    def answers(self) -> bool:
        """Whether a connection can be made, or one that is there lives."""
        try:
            self.engine.connect().close()
        except OperationalError:
            return False
        except AllInUse:
            return True
        return True

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self.engine.dispose()

    @cached_property
    def _tasks(self) -> "Tasks":
        from inventory.tasks import Tasks  # noqa: PLC0415  pieces of work know the unit of work, and it knows how they share one

        return Tasks(self)


def wait_briefly(session: Session) -> int | None:
    """To the end of this transaction: who does not get a lock soon gives up with an error that `gave_up` knows.

    Returns its number on PostgreSQL, by which `Database.made` finds out what became of it.
    """
    if session.get_bind().dialect.name != "postgresql":
        return None
    number: int = session.connection().execute(_BRIEFLY, {"lock_timeout": str(SET_LOCK_TIMEOUT_MS)}).scalar_one()
    return number


def gave_up(error: Exception) -> bool:
    """Whether a lock was waited for as long as allowed, or would have been for ever, on PostgreSQL."""
    return isinstance(error, OperationalError) and _sqlstate(error) in {_LOCK_NOT_AVAILABLE, _DEADLOCK}


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


_BRIEFLY = text("SELECT txid_current() FROM set_config('lock_timeout', :lock_timeout, true)")
_STATUS = text("SELECT txid_status(:transaction)")
_GOES_ON = "in progress"
AT_LENGTH = text(f"SET LOCAL idle_in_transaction_session_timeout = {LONG_IDLE_TIMEOUT_MS}")
"""For who reads and reckons, on PostgreSQL."""
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"

_EFFECTS = "once committed"


def effects_of(session: Session) -> tuple[Callable[[], None], ...]:
    """What is to be done once its unit of work is durable, for who finds that out in another way, or never (`Database.made`)."""
    return tuple(session.info.get(_EFFECTS, ()))


def once_committed(session: Session, effect: Callable[[], None]) -> None:
    """To be done when the unit of work is durable; never when it was rolled back, or the savepoint in which this was said."""
    effects: list[Callable[[], None]] = session.info.setdefault(_EFFECTS, [])
    if not effects:
        session.connection()  # begins, where nothing was asked yet: only what has begun can be rolled back
    savepoint = session.get_nested_transaction()
    if savepoint is not None:
        effect = _Within(savepoint, effect)
    effects.append(effect)


@dataclass(frozen=True, slots=True)
class _Within:
    """An effect of a savepoint."""

    savepoint: SessionTransaction
    effect: Callable[[], None]

    def __call__(self) -> None:
        self.effect()

    def stays(self, rolled_back: SessionTransaction) -> bool:
        return rolled_back not in _outwards(self.savepoint)


def carry_out(effects: Sequence[Callable[[], None]]) -> None:
    """Each of them. One that fails is logged: were it raised, what is durable would be taken for lost, and done once more."""
    for effect in effects:
        try:
            effect()
        except Exception:
            log.exception("a transaction is durable, but what was to be done then failed")


def restore_effects(session: Session, effects: Sequence[Callable[[], None]]) -> None:
    """Those that there were, and no others: what came since was taken back."""
    session.info[_EFFECTS] = list(effects)


@event.listens_for(Session, "after_soft_rollback")  # once for all: to listen to each unit costs more than most of its statements
def _forget_effects(session: Session, ended: SessionTransaction) -> None:
    """Of what was rolled back: the whole, or the savepoint around what ended (a flush that failed), with those inside it."""
    rolled_back = next((each for each in _outwards(ended) if each.nested), None)
    if rolled_back is None:
        session.info.pop(_EFFECTS, None)
    elif effects := effects_of(session):
        restore_effects(session, [each for each in effects if not isinstance(each, _Within) or each.stays(rolled_back)])


def _outwards(transaction: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while transaction is not None:
        yield transaction
        transaction = transaction.parent


def _sqlite_engine(url: URL) -> Engine:
    kept, more = SQLITE_CONNECTIONS
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}, pool_size=kept, max_overflow=more
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401  the DBAPI connection is untyped
        connection.isolation_level = None  # the driver's implicit BEGIN would come too late for the writer's lock
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    transactions = _Transactions()
    dialect = engine.dialect
    dialect.do_begin = transactions.begin  # type: ignore[method-assign]  # an event for it would be looked for with each statement
    dialect.do_savepoint = transactions.savepoint  # type: ignore[method-assign]  # SQLAlchemy would compile these each time
    dialect.do_release_savepoint = transactions.release  # type: ignore[method-assign]
    dialect.do_rollback_to_savepoint = transactions.roll_back_to  # type: ignore[method-assign]
    return engine


class _Transactions:
    """How they begin and are taken back in part on SQLite, told to the driver as they are: with every unit of work."""

    def begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        dbapi_connection.cursor().execute("BEGIN IMMEDIATE" if dbapi_connection.info.get(WRITER) else "BEGIN")

    def savepoint(self, connection: Connection, name: str) -> None:
        self._say(connection, "SAVEPOINT", name)

    def release(self, connection: Connection, name: str) -> None:
        self._say(connection, "RELEASE SAVEPOINT", name)

    def roll_back_to(self, connection: Connection, name: str) -> None:
        if in_transaction(connection):  # else SQLite has taken all of it back by itself: its disk was full
            self._say(connection, "ROLLBACK TO SAVEPOINT", name)

    def _say(self, connection: Connection, verb: str, name: str) -> None:
        connection.connection.cursor().execute(f"{verb} {name}")
