"""Periodic work: APScheduler's jobs, which never overlap, never pile up, and start at once.

APScheduler goes by the time of day. When somebody sets that, by seconds or by years, every turn is moved along with it, so that
polling goes on as if nothing had happened. What is to be done at an hour of the day says so (`Job.until`), and is asked anew then.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""How soon it is seen that the time of day was set: for so long work may rest, or come early once."""
STEP_S = 0.5
"""Less, within `LOOK_S`, is how clocks are kept right."""
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
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(_left_out, EVENT_JOB_MAX_INSTANCES)
        self._watch: asyncio.Task[None] | None = None

    def every(
        self, interval: timedelta, name: str, work: Callable[[], Awaitable[object]], *, delay: timedelta = timedelta()
    ) -> None:
        """Call `work` every `interval`, first after `delay`."""
        self.take([Job(name, interval, work, delay)])

    def take(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            trigger = ByTheHour(job.until) if job.until else AtIntervals(job.interval)
            self._scheduler.add_job(
                partial(self._turn, job),
                trigger,
                id=job.name,
                next_run_time=trigger.get_next_fire_time(None, _now()) + job.delay,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,  # better late than not at all
            )

    def start(self) -> None:
        self._scheduler.start()
        self._watch = asyncio.create_task(self._watch_clock(_ahead()), name="time of day")

    def stop(self) -> None:
        """What runs is cancelled."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _turn(self, job: Job) -> None:
        try:
            await job.work()
        except asyncio.CancelledError:
            if self._watch is None:
                raise  # the daemon ends
            log.warning("periodic work was cut short by what it waited for", job=job.name)
        except Exception as error:
            log.exception("periodic work failed", job=job.name, error=repr(error))

    async def _watch_clock(self, ahead: float) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            step, ahead = _ahead() - ahead, _ahead()
            if abs(step) > STEP_S:
                log.warning("the time of day was set; periodic work goes on", by_seconds=round(step, 3))
                self._move()

    def _move(self) -> None:
        self._scheduler.pause()  # else what is not moved yet seems to be due
        for planned in self._scheduler.get_jobs():
            planned.modify(next_run_time=planned.trigger.moved(planned.next_run_time))
        self._scheduler.resume()


class AtIntervals(BaseTrigger):  # type: ignore[misc]  # APScheduler has no type information
    """On a grid of so much time. Turns that were missed, however many, are left out at once."""

    def __init__(self, interval: timedelta) -> None:
        self._interval, self._ahead = interval, _ahead()

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        self._ahead = _ahead()
        if previous is None:
            return now
        return previous + (max(0, (now - previous) // self._interval) + 1) * self._interval

    def moved(self, planned: datetime) -> datetime:
        """What was planned by another time of day than that of now."""
        before, self._ahead = self._ahead, _ahead()
        return planned + timedelta(seconds=self._ahead - before)


class ByTheHour(BaseTrigger):  # type: ignore[misc]  # as above
    """When `until` says, counted from now."""

    def __init__(self, until: Callable[[], timedelta]) -> None:
        self._until = until

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return now + self._until() + PAST

    def moved(self, _planned: datetime) -> datetime:
        return self.get_next_fire_time(None, _now())


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _ahead() -> float:
    """The time of day before the monotonic clock, in seconds: it changes when somebody sets the time of day."""
    return time.time() - time.monotonic()


def _left_out(event: JobSubmissionEvent) -> None:
    log.debug("periodic work skipped a turn: the last one still runs", job=event.job_id)
