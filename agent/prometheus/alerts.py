"""Open alarms as alerts of Alertmanager's API (v2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.ledger import ROOT
from agent.assurance.tables import AlarmRow
from agent.prometheus.webhook import OURS, SOURCE

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    labels: Labels
    """Sorted; what it is known by."""
    annotations: Labels
    starts_at: datetime
    link: str

    def document(self, ends_at: datetime) -> dict[str, Any]:
        return {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": self.starts_at.isoformat(),
            "endsAt": ends_at.isoformat(),
            "generatorURL": self.link,
        }


@dataclass(frozen=True, slots=True)
class Writing:
    """How alarms are put."""

    common: Mapping[str, str]
    """Labels of every alert."""
    url: str
    """Of this daemon, for links."""

    def open_alerts(self, session: Session) -> dict[Labels, Alert]:
        """Of causes that somebody is to be told of: symptoms, what is shelved, damped or in maintenance, and Alertmanager's own
        are left out.
        """
        row = AlarmRow
        told = (row.cleared_at.is_(None), row.standing == ROOT, row.muted == "", row.source != SOURCE)
        columns = (row.id, row.element, row.object, row.cause, row.qualifier, row.severity, row.text, row.raised_at, row.problem_id)
        found = (self._alert(*values) for values in session.execute(select(*columns).where(*told)))
        return {alert.labels: alert for alert in found}

    def _alert(  # noqa: PLR0917  the columns above
        self,
        alarm_id: str,
        element: str,
        port: str,
        cause: str,
        qualifier: str,
        severity: str,
        text: str,
        raised_at: datetime,
        problem_id: str | None,
    ) -> Alert:
        kind, _, name = element.partition(":")
        about = {_KINDS[kind]: name} if kind in _KINDS else {"element": element, "port": port}
        own = {"alertname": cause, "severity": severity, "qualifier": qualifier, "alarm_id": alarm_id, OURS[0]: OURS[1]}
        labels = {**self.common, **about, **own}
        annotations = {"summary": text or cause, "description": f"fabd alarm why {alarm_id}", "problem": problem_id or ""}
        return Alert(_sorted(labels), _sorted(annotations), raised_at, f"{self.url}/api/v1/alarms/{alarm_id}")


_KINDS = {"service": "service_id", "pool": "pool", "daemon": "daemon"}
"""What an alarm is about that is no element, and the label that says so."""


def _sorted(found: Mapping[str, str]) -> Labels:
    """Alertmanager refuses labels without a value."""
    return tuple(sorted((name, value) for name, value in found.items() if value))


@dataclass(frozen=True, slots=True)
class Standing:
    """What one Alertmanager was told of, until when it believes it, and when it was told all."""

    until: Mapping[Labels, tuple[Alert, datetime]]
    all_at: datetime | None = None

    def due(self, alerts: Mapping[Labels, Alert], at: datetime, resend: timedelta) -> tuple[list[Alert], list[Alert]]:
        """What is to be told now: what stands, and what has ended. Alerts that it has forgotten by itself need not be ended."""
        whole = self.all_at is None or at - self.all_at >= resend
        news = [each for labels, each in alerts.items() if whole or self.until.get(labels, (None, at))[0] != each]
        ended = [alert for labels, (alert, until) in self.until.items() if labels not in alerts and until > at]
        return news, ended

    def told(self, alerts: Mapping[Labels, Alert], news: list[Alert], at: datetime, until: datetime) -> "Standing":
        """After it has taken what was due."""
        known = {labels: each for labels, each in self.until.items() if labels in alerts}
        known |= {alert.labels: (alert, until) for alert in news}
        whole = len(news) == len(alerts)
        return replace(self, until=known, all_at=at if whole else self.all_at)
