"""Periodic work that never overlaps, never piles up, and starts at once.

Turns are counted by the monotonic clock: when somebody sets the time of day, by seconds or by years, polling goes on as if nothing
had happened. What is to be done at an hour of the day says so (`Job.until`), and is asked anew every few minutes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""How soon it is seen that the time of day was set."""
PAST = timedelta(seconds=1)
"""After the hour, lest a clock that is a moment behind finds the same hour ahead again."""


@dataclass(frozen=True, slots=True)
class Job:
    """Periodic work; `work` is called by a scheduler that never lets two of the same run at once."""

    name: str
    interval: timedelta
    work: Callable[[], Awaitable[object]]
    delay: timedelta = timedelta()
    """Before the first turn."""
    until: Callable[[], timedelta] | None = None
    """How long it is until the next turn, for work that goes by the time of day; `interval` and `delay` say nothing then."""


class Scheduler:
    """Runs coroutine functions at intervals on the running loop. A job that fails is logged and runs again at its next turn.

    A turn that comes while the last one runs is left out, not queued; those after it come when they would have come.
    """

    def __init__(self) -> None:
        self._waiting: list[Job] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False

    def every(
        self, interval: timedelta, name: str, work: Callable[[], Awaitable[object]], *, delay: timedelta = timedelta()
    ) -> None:
        """Call `work` every `interval`, first after `delay`."""
        self.take([Job(name, interval, work, delay)])

    def take(self, jobs: Iterable[Job]) -> None:
        self._waiting += jobs
        if self._running:
            self._begin()

    def start(self) -> None:
        self._running = True
        self._begin()

    def stop(self) -> None:
        """What runs is cancelled."""
        self._running = False
        for task in self._tasks:
            task.cancel()

    def _begin(self) -> None:
        jobs, self._waiting = self._waiting, []
        for job in jobs:
            task = asyncio.create_task(_by_the_hour(job, job.until) if job.until else _at_intervals(job), name=job.name)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _at_intervals(job: Job) -> None:
    loop, interval = asyncio.get_running_loop(), job.interval.total_seconds()
    due = loop.time() + job.delay.total_seconds()
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        if (late := loop.time() - due) > interval:
            log.warning("periodic work comes late", job=job.name, seconds=round(late, 3))
        await _turn(job)
        missed = int(max(0.0, loop.time() - due) // interval)
        if missed:
            log.debug("periodic work skipped turns: the last one ran for longer", job=job.name, turns=missed)
        due += (missed + 1) * interval


async def _by_the_hour(job: Job, until: Callable[[], timedelta]) -> None:
    while True:
        left = until() + PAST
        await asyncio.sleep(min(left, LOOK_AGAIN).total_seconds())
        if left <= LOOK_AGAIN:
            await _turn(job)


async def _turn(job: Job) -> None:
    try:
        await job.work()
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise  # the daemon ends
        log.warning("periodic work was cut short by what it waited for", job=job.name)
    except Exception as error:
        log.exception("periodic work failed", job=job.name, error=repr(error))
