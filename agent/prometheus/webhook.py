"""What Alertmanager posts (webhook, version 4), as alarms that another system tells of. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from agent.assurance.alarms.causes import FAILURES
from agent.assurance.alarms.told import Ended, Told
from agent.assurance.findings import AlarmType
from agent.config import AlertmanagerSettings
from policies.values import Severity

SOURCE = "alertmanager"
OURS = ("source", "fabd")
"""The label of alerts that fabd itself has sent: when they come back, they are no news."""
LONGEST = 2000
"""Characters of a text that are kept."""

Text = Annotated[str, Field(max_length=8192)]
Texts = Annotated[dict[str, Text], Field(max_length=100)]


def _utc(found: datetime) -> datetime:
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("this is before the first day of the calendar, or after its last") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Alert(BaseModel):
    """What is not read here is not refused: later versions may say more."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    status: Literal["firing", "resolved"]
    labels: Texts
    annotations: Texts = {}
    starts_at: Moment = Field(alias="startsAt")
    ends_at: Moment = Field(alias="endsAt")
    generator_url: Text = Field("", alias="generatorURL")
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]


class Notification(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    version: Literal["4"]
    alerts: list[Alert]
    truncated: int = Field(0, alias="truncatedAlerts")


@dataclass(frozen=True, slots=True)
class Reading:
    firing: Sequence[Told]
    ended: Sequence[Ended]
    ignored: int
    """Fabd's own, and those without a name."""


def read(alerts: Sequence[Alert], settings: AlertmanagerSettings) -> Reading:
    others = [each for each in alerts if each.labels.get(OURS[0]) != OURS[1] and each.labels.get("alertname")]
    return Reading(
        [_told(each, settings) for each in others if each.status == "firing"],
        [Ended(_told(each, settings), each.ends_at) for each in others if each.status == "resolved"],
        len(alerts) - len(others),
    )


def _told(alert: Alert, settings: AlertmanagerSettings) -> Told:
    name = alert.labels["alertname"]
    return Told(
        source=SOURCE,
        external_id=alert.fingerprint,
        object=_object(alert.labels, settings),
        probable_cause=f"{name} (alert)" if name in FAILURES else name,
        severity=_SEVERITIES.get(alert.labels.get("severity", "").lower(), Severity.INDETERMINATE),
        text="; ".join(_texts(alert.annotations))[:LONGEST] or name,
        raised_at=alert.starts_at,
        type=AlarmType.QUALITY,
        attributes={
            "sourceSystemId": SOURCE,
            "externalAlarmId": alert.fingerprint,
            "labels": dict(alert.labels),
            "generatorURL": alert.generator_url,
        },
    )


def _object(labels: Mapping[str, str], settings: AlertmanagerSettings) -> str:
    """An element or element/port of fabd's, where the alert names one; else whatever it is about."""
    element, port = labels.get(settings.element_label, ""), labels.get(settings.port_label, "")
    if element:
        return f"{element}/{port}" if port and "/" not in element else element
    return labels.get("instance") or labels.get("job") or labels["alertname"]


def _texts(annotations: Mapping[str, str]) -> Iterator[str]:
    """The summary, and what describes it further."""
    for name in ("summary", "description", "message"):
        if text := " ".join(annotations.get(name, "").split()):
            yield text


_SEVERITIES = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "disaster"), Severity.CRITICAL),
    **dict.fromkeys(("major", "error", "high"), Severity.MAJOR),
    **dict.fromkeys(("minor", "average"), Severity.MINOR),
    **dict.fromkeys(("warning", "warn"), Severity.WARNING),
}
