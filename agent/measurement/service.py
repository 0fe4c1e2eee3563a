"""Active measurement as the daemon sees it: services that are measured all the time, tests on demand, acceptance tests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from agent.config import MeasurementSettings
from agent.measurement.acceptance import Acceptor
from agent.measurement.aims import Aims, Resolve, Specifications
from agent.measurement.minutes import ServiceMinute, ServiceWatch
from agent.measurement.store import forget
from agent.measurement.testing import ServiceTests, TestLimits
from agent.metrics import Family, Kind, Sample
from drivers.probing.allowance import Allowance
from drivers.probing.prober import ProbeLimits, Prober
from inventory.db import Database
from policies.values import Clock

TAKE_EVERY = timedelta(seconds=5)
"""How soon a minute is judged once its last answer may have come."""
MOST_WAITING = 100_000
"""Minutes of services that are kept while they cannot be handed over; the oldest are dropped."""
BATCH, MOST_BATCHES = 500, 100

Take = Callable[[Sequence[ServiceMinute]], Awaitable[None]]


class MeasurementService:
    def __init__(
        self, database: Database, clock: Clock, catalog: Specifications, resolve: Resolve, settings: MeasurementSettings
    ) -> None:
        self._database, self._clock, self._settings = database, clock, settings
        limits = ProbeLimits(packets_per_second=settings.packets_per_second, timeout_s=settings.timeout_s)
        allowance, aims = Allowance(settings.packets_per_second), Aims(catalog, resolve)
        self.tests = ServiceTests(database, clock, aims, TestLimits(limits, settings.tests_at_once, allowance))
        self.acceptor = Acceptor(self.tests, catalog)
        self.watch = ServiceWatch(database, aims, lambda: Prober(limits, allowance), clock)
        self._waiting: list[ServiceMinute] = []

    @property
    def refresh_every(self) -> timedelta:
        return timedelta(seconds=self._settings.refresh_s)

    async def refresh(self) -> None:
        """Measure what is on the network now; for the scheduler."""
        if self._settings.enabled:
            await asyncio.to_thread(self.watch.refresh)

    async def hand_over(self, take: Take) -> None:
        """Minutes that have ended; what cannot be taken now is handed over again. For the scheduler."""
        self._waiting = [*self._waiting, *await asyncio.to_thread(self.watch.minutes)][-MOST_WAITING:]
        if self._waiting:
            await take(self._waiting)
            self._waiting = []

    async def tidy(self) -> int:
        """Forget tests that were kept for as long as they are to be; how many."""
        return await asyncio.to_thread(self._tidy)

    def stop(self) -> None:
        self.watch.stop()

    def families(self) -> Iterator[Family]:
        watch = self.watch
        counts = watch.counts()
        yield _family("fabd_measured_services", "gauge", "Services that are measured actively.", watch.services)
        yield _family("fabd_measurement_sessions", "gauge", "Targets that are measured.", watch.sessions)
        yield _family("fabd_measurement_packets_total", "counter", "Test packets sent to services all the time.", counts.packets)
        yield _family("fabd_measurement_strange_total", "counter", "Packets that were no answer to a test packet.", counts.strange)
        lost = "Minutes of all services that were measured and not taken over in time."
        yield _family("fabd_measurement_results_dropped_total", "counter", lost, counts.dropped_minutes)
        ended = "How often what sends test packets ended by itself, and was begun again."
        yield _family("fabd_measurement_failures_total", "counter", ended, watch.failures)

    def _tidy(self) -> int:
        before, total = self._clock.now() - timedelta(days=self._settings.tests_days), 0
        for _ in range(MOST_BATCHES):
            with self._database.write() as session:
                gone = forget(session, before=before, limit=BATCH)
            total += gone
            if gone < BATCH:
                break
        return total


def _family(name: str, kind: Kind, text: str, value: float) -> Family:
    return Family(name, kind, text, (Sample({}, value),))
