"""What was measured of services, minute by minute: kept as it is, and judged at once against what was promised for it.

The minutes themselves are many and kept for a while; what objectives count are spans of good and bad minutes in a row, which are
few and stay. A minute without a measurement is in no span: it is unknown.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from agent.assurance.tables import IndicatorRow, IndicatorSpanRow
from crm_bridge.once import insert_all_once
from crm_bridge.promises import Promise, Promises

MEASURED, MISSING = "measured", "missing"
PRUNED_AT_ONCE = timedelta(minutes=10)
_BATCH = 500
"""Services asked for at once: databases bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one service over `[start, start + seconds)`."""

    service_id: str
    metric: str
    start: datetime
    seconds: int
    value: float | None
    """In base units: loss as a ratio, delay and jitter in seconds, throughput in bit/s; None when nothing is known."""

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)


@dataclass(slots=True)
class _Span:
    start: datetime
    end: datetime
    good: bool
    is_new: bool
    grown: bool = False


def record(session: Session, promises: Promises, readings: Sequence[Reading], at: datetime) -> int:
    """Keep what was measured, once; how many readings are new. Keep `promises` over many calls: it remembers the contracts."""
    fresh = _keep(session, readings)
    judged = [reading for reading in fresh if reading.value is not None]
    known = promises.of(session, {reading.service_id for reading in judged}, at)
    chains: dict[tuple[str, str], list[tuple[Reading, bool]]] = defaultdict(list)
    for reading in sorted(judged, key=lambda each: each.start):
        if (good := _is_good(known.get(reading.service_id), reading)) is not None:
            chains[reading.service_id, reading.metric].append((reading, good))
    _extend(session, chains)
    return len(fresh)


def prune(session: Session, before: datetime) -> int:
    """Forget the oldest minutes from before `before`; the spans that objectives count stay. Returns how many; 0: none is left."""
    oldest = session.scalar(select(func.min(IndicatorRow.start)).where(IndicatorRow.start < before))
    if oldest is None:
        return 0
    statement = delete(IndicatorRow).where(IndicatorRow.start < min(before, oldest + PRUNED_AT_ONCE))
    return len(session.execute(statement.returning(IndicatorRow.start)).all())


def _keep(session: Session, readings: Sequence[Reading]) -> list[Reading]:
    """Those that were not known yet."""
    known = _known(session, readings)
    fresh = {(each.service_id, each.metric, each.start): each for each in readings}
    fresh = {key: each for key, each in fresh.items() if key not in known}
    rows = [
        {
            "service_id": each.service_id,
            "metric": each.metric,
            "start": each.start,
            "seconds": each.seconds,
            "value": each.value,
            "quality": MISSING if each.value is None else MEASURED,
        }
        for each in fresh.values()
    ]
    insert_all_once(session, IndicatorRow, rows)
    return list(fresh.values())


def _known(session: Session, readings: Sequence[Reading]) -> set[tuple[str, str, datetime]]:
    if not readings:
        return set()
    services = sorted({each.service_id for each in readings})
    first, last = min(each.start for each in readings), max(each.start for each in readings)
    row, found = IndicatorRow, set[tuple[str, str, datetime]]()
    for begin in range(0, len(services), _BATCH):
        some = (row.service_id.in_(services[begin : begin + _BATCH]), row.start >= first, row.start <= last)
        for service_id, metric, start in session.execute(select(row.service_id, row.metric, row.start).where(*some)):
            found.add((service_id, metric, start))
    return found


def _is_good(promise: Promise | None, reading: Reading) -> bool | None:
    """None where nothing was promised for it."""
    goal = promise.sla.indicator(reading.metric) if promise else None
    return None if goal is None or reading.value is None else goal.is_good(reading.value)


def _extend(session: Session, chains: Mapping[tuple[str, str], Sequence[tuple[Reading, bool]]]) -> None:
    """Minutes that follow upon a span of their kind make it longer; others begin one."""
    last = _latest(session, sorted({service_id for service_id, _ in chains}))
    new: list[dict[str, object]] = []
    grown: list[dict[str, object]] = []
    for key, minutes in chains.items():
        spans = [last[key]] if key in last else []
        for reading, good in minutes:
            if spans and spans[-1].good == good and spans[-1].end == reading.start:
                spans[-1].end, spans[-1].grown = reading.end, True
            else:
                spans.append(_Span(reading.start, reading.end, good, is_new=True))
        new += [_row(key, span) | {"good": span.good} for span in spans if span.is_new]
        grown += [_row(key, span) for span in spans if span.grown and not span.is_new]
    if new:
        session.execute(insert(IndicatorSpanRow), new)
    if grown:
        session.execute(update(IndicatorSpanRow), grown)


def _row(key: tuple[str, str], span: _Span) -> dict[str, object]:
    return {"service_id": key[0], "metric": key[1], "start": span.start, "end": span.end}


def _latest(session: Session, services: Sequence[str]) -> dict[tuple[str, str], _Span]:
    """The span of each service and metric that ends last."""
    row, found = IndicatorSpanRow, dict[tuple[str, str], _Span]()
    for begin in range(0, len(services), _BATCH):
        some = row.service_id.in_(services[begin : begin + _BATCH])
        newest = (
            select(row.service_id, row.metric, func.max(row.start).label("start"))
            .where(some)
            .group_by(row.service_id, row.metric)
            .subquery()
        )
        same = (row.service_id == newest.c.service_id, row.metric == newest.c.metric, row.start == newest.c.start)
        columns = (row.service_id, row.metric, row.start, row.end, row.good)
        for service_id, metric, start, end, good in session.execute(select(*columns).join(newest, same[0] & same[1] & same[2])):
            found[service_id, metric] = _Span(start, end, good, is_new=False)
    return found
