"""One daemon per SQLite database.

Two would poll every element twice and count every trap twice. The lock is the system's own (`flock`): it is given back when its
holder ends, however that comes about, so a daemon that was killed keeps nobody out. Commands that use the database beside
the daemon do not take it.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from agent.errors import AlreadyRunning, DatabaseUnusable
from inventory.db import Database


class Instance:
    """Being the one daemon of a database. On PostgreSQL there may be several, and nothing is locked."""

    def __init__(self, database: Database) -> None:
        """Raises `AlreadyRunning`, or `DatabaseUnusable` when the lock cannot be kept beside the database."""
        self._descriptor: int | None = None
        path = database.url.database
        if not database.is_sqlite or not path or path == ":memory:":
            return
        lock = Path(f"{path}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseUnusable(f"{lock} cannot be written: {error.strerror}; set data_dir to a folder of fabd's own") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(
                f"another fabd (process {holder}) runs on the database {path}; stop it, or give this one another data_dir "
                "(several daemons on one database need PostgreSQL)"
            ) from None
        with contextlib.suppress(OSError):  # a full disk; the lock holds without the name of its holder
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    @property
    def sole(self) -> bool:
        """Whether nobody else can be at work on the database."""
        return self._descriptor is not None

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
