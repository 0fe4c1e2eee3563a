"""Assurance as the daemon sees it: periodic work to schedule, traps to take in, figures to show, and the lifecycle of services."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog
from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import LINK_DOWN, UNREACHABLE
from agent.assurance.alarms.handling import close_unwatched
from agent.assurance.alarms.upkeep import Upkeep
from agent.assurance.collection.cycle import EVERYBODY, Cycle, Turn
from agent.assurance.collection.memory import Memory
from agent.assurance.collection.meter import Meter
from agent.assurance.collection.poller import Collects, Poller, Resolve, Visit
from agent.assurance.collection.tracks import CAUSES, rules_of
from agent.assurance.collectors.collecting import Collecting, CollectingParts
from agent.assurance.digest import Digest, Digested
from agent.assurance.events.hearing import Ears, Hearing
from agent.assurance.events.translation import Translation
from agent.assurance.figures import Figures, Gauge
from agent.assurance.findings import Finding, FindingKind, Source
from agent.assurance.history.feed import values_of
from agent.assurance.history.foresight import Foresight
from agent.assurance.history.store import History, Retention, SeriesKey
from agent.assurance.levels import indicators
from agent.assurance.levels.budgets import BudgetWatch, Looked
from agent.assurance.levels.measuring import readings_of, series_of
from agent.assurance.levels.sla import CasesOf, Judge, Judged, no_cases
from agent.assurance.lifecycle import AssuranceLifecycle, MonitorsOf, Renewed, unnoticed
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.reporting import Reporter
from agent.assurance.tables import AlarmRow, ObservationRow, PollRow, ReadingRow
from agent.assurance.topology.watching import Watching
from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from agent.catalog import load_foresight, load_translations
from agent.config import AssuranceSettings, PollingSettings, UsageSettings
from agent.measurement.minutes import ServiceMinute
from crm_bridge.book import PolicyBook
from crm_bridge.promises import Promises
from inventory.db import Database
from policies.detection.rules import Rule
from policies.values import Clock

log = structlog.get_logger(__name__)

TICK = timedelta(seconds=1)
PRUNE_EVERY = timedelta(hours=1)
WRITE_HISTORY_EVERY = timedelta(minutes=5)
TIDY_HISTORY_EVERY = timedelta(days=1)
UPKEEP_EVERY = timedelta(seconds=5)
HINTS_EVERY = timedelta(seconds=15)
PRUNED_AT_ONCE = 1000
"""Poll cycles in one transaction."""
BACK = frozenset({FindingKind.REACHABLE, FindingKind.LINK_UP})
"""What lies behind may be back with it, however long it would not be asked."""
JUDGED_AT_ONCE = 500
"""Services whose periods are judged in one transaction."""


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
    translation: Translation = field(default_factory=lambda: Translation(load_translations()))


@dataclass(frozen=True, slots=True)
class Job:
    """Periodic work; `work` is called by a scheduler that never lets two of the same run at once."""

    name: str
    interval: timedelta
    work: Callable[[], Awaitable[object]]


class AssuranceService:
    """Lives in one asyncio loop; the database is used in threads, one round at a time.

    Nothing here waits for time to pass: what is due later is kept with its time and done by the `tick` that comes after it.
    """

    def __init__(self, parts: AssuranceParts) -> None:
        self._parts = parts
        self._poller = Poller(parts.collector, parts.resolve, parts.clock, parts.polling.deadline_s)
        self._interval = timedelta(seconds=parts.polling.interval_s)
        self._cycle = Cycle(self._interval)
        self._meter = Meter(timedelta(seconds=parts.usage.bin_s), self._interval)
        self._patience = Patience(hold=timedelta(seconds=parts.assurance.hold_s), recheck=2 * self._interval)
        self._gauge = Gauge(parts.polling.interval_s, rules_of(parts.polling))
        self._upkeep = Upkeep(parts.assurance)
        self.history = History(parts.database)
        self._foresight = Foresight(parts.database, parts.foresight)
        self._turn = asyncio.Lock()
        self._watching = Watching()
        self._memory, self._digest = self._forget()
        self._promises = Promises(parts.book)
        self._periods, self._budgets = Judge(parts.book, parts.cases_of), BudgetWatch(self._promises)
        self._recalled = False
        self._pending = False
        self._verify: dict[str, float] = {}
        self.collecting = self._collecting(parts)
        self.hearing = Hearing(
            replace(parts.ears, collectors=self.collecting),
            parts.translation,
            parts.clock,
            self._gauge,
            watchlist=self._watchlist,
            read=self._visit,
            store=self._carry_out,
            target=self._poller.target,
            poll_all=self.poll_once,
            recheck_s=parts.assurance.recheck_s,
        )
        self.lifecycle = AssuranceLifecycle(
            parts.database,
            parts.clock,
            self._meter,
            parts.collector,
            resolve=parts.resolve,
            monitors_of=parts.monitors_of,
            changed=self._watching.services_changed,
            renewed=parts.renewed,
        )

    async def start(self) -> None:
        """Begin to listen for events; raises `TrapSetupError` or `ListenerSetupError` when a port cannot be had."""
        await self.hearing.start()

    async def stop(self) -> None:
        await self.hearing.stop()
        if self.collecting is not None:
            await self.collecting.stop()
        await self.write_history()

    def jobs(self) -> tuple[Job, ...]:
        """What the daemon's scheduler has to call, and how often."""
        settings = self._parts.assurance
        return (
            Job("poll", self._cycle.every, self.poll),
            Job("assurance tick", min(TICK, timedelta(seconds=settings.verify_spacing_s)), self.tick),
            Job("second looks", TICK, self.look_again),
            Job("silent elements", TICK, self.call_silent),
            Job("lost events", TICK, self.hearing.look_out),
            Job("what events said", HINTS_EVERY, self.settle_hints),
            Job("objectives", timedelta(seconds=settings.sla_interval_s), self.judge),
            Job("budgets", timedelta(seconds=settings.sla_interval_s), self.watch_budgets),
            Job("alarm upkeep", UPKEEP_EVERY, self.keep_up),
            Job("prune polls", PRUNE_EVERY, self.prune),
            *([Job("collectors", TICK, self.collecting.turn)] if self.collecting is not None else []),
            Job("history", WRITE_HISTORY_EVERY, self.keep_history),
            Job("tidy history", TIDY_HISTORY_EVERY, self.tidy_history),
        )

    @property
    def ready(self) -> bool:
        """The first cycle is done."""
        return self._gauge.is_ready

    def figures(self) -> Figures:
        receiver = self._parts.ears.traps
        return self._gauge.snapshot(self._parts.clock.now().timestamp(), None if receiver is None else receiver.stats)

    async def poll(self) -> None:
        """Those whose turn it is in the cycle."""
        watchlist = await self._watchlist()
        turn = self._cycle.turn(len(watchlist.elements), self._parts.clock.monotonic())
        if turn is not None:
            await self._poll(turn)

    async def poll_once(self) -> None:
        """One cycle over everything that is not silent, at once."""
        await self._poll(EVERYBODY)

    async def _poll(self, turn: Turn) -> None:
        async with self._turn:
            watchlist = await asyncio.to_thread(self._load, tidy=turn.first)
            talking = [name for name in self._memory.talking(watchlist.elements) if name in turn]
        elements = [watchlist.elements[name] for name in sorted(talking)]
        await self._visit(watchlist, elements, Source.POLL, ends_cycle=turn.last)
        if turn.last:
            self._gauge.ready()

    async def call_silent(self) -> None:
        """Ask silent elements whose turn it is; apart from all else, for most of them take their whole deadline."""
        now = self._parts.clock.monotonic()
        async with self._turn:
            silent = self._memory.silent_due(now)
            self._memory.put_off(silent, now)
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
        elif self._pending:
            await self.correlate()

    async def look_again(self) -> None:
        """What traps spoke of, once more; apart from verification, for it may have gone silent since."""
        await self.hearing.desk.look_again()

    async def correlate(self) -> None:
        """Decide what can be decided by now."""
        async with self._turn:
            await asyncio.to_thread(self._correlate)

    async def judge(self) -> list[Judged]:
        """Judge the periods that have ended, once enough time has passed to know of everything in them."""
        patience = 2 * self._interval + self._patience.hold
        return await asyncio.to_thread(self._judge, patience)

    async def watch_budgets(self) -> Looked:
        """Look at the budgets of periods that go on: who burns them, and of whom too little is known."""
        async with self._turn:
            return await asyncio.to_thread(self._watch_budgets)

    async def prune(self) -> int:
        """Drop poll cycles that are older than the setting and behind nothing that is kept, and alarms that cleared long ago."""
        return await asyncio.to_thread(self._prune)

    async def write_history(self) -> int:
        """Store what was measured since the last time."""
        return await asyncio.to_thread(self.history.write, self._parts.clock.now())

    async def keep_history(self) -> None:
        """Write it, and look what it says of the future."""
        await self.write_history()
        await asyncio.to_thread(self._foresight.look, self._parts.clock.now())

    async def tidy_history(self) -> int:
        """Drop what was kept for as long as it is to be."""
        return await asyncio.to_thread(self.history.tidy, self._parts.clock.now(), self._parts.retention)

    async def keep_up(self) -> None:
        """What time does to alarms."""
        await self._carry_out(lambda session: self._upkeep.run(session, self._parts.clock.now()))

    async def take_measured(self, minutes: Sequence[ServiceMinute]) -> None:
        """Judge what was measured of services against what was promised for them, and keep it for a while."""
        if minutes:
            async with self._turn:
                await asyncio.to_thread(self._take_measured, minutes)

    def _take_measured(self, minutes: Sequence[ServiceMinute]) -> None:
        with self._parts.database.write() as session:
            indicators.record(session, self._promises, readings_of(minutes), self._parts.clock.now())
        for at, values in series_of(minutes):
            self.history.take(at, {SeriesKey(*key): value for key, value in values.items()})

    async def settle_hints(self) -> None:
        """Write how often events said what they said."""
        if self._digest.hints.due(now := self._parts.clock.monotonic()):
            await self._carry_out(lambda session: self._digest.hints.settle(session, now))

    def _collecting(self, parts: AssuranceParts) -> Collecting | None:
        if parts.asks is None or not parts.asks.settings.enabled:
            return None
        return Collecting(
            parts.asks,
            parts.database,
            parts.clock,
            self.history,
            store=self._carry_out,
            watchlist=self._watchlist,
            silent=lambda element: self._memory.silent(element),  # noqa: PLW0108  the memory is replaced after a failure
        )

    async def _carry_out(self, work: Callable[[Session], object]) -> None:
        def carried() -> None:
            with self._parts.database.write() as session:
                work(session)

        async with self._turn:
            await asyncio.to_thread(carried)

    async def _watchlist(self) -> Watchlist:
        async with self._turn:
            return await asyncio.to_thread(self._load)

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
        async with self._turn:
            digested = await asyncio.to_thread(self._store, watchlist, visit, hints)
        due = self._parts.clock.monotonic() + self._parts.assurance.verify_spacing_s
        for name in digested.newly_failing:
            self._verify.setdefault(name, due)
        back = {finding.element for finding in digested.findings if finding.kind in BACK}
        self._memory.call(watchlist.neighbours(back), self._parts.clock.monotonic())
        for name, reason in visit.unasked.items():
            log.warning("element not polled", element=name, reason=reason)

    def _store(self, watchlist: Watchlist, visit: Visit, hints: Sequence[Finding]) -> Digested:
        try:
            with self._parts.database.write() as session:
                self._recall(session, watchlist)
                digested = self._digest.digest(session, watchlist, visit, hints)
        except BaseException:
            self._memory, self._digest = self._forget()
            self._recalled = False
            raise
        for finding in digested.findings:
            log.info("found", finding=str(finding.kind), element=finding.element, object=finding.object, poll_id=finding.poll_id)
        for at, values in values_of(self._gauge.tracks.rates):
            self.history.take(at, values)
        self._note(digested.pending, len(digested.silent))
        self._gauge.rounds(watchlist, visit, digested, self._meter)
        return digested

    def _correlate(self) -> None:
        with self._parts.database.write() as session:
            board = self._digest.correlate(session, self._watching.watchlist(session), self._parts.clock.now())
            self._note(bool(board.pending), len(board.failures.silent))

    def _note(self, pending: bool, silent: int) -> None:
        self._pending = pending
        self._gauge.unreachable(silent)

    def _judge(self, grace: timedelta) -> list[Judged]:
        """In pieces: when a month ends for ten thousand services, others want to write meanwhile."""
        judged: list[Judged] = []
        while True:
            with self._parts.database.write() as session:
                found = self._periods.run(session, self._parts.clock.now(), grace=grace, limit=JUDGED_AT_ONCE)
            if not found:
                return judged
            judged += found

    def _watch_budgets(self) -> Looked:
        try:
            with self._parts.database.write() as session:
                return self._budgets.look(session, self._parts.clock.now())
        except BaseException:
            self._budgets = BudgetWatch(self._promises)
            raise

    def _load(self, *, tidy: bool = False) -> Watchlist:
        """`tidy`: forget what is not watched any more, and close its alarms."""
        if not tidy:
            with self._parts.database.read() as session:
                return self._watching.watchlist(session)
        self._watching.forget()
        with self._parts.database.write() as session:
            watchlist = self._watching.watchlist(session)
            elements, now = watchlist.topology.elements.keys(), self._parts.clock.now()
            close_unwatched(session, elements, watchlist.ports, now)
            self._recall(session, watchlist)
        self._memory.keep(watchlist.topology.elements, watchlist.ports)
        self._poller.keep(watchlist.elements)
        self._gauge.tracks.keep({name: {port.name for port in element.ports} for name, element in watchlist.elements.items()})
        return watchlist

    def _recall(self, session: Session, watchlist: Watchlist) -> None:
        """Once after the start, and after a failure: what the open alarms say, and when was the last regular poll."""
        if self._recalled:
            return
        alarms = list(Board.read(session).alarms)
        polled = session.scalar(select(func.max(PollRow.ended_at)).where(PollRow.source == Source.POLL.value))
        self._memory.recall(
            {alarm.element: alarm.last_at for alarm in alarms if alarm.cause == UNREACHABLE},
            {alarm.reference: alarm.last_at for alarm in alarms if alarm.cause == LINK_DOWN},
            {} if polled is None else dict.fromkeys(watchlist.elements, polled),
            self._parts.clock.monotonic(),
        )
        warnings = select(AlarmRow.element, AlarmRow.object, AlarmRow.cause, AlarmRow.qualifier)
        standing = session.execute(warnings.where(AlarmRow.cleared_at.is_(None), AlarmRow.cause.in_(sorted(CAUSES))))
        self._gauge.tracks.recall((row.element, row.object, row.cause, row.qualifier) for row in standing)
        self._pending = bool(alarms)
        self._recalled = True

    def _forget(self) -> tuple[Memory, Digest]:
        """Nothing in memory that is not in the database."""
        parts = self._parts
        memory = Memory(parts.polling.failures_to_down, parts.polling.successes_to_up, parts.polling.interval_s)
        self._meter.forget()
        self._gauge.tracks.forget_crossings()
        return memory, Digest(memory, self._meter, self._gauge.tracks, Reporter(parts.book), self._patience, parts.clock)

    def _prune(self) -> int:
        before = self._parts.clock.now() - timedelta(days=self._parts.assurance.poll_retention_days)
        read = exists().where(ReadingRow.poll_id == PollRow.id)
        observed = exists().where(ObservationRow.poll_id == PollRow.id)
        old = select(PollRow.id).where(PollRow.started_at < before, ~read, ~observed).limit(PRUNED_AT_ONCE)

        def polls(session: Session) -> int:
            return len(session.scalars(delete(PollRow).where(PollRow.id.in_(old)).returning(PollRow.id)).all())

        self._in_pieces(lambda session: self._upkeep.forget(session, self._parts.clock.now()))
        self._in_pieces(lambda session: indicators.prune(session, before))
        return self._in_pieces(polls)

    def _in_pieces(self, work: Callable[[Session], int]) -> int:
        """Each in a transaction of its own, until one finds nothing left: others want to write meanwhile."""
        done = 0
        while True:
            with self._parts.database.write() as session:
                found = work(session)
            if not found:
                return done
            done += found
