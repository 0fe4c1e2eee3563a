"""Failures of the network, from what was found to alarms, the state of services, causes and tickets, in one transaction.

The standing alarms and the verdicts on them are kept in memory from round to round. The alarms' mark says whether another process,
or an operator, has changed them since; then they are read anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from agent.assurance.alarms import mark
from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import FAILURES, meaning_of
from agent.assurance.alarms.flapping import damp
from agent.assurance.alarms.ledger import Ledger
from agent.assurance.findings import Finding
from agent.assurance.levels.health import Change, Refresher
from agent.assurance.problems.correlator import Correlator, Patience
from agent.assurance.problems.reporting import Reporter
from agent.assurance.topology.correlation import Network
from agent.assurance.topology.docket import Docket
from agent.assurance.topology.watchlist import Watchlist


@dataclass(frozen=True, slots=True)
class Hole:
    """A time in which nobody looked at an element, though something of it may vouch for some of its ports."""

    ports: frozenset[str]
    """Those that nothing vouches for, as element/port."""
    begins: Change
    ends: Change


class Faults:
    """What it has in memory is that of its last transaction: after a failed one, make a new one."""

    def __init__(self, reporter: Reporter, patience: Patience) -> None:
        self._reporter, self._patience = reporter, patience
        self._board = Board()
        self._docket = Docket(Network(frozenset()))
        self._turn = mark.Turn(-1)

    @property
    def board(self) -> Board:
        return self._board

    def ledger(self, session: Session, at: datetime) -> Ledger:
        """The turn of writing alarms, with the standing ones of failures in it."""
        ledger = Ledger(session, at, self._patience.hold)
        if ledger.turn.value != self._turn.value:
            self._board = Board.read(session)
            self._docket = Docket(self._docket.network)
        self._turn = ledger.turn
        ledger.recall(self._board.alarms)
        return ledger

    def take(self, ledger: Ledger, watchlist: Watchlist, findings: Sequence[Finding], holes: Sequence[Hole] = ()) -> None:
        """What begins goes before what ends, each in the order of its instants."""
        ledger.fetch_for(findings)
        wanted = frozenset(_over(watchlist, finding) for finding in findings)
        ports = frozenset().union(*wanted, *(hole.ports for hole in holes))
        refresher = Refresher(ledger.session, watchlist.topology, ports, self._board, ledger.at)
        for hole in holes:
            self._board.lose_sight(hole.ports)
            refresher.refresh(hole.ports, hole.begins)
        for finding in sorted(findings, key=_order):
            self._take(ledger, watchlist, finding, refresher)
        for hole in holes:
            self._board.regain_sight(hole.ports)
            refresher.refresh(hole.ports, hole.ends)
        refresher.write()

    def _take(self, ledger: Ledger, watchlist: Watchlist, finding: Finding, refresher: Refresher) -> None:
        observation = ledger.observe(finding)
        alarm = ledger.apply(finding, observation)
        if alarm is None or alarm.cause not in FAILURES:
            return
        self._board.update(alarm)
        if (flapping := damp(ledger, alarm, finding, observation)) is not None:
            self._board.update(flapping)
        change = replace(Change.of(alarm, finding.transition, observation), restart=finding.restart)
        refresher.refresh(_over(watchlist, finding), change)

    def correlate(self, ledger: Ledger, watchlist: Watchlist, suspects: frozenset[str], *, thorough: bool = False) -> None:
        if watchlist.network != self._docket.network:
            self._docket = Docket(watchlist.network)
            self._board.touch_all()
        correlator = Correlator(ledger, self._board, self._docket, watchlist, self._reporter)
        correlator.run(self._patience, suspects, thorough=thorough)

    def is_waiting(self, session: Session, *, thorough: bool = False) -> bool:
        """Whether there is anything to decide; `thorough`: or anything that stands at all."""
        return mark.seen(session) != self._turn.value or bool(self._board.pending) or (thorough and any(self._board.alarms))


def _over(watchlist: Watchlist, finding: Finding) -> frozenset[str]:
    """The ports, as element/port, that fail with it."""
    if finding.object:
        return frozenset({f"{finding.element}/{finding.object}"})
    if finding.element not in watchlist.topology.elements:
        return frozenset()
    return frozenset(port.reference for port in watchlist.topology.ports_of(finding.element))


def _order(finding: Finding) -> tuple[bool, datetime]:
    meaning = meaning_of(finding)
    return (meaning is not None and not meaning.raises, finding.transition.instant)
