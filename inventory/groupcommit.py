"""SQLite: one writer at a time, and one wait for the disk for all that queue: group commit.

A unit of work runs in a savepoint. Who ends while others queue leaves the transaction open to the next instead of committing;
the last of them commits for all, and each waits until that is done. So no unit is told that it is durable before it is, and
one that fails takes only itself back.

Where the database itself takes the whole transaction back (a full disk), all units of it are told so.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from inventory.unit import UnitOfWork

MOST_UNITS = 64
LONGEST_S = 0.05
"""A group that is older takes nobody in: how long a unit may wait for others before it is made durable."""
_LOOK_S = 1.0
CLOSE_S = 5.0
"""How long whoever closes waits for a unit that is under way."""
WRITER = "fabd writes"
"""In the `info` of a connection while it begins a transaction that will write."""


class _Group:
    """The units of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.began = time.monotonic()
        self.units = 0
        self.error: BaseException | None = None
        self._ended = threading.Event()

    @property
    def full(self) -> bool:
        return self.units >= MOST_UNITS or time.monotonic() - self.began > LONGEST_S or self.error is not None

    def failed(self, error: BaseException) -> None:
        """One of its units failed."""
        if not in_transaction(self.connection):
            self.error = error  # of those before it nothing is left either

    def commit(self) -> None:
        """The connection is closed then, unless it serves for the next one (`sound`)."""
        try:
            if self.error is None:
                self.connection.commit()
            else:
                self.connection.invalidate()
        except BaseException as error:  # noqa: BLE001  told to every unit of the group in its own thread
            self.error = error
            self.connection.invalidate()  # it may stand in its transaction still, and would be no good to the next
        finally:
            if not self.sound:
                self.connection.close()

    @property
    def sound(self) -> bool:
        """Whether its connection may be used again."""
        return self.error is None

    def tell(self) -> None:
        """Everybody who waits for its end."""
        self._ended.set()

    def ended(self, timeout: float) -> bool:
        return self._ended.wait(timeout)


class SingleWriter:
    """Thread-safe. `engine` begins a transaction as a writer where the connection says so (`WRITER`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: Connection | None = None
        """Between two transactions: SQLite forgets the pages that a connection has read when another one writes."""
        self._place = threading.Lock()
        self._counting = threading.Lock()
        self._queued = 0
        self._writing = 0
        """Who has the place."""
        self._group: _Group | None = None
        """The open one."""

    @contextmanager
    def unit(self) -> Iterator[Session]:
        """Durable when the block ends; nothing of it stays when it raises. Raises `RuntimeError` inside another one."""
        if self._writing == threading.get_ident():
            raise RuntimeError("a unit of work was opened inside another one; pass the session down instead")
        with (
            self._turn() as group,
            UnitOfWork(group.connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session,
        ):
            yield session
            session.commit()
        while not group.ended(_LOOK_S):
            self._commit_if_left(group)
        if group.error is not None:
            raise group.error

    @contextmanager
    def _turn(self) -> Iterator[_Group]:
        self._count(1)
        try:
            self._place.acquire()
        finally:
            self._count(-1)
        try:
            group = self._open()
            self._writing = threading.get_ident()
            try:
                yield group
            except BaseException as error:
                group.failed(error)
                raise
            finally:
                self._writing = 0
                if group.full or not self._queued:
                    self._close(group)
        finally:
            self._place.release()

    def _open(self) -> _Group:
        if self._group is None:
            connection, self._kept = self._kept or self._engine.connect(), None
            try:
                connection.info[WRITER] = True
                try:
                    connection.begin()
                finally:
                    del connection.info[WRITER]
            except BaseException:
                connection.close()
                raise
            self._group = _Group(connection)
        self._group.units += 1
        return self._group

    def _close(self, group: _Group) -> None:
        self._group = None
        group.commit()
        if group.sound:
            self._kept = group.connection
        group.tell()

    def close(self) -> None:
        """Let go of what is kept; a unit that comes later opens it anew. One that does not end keeps nobody from closing."""
        if not self._place.acquire(timeout=CLOSE_S):
            return
        try:
            kept, self._kept = self._kept, None
            if kept is not None:
                kept.close()
        finally:
            self._place.release()

    def _commit_if_left(self, group: _Group) -> None:
        """Whoever queued for the place gave up: nobody else will commit."""
        with self._place:
            if self._group is group:
                self._close(group)

    def _count(self, change: int) -> None:
        with self._counting:
            self._queued += change


def in_transaction(connection: Connection) -> bool:
    """Whether SQLite still has it; False when it has taken all of it back by itself."""
    if connection.invalidated:
        return False
    driver = connection.connection.driver_connection
    return driver is not None and bool(driver.in_transaction)
