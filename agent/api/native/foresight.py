"""What is foreseen before a service is hit, and the rules for that."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.native.paths import ROOT
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import INSTANT, NUMBER, OPTIONAL_INSTANT, TEXT, closed, many, named, opened, optional
from agent.assurance.history.foresight import Outlook, outlook
from agent.security.roles import Role

router = APIRouter(prefix=f"{ROOT}/foresight", tags=["History"])

WARNING = named(
    "Warning",
    closed(
        alarm_id=TEXT,
        rule=TEXT,
        subject=TEXT,
        metric=TEXT,
        severity=TEXT,
        since=INSTANT,
        text=TEXT,
        value=optional(NUMBER),
        expected=OPTIONAL_INSTANT,
        earliest=OPTIONAL_INSTANT,
        latest=OPTIONAL_INSTANT,
    ),
)
RULE = named("ForesightRule", opened(name=TEXT, metric=TEXT, cause=TEXT, text=TEXT))


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List what is foreseen, the latest first", answer=many(WARNING)))
def list_foreseen(parts: PartsOf) -> Response:
    """Warnings that stand: of thresholds, of what is unusual, and of what will be at its limit. Of these `expected` says when, as
    it looks now, between `earliest` and `latest` (null: perhaps never).
    """
    with parts.database.read() as session:
        found = [_shown(each) for each in outlook(session, parts.foresight, parts.clock.now())]
    return JSONResponse(found)


@router.get(
    "/rules", dependencies=[needs(Role.VIEWER)], **described("List the rules of what is warned of early", answer=many(RULE))
)
def list_rules(parts: PartsOf) -> Response:
    return JSONResponse([rule.model_dump(mode="json", exclude_none=True) for rule in parts.foresight])


def _shown(found: Outlook) -> dict[str, Any]:
    return {
        "alarm_id": found.alarm.id,
        "rule": found.rule.name,
        "subject": found.subject,
        "metric": found.rule.metric,
        "severity": found.alarm.severity,
        "since": found.alarm.raised_at.isoformat(),
        "text": found.text,
        "value": found.value,
        "expected": _instant(found.expected),
        "earliest": _instant(found.earliest),
        "latest": _instant(found.latest),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
