"""The health of services as intervals: up, down or unknown, from the instant of the change to that of the next.

Of several causes the first one begins an outage and the last one to be repaired ends it, in whatever order they come to be known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms import Board
from agent.assurance.findings import TICK, Transition
from agent.assurance.impact import UP, Condition, condition, footprints
from agent.assurance.tables import AlarmRow, ServiceStateRow
from crm_bridge.outbox import publish
from inventory.topology import Graph
from policies.values import Interval, new_id


@dataclass(frozen=True, slots=True)
class Change:
    """A failure that began or ended, and when."""

    failure: str
    """What it is known by: the alarm's id, or the element that was not looked at."""
    begins: bool
    transition: Transition
    observation_id: str
    alarms: tuple[str, ...] = ()
    """Ids; empty where none was raised."""

    @classmethod
    def of(cls, alarm: AlarmRow, transition: Transition, observation_id: str) -> "Change":
        return cls(alarm.id, alarm.cleared_at is None, transition, observation_id, (alarm.id,))


def refresh(session: Session, topology: Graph, services: Iterable[str], change: Change, *, board: Board, at: datetime) -> list[str]:
    """Bring the state of these services to what the open alarms say; returns those that changed."""
    return [
        service_id
        for service_id, footprint in sorted(footprints(session, topology, services).items())
        if _apply(session, service_id, condition(footprint, board.failures), change, board=board, at=at)
    ]


def begin(session: Session, topology: Graph, service_id: str, at: datetime) -> None:
    """From `at` the service is what the open alarms make of what it runs over; before, it may have run over something else."""
    board = Board(session)
    footprint = footprints(session, topology, [service_id]).get(service_id)
    now = Condition(UP) if footprint is None else condition(footprint, board.failures)
    evidence = {"alarms": [alarm.id for alarm in board.of(now.culprits)], "observations": []}
    row = _open_row(session, service_id)
    if row is None:
        _start(session, service_id, now, Transition.at(at), evidence)
    elif row.state != now.state:
        _tell(session, _follow(session, row, now, Transition.at(at), evidence), at)


def end(session: Session, service_id: str, at: datetime) -> None:
    row = _open_row(session, service_id)
    if row is not None:
        row.end = max(row.start, at)


def attribute(session: Session, services: Iterable[str], problem_id: str) -> None:
    """Write the problem on the present outage of its services."""
    wanted = list(services)
    rows = session.scalars(
        select(ServiceStateRow).where(
            ServiceStateRow.service_id.in_(wanted), ServiceStateRow.end.is_(None), ServiceStateRow.state != UP
        )
    )
    for row in rows:
        problems = list(dict.fromkeys([*row.evidence.get("problems", []), problem_id]))
        row.evidence = row.evidence | {"problems": problems}


def troubled(session: Session, services: Iterable[str]) -> dict[str, ServiceStateRow]:
    """Those of the services that are not up now."""
    wanted = sorted(set(services))
    rows = session.scalars(
        select(ServiceStateRow).where(
            ServiceStateRow.service_id.in_(wanted), ServiceStateRow.end.is_(None), ServiceStateRow.state != UP
        )
    )
    return {row.service_id: row for row in rows}


def history(session: Session, service_id: str, span: Interval) -> Sequence[ServiceStateRow]:
    """The states that lie in `span`, wholly or in part, in order."""
    rows = session.scalars(
        select(ServiceStateRow)
        .where(
            ServiceStateRow.service_id == service_id,
            ServiceStateRow.start < span.end,
            (ServiceStateRow.end.is_(None)) | (ServiceStateRow.end > span.start),
        )
        .order_by(ServiceStateRow.start)
    )
    return rows.all()


def rests(rows: Sequence[ServiceStateRow], span: Interval) -> list[Interval]:
    """Time of `span` after a state in which the service had none: it was suspended. `rows`: its `history` there, in order."""
    ends = [row.end for row in rows if row.end is not None]
    starts = [row.start for row in rows[1:]]
    gaps = [(end, start) for end, start in zip_longest(ends, starts, fillvalue=span.end) if end < start]
    return [part for end, start in gaps if (part := Interval(end, start).intersect(span)) is not None]


def clip(row: ServiceStateRow, span: Interval) -> Interval | None:
    return Interval(row.start, max(row.start, row.end or span.end)).intersect(span)


def _apply(session: Session, service_id: str, now: Condition, change: Change, *, board: Board, at: datetime) -> bool:
    row = _open_row(session, service_id)
    if row is None:
        return False
    behind = [alarm.id for alarm in board.of(now.culprits)]
    if now.state == row.state:
        if change.begins and change.failure in behind:
            _join(session, row, change)
        elif not change.begins and now.state != UP:
            row.evidence = row.evidence | {"cleared": _cleared(row, change)}
        return False
    moment = change.transition if change.begins else _last_cleared(row, change)
    alarms = list(change.alarms) if now.state == UP else behind
    evidence: dict[str, Any] = {"alarms": alarms, "observations": [change.observation_id]}
    _tell(session, _follow(session, row, now, moment, evidence), at)
    return True


def _follow(
    session: Session, row: ServiceStateRow, now: Condition, moment: Transition, evidence: Mapping[str, Any]
) -> ServiceStateRow:
    """The next state; one that would have lasted less than a tick of the element's clock gives way to it."""
    if moment.instant - row.start >= TICK:
        row.end = moment.instant
        session.flush()
        return _start(session, row.service_id, now, moment, evidence)
    row.state, row.reason, row.evidence = now.state, _reason(now), dict(evidence)
    return row


def _join(session: Session, row: ServiceStateRow, change: Change) -> None:
    """Another alarm behind the same state: kept as evidence, and if it is older, the state began with it."""
    evidence = dict(row.evidence)
    evidence["alarms"] = list(dict.fromkeys([*evidence.get("alarms", []), *change.alarms]))
    evidence["observations"] = [*evidence.get("observations", []), change.observation_id]
    row.evidence = evidence
    before = _row_before(session, row)
    instant = change.transition.instant
    if before is None or instant >= row.start or before.state == row.state:
        return
    instant = max(instant, before.start)
    if instant == before.start:
        session.delete(before)
        session.flush()
    else:
        before.end = instant
    row.start, row.start_earliest, row.start_latest = instant, change.transition.earliest, change.transition.latest


def _cleared(row: ServiceStateRow, change: Change) -> dict[str, str]:
    return dict(row.evidence.get("cleared", {})) | {change.failure: change.transition.instant.isoformat()}


def _last_cleared(row: ServiceStateRow, change: Change) -> Transition:
    """Of all that was repaired during this state, the last one counts."""
    moment = change.transition
    last = max((datetime.fromisoformat(text) for text in row.evidence.get("cleared", {}).values()), default=moment.instant)
    return moment if last <= moment.instant else Transition(last, last, max(last, moment.latest))


def _start(session: Session, service_id: str, now: Condition, moment: Transition, evidence: Mapping[str, Any]) -> ServiceStateRow:
    row = ServiceStateRow(
        id=new_id("hlt", moment.instant),
        service_id=service_id,
        state=now.state,
        start=moment.instant,
        start_earliest=moment.earliest,
        start_latest=moment.latest,
        end=None,
        reason=_reason(now),
        evidence=dict(evidence),
    )
    session.add(row)
    session.flush()
    return row


def _open_row(session: Session, service_id: str) -> ServiceStateRow | None:
    statement = select(ServiceStateRow).where(ServiceStateRow.service_id == service_id, ServiceStateRow.end.is_(None))
    return session.scalars(statement.with_for_update()).one_or_none()


def _row_before(session: Session, row: ServiceStateRow) -> ServiceStateRow | None:
    statement = select(ServiceStateRow).where(ServiceStateRow.service_id == row.service_id, ServiceStateRow.end == row.start)
    return session.scalars(statement).one_or_none()


def _reason(now: Condition) -> str:
    return ", ".join(sorted(now.culprits))


def _tell(session: Session, row: ServiceStateRow, at: datetime) -> None:
    publish(
        session,
        aggregate=f"service:{row.service_id}",
        type="serviceAttributeValueChangeEvent",
        payload={
            "service": {"id": row.service_id, "operatingStatus": row.state, "since": row.start.isoformat(), "reason": row.reason}
        },
        correlation_id=row.service_id,
        at=at,
    )
