"""Rounds of readings against what is remembered of those before: what is watched, what a round found, which causes it decides.

Memory follows the database. After a round that could not be stored nothing of it is believed, and it begins again with what the
open alarms say. After a decision that could not be stored what stands is read anew; what elements last said holds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import LINK_DOWN, UNREACHABLE
from agent.assurance.alarms.handling import close_unwatched
from agent.assurance.collection.memory import Memory
from agent.assurance.collection.meter import Meter
from agent.assurance.collection.poller import Visit
from agent.assurance.collection.tracks import CAUSES
from agent.assurance.digest import Digest, Digested
from agent.assurance.figures import Gauge
from agent.assurance.findings import Finding, FindingKind, Source
from agent.assurance.history.feed import values_of
from agent.assurance.history.store import History
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.reporting import Reporter
from agent.assurance.problems.silentlinks import Wanted
from agent.assurance.tables import AlarmRow, PollRow
from agent.assurance.topology.watching import Watching
from agent.assurance.topology.watchlist import Watchlist
from agent.config import PollingSettings
from agent.measurement.minutes import ServiceMinute
from crm_bridge.book import PolicyBook
from inventory.db import Database
from inventory.topology import Topology
from policies.values import Clock

log = structlog.get_logger(__name__)

BACK = frozenset({FindingKind.REACHABLE, FindingKind.LINK_UP})
"""What lies behind may be back with it, however long it would not be asked."""


class Rounds:
    """Called by one thread at a time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        book: PolicyBook,
        polling: PollingSettings,
        patience: Patience,
        *,
        meter: Meter,
        gauge: Gauge,
        history: History,
    ) -> None:
        self._database, self._clock, self._book, self._polling, self._patience = database, clock, book, polling, patience
        self._meter, self._gauge, self._history = meter, gauge, history
        self.watching = Watching()
        self._memory, self._digest = self._forget()
        self._recalled = False
        self.pending = False
        """Whether a cause waits to be decided."""

    def watchlist(self) -> Watchlist:
        with self._database.read() as session:
            return self.watching.watchlist(session)

    def topology(self) -> Topology:
        with self._database.read() as session:
            return self.watching.topology(session)

    def begin_cycle(self) -> Watchlist:
        """Load what is watched anew, forget what is not watched any more, and close its alarms."""
        self.watching.forget()
        with self._database.write() as session:
            watchlist = self.watching.watchlist(session)
            elements, now = watchlist.topology.elements.keys(), self._clock.now()
            close_unwatched(session, elements, watchlist.ports, now)
            self._recall(session, watchlist)
        self._memory.keep(watchlist.topology.elements, watchlist.ports)
        self._gauge.tracks.keep({name: {port.name for port in element.ports} for name, element in watchlist.elements.items()})
        return watchlist

    def store(self, watchlist: Watchlist, visit: Visit, hints: Sequence[Finding]) -> Digested:
        try:
            with self._database.write() as session:
                self._recall(session, watchlist)
                digested = self._digest.digest(session, watchlist, visit, hints)
        except BaseException:
            self._memory, self._digest = self._forget()
            self._recalled = False
            raise
        for finding in digested.findings:
            log.info("found", finding=str(finding.kind), element=finding.element, object=finding.object, poll_id=finding.poll_id)
        for at, values in values_of(self._gauge.tracks.rates):
            self._history.take(at, values)
        self._note(digested.pending, len(digested.silent))
        self._gauge.rounds(watchlist, visit, digested, self._meter)
        back = {finding.element for finding in digested.findings if finding.kind in BACK}
        self._memory.call(watchlist.neighbours(back), self._clock.monotonic())
        return digested

    def correlate(self) -> None:
        """Decide what can be decided by now."""
        with self._deciding() as session:
            board = self._digest.correlate(session, self.watching.watchlist(session), self._clock.now())
        self._note(bool(board.pending), len(board.failures.silent))

    def look_for_silent_links(self) -> Wanted:
        """Gives what would tell more of links that may pass nothing."""
        at = self._clock.now()
        with self._database.read() as session:
            if not self._digest.silent_links_due(session, at):
                return Wanted()
        with self._deciding() as session:
            self._recall(session, watchlist := self.watching.watchlist(session))
            return self._digest.look_for_silent_links(session, watchlist, at)

    def learn_owners(self, answers: Mapping[str, Mapping[str, int] | None]) -> None:
        """What elements said of their addresses: element → address → ifIndex; None for one that could not be asked."""
        self._digest.silent_links.learn(answers, self._clock.monotonic())

    def take_measured(self, minutes: Iterable[ServiceMinute]) -> None:
        self._digest.silent_links.measured.take(minutes)

    def settle_hints(self, session: Session) -> None:
        """Write how often events said what they said."""
        self._digest.hints.settle(session, self._clock.monotonic())

    @property
    def hints_due(self) -> bool:
        return self._digest.hints.due(self._clock.monotonic())

    def talking(self, elements: Iterable[str]) -> frozenset[str]:
        """Those that are not called silent."""
        return self._memory.talking(elements)

    def take_silent(self) -> frozenset[str]:
        """Silent elements whose turn it is to be asked; their next turn is later."""
        now = self._clock.monotonic()
        silent = self._memory.silent_due(now)
        self._memory.put_off(silent, now)
        return silent

    def silent(self, element: str) -> bool:
        return self._memory.silent(element)

    @contextmanager
    def _deciding(self) -> Iterator[Session]:
        try:
            with self._database.write() as session:
                yield session
        except BaseException:
            self._digest.read_anew()
            raise

    def _note(self, pending: bool, silent: int) -> None:
        self.pending = pending
        self._gauge.unreachable(silent)

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
            self._clock.monotonic(),
        )
        warnings = select(AlarmRow.element, AlarmRow.object, AlarmRow.cause, AlarmRow.qualifier)
        standing = session.execute(warnings.where(AlarmRow.cleared_at.is_(None), AlarmRow.cause.in_(sorted(CAUSES))))
        self._gauge.tracks.recall((row.element, row.object, row.cause, row.qualifier) for row in standing)
        self.pending = bool(alarms)
        self._recalled = True

    def _forget(self) -> tuple[Memory, Digest]:
        """Nothing in memory that is not in the database."""
        memory = Memory(self._polling.failures_to_down, self._polling.successes_to_up, self._polling.interval_s)
        self._meter.forget()
        self._gauge.tracks.forget_crossings()
        return memory, Digest(memory, self._meter, self._gauge.tracks, Reporter(self._book), self._patience, self._clock)
