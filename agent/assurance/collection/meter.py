"""Usage: from counter readings to bins to usage records, each exactly once.

Readings of the present bin stay in memory; the last good one is stored when its bin ends, and the bin and its usage record with
it, in one transaction. A process that dies loses no octet by that: the next reading is compared with the last stored one, and what
was counted meanwhile is spread over the bins between.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.collection.bins import MISSING, Bin, Octets, Stretch, bin_end, bin_start, lay_out, missing
from agent.assurance.collection.counters import Delta, Gap, GapReason, Meta, Outcome, Reading, Skip, SkipReason, compare
from agent.assurance.collection.deltas import PATIENCE
from agent.assurance.tables import ReadingRow, UsageBinRow
from agent.assurance.topology.watchlist import UsageMonitor
from crm_bridge.once import insert_once
from crm_bridge.usage import COUNTERS, Quality, UsageInput, receive
from policies.values import derived_id

ACTIVATION, POLL, FINAL = "activation", "poll", "final"
LINGER = timedelta(minutes=2)
MAX_LEGS = 12
"""Bins left early that may wait for a better reading."""

NARROW = "32-bit counters"
NO_FIRST_READING, NO_LAST_READING = "no reading at activation", "no reading before the end"


@dataclass(frozen=True, slots=True)
class Taken:
    """A good reading of one service port. `reading.values` are octets in and out."""

    reading: Reading
    at: datetime
    poll_id: str
    occasion: str = POLL


@dataclass(slots=True)
class _Leg:
    """From one reading to the last one in another bin, or in the same one."""

    start: Taken
    end: Taken
    octets: Octets = (0, 0)
    broken: str = ""
    """Why the octets say nothing."""

    def stretch(self) -> Stretch:
        return Stretch(self.start.at, self.end.at, None if self.broken else self.octets, self.broken)


@dataclass(slots=True)
class _State:
    settled: datetime
    """Up to here the bins are stored."""
    anchor: Taken | None
    """The last stored reading."""
    legs: list[_Leg] = field(default_factory=list)
    """From the anchor to the latest reading."""
    still: Taken | None = None
    """The first of the readings, the latest among them, that showed the same: an agent that counts slowly may show so many."""
    shown: int = 0
    """How many readings have shown the same as `still`."""

    @property
    def latest(self) -> Taken | None:
        return self.legs[-1].end if self.legs else None


class Meter:
    """One per process; what it holds in memory is guarded, because services begin and end in other threads."""

    def __init__(self, bin_length: timedelta, poll_interval: timedelta, *, polls: bool = True) -> None:
        """`polls`: whether readings are taken in this process. If not, only others know what comes after the first one."""
        self._length, self._polls = bin_length, polls
        self._usual = poll_interval * 3 / 2
        """A bin whose last reading is not older than that at its end has been watched to its end."""
        self._states: dict[str, _State] = {}
        self._ended: dict[str, datetime] = {}
        """Monitors whose end may not be committed yet: a round that knows nothing of it must neither count nor wait for it."""
        self._guard = threading.RLock()
        self.gaps: dict[str, int] = {}
        """Reason → how often a counter could not be followed."""
        self.dropped: dict[str, int] = {}
        """Reason → good readings that were not needed."""

    def begin(self, session: Session, monitor: UsageMonitor, first: Taken | None) -> None:
        """The service starts; `first` is where its octets are counted from."""
        with self._guard:
            if first is not None:
                _store(session, monitor, first)
            if self._polls:
                self._states[monitor.id] = _State(monitor.started_at, first)
            self._ended.pop(monitor.id, None)

    def take(self, session: Session, monitor: UsageMonitor, taken: Taken, meta: Meta, at: datetime) -> None:
        with self._guard:
            if monitor.id in self._ended and taken.at <= self._ended[monitor.id] + LINGER:
                return
            state = self._state(session, monitor)
            if (taken.at <= state.settled and state.anchor is not None) or _overtaken(taken, state.latest):
                self.dropped["late"] = self.dropped.get("late", 0) + 1
                return  # older than what is counted already
            if self._is_complete(state, taken.at):
                self._settle(session, monitor, state, at=at)
            self._follow(state, taken, meta)

    def refuse(self) -> None:
        """A reading of a port whose counters may have wrapped unseen."""
        with self._guard:
            self.dropped[NARROW] = self.dropped.get(NARROW, 0) + 1

    def settle_due(self, session: Session, monitors: Sequence[UsageMonitor], at: datetime) -> None:
        """Store the bins that have ended."""
        with self._guard:
            for monitor in monitors:
                state = self._states.get(monitor.id)
                if state is not None and self._is_complete(state, at):
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
            self._ended = {key: ended for key, ended in self._ended.items() if ended + LINGER > at} | {monitor.id: at}

    def forget(self) -> None:
        """After a failed transaction: go on from what is stored."""
        with self._guard:
            self._states.clear()

    def _is_complete(self, state: _State, now: datetime) -> bool:
        """The bin of the latest reading is over and was watched to its end; or too much has been waiting for that."""
        if state.latest is None:
            return False
        end = bin_end(state.latest.at, self._length)
        return end <= now and (end - state.latest.at <= self._usual or len(state.legs) >= MAX_LEGS)

    def _finish(self, session: Session, monitor: UsageMonitor, state: _State, last: Taken, meta: Meta, *, at: datetime) -> None:
        newest = state.latest or state.anchor
        if newest is not None and last.at <= newest.at:
            _store(session, monitor, last)
            last = newest  # a poll has read the port since, while the change was being made
        elif self._is_complete(state, last.at):
            self._settle(session, monitor, state, at=at)
        if last is not newest:
            self._follow(state, last, meta)
        if state.latest is not last and state.legs:
            # less than a second after a poll: count from where that leg began, so that not even that is lost
            previous = state.legs.pop()
            self._follow_from(state, previous.start, last, meta)
            if state.legs:
                state.legs[-1].broken = state.legs[-1].broken or previous.broken
        end = min(bin_end(last.at, self._length), max(at, last.at))
        if state.latest is not None and state.settled < end:
            self._settle(session, monitor, state, at=at, end=end)

    def _abandon(self, session: Session, monitor: UsageMonitor, state: _State, reason: str, *, at: datetime) -> None:
        if state.latest is not None and state.settled < state.latest.at:
            self._settle(session, monitor, state, at=at, end=min(state.latest.at, at))
        for part in missing(state.settled, at, self._length, reason):
            self._keep(session, monitor, part, (), at)

    def _follow(self, state: _State, taken: Taken, meta: Meta) -> None:
        self._follow_from(state, state.latest or state.anchor, taken, meta)

    def _compare(self, state: _State, reference: Taken | None, taken: Taken, meta: Meta) -> Outcome:
        """What comes at once after some readings that were all the same may have come in all that time."""
        outcome = compare(None if reference is None else reference.reading, taken.reading, meta)
        if outcome == Gap(GapReason.IMPLAUSIBLE) and state.still is not None and state.shown <= PATIENCE:
            outcome = compare(state.still.reading, taken.reading, meta)
        same = isinstance(outcome, Delta) and not any(outcome.values)
        if same:
            state.still, state.shown = state.still or reference, state.shown + 1
        elif not isinstance(outcome, Skip):
            state.still, state.shown = None, 0
        return outcome

    def _follow_from(self, state: _State, reference: Taken | None, taken: Taken, meta: Meta) -> None:
        outcome = self._compare(state, reference, taken, meta)
        leg = _Leg(reference or taken, taken)
        if isinstance(outcome, Delta):
            leg.octets = (outcome.values[0], outcome.values[1])
        elif isinstance(outcome, Gap):
            leg.broken = outcome.reason.value
            self.gaps[leg.broken] = self.gaps.get(leg.broken, 0) + 1
        elif outcome.reason is SkipReason.FIRST:
            leg.broken = NO_FIRST_READING
        else:
            self.dropped[outcome.reason.value] = self.dropped.get(outcome.reason.value, 0) + 1
            return
        if state.legs and bin_start(taken.at, self._length) <= state.legs[-1].end.at:
            last = state.legs[-1]
            last.octets = (last.octets[0] + leg.octets[0], last.octets[1] + leg.octets[1])
            last.end, last.broken = taken, last.broken or leg.broken
        else:
            state.legs.append(leg)

    def _settle(self, session: Session, monitor: UsageMonitor, state: _State, *, at: datetime, end: datetime | None = None) -> None:
        latest = state.latest
        if latest is None:
            return
        for leg in state.legs:
            _store(session, monitor, leg.end)
        end = end or bin_end(latest.at, self._length)
        known = [*([state.anchor] if state.anchor else []), *(leg.end for leg in state.legs)]
        readings = tuple(_reading_id(monitor, each) for each in known)
        for part in lay_out([leg.stretch() for leg in state.legs], state.settled, end, self._length):
            self._keep(session, monitor, part, readings, at)
        state.settled, state.anchor, state.legs = max(state.settled, end), latest, []

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
    if row is not None and row.occasion != FINAL and (row.at >= monitor.started_at or settled is None or row.at > settled):
        reading = Reading(
            wall=row.at.timestamp(),
            monotonic=None,
            uptime=row.uptime_ticks,
            discontinuity=row.discontinuity_ticks,
            values=(row.octets_in, row.octets_out),
        )
        anchor = Taken(reading, row.at, row.poll_id, row.occasion)
    return _State(max(monitor.started_at, settled or monitor.started_at), anchor)


def _overtaken(taken: Taken, latest: Taken | None) -> bool:
    """A round that took longer brings a reading that another has gone past; time of day set back is something else."""
    if latest is None or taken.reading.monotonic is None or latest.reading.monotonic is None:
        return False
    return taken.reading.monotonic <= latest.reading.monotonic


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
