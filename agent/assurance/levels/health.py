"""The health of services as intervals: up, down or unknown, from the instant of the change to that of the next.

Of several causes the first one begins an outage and the last one to be repaired ends it, in whatever order they come to be known.
What only hides a service, as a silent element does, does not lengthen its outage: time after the repair in which it could not
yet be seen is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from agent.assurance.alarms.alarm import Alarm, chunks, load
from agent.assurance.alarms.board import Board
from agent.assurance.alarms.causes import FAILURES, UNREACHABLE
from agent.assurance.findings import TICK, Restart, Transition
from agent.assurance.levels.impact import DOWN, UNKNOWN, UP, Condition, Footprint, condition, footprints, services_on
from agent.assurance.tables import AlarmRow, ServiceStateRow
from crm_bridge.outbox import Event, publish_all
from inventory.prepared import Prepared, among
from inventory.storing import write
from inventory.topology import Graph, Topology
from policies.values import Interval, new_id

CLEARED, SEEN = "cleared", "seen"
"""In the evidence of a state: what was repaired during it, and what of its elements answered again while it was down."""
DEAD = "dead"
"""In the evidence of an unknown state: from when to when its elements were dead, as their uptime proved later."""
RESTARTED = "its uptime says that it was dead and began anew"
NOBODY: frozenset[str] = frozenset()
HIDDEN = Condition(UNKNOWN, because="an element of it was not heard yet")


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
    hides: bool = True
    """It takes away what is known of services; other failures bring them down."""
    restart: Restart | None = None
    """What its end proves of the time before."""

    @classmethod
    def of(cls, alarm: Alarm, transition: Transition, observation_id: str) -> "Change":
        hides = alarm.cause == UNREACHABLE
        return cls(alarm.id, alarm.cleared_at is None, transition, observation_id, (alarm.id,), hides)


class Refresher:
    """Brings the state of services to what the board says, change by change; reads and writes few times for all of them.

    `board` is looked at when `refresh` is called: it goes on meanwhile.
    """

    def __init__(self, session: Session, topology: Topology, ports: AbstractSet[str], board: Board, at: datetime) -> None:
        """`ports`: all that the changes will be about, as element/port."""
        self._session, self._board, self._at = session, board, at
        self._footprints = footprints(session, topology, services_on(session, topology, ports)) if ports else {}
        self._over: dict[str, list[str]] = {}
        for service_id, footprint in sorted(self._footprints.items()):
            for port in footprint.ports:
                self._over.setdefault(port, []).append(service_id)
        self._open = _open_rows(session, self._footprints)
        self._before = _rows_before(session, self._open)
        self._news: list[ServiceStateRow] = []

    def refresh(self, ports: Iterable[str], change: Change) -> None:
        """`change` concerns these ports, each among those that were named at the beginning."""
        for service_id in sorted({service for port in ports for service in self._over.get(port, ())}):
            self._apply(service_id, condition(self._footprints[service_id], self._board.failures), change)

    def write(self) -> None:
        self._session.flush()
        if self._news:
            publish_all(self._session, [_event(row) for row in self._news], correlation_id="", at=self._at)
            self._news = []

    def _apply(self, service_id: str, now: Condition, change: Change) -> None:
        row = self._open.get(service_id)
        if row is None:
            return
        behind = [alarm.id for alarm in self._board.of(now.culprits)]
        if now.state == row.state:
            if change.begins and change.failure in behind:
                self._join(row, change)
            elif not change.begins and now.state != UP:
                if row.state == UNKNOWN and change.restart:
                    row.evidence = row.evidence | {DEAD: self._dead(row, change)}
                over = SEEN if change.hides and row.state == DOWN else CLEARED
                row.evidence = row.evidence | {over: _noted(row, over, change)}
            return
        moment = change.transition if change.begins else _last_cleared(row, change)
        alarms = list(change.alarms) if now.state == UP else behind
        evidence = {"alarms": alarms, "observations": [change.observation_id]}
        if row.state == UNKNOWN:
            self._prove(row, change, moment.instant, evidence)
            row = self._open[service_id]
        seen = _latest(row, SEEN)
        if now.state == UP and seen is not None and seen - moment.instant >= TICK:
            self._turn(service_id, HIDDEN, moment, evidence)
            moment = Transition.at(seen)
        self._turn(service_id, now, moment, evidence)

    def _dead(self, row: ServiceStateRow, change: Change) -> list[list[str]]:
        """What is proven of the time of this state: from when to when an element of the service was dead."""
        known: list[list[str]] = list(row.evidence.get(DEAD, []))
        span = change.restart.dead(self._footprints[row.service_id].ports) if change.restart else None
        return [*known, [span.start.isoformat(), span.end.isoformat()]] if span else known

    def _prove(self, row: ServiceStateRow, change: Change, until: datetime, evidence: Mapping[str, Any]) -> None:
        """An unknown state ends: as far as an element was dead meanwhile, the service was down."""
        cursor, dead = row.start, Condition(DOWN, frozenset(row.reason.split(", ")), RESTARTED)
        for first, last in sorted(
            (datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in self._dead(row, change)
        ):
            start, end = max(first, cursor), min(last, until)
            if start < end:
                self._turn(row.service_id, dead, Transition(start, cursor, start), evidence)
                if end < until:
                    self._turn(row.service_id, HIDDEN, Transition.at(end), evidence)
                cursor = end

    def _turn(self, service_id: str, now: Condition, moment: Transition, evidence: Mapping[str, Any]) -> None:
        row = self._open[service_id]
        following = _follow(self._session, row, now, moment, evidence)
        if following is not row:
            self._open[service_id], self._before[service_id] = following, row
        self._news.append(following)

    def _join(self, row: ServiceStateRow, change: Change) -> None:
        """Another alarm behind the same state: kept as evidence, and if it is older, the state began with it."""
        evidence = dict(row.evidence)
        evidence["alarms"] = list(dict.fromkeys([*evidence.get("alarms", []), *change.alarms]))
        evidence["observations"] = [*evidence.get("observations", []), change.observation_id]
        row.evidence = evidence
        before = self._before.get(row.service_id)
        instant = change.transition.instant
        if before is None or instant >= row.start or before.state == row.state:
            return
        instant = max(instant, before.start)
        if instant == before.start:
            self._session.flush()
            self._session.delete(before)
            self._session.flush()
            row.start = instant
            self._session.flush()
            self._before.pop(row.service_id)
            self._before |= _rows_before(self._session, {row.service_id: row})
        else:
            before.end = instant
        row.start, row.start_earliest, row.start_latest = instant, change.transition.earliest, change.transition.latest


def begin(session: Session, topology: Graph, service_id: str, at: datetime) -> None:
    """From `at` the service is what the open alarms make of what it runs over; before, it may have run over something else."""
    footprint = footprints(session, topology, [service_id]).get(service_id, Footprint(service_id, frozenset()))
    begin_all(session, [footprint], at)


def begin_all(session: Session, runs_over: Sequence[Footprint], at: datetime, *, never_were: AbstractSet[str] = NOBODY) -> None:
    """As `begin`, of several services that run over these. `never_were`: those of them that have no state yet, for sure."""
    board = Board(_failures(session, sorted({element for footprint in runs_over for element in footprint.elements})))
    known = _open_rows_if_any(session, [each.service_id for each in runs_over if each.service_id not in never_were])
    new: list[dict[str, Any]] = []
    for footprint in runs_over:
        now = condition(footprint, board.failures)
        evidence = {"alarms": [alarm.id for alarm in board.of(now.culprits)], "observations": []}
        row = known.get(footprint.service_id)
        if row is None:
            new.append(_values(footprint.service_id, now, Transition.at(at), evidence))
        elif row.state != now.state:
            publish_all(session, [_event(_follow(session, row, now, Transition.at(at), evidence))], correlation_id="", at=at)
    if known:
        session.flush()
    write(session, ServiceStateRow, new)


def end(session: Session, service_id: str, at: datetime) -> None:
    row = _open_rows(session, [service_id]).get(service_id)
    if row is not None:
        row.end = max(row.start, at)


def attribute(session: Session, services: Iterable[str], problem_id: str) -> None:
    """Write the problem on the present outage of its services."""
    for row in troubled(session, services).values():
        problems = list(dict.fromkeys([*row.evidence.get("problems", []), problem_id]))
        if problems != row.evidence.get("problems"):
            row.evidence = row.evidence | {"problems": problems}


def troubled(session: Session, services: Iterable[str]) -> dict[str, ServiceStateRow]:
    """Those of the services that are not up now."""
    found = {}
    for chunk in chunks(sorted(set(services))):
        wanted = select(ServiceStateRow).where(
            ServiceStateRow.service_id.in_(chunk), ServiceStateRow.end.is_(None), ServiceStateRow.state != UP
        )
        found.update({row.service_id: row for row in session.scalars(wanted)})
    return found


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


def _follow(
    session: Session, row: ServiceStateRow, now: Condition, moment: Transition, evidence: Mapping[str, Any]
) -> ServiceStateRow:
    """The next state; one that would have lasted less than a tick of the element's clock gives way to it."""
    if moment.instant - row.start >= TICK:
        row.end = moment.instant
        return _start(session, row.service_id, now, moment, evidence)
    row.state, row.reason, row.evidence = now.state, _reason(now), dict(evidence)
    return row


def _noted(row: ServiceStateRow, over: str, change: Change) -> dict[str, str]:
    return dict(row.evidence.get(over, {})) | {change.failure: change.transition.instant.isoformat()}


def _latest(row: ServiceStateRow, over: str) -> datetime | None:
    return max((datetime.fromisoformat(text) for text in row.evidence.get(over, {}).values()), default=None)


def _last_cleared(row: ServiceStateRow, change: Change) -> Transition:
    """Of all that made this state and was repaired during it, the last one counts."""
    moment, last = change.transition, _latest(row, CLEARED)
    return moment if last is None or last <= moment.instant else Transition(last, last, max(last, moment.latest))


def _start(session: Session, service_id: str, now: Condition, moment: Transition, evidence: Mapping[str, Any]) -> ServiceStateRow:
    row = ServiceStateRow(**_values(service_id, now, moment, evidence))
    session.add(row)
    return row


def _values(service_id: str, now: Condition, moment: Transition, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Of a state that begins, by column."""
    return {
        "id": new_id("hlt", moment.instant),
        "service_id": service_id,
        "state": now.state,
        "start": moment.instant,
        "start_earliest": moment.earliest,
        "start_latest": moment.latest,
        "end": None,
        "reason": _reason(now),
        "evidence": dict(evidence),
    }


def _failures(session: Session, elements: Sequence[str]) -> Iterable[Alarm]:
    """Standing ones. Mostly there are none, and that is quickly seen."""
    for chunk in chunks(elements):
        if _FAILING.rows(session.connection(), {"elements": chunk}):
            yield from load(session, AlarmRow.cleared_at.is_(None), AlarmRow.cause.in_(FAILURES), AlarmRow.element.in_(chunk))


def _open_rows_if_any(session: Session, services: Sequence[str]) -> dict[str, ServiceStateRow]:
    """A service that begins for the first time has none."""
    known = _OPEN.rows(session.connection(), {"services": services}) if services else ()
    return _open_rows(session, [service for (service,) in known])


_FAILING = Prepared(
    select(AlarmRow.id)
    .where(
        AlarmRow.cleared_at.is_(None),
        or_(*(AlarmRow.cause == cause for cause in sorted(FAILURES))),
        among(AlarmRow.element, "elements"),
    )
    .limit(1)
)
_OPEN = Prepared(
    select(ServiceStateRow.service_id).where(among(ServiceStateRow.service_id, "services"), ServiceStateRow.end.is_(None))
)


def _open_rows(session: Session, services: Iterable[str]) -> dict[str, ServiceStateRow]:
    """By service."""
    found = {}
    for chunk in chunks(sorted(services)):
        wanted = select(ServiceStateRow).where(ServiceStateRow.service_id.in_(chunk), ServiceStateRow.end.is_(None))
        found.update({row.service_id: row for row in session.scalars(wanted.with_for_update())})
    return found


def _rows_before(session: Session, rows: Mapping[str, ServiceStateRow]) -> dict[str, ServiceStateRow]:
    """Those that ended when these began, by service."""
    found = {}
    for chunk in chunks(sorted(rows)):
        later = aliased(ServiceStateRow)
        wanted = (
            select(ServiceStateRow)
            .join(later, (later.service_id == ServiceStateRow.service_id) & (later.start == ServiceStateRow.end))
            .where(later.service_id.in_(chunk), later.end.is_(None))
        )
        found.update({row.service_id: row for row in session.scalars(wanted)})
    return found


def _reason(now: Condition) -> str:
    named = ", ".join(sorted(now.culprits))
    return f"{named} ({now.because})" if now.because else named


def _event(row: ServiceStateRow) -> Event:
    state = {"id": row.service_id, "operatingStatus": row.state, "since": row.start.isoformat(), "reason": row.reason}
    return Event(f"service:{row.service_id}", "serviceAttributeValueChangeEvent", {"service": state}, correlation_id=row.service_id)
