"""Assurance and what it hears, asks and measures with."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from agent.assurance.alarms.itself import Faults
from agent.assurance.collection.meter import Meter
from agent.assurance.collectors.asking import Asking
from agent.assurance.collectors.collecting import CollectingParts
from agent.assurance.collectors.roster import Place
from agent.assurance.events.hearing import Ears
from agent.assurance.events.subscribing import Subscribing
from agent.assurance.events.translation import Translation
from agent.assurance.figures import collector_families, daemon_families
from agent.assurance.history.poolwatch import PoolWatch
from agent.assurance.history.store import Retention
from agent.assurance.lifecycle import AssuranceLifecycle
from agent.assurance.service import AssuranceParts, AssuranceService
from agent.catalog import load_collectors, load_translations
from agent.config import KeepSettings, PollingSettings
from agent.errors import AddressInUse
from agent.listening import Addresses, Listening, syslog_listener
from agent.measurement.service import TAKE_EVERY, MeasurementService
from agent.metrics import Family
from agent.punctuality import cases_of
from agent.scheduler import Job
from agent.wiring.base import Base
from drivers.events.errors import ListenerSetupError
from drivers.port import Target
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.errors import TrapSetupError
from inventory.tables import ElementRow, EndpointRow

POOLS_EVERY = timedelta(minutes=5)
TRUST_EVERY = timedelta(seconds=30)
"""How soon an element that was imported while the daemon runs is heard."""


class Assurance:
    """The service, its collector and receivers, and what measures actively for it."""

    def __init__(self, base: Base, measurement: MeasurementService, faults: Faults) -> None:
        """Binds what is listened on. `faults`: of parts that are neither of assurance nor of measurement."""
        settings = base.settings
        self._measurement = measurement
        self._addresses = Addresses(base.database)
        self._listening = Listening(settings.traps, base.database, base.credentials, base.clock) if settings.traps.enabled else None
        self._subscribing = subscribing(base) if settings.notifications.enabled else None
        self._collector = Collector(base.clock, collector_limits(settings.polling))
        self.service = AssuranceService(
            AssuranceParts(
                database=base.database,
                clock=base.clock,
                collector=self._collector,
                resolve=base.credentials.resolve,
                book=base.catalog,
                monitors_of=lambda name: base.catalog.specification(name).watched,
                polling=settings.polling,
                assurance=settings.assurance,
                usage=settings.usage,
                retention=retention(settings.keep),
                foresight=base.foresight,
                cases_of=cases_of,
                renewed=measurement.acceptor.renew,
                ears=Ears(
                    traps=self._listening.receiver if self._listening else None,
                    syslog=syslog_listener(settings.syslog, base.clock) if settings.syslog.enabled else None,
                    notices=self._subscribing,
                    objects=self._collector.objects,
                    relays=tuple(settings.syslog.relays),
                ),
                asks=collecting(base),
                faults={"measuring": measurement.watch.fault, **faults},
                translation=Translation(load_translations(settings.catalog)),
            )
        )
        self._pools = PoolWatch(base.database, base.clock, self.service.history)

    async def start(self) -> None:
        """Raises `AddressInUse` with the settings to change."""
        try:
            await self.service.start()
        except TrapSetupError as error:
            raise AddressInUse(f"{error} (settings traps.host, traps.port, traps.enabled)") from error
        except ListenerSetupError as error:
            raise AddressInUse(f"{error} (settings syslog.host, syslog.port, syslog.enabled)") from error
        if self._listening:
            await self._listening.refresh()

    async def stop(self) -> None:
        await self.service.stop()

    def jobs(self) -> Iterator[Job]:
        if self._listening:
            yield Job("trap credentials", TRUST_EVERY, self._listening.refresh, delay=TRUST_EVERY)
        yield Job("addresses of elements", TRUST_EVERY, self._know_addresses)
        if self._subscribing:
            yield Job("notifications", TRUST_EVERY, self._subscribing.refresh)
        yield Job("pools", POOLS_EVERY, self._pools.look)
        yield Job("measured minutes", TAKE_EVERY, partial(self._measurement.hand_over, self.service.take_measured))
        yield from self.service.jobs()

    def families(self) -> Iterator[Family]:
        yield from daemon_families(self.service.figures())
        yield from collector_families(self._collector.drops)
        yield from self.service.hearing.families()
        if self.service.collecting is not None:
            yield from self.service.collecting.families()
        yield from self.service.keeping.families()
        yield from self._pools.families()

    def awaited(self) -> Sequence[str]:
        """What there is to wait for until the daemon knows its network."""
        return () if self.service.ready else ("the first poll cycle",)

    async def _know_addresses(self) -> None:
        self.service.hearing.desk.aliases = await self._addresses.aliases()


def lifecycle(base: Base, measurement: MeasurementService) -> AssuranceLifecycle:
    """For who carries orders out and leaves all else of assurance to others."""
    settings = base.settings
    return AssuranceLifecycle(
        base.database,
        base.clock,
        Meter(settings.bin_length, timedelta(seconds=settings.polling.interval_s), polls=False),
        Collector(base.clock, collector_limits(settings.polling)),
        resolve=base.credentials.resolve,
        monitors_of=lambda name: base.catalog.specification(name).watched,
        renewed=measurement.acceptor.renew,
    )


def collecting(base: Base) -> CollectingParts:
    known_hosts, resolve = base.settings.known_hosts_file, base.credentials.resolve

    def target_of(place: Place) -> Target:
        credential, platform = resolve(place.credential), base.platforms.place(place.platform)
        return Target(place.element, platform, place.protocol, place.host, place.port, credential, known_hosts)

    asking = Asking(base.drivers, target_of, base.clock)
    return CollectingParts(load_collectors(base.settings.catalog), asking, base.settings.collectors)


def subscribing(base: Base) -> Subscribing:
    known_hosts, resolve, wanted = base.settings.known_hosts_file, base.credentials.resolve, base.settings.notifications

    def target_of(element: ElementRow, place: EndpointRow) -> Target:
        return Target(element.name, element.platform, "netconf", place.host, place.port, resolve(place.credential), known_hosts)

    return Subscribing(base.database, base.clock, target_of, wanted.elements, wanted.attempt_s)


def retention(keep: KeepSettings) -> Retention:
    return Retention(*(timedelta(days=days) for days in (keep.minutes_days, keep.five_minutes_days, keep.hours_days)))


def collector_limits(settings: PollingSettings) -> CollectorLimits:
    return CollectorLimits(concurrency=settings.concurrency, attempt=settings.timeout_s)
