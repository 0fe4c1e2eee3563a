"""Where measured values are kept: rows of points, one for each series and block, written in bulk.

Values of the present hour are gathered in memory and written every few minutes; a daemon that dies loses those since. What is
billed or judged does not stand on this: usage has its bins, objectives their intervals.
"""

import math
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Executable, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from agent.assurance.errors import NoHistory
from agent.assurance.history.points import POINT, Points, Resolution, Stretch, empty, packed, rolled, unpacked
from agent.assurance.history.tables import HistoryRow, SeriesRow
from crm_bridge.once import insert_all_once
from inventory.db import Database
from policies.values import Interval

_Item = TypeVar("_Item")

FINEST_FIRST = (Resolution.MINUTE, Resolution.FIVE_MINUTES, Resolution.HOUR)
ROLLED_TO = (Resolution.FIVE_MINUTES, Resolution.HOUR)
BATCH = 500


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What was measured of what: (`port:pe1/ge-0/0/1`, `in_bps`), (`service:svc-…`, `delay_s`)."""

    subject: str
    metric: str
    """With its base unit at the end: _bps, _ratio, _s, _per_second, _dbm."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each resolution is kept."""

    minutes: timedelta = timedelta(days=2)
    five_minutes: timedelta = timedelta(days=32)
    hours: timedelta = timedelta(days=800)

    def of(self, resolution: Resolution) -> timedelta:
        return {Resolution.MINUTE: self.minutes, Resolution.FIVE_MINUTES: self.five_minutes, Resolution.HOUR: self.hours}[
            resolution
        ]


@dataclass(slots=True)
class _Hour:
    """Minutes of one series within one hour."""

    points: Points = field(default_factory=lambda: empty(Resolution.MINUTE))
    samples: npt.NDArray[np.uint16] = field(default_factory=lambda: np.zeros(Resolution.MINUTE.points, np.uint16))
    """Values that each minute has had."""
    changed: bool = True
    whole: bool = False
    """Whether what a predecessor stored of this hour is in it."""

    def add(self, position: int, value: float) -> None:
        """A minute counts once, however many values it had."""
        known = int(self.samples[position])
        if not known:
            self.points[position] = (value, value, value, 1)
        else:
            mean, low, high, _ = self.points[position].item()
            self.points[position] = (mean + (value - mean) / (known + 1), min(low, value), max(high, value), 1)
        self.samples[position] = min(known + 1, np.iinfo(np.uint16).max)
        self.changed = True

    def complete(self, stored: Points) -> None:
        """With the minutes of a daemon that died within the hour."""
        own = self.points["count"] > 0
        self.points = np.where(own, self.points, stored)


_Slot = tuple[int, int]
"""Id of a series, and start of a block."""


class History:
    """One per process. Values may be taken from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._ids: dict[SeriesKey, int] = {}
        self._hours: dict[tuple[SeriesKey, int], _Hour] = {}
        self._closed = 0
        """Hours before this instant are rolled up; 0 as long as nobody has looked at what a predecessor left."""

    def take(self, at: datetime, values: Mapping[SeriesKey, float]) -> None:
        """Values of one instant; what is not finite is a gap. What comes after its hour was rolled up is left out."""
        instant = int(at.timestamp())
        start, position = Resolution.MINUTE.block_start(instant), Resolution.MINUTE.position(instant)
        with self._guard:
            if start < self._closed:
                return
            for key, value in values.items():
                if math.isfinite(value):
                    hour = self._hours.get((key, start))
                    if hour is None:
                        hour = self._hours[key, start] = _Hour()
                    hour.add(position, value)

    def write(self, at: datetime) -> int:
        """Store what has come since the last time, and roll up the hours that have ended; how many hours were stored."""
        ended = Resolution.MINUTE.block_start(int(at.timestamp()))
        with self._guard:
            changed = [(key, start, hour) for (key, start), hour in self._hours.items() if hour.changed]
            for _, _, hour in changed:
                hour.changed = False
        try:
            for some in _batches(changed):
                with self._database.write() as session:
                    self._store(session, some)
            self._roll_up(ended)
        except Exception:
            for _, _, hour in changed:  # they are written with the next ones
                hour.changed = True
            raise
        with self._guard:
            self._closed = max(self._closed, ended)
            self._hours = {slot: hour for slot, hour in self._hours.items() if slot[1] >= ended or hour.changed}
        return len(changed)

    def tidy(self, at: datetime, retention: Retention = Retention()) -> int:
        """Delete what is older than it is kept; how many rows."""
        gone = 0
        for resolution in FINEST_FIRST:
            before = int((at - retention.of(resolution)).timestamp()) - resolution.block
            old = select(HistoryRow.series_id, HistoryRow.start).where(
                HistoryRow.step == int(resolution), HistoryRow.start < before
            )
            while True:
                with self._database.write() as session:
                    slots = session.execute(old.limit(BATCH)).all()
                    for slot in slots:
                        session.execute(delete(HistoryRow).where(*_at(resolution, *slot)))
                gone += len(slots)
                if len(slots) < BATCH:
                    break
        return gone

    def _store(self, session: Session, changed: Sequence[tuple[SeriesKey, int, _Hour]]) -> None:
        self._learn(session, {key for key, _, _ in changed})
        slots = {(self._ids[key], start): hour for key, start, hour in changed}
        stored = _blocks(session, Resolution.MINUTE, [slot for slot, hour in slots.items() if not hour.whole])
        with self._guard:
            for slot, hour in slots.items():
                if slot in stored:
                    hour.complete(stored[slot])
                hour.whole = True
            copies = {slot: hour.points.copy() for slot, hour in slots.items()}
        _put(session, Resolution.MINUTE, copies, rolled_up=False)

    def _learn(self, session: Session, keys: set[SeriesKey]) -> None:
        """The ids of series, made where they are new."""
        unknown = sorted(keys - self._ids.keys(), key=lambda key: (key.subject, key.metric))
        insert_all_once(session, SeriesRow, [{"subject": key.subject, "metric": key.metric} for key in unknown])
        for metric in {key.metric for key in unknown}:
            subjects = [key.subject for key in unknown if key.metric == metric]
            found = select(SeriesRow.subject, SeriesRow.id).where(SeriesRow.metric == metric, SeriesRow.subject.in_(subjects))
            self._ids |= {SeriesKey(subject, metric): identity for subject, identity in session.execute(found)}

    def _roll_up(self, ended: int) -> None:
        """Every hour that has ended and is not rolled up yet becomes twelve points of five minutes and one of an hour."""
        due = (
            select(HistoryRow.series_id, HistoryRow.start)
            .where(HistoryRow.step == int(Resolution.MINUTE), HistoryRow.start < ended, HistoryRow.start >= self._closed)
            .where(HistoryRow.rolled.is_(False))
            .order_by(HistoryRow.start, HistoryRow.series_id)
            .limit(BATCH)
        )
        while True:
            with self._database.write() as session:
                slots = session.execute(due).all()
                for start in dict.fromkeys(start for _, start in slots):
                    _roll_hour(session, [slot for slot in slots if slot[1] == start], start)
            if len(slots) < BATCH:
                return


def _roll_hour(session: Session, slots: Sequence[_Slot], start: int) -> None:
    """Of one hour; done again, it comes to the same."""
    minutes = _blocks(session, Resolution.MINUTE, slots)
    for resolution in ROLLED_TO:
        block_start, position = resolution.block_start(start), resolution.position(start)
        blocks = _blocks(session, resolution, [(series_id, block_start) for series_id, _ in slots])
        for (series_id, _), points in minutes.items():
            block = blocks.setdefault((series_id, block_start), empty(resolution))
            new = rolled(points, resolution // Resolution.MINUTE)
            block[position : position + len(new)] = new
        _put(session, resolution, blocks, rolled_up=False)
    _put(session, Resolution.MINUTE, minutes, rolled_up=True)


def _blocks(session: Session, resolution: Resolution, slots: Sequence[_Slot]) -> dict[_Slot, Points]:
    """Those of the blocks that are kept."""
    found: dict[_Slot, Points] = {}
    for start in {start for _, start in slots}:
        ids = [series_id for series_id, other in slots if other == start]
        rows = session.execute(
            select(HistoryRow.series_id, HistoryRow.data).where(
                HistoryRow.step == int(resolution), HistoryRow.start == start, HistoryRow.series_id.in_(ids)
            )
        )
        found |= {(series_id, start): unpacked(data, resolution) for series_id, data in rows}
    return found


def _put(session: Session, resolution: Resolution, blocks: Mapping[_Slot, Points], *, rolled_up: bool) -> None:
    rows = [
        {"series_id": series_id, "step": int(resolution), "start": start, "data": packed(points), "rolled": rolled_up}
        for (series_id, start), points in blocks.items()
    ]
    if rows:
        session.execute(_upsert(session.get_bind().dialect.name), rows)


@cache
def _upsert(dialect: str) -> Executable:
    insert = postgresql.insert(HistoryRow) if dialect == "postgresql" else sqlite.insert(HistoryRow)
    return insert.on_conflict_do_update(
        index_elements=("series_id", "step", "start"), set_={"data": insert.excluded.data, "rolled": insert.excluded.rolled}
    )


def _at(resolution: Resolution, series_id: int, start: int) -> tuple[ColumnElement[bool], ...]:
    return HistoryRow.series_id == series_id, HistoryRow.step == int(resolution), HistoryRow.start == start


def series_of(session: Session, subject: str = "", metric: str = "") -> list[SeriesKey]:
    """Known series, of one subject, one metric, or all."""
    wanted = select(SeriesRow.subject, SeriesRow.metric).order_by(SeriesRow.subject, SeriesRow.metric)
    if subject:
        wanted = wanted.where(SeriesRow.subject == subject)
    if metric:
        wanted = wanted.where(SeriesRow.metric == metric)
    return [SeriesKey(*row) for row in session.execute(wanted)]


def read(session: Session, key: SeriesKey, span: Interval, resolution: Resolution) -> Stretch:
    """What is kept of the series between the two instants, on whole steps; gaps where nothing is. Raises `NoHistory`."""
    found = read_all(session, key.metric, span, resolution, subjects=(key.subject,))
    if key.subject not in found:
        raise NoHistory(key.subject, key.metric)
    return found[key.subject]


def read_all(
    session: Session, metric: str, span: Interval, resolution: Resolution, *, subjects: Collection[str] | None = None
) -> dict[str, Stretch]:
    """The same of many series of one metric, by subject; `subjects`: at most some hundreds, or None for all.

    Of hours that are not rolled up yet the minutes that are stored count.
    """
    step = int(resolution)
    first = int(span.start.timestamp()) // step * step
    last = -(-int(span.end.timestamp()) // step) * step
    known = select(SeriesRow.id, SeriesRow.subject).where(SeriesRow.metric == metric)
    if subjects is not None:
        known = known.where(SeriesRow.subject.in_(subjects))
    names: dict[int, str] = dict(session.execute(known).all())
    points = {identity: np.zeros((last - first) // step, POINT) for identity in names}
    for each in (resolution,) if resolution is Resolution.MINUTE else (resolution, Resolution.MINUTE):
        rows = (
            select(HistoryRow.series_id, HistoryRow.start, HistoryRow.data)
            .join(SeriesRow, SeriesRow.id == HistoryRow.series_id)
            .where(SeriesRow.metric == metric, HistoryRow.step == int(each))
            .where(HistoryRow.start > first - each.block, HistoryRow.start < last)
        )
        if each is not resolution:
            rows = rows.where(HistoryRow.rolled.is_(False))
        if subjects is not None:
            rows = rows.where(SeriesRow.subject.in_(subjects))
        for identity, start, data in session.execute(rows):
            block = unpacked(data, each)
            coarse = block if each is resolution else rolled(block, step // each)
            _lay(points[identity], first, start // step * step, coarse, step)
    return {names[identity]: Stretch.of(first, resolution, found) for identity, found in points.items()}


def _lay(points: Points, first: int, start: int, block: Points, step: int) -> None:
    """The part of the block that lies between `first` and the end of the points; where it has nothing, what is there stays."""
    left, right = max(start, first), min(start + len(block) * step, first + len(points) * step)
    if left < right:
        part, place = (
            block[(left - start) // step : (right - start) // step],
            slice((left - first) // step, (right - first) // step),
        )
        points[place] = np.where(part["count"] > 0, part, points[place])


def fitting(span: timedelta, most: int = 2000) -> Resolution:
    """The finest resolution of which the span has not more points than that; the coarsest for what is longer still."""
    seconds = span.total_seconds()
    return next((each for each in FINEST_FIRST if seconds / each <= most), Resolution.HOUR)


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    yield from (items[place : place + BATCH] for place in range(0, len(items), BATCH))
