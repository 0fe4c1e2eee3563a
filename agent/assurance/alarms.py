"""Alarms: the state of (element, object, cause, qualifier), with its history (X.733, RFC 8632, TMF642)."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from agent.assurance.correlation import Failures
from agent.assurance.errors import UnknownAlarm
from agent.assurance.events import ALARM_CREATED, ALARM_STATE, tell_alarm
from agent.assurance.findings import AlarmType, Finding, FindingKind, Meaning
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObservationRow
from crm_bridge.once import insert_once
from policies.values import Severity, derived_id, new_id

PENDING = "pending"
LINK_DOWN, UNREACHABLE = "linkDown", "elementUnreachable"
UNASKED = "unasked"
"""Why an element is unreachable that could not even be asked: its credential is missing."""
LOW_WATERMARK, DRIFT = "lowWatermark", "configurationDrift"
FAILURES = frozenset({LINK_DOWN, UNREACHABLE})
"""Causes that correlation knows; the others speak for themselves (`agent.assurance.conditions`)."""


MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        FindingKind.LINK_DOWN: Meaning(LINK_DOWN, raises=True),
        FindingKind.LINK_UP: Meaning(LINK_DOWN, raises=False),
        FindingKind.UNREACHABLE: Meaning(UNREACHABLE, raises=True, severity=Severity.CRITICAL),
        FindingKind.REACHABLE: Meaning(UNREACHABLE, raises=False),
        FindingKind.POOL_LOW: Meaning(LOW_WATERMARK, raises=True, severity=Severity.MINOR, type=AlarmType.QUALITY),
        FindingKind.POOL_ENOUGH: Meaning(LOW_WATERMARK, raises=False),
        FindingKind.DRIFTED: Meaning(DRIFT, raises=True, severity=Severity.MINOR, type=AlarmType.PROCESSING),
        FindingKind.IN_SYNC: Meaning(DRIFT, raises=False),
    }
)


def meaning_of(finding: Finding) -> Meaning | None:
    """Its own, or what its kind stands for; None for what changes no alarm."""
    return finding.meaning or MEANINGS.get(finding.kind)


def observe(session: Session, finding: Finding) -> ObservationRow:
    """Keep the evidence."""
    detail = dict(finding.detail) | {
        "earliest": finding.transition.earliest.isoformat(),
        "instant": finding.transition.instant.isoformat(),
    }
    row = ObservationRow(
        id=new_id("obs", finding.transition.latest),
        at=finding.transition.latest,
        element=finding.element,
        object=finding.object,
        source=finding.source.value,
        finding=str(finding.kind),
        detail=detail,
        poll_id=finding.poll_id,
    )
    session.add(row)
    session.flush()
    return row


def apply(session: Session, finding: Finding, observation: ObservationRow, at: datetime, hold: timedelta) -> AlarmRow | None:
    """Raise or clear what the finding speaks of; None when it changes no alarm's state."""
    meaning = meaning_of(finding)
    if meaning is None:
        return None
    if meaning.raises:
        return _raise(session, finding, meaning, observation, at=at, hold=hold)
    return _clear(session, finding, meaning, observation, at)


class Board:
    """The open alarms of failures, loaded once and kept up with as findings are applied."""

    def __init__(self, session: Session) -> None:
        self._open = {reference_of(alarm): alarm for alarm in open_alarms(session)}
        self._silent = {alarm.element for alarm in self._open.values() if alarm.cause == UNREACHABLE}
        self._down = {reference_of(alarm) for alarm in self._open.values() if alarm.cause == LINK_DOWN}
        self._unseen: set[str] = set()

    @property
    def alarms(self) -> list[AlarmRow]:
        """The oldest first."""
        return sorted(self._open.values(), key=lambda alarm: (alarm.raised_at, alarm.id))

    @property
    def failures(self) -> Failures:
        """As correlation sees them; a view that changes with the board."""
        return Failures(self._silent, self._down, self._unseen)

    @property
    def pending(self) -> bool:
        """Whether the cause of any waits to be decided."""
        return any(alarm.standing == PENDING for alarm in self._open.values())

    def update(self, alarm: AlarmRow) -> None:
        reference = reference_of(alarm)
        failing = self._silent if alarm.cause == UNREACHABLE else self._down
        if alarm.cleared_at is None:
            self._open[reference] = alarm
            failing.add(reference)
        else:
            self._open.pop(reference, None)
            failing.discard(reference)

    def lose_sight(self, ports: AbstractSet[str]) -> None:
        """While the board is brought up to date after a time in which nobody looked at these ports."""
        self._unseen |= ports

    def regain_sight(self, ports: AbstractSet[str]) -> None:
        self._unseen -= ports

    def of(self, references: Iterable[str]) -> list[AlarmRow]:
        return [self._open[reference] for reference in sorted(references) if reference in self._open]


def open_alarms(session: Session) -> list[AlarmRow]:
    """Of failures of the network."""
    standing = select(AlarmRow).where(AlarmRow.cleared_at.is_(None), AlarmRow.cause.in_(FAILURES))
    return list(session.scalars(standing.order_by(AlarmRow.raised_at, AlarmRow.id)))


def alarm_of(session: Session, finding: Finding) -> AlarmRow | None:
    """The alarm that the finding speaks of, standing or not."""
    meaning = meaning_of(finding)
    return session.scalars(_key(finding, meaning)).one_or_none() if meaning else None


def reference_of(alarm: AlarmRow) -> str:
    """element/port, or the element's name."""
    return f"{alarm.element}/{alarm.object}" if alarm.object else alarm.element


def acknowledge(session: Session, alarm_id: str, *, by: str, at: datetime) -> AlarmRow:
    """Raises `UnknownAlarm`."""
    alarm = session.get(AlarmRow, alarm_id)
    if alarm is None:
        raise UnknownAlarm(alarm_id)
    alarm.acknowledged_by, alarm.acknowledged_at = by, at
    _note(session, alarm, "acknowledged", at, {"by": by})
    tell_alarm(session, alarm, ALARM_STATE, at)
    return alarm


def close_unwatched(session: Session, elements: AbstractSet[str], ports: AbstractSet[str], at: datetime) -> list[AlarmRow]:
    """Clear the alarms of elements that have left the inventory and of ports (element/port) that nobody watches any more."""
    gone = [alarm for alarm in open_alarms(session) if not _is_watched(alarm, elements, ports)]
    for alarm in gone:
        alarm.cleared_at = max(at, alarm.last_at)
        _note(session, alarm, "cleared", at, {"reason": f"{reference_of(alarm)} is not watched any more"})
        tell_alarm(session, alarm, ALARM_STATE, at)
    return gone


def _is_watched(alarm: AlarmRow, elements: AbstractSet[str], ports: AbstractSet[str]) -> bool:
    return alarm.element in elements and (not alarm.object or reference_of(alarm) in ports)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An alarm's place among causes, with its explanation."""

    standing: str
    problem_id: str | None
    why: Mapping[str, Any]


def judge(session: Session, alarm: AlarmRow, judgement: Judgement, at: datetime) -> bool:
    """Set the standing; says whether that is news."""
    same = (alarm.standing, alarm.problem_id) == (judgement.standing, judgement.problem_id)
    if same and alarm.why == dict(judgement.why):
        return False
    alarm.standing, alarm.problem_id, alarm.why = judgement.standing, judgement.problem_id, dict(judgement.why)
    if not same:
        _note(session, alarm, "standing", at, {"standing": alarm.standing, "problem": alarm.problem_id, **judgement.why})
        tell_alarm(session, alarm, ALARM_STATE, at)
    return not same


def _raise(
    session: Session, finding: Finding, meaning: Meaning, observation: ObservationRow, *, at: datetime, hold: timedelta
) -> AlarmRow:
    moment = finding.transition
    held = None if finding.hold_from is None else (finding.hold_from + hold).isoformat()
    why = {"rule": "waits for its cause to be decided", **({"hold_until": held} if held else {})}
    created = insert_once(
        session,
        AlarmRow,
        {
            "id": derived_id("alm", finding.element, finding.object, meaning.cause, meaning.qualifier),
            "element": finding.element,
            "object": finding.object,
            "cause": meaning.cause,
            "qualifier": meaning.qualifier,
            "severity": meaning.severity.value,
            "text": _text(finding, meaning),
            "raised_at": moment.instant,
            "last_at": moment.latest,
            "why": why,
        },
    )
    alarm = session.scalars(_key(finding, meaning)).one()
    if created:
        change, event = "raised", ALARM_CREATED
    else:
        again = alarm.cleared_at is not None
        _repeat(alarm, finding, meaning, why, again=again)
        change, event = "raised" if again else "updated", ALARM_STATE
    _note(session, alarm, change, at, _told(finding, observation))
    session.flush()
    tell_alarm(session, alarm, event, at)
    return alarm


def _repeat(alarm: AlarmRow, finding: Finding, meaning: Meaning, why: Mapping[str, Any], *, again: bool) -> None:
    """Counted once more; a cleared alarm opens anew, with nothing of its past but the count."""
    moment = finding.transition
    alarm.count += 1
    alarm.last_at = max(alarm.last_at, moment.latest)
    alarm.text, alarm.severity = _text(finding, meaning), meaning.severity.value
    if again:
        alarm.raised_at, alarm.cleared_at = moment.instant, None
        alarm.standing, alarm.problem_id, alarm.why = PENDING, None, dict(why)
        alarm.acknowledged_by = alarm.acknowledged_at = None


def _clear(session: Session, finding: Finding, meaning: Meaning, observation: ObservationRow, at: datetime) -> AlarmRow | None:
    """A clear counts only if it is not older than the last problem."""
    alarm = session.scalars(_key(finding, meaning)).one_or_none()
    if alarm is None or alarm.cleared_at is not None or finding.transition.latest < alarm.last_at:
        return None
    alarm.cleared_at = max(finding.transition.instant, alarm.raised_at)
    _note(session, alarm, "cleared", at, _told(finding, observation))
    session.flush()
    tell_alarm(session, alarm, ALARM_STATE, at)
    return alarm


def _key(finding: Finding, meaning: Meaning) -> Select[AlarmRow]:
    return (
        select(AlarmRow)
        .where(
            AlarmRow.element == finding.element,
            AlarmRow.object == finding.object,
            AlarmRow.cause == meaning.cause,
            AlarmRow.qualifier == meaning.qualifier,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _note(session: Session, alarm: AlarmRow, change: str, at: datetime, detail: Mapping[str, Any]) -> None:
    """Numbered, because several changes may be made at one instant."""
    session.flush()
    number = session.scalar(select(func.count()).select_from(AlarmChangeRow).where(AlarmChangeRow.alarm_id == alarm.id)) or 0
    session.add(
        AlarmChangeRow(
            id=f"{alarm.id}.{number:06d}",
            alarm_id=alarm.id,
            at=at,
            change=change,
            detail=dict(detail),
            observation_id=detail.get("observation"),
        )
    )


def _told(finding: Finding, observation: ObservationRow) -> dict[str, Any]:
    moment = finding.transition
    return {
        "observation": observation.id,
        "finding": str(finding.kind),
        "source": finding.source.value,
        "instant": moment.instant.isoformat(),
        "earliest": moment.earliest.isoformat(),
        "latest": moment.latest.isoformat(),
    }


def _text(finding: Finding, meaning: Meaning) -> str:
    if meaning.cause not in FAILURES:
        return str(finding.detail["text"])
    if meaning.cause == UNREACHABLE:
        verb = "cannot be asked" if finding.detail.get("reason") == UNASKED else "does not answer"
        return f"{finding.element} {verb}: {finding.detail.get('detail' if verb == 'cannot be asked' else 'reason', 'no answer')}"
    state = finding.detail.get("operStatus", "down")
    by_hand = ", shut by configuration" if finding.detail.get("adminStatus") == "down" else ""
    return f"{finding.element}/{finding.object} is {state}{by_hand}"
