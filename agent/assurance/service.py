"""Assurance as the daemon sees it: periodic work to schedule, traps to take in, figures to show, and the lifecycle of services."""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from agent.assurance.alarms import itself
from agent.assurance.alarms.itself import Itself
from agent.assurance.alarms.upkeep import Upkeep
from agent.assurance.collection.cycle import EVERYBODY, Cycle, Turn
from agent.assurance.collection.meter import Meter
from agent.assurance.collection.poller import Collects, Poller, Resolve
from agent.assurance.collection.tracks import rules_of
from agent.assurance.collectors.abandoning import abandon
from agent.assurance.collectors.collecting import Collecting, CollectingParts
from agent.assurance.events.hearing import Ears, Hearing
from agent.assurance.events.translation import Translation
from agent.assurance.figures import Figures, Gauge
from agent.assurance.findings import Finding, Source
from agent.assurance.history.keeping import Keeping
from agent.assurance.history.store import History, Retention
from agent.assurance.levels.judging import Judging
from agent.assurance.levels.sla import CasesOf, no_cases
from agent.assurance.lifecycle import AssuranceLifecycle, MonitorsOf, Renewed, unnoticed
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.whose import owned
from agent.assurance.pruning import Pruning
from agent.assurance.rounds import Rounds
from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from agent.assurance.writer import Writer
from agent.catalog import load_foresight, load_translations
from agent.config import AssuranceSettings, PollingSettings, UsageSettings
from agent.measurement.minutes import ServiceMinute
from agent.scheduler import Job
from crm_bridge.book import PolicyBook
from inventory.db import Database
from policies.detection.rules import Rule
from policies.values import Clock

log = structlog.get_logger(__name__)

TICK = timedelta(seconds=1)
PRUNE_EVERY = timedelta(hours=1)
UPKEEP_EVERY = timedelta(seconds=5)
SILENT_LINKS_EVERY = timedelta(seconds=5)
HINTS_EVERY = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class AssuranceParts:
    database: Database
    clock: Clock
    collector: Collects
    resolve: Resolve
    book: PolicyBook
    monitors_of: MonitorsOf
    polling: PollingSettings
    assurance: AssuranceSettings
    usage: UsageSettings
    retention: Retention = Retention()  # noqa: RUF009  immutable
    foresight: tuple[Rule, ...] = field(default_factory=load_foresight)
    cases_of: CasesOf = no_cases
    renewed: Renewed = unnoticed
    ears: Ears = Ears()  # noqa: RUF009  immutable
    asks: CollectingParts | None = None
    """Collectors beside SNMP; None where nobody is asked."""
    faults: itself.Faults = field(default_factory=dict)
    """Parts of the daemon beside assurance, and what keeps them from their work."""
    host: str = field(default_factory=socket.gethostname)
    translation: Translation = field(default_factory=lambda: Translation(load_translations()))


class AssuranceService:
    """Lives in one asyncio loop; the database is used in threads, one round at a time.

    Nothing here waits for time to pass: what is due later is kept with its time and done by the `tick` that comes after it.
    """

    def __init__(self, parts: AssuranceParts) -> None:
        database, clock, settings = parts.database, parts.clock, parts.assurance
        self._parts = parts
        self._writer = Writer(database)
        self._poller = Poller(parts.collector, parts.resolve, clock, parts.polling.deadline_s)
        interval = timedelta(seconds=parts.polling.interval_s)
        self._cycle = Cycle(interval)
        meter = Meter(timedelta(seconds=parts.usage.bin_s), interval)
        patience = Patience(hold=timedelta(seconds=settings.hold_s), recheck=2 * interval)
        self._gauge = Gauge(parts.polling.interval_s, rules_of(parts.polling))
        self._upkeep = Upkeep(settings)
        self.keeping = Keeping(database, clock, parts.foresight, parts.retention)
        self.judging = Judging(database, clock, self._writer, parts.book, parts.cases_of, 2 * interval + patience.hold)
        self.pruning = Pruning(database, clock, self._upkeep, timedelta(days=settings.poll_retention_days))
        self._rounds = Rounds(
            database, clock, parts.book, parts.polling, patience, meter=meter, gauge=self._gauge, history=self.keeping.history
        )
        self._verify: dict[str, float] = {}
        """Elements that are to be read once more, and when."""
        self.collecting = self._collecting()
        asking = {"collectors": self.collecting.fault} if self.collecting is not None else {}
        self._itself = Itself(self._writer, clock, parts.host, {**parts.faults, **asking})
        self.hearing = Hearing(
            replace(parts.ears, collectors=self.collecting),
            parts.translation,
            clock,
            self._gauge,
            watchlist=self._watchlist,
            read=self._visit,
            store=self._writer.carry_out,
            target=self._poller.target,
            poll_all=self.poll_once,
            recheck_s=settings.recheck_s,
        )
        self.lifecycle = AssuranceLifecycle(
            database,
            clock,
            meter,
            parts.collector,
            resolve=parts.resolve,
            monitors_of=parts.monitors_of,
            changed=self._rounds.watching.services_changed,
            renewed=parts.renewed,
        )

    async def start(self) -> None:
        """Begin to listen for events; raises `TrapSetupError` or `ListenerSetupError` when a port cannot be had."""
        await self.hearing.start()
        if self.collecting is None:
            await self._writer.carry_out(lambda session: abandon(session, self._parts.clock.now()))

    async def stop(self) -> None:
        await self.hearing.stop()
        if self.collecting is not None:
            await self.collecting.stop()
        await self.keeping.write()

    def jobs(self) -> Iterator[Job]:
        """What the daemon's scheduler has to call, and how often."""
        settings = self._parts.assurance
        yield Job("poll", self._cycle.every, self.poll)
        yield Job("assurance tick", min(TICK, timedelta(seconds=settings.verify_spacing_s)), self.tick)
        yield Job("second looks", TICK, self.look_again)
        yield Job("silent elements", TICK, self.call_silent)
        yield Job("lost events", TICK, self.hearing.look_out)
        yield Job("what events said", HINTS_EVERY, self.settle_hints)
        yield from self.judging.jobs(timedelta(seconds=settings.sla_interval_s))
        yield Job("silent links", SILENT_LINKS_EVERY, self.look_for_silent_links)
        yield Job("alarm upkeep", UPKEEP_EVERY, self.keep_up)
        yield Job("prune polls", PRUNE_EVERY, self.pruning.prune)
        if self.collecting is not None:
            yield Job("collectors", TICK, self.collecting.turn)
        yield Job("the daemon itself", itself.LOOK_EVERY, self._itself.look)
        yield from self.keeping.jobs()

    @property
    def ready(self) -> bool:
        """Everybody was asked once."""
        return self._gauge.is_ready

    @property
    def history(self) -> History:
        return self.keeping.history

    def figures(self) -> Figures:
        receiver = self._parts.ears.traps
        return self._gauge.snapshot(self._parts.clock.now().timestamp(), None if receiver is None else receiver.stats)

    async def poll(self) -> None:
        """Those whose turn it is in the cycle; after a start everybody, part by part."""
        watchlist = await self._watchlist()
        turn = self._cycle.turn(len(watchlist.elements), self._parts.clock.monotonic())
        while turn is not None:
            await self._poll(turn)
            turn = self._cycle.early()

    async def poll_once(self) -> None:
        """One cycle over everything that is not silent, at once."""
        await self._poll(EVERYBODY)

    async def _poll(self, turn: Turn) -> None:
        watchlist, elements = await self._writer.run(lambda: self._whose_turn(turn))
        await self._visit(watchlist, elements, Source.POLL, ends_cycle=turn.last)
        if turn.last:
            self._gauge.ready()

    def _whose_turn(self, turn: Turn) -> tuple[Watchlist, list[WatchedElement]]:
        watchlist = self._rounds.begin_cycle() if turn.first else self._rounds.watchlist()
        if turn.first:
            self._poller.keep(watchlist.elements)
        talking = self._rounds.talking(watchlist.elements)
        return watchlist, [watchlist.elements[name] for name in sorted(talking) if name in turn]

    async def call_silent(self) -> None:
        """Ask silent elements whose turn it is; apart from all else, for most of them take their whole deadline."""
        silent = await self._writer.run(self._rounds.take_silent)
        if silent:
            watchlist = await self._watchlist()
            if wanted := [watchlist.elements[name] for name in sorted(silent) if name in watchlist.elements]:
                await self._visit(watchlist, wanted, Source.VERIFY)

    async def tick(self) -> None:
        """Do what has become due: reads that verify, and causes to be decided."""
        now = self._parts.clock.monotonic()
        verify = {name for name, due in self._verify.items() if due <= now}
        if verify:
            for name in verify:
                del self._verify[name]
            watchlist = await self._watchlist()
            names = (verify | watchlist.neighbours(verify)) & set(watchlist.elements)
            await self._visit(watchlist, [watchlist.elements[name] for name in sorted(names)], Source.VERIFY)
        elif self._rounds.pending:
            await self._writer.run(self._rounds.correlate)

    async def look_for_silent_links(self) -> None:
        """Links whose ports are up and that pass nothing; what would tell more of them is read soon."""
        wanted, due = await self._writer.run(self._rounds.look_for_silent_links), self._parts.clock.monotonic()
        for name in wanted.read:
            self._verify.setdefault(name, due)
        if wanted.owners and (reads := self.hearing.ears.objects) is not None:
            answers = await owned(reads, self._poller.target, await self._watchlist(), wanted.owners)
            await self._writer.run(lambda: self._rounds.learn_owners(answers))

    async def look_again(self) -> None:
        """What traps spoke of, once more; apart from verification, for it may have gone silent since."""
        await self.hearing.desk.look_again()

    async def keep_up(self) -> None:
        """What time does to alarms."""
        await self._writer.carry_out(lambda session: self._upkeep.run(session, self._parts.clock.now()))

    async def settle_hints(self) -> None:
        """Write how often events said what they said."""
        if self._rounds.hints_due:
            await self._writer.carry_out(self._rounds.settle_hints)

    async def take_measured(self, minutes: Sequence[ServiceMinute]) -> None:
        """Judge what was measured of services against what was promised for them, and keep it for a while."""
        if minutes:
            await self._writer.carry_out(lambda session: self.judging.take_measured(session, minutes))
            await asyncio.to_thread(self.keeping.take_measured, minutes)
            await self._writer.run(lambda: self._rounds.take_measured(minutes))

    def _collecting(self) -> Collecting | None:
        parts = self._parts
        if parts.asks is None or not parts.asks.settings.enabled:
            return None
        return Collecting(
            parts.asks,
            parts.database,
            parts.clock,
            self.history,
            store=self._writer.carry_out,
            topology=lambda: self._writer.run(self._rounds.topology),
            silent=self._rounds.silent,
        )

    async def _watchlist(self) -> Watchlist:
        return await self._writer.run(self._rounds.watchlist)

    async def _visit(
        self,
        watchlist: Watchlist,
        elements: Iterable[WatchedElement],
        source: Source,
        hints: Sequence[Finding] = (),
        *,
        deadline_s: float | None = None,
        ends_cycle: bool = True,
    ) -> None:
        visit = replace(await self._poller.visit(elements, source, deadline_s), ends_cycle=ends_cycle)
        digested = await self._writer.run(lambda: self._rounds.store(watchlist, visit, hints))
        due = self._parts.clock.monotonic() + self._parts.assurance.verify_spacing_s
        for name in digested.newly_failing:
            self._verify.setdefault(name, due)
        for name, reason in visit.unasked.items():
            log.warning("element not polled", element=name, reason=reason)
