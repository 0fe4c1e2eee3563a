"""Work that another process submitted, told at once: PostgreSQL's LISTEN. Elsewhere, and whenever it fails, looking has to do."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.engine import URL

from inventory.db import Database
from inventory.work import CHANNEL

if TYPE_CHECKING:
    import psycopg

log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""How soon it notices that it is to stop."""
AGAIN_S = 5.0
"""Between two tries to connect."""


class Notices:
    """Calls `wake` when somebody made work due. One daemon thread on PostgreSQL, none on SQLite, which has one daemon."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._url = None if database.is_sqlite else database.url
        self._wake = wake
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._url is not None:
            self._thread = threading.Thread(target=self._run, args=(self._url,), name="notices", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Returns at once; the thread ends within `LOOK_S`."""
        self._stopping.set()

    def _run(self, url: URL) -> None:
        import psycopg  # noqa: PLC0415  an optional dependency, and there when the database is PostgreSQL

        told = url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._stopping.is_set():
            with suppress(psycopg.Error):
                self._listen(psycopg.connect(told, autocommit=True))
            if not self._stopping.wait(AGAIN_S):
                log.warning("not told of new work; looking for it meanwhile", again_in_seconds=AGAIN_S)

    def _listen(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        with connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._wake()  # for what came while nobody listened
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                    self._wake()
