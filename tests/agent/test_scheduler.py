"""Periodic work: on its grid, never twice at once, whatever becomes of it and of the time of day."""

import asyncio
import time
from datetime import timedelta

import pytest

from agent import scheduler as module
from agent.scheduler import Job, Scheduler

SOON = timedelta(milliseconds=10)
PATIENCE_S = 30


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
        self._endings, self._began = list(endings), asyncio.Semaphore(0)

    async def __call__(self):
        self.count, self.running = self.count + 1, self.running + 1
        self.most = max(self.most, self.running)
        self._began.release()
        try:
            if self._endings:
                await self._endings.pop(0)()
        finally:
            self.running -= 1

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
        await asyncio.gather(*scheduler._tasks, return_exceptions=True)
        assert turns.running == 0

    run(story)


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(hours=3), timedelta(days=20_000)])
def test_work_goes_on_when_somebody_sets_the_clock(monkeypatch, step):
    """A scheduler that goes by the time of day rests for as long as the clock was set back."""

    async def story(scheduler):
        turns = Turns()
        scheduler.every(SOON, "poll", turns)
        scheduler.start()
        await turns.take(2)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + step.total_seconds())
        before = turns.count
        await turns.take(3)
        assert before < turns.count < 500

    run(story)


def test_what_goes_by_the_hour_follows_the_time_of_day(monkeypatch):
    """Asked anew every few minutes, so that an hour which a step brought near is not slept through."""

    async def story(scheduler):
        monkeypatch.setattr(module, "LOOK_AGAIN", 2 * SOON)
        monkeypatch.setattr(module, "PAST", SOON)
        left, asked = [timedelta(hours=17)], asyncio.Semaphore(0)

        def until():
            asked.release()
            return left[0]

        turns = Turns()
        scheduler.take([Job("audit", timedelta(days=1), turns, until=until)])
        scheduler.start()
        for _ in range(3):
            await asked.acquire()
        assert turns.count == 0
        left[0] = SOON
        await turns.take()

    run(story)
