"""How things are with what an action is for: taken before it and after it, so that anybody can see what it came to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.levels.impact import DOWN
from agent.assurance.tables import AlarmRow, IndicatorRow, ServiceStateRow

FRESH = timedelta(minutes=15)
"""What was measured longer ago says nothing of now."""


def figures(session: Session, alarm_id: str | None, services: Sequence[str], at: datetime) -> dict[str, Any]:
    """`{alarm: {stands, severity, count}, services: {id: up | down | unknown}, measured: {id: {metric: value}}}`."""
    alarm = session.get(AlarmRow, alarm_id, populate_existing=True) if alarm_id else None
    states = select(ServiceStateRow.service_id, ServiceStateRow.state).where(
        ServiceStateRow.service_id.in_(list(services)), ServiceStateRow.end.is_(None)
    )
    measured: dict[str, dict[str, float]] = {}
    recent = select(IndicatorRow.service_id, IndicatorRow.metric, IndicatorRow.value).where(
        IndicatorRow.service_id.in_(list(services)), IndicatorRow.start >= at - FRESH, IndicatorRow.value.is_not(None)
    )
    for service_id, metric, value in session.execute(recent.order_by(IndicatorRow.start)):
        if value is not None:
            measured.setdefault(service_id, {})[metric] = value
    return {
        "alarm": None if alarm is None else {"stands": alarm.cleared_at is None, "severity": alarm.severity, "count": alarm.count},
        "services": {row.service_id: row.state for row in session.execute(states)},
        "measured": measured,
    }


def down(found: dict[str, Any]) -> list[str]:
    """The services that are."""
    return sorted(service_id for service_id, state in found.get("services", {}).items() if state == DOWN)


def compared(before: dict[str, Any], after: dict[str, Any]) -> str:
    """In words: "services down 2 → 0; svc-… loss_ratio 0.1 → 0"."""
    words = []
    if down(before) or down(after):
        words.append(f"services down {len(down(before))} → {len(down(after))}")
    for service_id, metrics in sorted(after.get("measured", {}).items()):
        old = before.get("measured", {}).get(service_id, {})
        words += [f"{service_id} {name} {_shown(old.get(name))} → {_shown(value)}" for name, value in sorted(metrics.items())]
    return "; ".join(words)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
