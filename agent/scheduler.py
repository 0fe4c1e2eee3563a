"""Periodic work: APScheduler jobs that never overlap, never pile up, and start at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Periodic work; `work` is called by a scheduler that never lets two of the same run at once."""

    name: str
    interval: timedelta
    work: Callable[[], Awaitable[object]]
    delay: timedelta = timedelta()
    """Before the first turn."""


class Scheduler:
    """Runs coroutine functions at intervals on the running loop. A job that fails is logged and runs again at its next turn."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def every(
        self, interval: timedelta, name: str, work: Callable[[], Awaitable[object]], *, delay: timedelta = timedelta()
    ) -> None:
        """Call `work` every `interval`, first after `delay`. A turn that comes while the last one runs is dropped, not queued."""
        self._scheduler.add_job(
            work,
            IntervalTrigger(seconds=interval.total_seconds()),
            id=name,
            next_run_time=datetime.now(UTC) + delay,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=max(1, int(interval.total_seconds())),
        )

    def take(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self.every(job.interval, job.name, job.work, delay=job.delay)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def _report(event: JobExecutionEvent) -> None:
    if event.code == EVENT_JOB_ERROR:
        if isinstance(event.exception, asyncio.CancelledError):
            return  # the daemon ends
        log.error("periodic work failed", job=event.job_id, error=repr(event.exception), trace=event.traceback)
    elif event.code == EVENT_JOB_MISSED:
        log.warning("periodic work came too late and was left out", job=event.job_id)
    else:
        log.debug("periodic work skipped a turn: the last one still runs", job=event.job_id)
