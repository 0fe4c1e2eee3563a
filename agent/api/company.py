"""Requests that come together are done together, by one thread: none of them has a thread of its own.

A thread for each costs more than many requests do: it is woken, waits for the interpreter, finds the set that it wanted to join
already written, and begins another one. What many clients send at once are also few large sets, then, and not many small ones.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from inventory.db import Database
from inventory.tasks import Task

MOST = 40
"""Of one set; more wait for the next one. How many wait in all is bounded by the connections that are let in."""
GATHER_S = 0.02
"""How long a set waits at most for those who came the last time: a set costs several times what each of it does."""

Result = TypeVar("Result")


class Company:
    """For one database. Of any number of event loops; thread-safe."""

    def __init__(self, gather_s: float = GATHER_S) -> None:
        self._gather_s = gather_s
        self._thread = ThreadPoolExecutor(1, "company")
        self._news = threading.Condition()
        self._waiting: list[_Wish[Any]] = []
        self._busy = False
        self._usual = 0
        """How many came together the last time."""

    async def do(self, database: Database, work: Callable[[Session], Result]) -> Result:
        """As `Database.together`: durable when it returns, and `work` may be called again after it was taken back."""
        wish = _Wish(work)
        self._add(database, wish)
        await wish.settled
        if wish.task.alone:
            return await run_in_threadpool(database.by_itself, work)
        return wish.task.result()

    def _add(self, database: Database, wish: "_Wish[Any]") -> None:
        with self._news:
            self._waiting.append(wish)
            if len(self._waiting) >= self._usual:
                self._news.notify()
            if self._busy:
                return
            self._busy = True
        self._thread.submit(self._work, database)

    def _work(self, database: Database) -> None:
        """In the thread, while there is something to do."""
        while wishes := self._next():
            failed: Exception | None = None
            try:
                database.all_together([wish.task for wish in wishes])
            except Exception as error:  # noqa: BLE001  told to all whose it is
                failed = error
            _settle(wishes, failed)

    def _next(self) -> "list[_Wish[Any]]":
        with self._news:
            self._busy = bool(self._waiting)
            if not self._busy:
                return []
            until = time.monotonic() + self._gather_s
            while len(self._waiting) < self._usual and (left := until - time.monotonic()) > 0:
                self._news.wait(left)
            wishes, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self._usual = len(wishes)
            return wishes


class _Wish(Generic[Result]):
    """What a request wants done, and where it waits for it."""

    def __init__(self, work: Callable[[Session], Result]) -> None:
        self.task = Task(work)
        self.loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = self.loop.create_future()


def _settle(wishes: "Sequence[_Wish[Any]]", failed: Exception | None) -> None:
    """Each in its own loop, which is woken once; nobody waits any more in one that was closed."""
    for loop in {wish.loop for wish in wishes}:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, [wish.settled for wish in wishes if wish.loop is loop], failed)


def _tell(waiting: Sequence[asyncio.Future[None]], failed: Exception | None) -> None:
    for future in waiting:
        if future.done():  # whoever waited was called off
            continue
        if failed is None:
            future.set_result(None)
        else:
            future.set_exception(failed)
