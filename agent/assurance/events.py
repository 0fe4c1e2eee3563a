"""What the outside hears of alarms (TMF642) and problems (TMF656), through the outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from agent.assurance.tables import AlarmRow, ProblemRow
from crm_bridge.outbox import publish

ALARM_CREATED, ALARM_STATE = "alarmCreateEvent", "alarmStateChangeEvent"
PROBLEM_CREATED, PROBLEM_STATE = "serviceProblemCreateEvent", "serviceProblemStateChangeEvent"


def tell_alarm(session: Session, alarm: AlarmRow, event: str, at: datetime) -> None:
    publish(
        session,
        aggregate=f"alarm:{alarm.id}",
        type=event,
        payload={"alarm": alarm_resource(alarm, at)},
        correlation_id=alarm.problem_id or alarm.id,
        at=at,
    )


def tell_problem(session: Session, problem: ProblemRow, event: str, at: datetime) -> None:
    publish(
        session,
        aggregate=f"problem:{problem.id}",
        type=event,
        payload={"serviceProblem": problem_resource(problem, at)},
        correlation_id=problem.id,
        at=at,
    )


def alarm_resource(alarm: AlarmRow, at: datetime) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "alarmedObject": {"id": f"{alarm.element}/{alarm.object}" if alarm.object else alarm.element},
        "alarmedObjectType": _kind(alarm),
        "probableCause": alarm.cause,
        "specificProblem": alarm.qualifier or alarm.text,
        "perceivedSeverity": alarm.severity if alarm.cleared_at is None else "cleared",
        "state": "raised" if alarm.cleared_at is None else "cleared",
        "isRootCause": alarm.standing == "root",
        "alarmRaisedTime": alarm.raised_at.isoformat(),
        "alarmChangedTime": at.isoformat(),
        "alarmClearedTime": None if alarm.cleared_at is None else alarm.cleared_at.isoformat(),
    }


def _kind(alarm: AlarmRow) -> str:
    if alarm.element.startswith("pool:"):
        return "pool"
    return "port" if alarm.object else "element"


def problem_resource(problem: ProblemRow, at: datetime) -> dict[str, Any]:
    affected = problem.evidence.get("services", [])
    return {
        "id": problem.id,
        "name": f"{problem.problem_class}: {problem.root_object}",
        "category": problem.problem_class,
        "status": problem.state,
        "rootCauseResource": [{"id": problem.root_object}],
        "affectedNumberOfServices": len(affected),
        "affectedService": [{"id": service} for service in affected],
        "underlyingAlarm": [{"id": alarm} for alarm in problem.evidence.get("alarms", [])],
        "creationDate": problem.opened_at.isoformat(),
        "lastUpdate": at.isoformat(),
        "resolutionDate": None if problem.resolved_at is None else problem.resolved_at.isoformat(),
    }
