"""The composition root: builds the parts, starts them in order, stops them in the reverse. No logic."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import structlog
import uvloop

from agent import garbage, storage
from agent import log as logs
from agent.actions.service import ACTION_WORK, ActionService
from agent.actions.service import Parts as ActionParts
from agent.api import idempotency
from agent.api import parts as api_parts
from agent.api.app import create_app
from agent.api.ratelimit import RateLimiter
from agent.api.server import ApiServer
from agent.api.tmf import catalog_jobs, monitors, service_qualification, service_test
from agent.api.tmf.catalog_transfer import CATALOG_WORK, CatalogJobRunner, CatalogTransfers
from agent.api.tmf.presenter import TmfPresenter
from agent.api.tmf.qualification_work import QUALIFICATION_WORK, QualificationRunner, Qualifications
from agent.api.tmf.service_test_work import TEST_WORK, ServiceTestRunner
from agent.assurance.alarms.driftalarm import watch_drift
from agent.assurance.collectors.asking import Asking
from agent.assurance.collectors.collecting import CollectingParts
from agent.assurance.collectors.roster import Place
from agent.assurance.events.hearing import Ears
from agent.assurance.events.subscribing import Subscribing
from agent.assurance.events.translation import Translation
from agent.assurance.explain import explain
from agent.assurance.figures import collector_families, daemon_families, element_families
from agent.assurance.history.poolwatch import PoolWatch
from agent.assurance.history.store import Retention
from agent.assurance.service import AssuranceParts, AssuranceService
from agent.catalog import load_actions, load_catalog, load_collectors, load_foresight, load_translations
from agent.clock import SystemClock
from agent.config import FulfillmentSettings, KeepSettings, OutboxSettings, PollingSettings, Settings
from agent.errors import AddressInUse
from agent.fulfillment.approval import ApprovalRule
from agent.fulfillment.freezes import WeeklyFreeze
from agent.fulfillment.journal import Checkpoint, no_checkpoint
from agent.fulfillment.service import FulfilmentService
from agent.fulfillment.service import Parts as FulfilmentParts
from agent.fulfillment.settings import FulfilmentSettings
from agent.housekeeping import Housekeeping
from agent.instance import Instance
from agent.listening import Addresses, Listening, syslog_listener
from agent.measurement.service import TAKE_EVERY, MeasurementService
from agent.metrics import Metrics
from agent.prometheus import alerting
from agent.prometheus.alerting import Alerting
from agent.prometheus.remote import service as remote_write
from agent.prometheus.remote.service import RemoteWrite
from agent.prometheus.services import of_services
from agent.punctuality import cases_of
from agent.scheduler import Scheduler
from agent.security.audit import DAEMON, record
from agent.security.credentials import CredentialResolver
from agent.webhooks import keep_webhooks
from crm_bridge import deliveries
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.dispatcher import Dispatcher, DispatchSettings
from crm_bridge.outbound import Outbound
from drivers.events.errors import ListenerSetupError
from drivers.platform import Platforms
from drivers.port import Target
from drivers.registry import Drivers
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.errors import TrapSetupError
from inventory.db import Database
from inventory.work import Claim, DatabaseQueue
from policies.values import Clock

log = structlog.get_logger(__name__)

STOP_DEADLINE = timedelta(seconds=6)
"""Steps that are not through so long after SIGTERM are left to the journal."""
EXIT_DEADLINE_S = 9.0
"""SIGTERM to exit within ten seconds, whatever hangs."""
TIDY_EVERY = timedelta(hours=1)
AUDIT_EVERY = timedelta(days=1)
POOLS_EVERY = timedelta(minutes=5)
LOOK_OUT_EVERY = timedelta(seconds=30)
"""How soon an order that will be late is told of, when nothing else happens to it."""
TRUST_EVERY = timedelta(seconds=30)
"""How soon an element that was imported while the daemon runs is heard."""


class Daemon:
    def __init__(self, settings: Settings, *, checkpoint: Checkpoint = no_checkpoint) -> None:
        """Builds and binds; raises what keeps the daemon from starting, each error with its remedy."""
        self.settings = settings
        self.clock = SystemClock()
        self.catalog = load_catalog(settings.catalog)
        foresight = load_foresight(settings.catalog)
        self.database = Database(settings.database_url, pool_size=settings.database.pool_size)
        storage.make_file(self.database)
        self.instance = Instance(self.database)
        prepare(self.database, self.clock)
        self._inherit()
        self.credentials = CredentialResolver(settings.credentials_file)
        self.drivers = Drivers()
        self.listening = Listening(settings.traps, self.database, self.credentials, self.clock) if settings.traps.enabled else None
        self.addresses = Addresses(self.database)
        self.subscribing = self._subscribing() if settings.notifications.enabled else None
        self.collector = Collector(self.clock, collector_limits(settings.polling))
        self.measurement = MeasurementService(
            self.database, self.clock, self.catalog, self.credentials.resolve, settings.measurement
        )
        self.assurance = AssuranceService(
            AssuranceParts(
                database=self.database,
                clock=self.clock,
                collector=self.collector,
                resolve=self.credentials.resolve,
                book=self.catalog,
                monitors_of=lambda name: self.catalog.specification(name).watched,
                polling=settings.polling,
                assurance=settings.assurance,
                usage=settings.usage,
                retention=retention(settings.keep),
                foresight=foresight,
                cases_of=cases_of,
                renewed=self.measurement.acceptor.renew,
                ears=Ears(
                    traps=self.listening.receiver if self.listening else None,
                    syslog=syslog_listener(settings.syslog, self.clock) if settings.syslog.enabled else None,
                    notices=self.subscribing,
                    objects=self.collector.objects,
                    relays=tuple(settings.syslog.relays),
                ),
                asks=self._collecting(),
                translation=Translation(load_translations(settings.catalog)),
            )
        )
        policy = CallbackPolicy.of(settings.outbox.allow_private, http=settings.outbox.allow_http)
        self.fulfilment = FulfilmentService(
            FulfilmentParts(
                database=self.database,
                clock=self.clock,
                catalog=self.catalog,
                queue=DatabaseQueue(self.database),
                drivers=self.drivers,
                credentials=self.credentials.resolve,
                lifecycle=self.assurance.lifecycle,
                settings=fulfilment_settings(settings.fulfillment),
                known_hosts=settings.known_hosts_file,
                presenter=TmfPresenter(),
                platforms=Platforms(tuple(settings.catalog.platforms)),
                checkpoint=checkpoint,
                measure=self.measurement.acceptor.measure,
                drift_watch=watch_drift,
                follower=monitors.follow,
                handlers={
                    QUALIFICATION_WORK: self._qualifying(),
                    CATALOG_WORK: self._transferring(policy),
                    TEST_WORK: self._testing(),
                    ACTION_WORK: self._act,
                },
            )
        )
        self.actions = ActionService(
            ActionParts(
                database=self.database,
                clock=self.clock,
                queue=DatabaseQueue(self.database),
                fulfilment=self.fulfilment,
                tests=self.measurement.tests,
                rules=load_actions(settings.catalog),
                settings=settings.actions,
                freezes=fulfilment_settings(settings.fulfillment).freezes,
            )
        )
        self._subscribe(settings.outbox, policy)
        self.dispatcher = Dispatcher(
            self.database,
            self.clock,
            secrets=lambda reference: self.credentials.resolve(reference).password,
            policy=policy,
            settings=DispatchSettings(timeout_s=settings.outbox.timeout_s),
        )
        self.metrics = Metrics()
        self.metrics.add(lambda: daemon_families(self.assurance.figures()))
        self.metrics.add(lambda: collector_families(self.collector.drops))
        self.metrics.add(self.assurance.hearing.families)
        self.metrics.add(self.actions.families)
        self.metrics.add(self.measurement.families)
        if self.assurance.collecting is not None:
            self.metrics.add(self.assurance.collecting.families)
        self.pools = PoolWatch(self.database, self.clock, self.assurance.history)
        self.metrics.add(self.pools.families)
        self.remote_write = self._sending_samples() if settings.remote_write.url else None
        if self.remote_write:
            self.metrics.add(self.remote_write.families)
        self.alerting = Alerting(settings.alertmanager, self.database, self.clock, self.credentials.resolve)
        self.metrics.add(self.alerting.families)
        self.housekeeping = Housekeeping(self.database, self.clock, settings.keep)
        self.scheduler = Scheduler()
        self.server = ApiServer(settings.api)
        self.app = create_app(
            api_parts.Parts(
                settings=settings.api,
                database=self.database,
                clock=self.clock,
                catalog=self.catalog,
                fulfilment=self.fulfilment,
                metrics=self.metrics,
                limiter=RateLimiter(settings.api.rate_per_minute, self.clock.monotonic),
                readiness=self._awaited,
                element_families=lambda shard: element_families(self.assurance.figures(), shard),
                alertmanager=settings.alertmanager,
                service_families=of_services(self.database, self.clock, self.catalog),
                explain=explain,
                hearing=self.assurance.hearing,
                collecting=self.assurance.collecting,
                foresight=foresight,
                cases_of=cases_of,
                callbacks=policy,
                actions=self.actions,
                tests=self.measurement.tests,
            )
        )
        self._stopping = asyncio.Event()
        self._dispatching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return self.server.url

    async def start(self) -> None:
        try:
            await self.assurance.start()
        except TrapSetupError as error:
            raise AddressInUse(f"{error} (settings traps.host, traps.port, traps.enabled)") from error
        except ListenerSetupError as error:
            raise AddressInUse(f"{error} (settings syslog.host, syslog.port, syslog.enabled)") from error
        await asyncio.to_thread(self.fulfilment.start)
        self._dispatching = asyncio.create_task(self.dispatcher.run(self._stopping), name="dispatcher")
        if self.listening:
            await self.listening.refresh()
            self.scheduler.every(TRUST_EVERY, "trap credentials", self.listening.refresh, delay=TRUST_EVERY)
        self.scheduler.every(TRUST_EVERY, "addresses of elements", self._know_addresses)
        if self.subscribing:
            self.scheduler.every(TRUST_EVERY, "notifications", self.subscribing.refresh)
        self.scheduler.every(TIDY_EVERY, "tidy up", self.housekeeping.tidy)
        self.scheduler.every(self.measurement.refresh_every, "what is measured", self.measurement.refresh)
        self.scheduler.every(TAKE_EVERY, "measured minutes", partial(self.measurement.hand_over, self.assurance.take_measured))
        self.scheduler.every(TIDY_EVERY, "old service tests", self.measurement.tidy)
        self.scheduler.every(LOOK_OUT_EVERY, "orders in jeopardy", self.fulfilment.look_out)
        self.scheduler.every(self.actions.interval, "actions", self.actions.look)
        self.scheduler.every(TIDY_EVERY, "old actions", self.actions.tidy)
        if self.settings.drift.audit:
            delay = self.settings.drift.until(self.clock.now())
            self.scheduler.every(AUDIT_EVERY, "drift audit", self.fulfilment.audit_drift, delay=delay)
        self.scheduler.every(POOLS_EVERY, "pools", self.pools.look)
        for job in self.assurance.jobs():
            self.scheduler.every(job.interval, job.name, job.work)
        self.scheduler.start()
        await self.server.start(self.app)
        if self.remote_write:
            self.remote_write.start(urlsplit(self.url).netloc)
            self.scheduler.every(remote_write.LOOK_EVERY, "remote write", self.remote_write.look)
        if self.settings.alertmanager.urls:
            self.alerting.start(self.url, urlsplit(self.url).netloc)
            self.scheduler.every(alerting.LOOK_EVERY, "alerts", self.alerting.look)
        log.info("fabd is up", url=self.url, database=self.database.url.render_as_string(hide_password=True))

    async def stop(self) -> None:
        """No new work; then what is under way ends, all of it at the same time; the database last."""
        self.scheduler.stop()
        self._stopping.set()
        finishing = asyncio.create_task(asyncio.to_thread(self.fulfilment.stop, STOP_DEADLINE), name="finishing")
        await self.server.stop()
        in_time = await finishing
        await asyncio.to_thread(self.measurement.stop)
        if self.remote_write:
            await self.remote_write.stop()
        await self.alerting.stop()
        await self.assurance.stop()
        if self._dispatching:
            await asyncio.wait({self._dispatching}, timeout=1)
            self._dispatching.cancel()
        await asyncio.to_thread(self.drivers.close)
        self.database.close()
        self.instance.release()
        log.info("fabd is down", finished=in_time)

    def _sending_samples(self) -> RemoteWrite:
        return RemoteWrite(
            self.settings.remote_write,
            self.clock,
            self.credentials.resolve,
            lambda: self.assurance.figures().tracks.shown,
            self.settings.polling.interval_s,
        )

    def _act(self, claim: Claim) -> None:
        """Actions are done by what is built of fulfilment, after it."""
        self.actions.runner(claim)

    def _qualifying(self) -> QualificationRunner:
        """Qualifications are planned by the fulfilment that is built around this."""
        queue = DatabaseQueue(self.database)
        return QualificationRunner(
            self.database,
            self.clock,
            queue,
            lambda: Qualifications(self.database, self.catalog, self.fulfilment),
            service_qualification.KINDS,
        )

    def _transferring(self, policy: CallbackPolicy) -> CatalogJobRunner:
        """Catalog jobs are carried out by what the API is built of, after this."""
        outbound = Outbound(policy)
        return CatalogJobRunner(
            self.database,
            self.clock,
            DatabaseQueue(self.database),
            lambda: CatalogTransfers(self.app.state.parts, outbound),
            catalog_jobs.KINDS,
        )

    def _collecting(self) -> CollectingParts:
        known_hosts, resolve = self.settings.known_hosts_file, self.credentials.resolve
        platforms = Platforms(tuple(self.settings.catalog.platforms))

        def target_of(place: Place) -> Target:
            credential = resolve(place.credential)
            platform = platforms.place(place.platform)
            return Target(place.element, platform, place.protocol, place.host, place.port, credential, known_hosts)

        asking = Asking(self.drivers, target_of, self.clock)
        return CollectingParts(load_collectors(self.settings.catalog), asking, self.settings.collectors)

    def _testing(self) -> ServiceTestRunner:
        return ServiceTestRunner(
            self.database, self.clock, DatabaseQueue(self.database), self.measurement.tests, service_test.TESTS
        )

    def _subscribing(self) -> Subscribing:
        known_hosts, resolve = self.settings.known_hosts_file, self.credentials.resolve
        return Subscribing(
            self.database,
            self.clock,
            lambda element, place: Target(
                element.name, element.platform, "netconf", place.host, place.port, resolve(place.credential), known_hosts
            ),
            self.settings.notifications.elements,
            self.settings.notifications.attempt_s,
        )

    async def _know_addresses(self) -> None:
        self.assurance.hearing.desk.aliases = await self.addresses.aliases()

    def _inherit(self) -> None:
        """Requests and events that a predecessor had in hand when it died may be sent again at once."""
        if self.instance.sole:
            with self.database.write() as session:
                idempotency.abandon(session)
                deliveries.inherit(session, self.clock.now())

    def _subscribe(self, settings: OutboxSettings, policy: CallbackPolicy) -> None:
        with self.database.write() as session:
            keep_webhooks(session, settings.webhooks, policy, self.clock.now())

    def _awaited(self) -> Sequence[str]:
        return () if self.assurance.ready else ("the first poll cycle",)


def prepare(database: Database, clock: Clock) -> None:
    """A new database gets its schema; an old or newer one is refused with the remedy."""
    if storage.current_revision(database) is None:
        schema = storage.upgrade(database)
        with database.write() as session:
            record(session, DAEMON, "upgrade", "database", clock.now(), after={"schema": schema})
    storage.require_current(database)


def fulfilment_settings(settings: FulfillmentSettings) -> FulfilmentSettings:
    return FulfilmentSettings(
        workers=settings.workers,
        most_workers=settings.most_workers,
        elements_at_once=settings.element_parallelism,
        connect_timeout=_seconds(settings.connect_timeout_s),
        stage_timeout=_seconds(settings.stage_timeout_s),
        commit_timeout=_seconds(settings.commit_timeout_s),
        finish_timeout=_seconds(settings.finish_timeout_s),
        confirm_timeout=_seconds(settings.confirm_timeout_s),
        verify_timeout=_seconds(settings.verify_timeout_s),
        plan_timeout=_seconds(settings.plan_deadline_s),
        lease=_seconds(settings.lease_s),
        approval=tuple(
            ApprovalRule(tuple(rule.specifications), rule.elements_over, rule.services_over, rule.except_urgent)
            for rule in settings.approval
        ),
        approval_wait=timedelta(days=settings.approval_wait_days),
        reference_wait=timedelta(days=settings.reference_wait_days),
        freezes=tuple(WeeklyFreeze(freeze.reason, freeze.hours(), freeze.urgent_passes) for freeze in settings.freeze),
    )


def retention(keep: KeepSettings) -> Retention:
    return Retention(*(timedelta(days=days) for days in (keep.minutes_days, keep.five_minutes_days, keep.hours_days)))


def collector_limits(settings: PollingSettings) -> CollectorLimits:
    return CollectorLimits(concurrency=settings.concurrency, attempt=settings.timeout_s)


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def run(settings: Settings) -> int:
    """Until SIGTERM or SIGINT; the exit code of the process."""
    logs.configure(settings.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        last_resort = threading.Timer(EXIT_DEADLINE_S, _leave)
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    daemon = await asyncio.to_thread(Daemon, settings)
    try:
        await daemon.start()
        garbage.settle()
        await stop.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await daemon.stop()


def _leave() -> None:
    """A thread that hangs in a library would keep the process; the journal knows what was under way."""
    log.warning("leaving what does not end to the journal", seconds=EXIT_DEADLINE_S)
    os._exit(0)
