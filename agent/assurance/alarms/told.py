"""Alarms that other systems tell of (TMF642): kept, handled and grouped as fabd's own, and cleared by those who raised them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.announcing import ALARM_CHANGED, ALARM_DELETED, alarm_event
from agent.assurance.alarms.ledger import Ledger
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition
from agent.assurance.tables import AlarmChangeRow, AlarmRow
from crm_bridge.outbox import publish_all
from inventory.topology import split_reference
from policies.values import Severity

KIND = "toldByAnother"


@dataclass(frozen=True, slots=True)
class Told:
    source: str
    """The system."""
    external_id: str
    """How it calls the alarm; "" when it has one for each object and cause."""
    object: str
    """An element, element/port, or whatever it calls it."""
    probable_cause: str
    severity: Severity
    text: str
    raised_at: datetime
    type: str = AlarmType.COMMUNICATIONS
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    told: Told
    at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    raised: int
    """Begun, or changed."""
    cleared: int
    unchanged: int


def tell_of(session: Session, told: Told, known: frozenset[str], at: datetime) -> Alarm:
    """Raise it, or count it once more. `known`: the elements of the inventory."""
    finding = _finding(told, known, at)
    ledger = Ledger(session, at)
    ledger.fetch_for([finding])
    alarm = _raised(ledger, told, finding)
    ledger.write()
    return alarm


def tell_of_all(session: Session, firing: Iterable[Told], ended: Iterable[Ended], known: frozenset[str], at: datetime) -> Heard:
    """What a system says that repeats itself: what stands already, just so, is no news, and neither is the end of what does not."""
    raising = [(told, _finding(told, known, at)) for told in firing]
    clearing = [_finding(each.told, known, at, each.at) for each in ended]
    ledger = Ledger(session, at)
    ledger.fetch_for([*(finding for _, finding in raising), *clearing])
    news = [(told, finding) for told, finding in raising if not _stands(ledger.of(finding), told, at)]
    raised = [_raised(ledger, told, finding) for told, finding in news]
    cleared = [alarm for each in clearing if (alarm := ledger.of(each)) is not None and alarm.stands]
    for each in clearing:
        ledger.apply(each, ledger.observe(each))
    ledger.write()
    return Heard(len(raised), len(cleared), len(raising) - len(raised) + len(clearing) - len(cleared))


def change(session: Session, alarm_id: str, severity: Severity | None, attributes: Mapping[str, Any], at: datetime) -> Alarm:
    """By the system that told of it, after looking that it is one of those."""
    ledger = Ledger(session, at)
    ledger.fetch([alarm_id])
    alarm = ledger.get(alarm_id)
    if alarm is None:
        raise LookupError(alarm_id)
    if severity is not None and severity.rank < Severity(alarm.severity).rank and alarm.acknowledged_at is not None:
        alarm.acknowledged_by = alarm.acknowledged_at = None
    alarm.severity = alarm.severity if severity is None else severity.value
    alarm.attributes = dict(attributes)
    alarm.text = str(attributes.get("alarmDetails") or attributes.get("specificProblem") or alarm.text)
    ledger.note(alarm, "updated", {"severity": alarm.severity})
    ledger.tell(alarm, event=ALARM_CHANGED)
    ledger.write()
    return alarm


def forget(session: Session, alarm: Alarm, at: datetime) -> None:
    """With its history."""
    Ledger(session, at)
    session.execute(delete(AlarmChangeRow).where(AlarmChangeRow.alarm_id == alarm.id))
    session.execute(delete(AlarmRow).where(AlarmRow.id == alarm.id))
    publish_all(session, [alarm_event(alarm, ALARM_DELETED, at)], correlation_id="", at=at)


def _finding(told: Told, known: frozenset[str], at: datetime, ended: datetime | None = None) -> Finding:
    element, _, port = split_reference(told.object) if "/" in told.object else (told.object, "", "")
    if element not in known:
        element, port = told.object, ""
    kind = AlarmType(told.type) if told.type in set(AlarmType) else AlarmType.COMMUNICATIONS
    meaning = Meaning(
        told.probable_cause,
        raises=ended is None,
        severity=told.severity,
        qualifier=" ".join(filter(None, (told.source, told.external_id))),
        type=kind,
        probable_cause=told.probable_cause,
    )
    instant = min(ended or told.raised_at, at)
    why = f"{told.source} says so; fabd reads nothing of it"
    moment = Transition(instant, instant, at)
    return Finding(KIND, element, port, moment, Source.CLIENT, {"text": told.text}, meaning=meaning, unverified=why)


def _raised(ledger: Ledger, told: Told, finding: Finding) -> Alarm:
    alarm = ledger.apply(finding, ledger.observe(finding))
    if alarm is None:
        raise AssertionError(f"{told.object}: what raises an alarm gives one")  # pragma: no cover  the finding raises
    alarm.source, alarm.attributes = told.source, dict(told.attributes)
    return alarm


def _stands(alarm: Alarm | None, told: Told, at: datetime) -> bool:
    """Just as it is told."""
    if alarm is None or not alarm.stands:
        return False
    return (alarm.raised_at, alarm.severity, alarm.text) == (min(told.raised_at, at), told.severity.value, told.text)
