"""Periodic work: on its grid, never twice at once, whatever becomes of it and of the time of day."""

import asyncio
import time
from datetime import datetime, timedelta

import pytest
from apscheduler.schedulers import base

from agent import scheduler as module
from agent.scheduler import Job, Scheduler

SOON = timedelta(milliseconds=10)
A_WHILE = timedelta(minutes=1)
"""A machine may stand still between one look at a clock and the next."""
PATIENCE_S = 60


def run(story):
    async def bounded():
        scheduler = Scheduler()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await story(scheduler)
        finally:
            scheduler.stop()

    return asyncio.run(bounded())


class Turns:
    """Periodic work that counts, and lets a test wait for the next turn."""

    def __init__(self, *endings):
        self.count = self.running = self.most = 0
        self._endings, self._began, self.ended = list(endings), asyncio.Semaphore(0), asyncio.Event()

    async def __call__(self):
        self.count, self.running = self.count + 1, self.running + 1
        self.most = max(self.most, self.running)
        self._began.release()
        try:
            if self._endings:
                await self._endings.pop(0)()
        finally:
            self.running -= 1
            self.ended.set()

    async def take(self, count=1):
        for _ in range(count):
            await self._began.acquire()


def test_work_begins_at_once_or_after_its_delay_and_comes_again():
    async def story(scheduler):
        now, later = Turns(), Turns()
        scheduler.every(SOON, "now", now)
        scheduler.start()
        scheduler.take([Job("later", SOON, later, delay=timedelta(hours=1))])
        await now.take(3)
        assert later.count == 0

    run(story)


def test_work_that_takes_long_never_runs_twice_and_is_not_made_up_for():
    async def story(scheduler):
        gate = asyncio.Event()
        turns = Turns(gate.wait)
        scheduler.every(SOON, "slow", turns)
        scheduler.start()
        await turns.take()
        other = Turns()
        scheduler.every(SOON, "other", other)
        await other.take(5)
        assert turns.count == 1
        gate.set()
        await turns.take()
        assert turns.most == 1
        assert turns.count == 2

    run(story)


@pytest.mark.parametrize("error", [LookupError("no such thing"), asyncio.CancelledError()])
def test_work_that_fails_or_is_cut_short_from_within_comes_again(error):
    async def story(scheduler):
        async def fail():
            raise error

        turns = Turns(fail)
        scheduler.every(SOON, "chore", turns)
        scheduler.start()
        await turns.take(2)

    run(story)


def test_the_end_cancels_what_runs():
    async def story(scheduler):
        turns = Turns(asyncio.Event().wait)
        scheduler.every(SOON, "chore", turns)
        scheduler.start()
        await turns.take()
        scheduler.stop()
        await turns.ended.wait()
        assert turns.running == 0

    run(story)


def set_clock(monkeypatch, by):
    """From here on the time of day is another one, for all that asks for it."""
    ask = time.time

    class Stepped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(ask() + by.total_seconds(), tz)

    monkeypatch.setattr(time, "time", lambda: ask() + by.total_seconds())
    monkeypatch.setattr(base, "datetime", Stepped)


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(hours=3), timedelta(days=20_000)])
def test_work_goes_on_when_somebody_sets_the_clock(monkeypatch, step):
    """APScheduler by itself rests for as long as the clock was set back, and counts every turn of a year that was leapt over."""

    async def story(scheduler):
        monkeypatch.setattr(module, "LOOK_S", SOON.total_seconds())
        turns, daily = Turns(), Turns()
        scheduler.every(SOON, "poll", turns)
        scheduler.take([Job("daily", timedelta(days=1), daily, delay=timedelta(days=1))])
        scheduler.start()
        await turns.take(2)
        set_clock(monkeypatch, step)
        await turns.take(3)
        assert turns.count < 500

    run(story)


def test_what_is_far_off_stays_as_far_off_when_the_clock_is_set_and_set_back(monkeypatch):
    async def story(scheduler):
        scheduler.take([Job("daily", timedelta(days=1), Turns(), delay=timedelta(days=1))])
        scheduler.start()
        (planned,) = scheduler._scheduler.get_jobs()
        before = planned.next_run_time
        for step in (timedelta(hours=5), timedelta(days=-3)):
            with monkeypatch.context() as stepped:
                set_clock(stepped, step)
                scheduler._move()
                assert abs(planned.next_run_time - before - step) < A_WHILE
            scheduler._move()
            assert abs(planned.next_run_time - before) < A_WHILE

    run(story)


def test_what_goes_by_the_hour_follows_the_time_of_day(monkeypatch):
    """It is asked anew when the clock is set, so that an hour which a step brought near is not slept through."""

    async def story(scheduler):
        monkeypatch.setattr(module, "LOOK_S", SOON.total_seconds())
        monkeypatch.setattr(module, "PAST", SOON)
        left = [timedelta(hours=17)]
        turns = Turns()
        scheduler.take([Job("audit", timedelta(days=1), turns, until=lambda: left[0])])
        scheduler.start()
        assert turns.count == 0
        left[0] = SOON
        set_clock(monkeypatch, timedelta(hours=17))
        await turns.take()

    run(story)
