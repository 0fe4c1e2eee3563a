"""The composition root: what there is, and in which order it starts and stops. How each part is built stands in `agent.wiring`."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import structlog

from agent.actions.reading import load_rules
from agent.actions.service import ActionService
from agent.actions.service import Parts as ActionParts
from agent.api import parts
from agent.api.app import create_app
from agent.api.server import ApiServer
from agent.assurance.alarms.itself import Faults
from agent.config import Settings
from agent.fulfillment.journal import Checkpoint, no_checkpoint
from agent.housekeeping import Housekeeping
from agent.measurement.service import MeasurementService
from agent.metrics import Metrics
from agent.scheduler import Job, Scheduler
from agent.wiring.api import api_parts
from agent.wiring.assurance import Assurance
from agent.wiring.base import Base
from agent.wiring.delivery import Delivery
from agent.wiring.fulfilment import fulfilment, fulfilment_settings
from agent.wiring.prometheus import Prometheus
from agent.wiring.work import handlers

log = structlog.get_logger(__name__)

STOP_DEADLINE = timedelta(seconds=6)
"""Steps that are not through so long after SIGTERM are left to the journal."""
TIDY_EVERY = timedelta(hours=1)
AUDIT_EVERY = timedelta(days=1)
ATTENDED_EVERY = timedelta(seconds=15)
LOOK_OUT_EVERY = timedelta(seconds=30)
"""How soon an order that will be late is told of, when nothing else happens to it."""


class Daemon:
    def __init__(self, settings: Settings, *, checkpoint: Checkpoint = no_checkpoint) -> None:
        """Builds and binds; raises what keeps the daemon from starting, each error with its remedy."""
        self.base = base = Base(settings)
        self.measurement = MeasurementService(
            base.database, base.clock, base.catalog, base.credentials.resolve, settings.measurement
        )
        self.assurance = Assurance(base, self.measurement, self._faults(settings))
        self.delivery = Delivery(base)
        works = handlers(base, self, self.measurement.tests, self.delivery.policy)
        self.fulfilment = fulfilment(base, self.assurance.service.lifecycle, self.measurement, works, checkpoint)
        self.actions = ActionService(
            ActionParts(
                database=base.database,
                clock=base.clock,
                queue=base.queue,
                fulfilment=self.fulfilment,
                tests=self.measurement.tests,
                rules=load_rules(settings.catalog, settings.actions),
                settings=settings.actions,
                freezes=fulfilment_settings(settings.fulfillment).freezes,
            )
        )
        self.prometheus = Prometheus(base, self.assurance.service.figures)
        self.housekeeping = Housekeeping(base.database, base.clock, settings.keep)
        self.scheduler = Scheduler()
        self.server = ApiServer(settings.api)
        self.api = self._api()
        self.app = create_app(self.api)

    @property
    def url(self) -> str:
        return self.server.url

    async def start(self) -> None:
        if not self.base.settings.fulfillment.carry_out:
            await self.fulfilment.attendance.look()  # else what a predecessor told of it would be cleared, and told again
        await self.assurance.start()
        await asyncio.to_thread(self.fulfilment.start)
        self.delivery.start()
        self.scheduler.take(self._jobs())
        self.scheduler.start()
        await self.server.start(self.app)
        self.prometheus.start(self.url)
        self.scheduler.take(self.prometheus.jobs())
        log.info("fabd is up", url=self.url, database=self.base.database.url.render_as_string(hide_password=True))

    async def stop(self) -> None:
        """No new work; then what is under way ends, all of it at the same time; the database last."""
        self.scheduler.stop()
        self.delivery.end()
        finishing = asyncio.create_task(asyncio.to_thread(self.fulfilment.stop, STOP_DEADLINE), name="finishing")
        await self.server.stop()
        in_time = await finishing
        await asyncio.to_thread(self.measurement.stop)
        await self.prometheus.stop()
        await self.assurance.stop()
        await self.delivery.stop()
        await asyncio.to_thread(self.base.close)
        log.info("fabd is down", finished=in_time)

    def _jobs(self) -> Iterator[Job]:
        """What is done again and again; a job's name is its own in all the daemon."""
        yield from self.assurance.jobs()
        yield Job("what is measured", self.measurement.refresh_every, self.measurement.refresh)
        yield Job("old service tests", TIDY_EVERY, self.measurement.tidy)
        yield Job("orders in jeopardy", LOOK_OUT_EVERY, self.fulfilment.look_out)
        if not self.base.settings.fulfillment.carry_out:
            yield Job("whether orders are carried out", ATTENDED_EVERY, self.fulfilment.attendance.look)
        if (drift := self.base.settings.drift).audit:
            yield Job("drift audit", AUDIT_EVERY, self.fulfilment.audit_drift, until=lambda: drift.until(self.base.clock.now()))
        yield Job("actions", self.actions.interval, self.actions.look)
        yield Job("old actions", TIDY_EVERY, self.actions.tidy)
        yield Job("tidy up", TIDY_EVERY, self.housekeeping.tidy)

    def _faults(self, settings: Settings) -> Faults:
        return {} if settings.fulfillment.carry_out else {"fulfilment": lambda: self.fulfilment.attendance.fault}

    def _api(self) -> parts.Parts:
        return api_parts(
            self.base, self.fulfilment, self.assurance, self.actions, self.measurement.tests, self._metrics(), self.delivery.policy
        )

    def _metrics(self) -> Metrics:
        metrics = Metrics()
        for part in (self.assurance, self.actions, self.measurement, self.prometheus):
            metrics.add(part.families)
        return metrics
