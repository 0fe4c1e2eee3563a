"""The history as it is kept: what was measured is written, looked through for what it says of the future, and dropped in time."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from agent.assurance.history.foresight import Foresight
from agent.assurance.history.store import History, Retention, SeriesKey
from agent.assurance.levels.measuring import series_of
from agent.measurement.minutes import ServiceMinute
from agent.metrics import Family
from agent.scheduler import Job
from inventory.db import Database
from policies.detection.rules import Rule
from policies.values import Clock

WRITE_EVERY = timedelta(minutes=5)
TIDY_EVERY = timedelta(days=1)


class Keeping:
    def __init__(self, database: Database, clock: Clock, rules: Sequence[Rule], retention: Retention) -> None:
        self.history = History(database)
        self._foresight = Foresight(database, rules)
        self._clock, self._retention = clock, retention

    def jobs(self) -> Iterator[Job]:
        yield Job("history", WRITE_EVERY, self.keep)
        yield Job("tidy history", TIDY_EVERY, self.tidy)

    def families(self) -> Iterator[Family]:
        """For `/metrics`."""
        yield from self._foresight.families()

    async def write(self) -> int:
        """Store what was measured since the last time."""
        return await asyncio.to_thread(self.history.write, self._clock.now())

    async def keep(self) -> None:
        """Write it, and look what it says of the future."""
        await self.write()
        await asyncio.to_thread(self._foresight.look, self._clock.now())

    async def tidy(self) -> int:
        """Drop what was kept for as long as it is to be."""
        return await asyncio.to_thread(self.history.tidy, self._clock.now(), self._retention)

    def take_measured(self, minutes: Sequence[ServiceMinute]) -> None:
        """What active measurement found of services."""
        for at, values in series_of(minutes):
            self.history.take(at, {SeriesKey(*key): value for key, value in values.items()})
