"""From one round of readings to what is stored of it: evidence, alarms, health, usage and problems, in one transaction."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy import update
from sqlalchemy.orm import Session

from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import UNASKED
from agent.assurance.alarms.ledger import Ledger
from agent.assurance.collection.counters import WIDE, WRAPPING_WIDTH, Meta, Reading, billable
from agent.assurance.collection.memory import Evidence, Memory, PortStatus
from agent.assurance.collection.meter import Meter, Taken
from agent.assurance.collection.poller import LOST_INDEX, Visit
from agent.assurance.collection.tracks import Tracks, found_of
from agent.assurance.events.hints import HintLog
from agent.assurance.findings import Finding, FindingKind, Transition, instant_of
from agent.assurance.levels.health import Change
from agent.assurance.levels.measured import Measured
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.faults import Faults, Hole
from agent.assurance.problems.reporting import Reporter
from agent.assurance.problems.silentlinks import SilentLinks, Wanted
from agent.assurance.tables import PollRow
from agent.assurance.topology.watchlist import CONTRACT_FACTOR, UsageMonitor, WatchedPort, Watchlist
from drivers.snmp.columns import Column
from inventory.changes import note_network_change
from inventory.tables import PortRow
from policies.values import Clock

MEGABIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Digested:
    findings: tuple[Finding, ...]
    newly_failing: frozenset[str]
    """Elements that gave no answer in this round but are not called silent, or did not know a port that was well until now."""
    reasons: Counter[str]
    """Failure reason → elements."""
    silent: frozenset[str]
    """Elements that are called silent now."""
    pending: bool
    """Whether an alarm's cause waits to be decided."""


class Digest:
    """Memory and meter are changed before the transaction commits: after a failed one, both have to be built anew."""

    def __init__(  # noqa: PLR0917  one place builds it
        self, memory: Memory, meter: Meter, tracks: Tracks, reporter: Reporter, patience: Patience, clock: Clock
    ) -> None:
        self._memory, self._meter, self._tracks, self._clock = memory, meter, tracks, clock
        self._reporter, self._patience = reporter, patience
        self.read_anew()
        self._measured = Measured()
        self.hints = HintLog()
        """What events said that led to a round."""

    def read_anew(self) -> None:
        """What stands is not known any more: the transaction that changed it has failed."""
        self._faults = Faults(self._reporter, self._patience)
        self.silent_links = SilentLinks(self._patience)

    def digest(self, session: Session, watchlist: Watchlist, visit: Visit, hints: Sequence[Finding] = ()) -> Digested:
        """`hints`: what traps said that led to this round; kept as evidence, and believed only as far as the round confirms it."""
        at = self._clock.now()
        _store_poll(session, visit)
        _store_indexes(session, visit)
        found = [*self._findings(visit), *self._crossings(watchlist, visit)]
        board = self._take(session, watchlist, visit, found, hints, at)
        self.silent_links.read(visit)
        if visit.is_thorough:
            self._measured.look(session, watchlist.topology, board, at)
        self._count(session, watchlist, visit, at)
        suspects = self._memory.suspects()
        newly = frozenset(element.name for element in visit.elements if element.name in suspects) | self._to_list(visit)
        reasons = Counter(str(failure.reason) for failure in visit.batch.failures if failure.if_index is None)
        reasons.update({"credential": len(visit.unasked)} if visit.unasked else {})
        return Digested(tuple(found), newly, reasons, frozenset(board.failures.silent), bool(board.pending))

    def correlate(self, session: Session, watchlist: Watchlist, at: datetime) -> Board:
        """Returns the open alarms."""
        ledger = self._faults.ledger(session, at)
        self._faults.correlate(ledger, watchlist, self._memory.suspects())
        ledger.write()
        return self._faults.board

    def look_for_silent_links(self, session: Session, watchlist: Watchlist, at: datetime) -> Wanted:
        """Name those that pass nothing, and end what passes again; gives what would tell more."""
        ledger, links = self._faults.ledger(session, at), self.silent_links
        sight, found = links.look(session, self._faults.board, watchlist, at, self._clock.monotonic())
        failures = [finding for finding in found if finding.meaning is None]
        conditions = [finding for finding in found if finding.meaning is not None]
        ledger.fetch_for(conditions)
        for finding in conditions:
            ledger.apply(finding, ledger.observe(finding))
        if failures:
            self._faults.take(ledger, watchlist, failures)
        if failures or self._faults.board.pending:
            self._faults.correlate(ledger, watchlist, self._memory.suspects())
        links.follow(ledger, self._faults.board, sight)
        ledger.write()
        return links.wants(sight, self._clock.monotonic(), self._memory.talking)

    def silent_links_due(self, session: Session, at: datetime) -> bool:
        return self.silent_links.is_due(session, self._faults.board, at)

    def _take(  # noqa: PLR0917  one place in this class calls it
        self,
        session: Session,
        watchlist: Watchlist,
        visit: Visit,
        found: Sequence[Finding],
        hints: Sequence[Finding],
        at: datetime,
    ) -> Board:
        """Alarms, health and causes; a round that found nothing asks for nothing of theirs."""
        if not (found or hints or self._faults.is_waiting(session, thorough=visit.is_thorough)):
            return self._faults.board
        ledger = self._faults.ledger(session, at)
        told = self.hints.keep(session, hints, self._clock.monotonic())
        findings = [_prompted(finding, told) for finding in found]
        holes = [_hole(ledger, watchlist, visit, each) for each in findings if each.kind == FindingKind.UNSEEN]
        self._faults.take(ledger, watchlist, [each for each in findings if each.kind != FindingKind.UNSEEN], holes)
        self._faults.correlate(ledger, watchlist, self._memory.suspects(), thorough=visit.is_thorough)
        ledger.write()
        return self._faults.board

    def _findings(self, visit: Visit) -> Iterator[Finding]:
        evidence = Evidence(visit.source, visit.poll_id)
        batch = visit.batch
        why = {failure.element: failure for failure in batch.failures if failure.if_index is None}
        silence = {name: {"reason": UNASKED, "detail": reason} for name, reason in visit.unasked.items()}
        for row, element in enumerate(batch.elements):
            if not batch.answered[row]:
                failure = why.get(element)
                silence[element] = (
                    {"reason": failure.reason.value, "detail": failure.detail} if failure else {"reason": "no answer"}
                )
            elif found := self._memory.answered(
                element,
                float(batch.element_wall[row]),
                float(batch.element_monotonic[row]),
                evidence,
                int(batch.element_uptime[row]),
            ):
                yield _vouched(visit, row, found)
        for element, detail in silence.items():
            if found := self._memory.failed(element, visit.ended_at, visit.ended, evidence, detail):
                yield found
        for row in self._memory.news(visit.references, visit.batch).tolist():
            status, port = _status(visit, row), visit.ports[row]
            if status is not None and (found := self._memory.port_read(port.element, port.name, status, evidence)) is not None:
                yield found
        for port in (port for element in visit.elements for port in element.ports if port.port_id in visit.absent):
            if (found := self._memory.port_absent(port.element, port.name, visit.ended_at, visit.ended, evidence)) is not None:
                yield found

    def _to_list(self, visit: Visit) -> frozenset[str]:
        """Elements whose list of ports tells whether a port that they do not know any more is gone or has another index."""
        lost = {(each.element, each.if_index) for each in visit.batch.failures if each.reason in LOST_INDEX}
        if not lost:
            return frozenset()
        ports = (port for port in visit.ports if (port.element, port.if_index) in lost)
        return frozenset(port.element for port in ports if self._memory.ports[port.reference].up is not False)

    def _crossings(self, watchlist: Watchlist, visit: Visit) -> Iterator[Finding]:
        """Thresholds that were crossed by what the counters of all ports did."""
        contract = {
            row: max(monitor.contract_bps for monitor in watchlist.usage[port.port_id]) * CONTRACT_FACTOR or port.speed_bps
            for row, port in enumerate(visit.ports)
            if port.port_id in watchlist.usage
        }
        for crossing in self._tracks.take(visit.batch, contract):
            yield found_of(crossing, visit.source, visit.poll_id)

    def _count(self, session: Session, watchlist: Watchlist, visit: Visit, at: datetime) -> None:
        for row, port in enumerate(visit.ports):
            for monitor in watchlist.usage.get(port.port_id, ()):
                meta = meta_of(monitor, port, _speed(visit, row), narrow=bool(visit.batch.narrow[row]))
                if not billable(meta.speed_bps, meta.width):
                    self._meter.refuse()
                elif (taken := _taken(visit, row)) is not None:
                    self._meter.take(session, monitor, taken, meta, at)
        self._meter.settle_due(session, [monitor for group in watchlist.usage.values() for monitor in group], at)


def _vouched(visit: Visit, element: int, found: Finding) -> Finding:
    """An element that began anew says itself since when its ports are up."""
    if found.restart is None:
        return found
    since = {}
    for row in np.flatnonzero(visit.batch.port_element == element).tolist():
        status = _status(visit, row)
        change = status.up_from if status is not None else None
        if change is not None and change >= found.restart.began:
            since[visit.ports[row].reference] = change
    return replace(found, restart=replace(found.restart, ports=since))


def _hole(ledger: Ledger, watchlist: Watchlist, visit: Visit, finding: Finding) -> Hole:
    """A time in which nobody asked an element; what it says of itself now may still vouch for some of its ports."""
    element, span, observation = finding.element, finding.transition, ledger.observe(finding)
    watched = {port.reference for port in watchlist.elements[element].ports}
    vouched = {
        port.reference
        for row, port in enumerate(visit.ports)
        if port.element == element and (status := _status(visit, row)) is not None and status.up_since(span.earliest)
    }
    return Hole(
        frozenset(watched - vouched),
        Change(element, True, Transition.at(span.earliest), observation),
        Change(element, False, Transition.at(span.latest), observation),
    )


def meta_of(monitor: UsageMonitor, port: WatchedPort, reported_bps: int, *, narrow: bool) -> Meta:
    """Virtual ports tell no speed: there what was contracted counts, and without that what the inventory says."""
    speed = reported_bps or monitor.contract_bps * CONTRACT_FACTOR or port.speed_bps
    return Meta(speed, WRAPPING_WIDTH if narrow else WIDE)


def _prompted(finding: Finding, told: Mapping[tuple[str, str], str]) -> Finding:
    """What a read found because a trap spoke of the same object names that trap."""
    trap = told.get((finding.element, finding.object))
    return finding if trap is None else replace(finding, detail={**finding.detail, "trap": trap})


def _store_poll(session: Session, visit: Visit) -> None:
    failures = dict(visit.unasked)
    for failure in visit.batch.failures:
        where = failure.element if failure.if_index is None else f"{failure.element} ifIndex {failure.if_index}"
        failures[where] = f"{failure.reason}: {failure.detail}"
    failures |= {f"{element} (list of ports)": reason for element, reason in visit.listing_failed.items()}
    session.add(
        PollRow(
            id=visit.poll_id,
            started_at=visit.started_at,
            ended_at=visit.ended_at,
            source=visit.source.value,
            elements=len(visit.elements),
            failures=failures,
        )
    )
    session.flush()


def _store_indexes(session: Session, visit: Visit) -> None:
    if not visit.found:
        return
    known = {port.port_id: port.if_index for element in visit.elements for port in element.ports}
    moved = {port_id: if_index for port_id, if_index in visit.found.items() if known.get(port_id) != if_index}
    for port_id, if_index in moved.items():
        session.execute(update(PortRow).where(PortRow.id == port_id).values(if_index=if_index))
    if moved:
        note_network_change(session)


def _value(visit: Visit, row: int, column: Column) -> int | None:
    return int(visit.batch.values[column, row]) if visit.batch.present[column, row] else None


def _status(visit: Visit, row: int) -> PortStatus | None:
    oper = _value(visit, row, Column.OPER_STATUS) if visit.batch.read[row] else None
    if oper is None:
        return None
    batch = visit.batch
    admin, change = _value(visit, row, Column.ADMIN_STATUS), _value(visit, row, Column.LAST_CHANGE)
    return PortStatus(float(batch.wall[row]), float(batch.monotonic[row]), int(batch.uptime[row]), oper, admin, change)


def _taken(visit: Visit, row: int) -> Taken | None:
    octets = (_value(visit, row, Column.IN_OCTETS), _value(visit, row, Column.OUT_OCTETS))
    if not visit.batch.read[row] or octets[0] is None or octets[1] is None:
        return None
    batch, wall = visit.batch, float(visit.batch.wall[row])
    reading = Reading(
        wall=wall,
        monotonic=float(batch.monotonic[row]),
        uptime=int(batch.uptime[row]),
        discontinuity=_value(visit, row, Column.DISCONTINUITY) or 0,
        values=(octets[0], octets[1]),
        identity=f"{int(batch.if_index[row])} {batch.name(row)}{' 32' if batch.narrow[row] else ''}",
    )
    return Taken(reading, instant_of(wall), visit.poll_id)


def _speed(visit: Visit, row: int) -> int:
    return (_value(visit, row, Column.HIGH_SPEED) or 0) * MEGABIT
