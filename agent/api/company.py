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

import structlog
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from agent.api.errors import SOON_S, Unavailable
from inventory.db import Database
from inventory.errors import OutcomeUnknown
from inventory.tasks import Task
from inventory.together import LONGEST_S, Outcome

MOST = 40
"""Of one set; more wait for the next one. How many wait in all is bounded by the connections that are let in."""
GATHER_S = 0.02
"""How long a set waits at most for those who came the last time: a set costs several times what each of it does."""

_NOT_BEGUN = (
    "the database does not answer for those who came before, so nothing was done; try again, and look at `fabd db check` when it "
    "stays so"
)

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class Company:
    """For one database. Of any number of event loops; thread-safe."""

    def __init__(self, gather_s: float = GATHER_S, longest_s: float = LONGEST_S) -> None:
        self._gather_s, self._longest_s = gather_s, longest_s
        self._thread = ThreadPoolExecutor(1, "company")
        self._news = threading.Condition()
        self._waiting: list[_Wish[Any]] = []
        self._busy = False
        self._usual = 0
        """How many came together the last time."""

    async def do(self, database: Database, work: Callable[[Session], Result]) -> Result:
        """As `Database.together`: durable when it returns, and `work` may be called again after it was taken back.

        Of who is called off before his turn nothing is done. `Unavailable` where it has not begun for long, for the database does
        not answer; `OutcomeUnknown` where it has.
        """
        wish = _Wish(work)
        self._add(database, wish)
        outcome = await self._outcome(wish)
        if outcome.error is not None:
            raise outcome.error
        if outcome.alone:
            return await run_in_threadpool(database.by_itself, work)
        return wish.task.result()

    async def _outcome(self, wish: "_Wish[Any]") -> Outcome:
        try:
            async with asyncio.timeout(self._longest_s):
                return await wish.settled
        except TimeoutError:
            if self._withdrawn(wish):
                raise Unavailable("databaseUnavailable", _NOT_BEGUN, retry_after_s=SOON_S) from None
            raise OutcomeUnknown("the database does not answer") from None
        except asyncio.CancelledError:
            self._withdrawn(wish)
            raise

    def _withdrawn(self, wish: "_Wish[Any]") -> bool:
        """False when somebody is at it, or was."""
        with self._news:
            if wish not in self._waiting:
                return False
            self._waiting.remove(wish)
            return True

    def _add(self, database: Database, wish: "_Wish[Any]") -> None:
        with self._news:
            self._waiting.append(wish)
            if len(self._waiting) >= self._usual:
                self._news.notify()
            if self._busy:
                return
            self._busy = True
        try:
            self._thread.submit(self._work, database)
        except RuntimeError as error:
            log.warning("there is no thread for what comes together: each is done by itself", reason=str(error))
            self._leave_alone()

    def _leave_alone(self) -> None:
        with self._news:
            self._busy = False
            wishes, self._waiting = self._waiting, []
        _settle(wishes, [Outcome(None, alone=True)] * len(wishes))

    def _work(self, database: Database) -> None:
        """In the thread, while there is something to do."""
        while wishes := self._next():
            try:
                outcomes = database.all_together([wish.task for wish in wishes])
            except Exception as error:  # noqa: BLE001  told to all whose it is
                outcomes = [Outcome(error, alone=False)] * len(wishes)
            _settle(wishes, outcomes)
            if outcomes[0].away:
                self._tell_all(outcomes[0])

    def _tell_all(self, outcome: Outcome) -> None:
        """Who waits for the next set, too: it would wait as long to be told the same."""
        with self._news:
            wishes, self._waiting = self._waiting, []
        _settle(wishes, [outcome] * len(wishes))

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
        self.settled: asyncio.Future[Outcome] = self.loop.create_future()


_Told = tuple[asyncio.Future[Outcome], Outcome]


def _settle(wishes: "Sequence[_Wish[Any]]", outcomes: Sequence[Outcome]) -> None:
    """Each in its own loop, which is woken once; nobody waits any more in one that was closed."""
    told: dict[asyncio.AbstractEventLoop, list[_Told]] = {}
    for wish, outcome in zip(wishes, outcomes, strict=True):
        told.setdefault(wish.loop, []).append((wish.settled, outcome))
    for loop, those in told.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, those)


def _tell(told: Sequence[_Told]) -> None:
    for future, outcome in told:
        if not future.done():  # else whoever waited was called off
            future.set_result(outcome)
