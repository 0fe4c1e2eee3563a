"""Usage: from counter readings to bins to usage records, each exactly once.

Readings of the present bin stay in memory; the last good one is stored when its bin ends, and the bin and its usage record with
it, in one transaction. A process that dies loses no octet by that: the next reading is compared with the last stored one, and what
was counted meanwhile is spread over the bins between.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.bins import MISSING, Bin, Octets, Stretch, bin_end, bin_start, lay_out, missing
from agent.assurance.counters import Delta, Gap, Meta, Reading, SkipReason, compare
from agent.assurance.tables import ReadingRow, UsageBinRow
from agent.assurance.watchlist import UsageMonitor
from crm_bridge.once import insert_once
from crm_bridge.usage import COUNTERS, Quality, UsageInput, receive
from policies.values import derived_id

ACTIVATION, POLL, FINAL = "activation", "poll", "final"
NO_FIRST_READING, NO_LAST_READING = "no reading at activation", "no reading before the end"


@dataclass(frozen=True, slots=True)
class Taken:
    """A good reading of one service port. `reading.values` are octets in and out."""

    reading: Reading
    at: datetime
    poll_id: str
    occasion: str = POLL


@dataclass(slots=True)
class _State:
    settled: datetime
    """Up to here the bins are stored."""
    anchor: Taken | None
    """The last stored reading."""
    latest: Taken | None = None
    octets: Octets = (0, 0)
    """From the anchor to the latest reading."""
    broken: str = ""
    """Why the octets say nothing."""


class Meter:
    """One per process; what it holds in memory is guarded, because services begin and end in other threads."""

    def __init__(self, bin_length: timedelta) -> None:
        self._length = bin_length
        self._states: dict[str, _State] = {}
        self._guard = threading.RLock()
        self.gaps: dict[str, int] = {}
        """Reason → how often a counter could not be followed."""

    def begin(self, session: Session, monitor: UsageMonitor, first: Taken | None) -> None:
        """The service starts; `first` is where its octets are counted from."""
        with self._guard:
            if first is not None:
                _store(session, monitor, first)
            self._states[monitor.id] = _State(monitor.started_at, first)

    def take(self, session: Session, monitor: UsageMonitor, taken: Taken, meta: Meta, at: datetime) -> None:
        with self._guard:
            state = self._state(session, monitor)
            if taken.at <= state.settled and state.anchor is not None:
                return  # older than what is stored already: a late answer
            if state.latest is not None and bin_start(taken.at, self._length) > state.latest.at:
                self._settle(session, monitor, state, at=at)
            self._follow(state, taken, meta)

    def settle_due(self, session: Session, monitors: Sequence[UsageMonitor], at: datetime) -> None:
        """Store the bins that have ended."""
        with self._guard:
            for monitor in monitors:
                state = self._states.get(monitor.id)
                if state is not None and state.latest is not None and bin_end(state.latest.at, self._length) <= at:
                    self._settle(session, monitor, state, at=at)

    def end(self, session: Session, monitor: UsageMonitor, last: Taken | None, meta: Meta, *, reason: str, at: datetime) -> None:
        """The service ends; `reason` says why there is no last reading."""
        with self._guard:
            state = self._state(session, monitor)
            if last is not None:
                self._finish(session, monitor, state, last, meta, at=at)
            else:
                self._abandon(session, monitor, state, reason or NO_LAST_READING, at=at)
            self._states.pop(monitor.id, None)

    def forget(self) -> None:
        """After a failed transaction: go on from what is stored."""
        with self._guard:
            self._states.clear()

    def _finish(self, session: Session, monitor: UsageMonitor, state: _State, last: Taken, meta: Meta, *, at: datetime) -> None:
        if state.latest is not None and bin_start(last.at, self._length) > state.latest.at:
            self._settle(session, monitor, state, at=at)
        self._follow(state, last, meta)
        if state.latest is not last and state.latest is not None and state.anchor is not None:
            # less than a second after a poll: count from the stored reading, so that not even that is lost
            state.latest = None
            self._follow(state, last, meta)
        end = min(bin_end(last.at, self._length), max(at, last.at))
        if state.latest is not None and state.settled < end:
            self._settle(session, monitor, state, at=at, end=end)

    def _abandon(self, session: Session, monitor: UsageMonitor, state: _State, reason: str, *, at: datetime) -> None:
        if state.latest is not None and state.settled < state.latest.at:
            self._settle(session, monitor, state, at=at, end=min(state.latest.at, at))
        for part in missing(state.settled, at, self._length, reason):
            self._keep(session, monitor, part, (), at)

    def _follow(self, state: _State, taken: Taken, meta: Meta) -> None:
        reference = state.latest or state.anchor
        outcome = compare(None if reference is None else reference.reading, taken.reading, meta)
        if isinstance(outcome, Delta):
            since = state.octets if state.latest is not None else (0, 0)
            state.octets = (since[0] + outcome.values[0], since[1] + outcome.values[1])
        elif isinstance(outcome, Gap):
            state.broken = outcome.reason.value
            self.gaps[state.broken] = self.gaps.get(state.broken, 0) + 1
        elif outcome.reason is SkipReason.FIRST:
            state.broken = NO_FIRST_READING
        else:
            return
        state.latest = taken

    def _settle(self, session: Session, monitor: UsageMonitor, state: _State, *, at: datetime, end: datetime | None = None) -> None:
        latest = state.latest
        if latest is None:
            return
        _store(session, monitor, latest)
        end = end or bin_end(latest.at, self._length)
        before = latest if state.anchor is None else state.anchor
        stretch = Stretch(before.at, latest.at, None if state.broken else state.octets, state.broken)
        readings = tuple(_reading_id(monitor, each) for each in (state.anchor, latest) if each is not None)
        for part in lay_out(stretch, state.settled, end, self._length):
            self._keep(session, monitor, part, readings, at)
        state.settled, state.anchor = max(state.settled, end), latest
        state.latest, state.octets, state.broken = None, (0, 0), ""

    def _keep(self, session: Session, monitor: UsageMonitor, part: Bin, readings: tuple[str, ...], at: datetime) -> None:
        """The bin and its usage record; a bin that is there already stays as it is."""
        start = part.span.start.isoformat()
        bin_id = derived_id("bin", monitor.service_id, monitor.port_id, start)
        usage_id = derived_id("use", monitor.service_id, monitor.port_id, "octets", start)
        new = insert_once(
            session,
            UsageBinRow,
            {
                "id": bin_id,
                "service_id": monitor.service_id,
                "port_id": monitor.port_id,
                "start": part.span.start,
                "end": part.span.end,
                "octets_in": part.octets[0],
                "octets_out": part.octets[1],
                "quality": part.quality,
                "gap_reason": part.reason,
                "readings": list(readings),
                "usage_id": usage_id,
            },
        )
        if not new:
            return
        evidence: Mapping[str, object] = {
            "bin": bin_id,
            "readings": list(readings),
            "element": monitor.element,
            "port": monitor.port,
            **({"reason": part.reason} if part.quality == MISSING else {}),
        }
        usage = UsageInput(
            source=COUNTERS,
            source_id=usage_id,
            service_id=monitor.service_id,
            span=part.span,
            octets_in=part.octets[0],
            octets_out=part.octets[1],
            quality=Quality(part.quality),
            evidence=evidence,
        )
        receive(session, usage, at)

    def _state(self, session: Session, monitor: UsageMonitor) -> _State:
        state = self._states.get(monitor.id)
        if state is None:
            state = self._states[monitor.id] = _load(session, monitor)
        return state


def _load(session: Session, monitor: UsageMonitor) -> _State:
    """What an earlier process, or an earlier life of the service on this port, has left."""
    of_port = (UsageBinRow.service_id == monitor.service_id, UsageBinRow.port_id == monitor.port_id)
    settled = session.scalar(select(UsageBinRow.end).where(*of_port).order_by(UsageBinRow.end.desc()).limit(1))
    row = session.scalars(
        select(ReadingRow)
        .where(ReadingRow.service_id == monitor.service_id, ReadingRow.port_id == monitor.port_id)
        .order_by(ReadingRow.at.desc())
        .limit(1)
    ).first()
    anchor = None
    if row is not None and row.occasion != FINAL:
        reading = Reading(
            wall=row.at.timestamp(),
            monotonic=None,
            uptime=row.uptime_ticks,
            discontinuity=row.discontinuity_ticks,
            values=(row.octets_in, row.octets_out),
        )
        anchor = Taken(reading, row.at, row.poll_id, row.occasion)
    return _State(max(monitor.started_at, settled or monitor.started_at), anchor)


def _reading_id(monitor: UsageMonitor, taken: Taken) -> str:
    return derived_id("rdg", monitor.service_id, monitor.port_id, taken.at.isoformat())


def _store(session: Session, monitor: UsageMonitor, taken: Taken) -> None:
    reading = taken.reading
    insert_once(
        session,
        ReadingRow,
        {
            "id": _reading_id(monitor, taken),
            "service_id": monitor.service_id,
            "port_id": monitor.port_id,
            "at": taken.at,
            "uptime_ticks": reading.uptime or 0,
            "discontinuity_ticks": reading.discontinuity,
            "octets_in": reading.values[0],
            "octets_out": reading.values[1],
            "occasion": taken.occasion,
            "poll_id": taken.poll_id,
        },
    )
