"""What the outside hears of alarms (TMF642) and problems (TMF656), through the outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.tables import ProblemRow
from crm_bridge.outbox import Event, publish

ALARM_CREATED, ALARM_STATE = "alarmCreateEvent", "alarmStateChangeEvent"
ALARM_CHANGED, ALARM_DELETED = "alarmAttributeValueChangeEvent", "alarmDeleteEvent"
PROBLEM_CREATED, PROBLEM_STATE = "serviceProblemCreateEvent", "serviceProblemStateChangeEvent"
PROBLEM_CHANGED = "serviceProblemAttributeValueChangeEvent"
SERVER_SET = frozenset(
    {
        *("id", "href", "state", "perceivedSeverity", "ackState", "ackUserId", "ackSystemId", "isRootCause", "alarmChangedTime"),
        *("alarmClearedTime", "parentAlarm", "correlatedAlarm", "comment", "alarmEscalation", "affectedService"),
        "serviceAffecting",
    }
)
"""What an alarm is by fabd's knowledge, whoever told of it."""
ITSELF = "fabd"
"""The system that alarms come from, unless a client told of them."""


def alarm_event(alarm: Alarm, event: str, at: datetime) -> Event:
    return Event(f"alarm:{alarm.id}", event, {"alarm": alarm_resource(alarm, at)}, correlation_id=alarm.problem_id or alarm.id)


def tell_problem(session: Session, problem: ProblemRow, event: str, at: datetime) -> None:
    publish(
        session,
        aggregate=f"problem:{problem.id}",
        type=event,
        payload={"serviceProblem": problem_resource(problem, at)},
        correlation_id=problem.id,
        at=at,
    )


def alarm_resource(alarm: Alarm, at: datetime) -> dict[str, Any]:
    """TMF642's alarm, without what needs other rows (comments, services, correlated alarms).

    `at`: when it changed, where the alarm does not know that.
    """
    found: dict[str, Any] = {
        **alarm.attributes,
        "id": alarm.id,
        "alarmType": alarm.alarm_type,
        "alarmedObject": {"id": alarm.reference},
        "alarmedObjectType": kind_of(alarm),
        "probableCause": alarm.probable_cause or alarm.cause,
        "specificProblem": alarm.cause + (f" {alarm.qualifier}" if alarm.qualifier else ""),
        "alarmDetails": alarm.text,
        "perceivedSeverity": alarm.severity if alarm.stands else "cleared",
        "state": "raised" if alarm.stands else "cleared",
        "ackState": "unacknowledged" if alarm.acknowledged_at is None else "acknowledged",
        "ackUserId": alarm.acknowledged_by,
        "ackSystemId": None if alarm.acknowledged_by is None else ITSELF,
        "isRootCause": alarm.standing == "root",
        "alarmEscalation": alarm.escalated > 0,
        "plannedOutageIndicator": "inService" if not alarm.muted.startswith("maintenance") else "plannedOutage",
        "sourceSystemId": alarm.source or ITSELF,
        "reportingSystemId": ITSELF,
        "alarmRaisedTime": alarm.raised_at.isoformat(),
        "alarmReportingTime": alarm.raised_at.isoformat(),
        "alarmChangedTime": (alarm.changed_at or at).isoformat(),
        "alarmClearedTime": None if alarm.cleared_at is None else alarm.cleared_at.isoformat(),
        "parentAlarm": [{"id": alarm.parent_id}] if alarm.parent_id else None,
    }
    if alarm.source:
        found |= {name: value for name, value in alarm.attributes.items() if name not in SERVER_SET}
    return {name: value for name, value in found.items() if value is not None}


def kind_of(alarm: Alarm) -> str:
    """Of what is no element, what its name begins with: pool, service, daemon."""
    kind, colon, _ = alarm.element.partition(":")
    if colon:
        return kind
    return "port" if alarm.object else "element"


def problem_resource(problem: ProblemRow, at: datetime) -> dict[str, Any]:
    affected = problem.evidence.get("services", [])
    found: dict[str, Any] = {
        **problem.attributes,
        "id": problem.id,
        "name": f"{problem.problem_class}: {problem.root_object}",
        "category": problem.problem_class,
        "status": "resolved" if problem.state == "resolved" else problem.attributes.get("status", "inProgress"),
        "rootCauseResource": [{"id": problem.root_object}],
        "affectedNumberOfServices": len(affected),
        "affectedService": [{"id": service} for service in affected],
        "underlyingAlarm": [{"id": alarm} for alarm in problem.evidence.get("alarms", [])],
        "creationDate": problem.opened_at.isoformat(),
        "lastUpdate": at.isoformat(),
        "resolutionDate": None if problem.resolved_at is None else problem.resolved_at.isoformat(),
        "parentProblem": [{"id": problem.parent_id}] if problem.parent_id else None,
    }
    return {name: value for name, value in found.items() if value is not None}
