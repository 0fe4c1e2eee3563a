"""Alarms of what is found in fabd's own books: a pool that runs low, an element that has drifted.

They take the same way as alarms of failures, but speak for themselves: no other alarm is their cause, and no service is down for
them.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms import MEANINGS, Judgement, alarm_of, apply, judge, observe
from agent.assurance.correlation import Standing
from agent.assurance.findings import Finding, FindingKind, Source, Transition
from agent.assurance.tables import AlarmRow

RULE = "speaks for itself"


@dataclass(frozen=True, slots=True)
class Condition:
    """How something stands now. `gist` is what makes it news while the alarm stands."""

    kind: FindingKind
    element: str
    """Or `pool:<name>`."""
    text: str = ""
    gist: str = ""
    evidence: Mapping[str, Any] | None = None


def report(session: Session, condition: Condition, at: datetime) -> AlarmRow | None:
    """Raise, update or clear its alarm, in the caller's transaction; None when that is no news."""
    detail = {"text": condition.text, **(condition.evidence or {})}
    finding = Finding(condition.kind, condition.element, "", Transition.at(at), Source.BOOKS, detail)
    known = alarm_of(session, finding)
    standing = known is not None and known.cleared_at is None
    raises = MEANINGS[condition.kind].raises
    if not raises and not standing:
        return None
    if raises and known is not None and standing and known.why.get("gist") == condition.gist:
        return None
    alarm = apply(session, finding, observe(session, finding), at, timedelta())
    if alarm is not None and raises:
        why = {"rule": RULE, "gist": condition.gist, **(condition.evidence or {})}
        judge(session, alarm, Judgement(Standing.ROOT.value, None, why), at)
    return alarm


def take(session: Session, findings: Iterable[Finding], at: datetime) -> list[AlarmRow]:
    """Keep what was found that no topology explains, and raise or clear its alarms; returns those that changed.

    The findings carry their own `meaning`, or are of a kind that speaks for itself.
    """
    return [alarm for finding in findings if (alarm := _take(session, finding, at)) is not None]


def _take(session: Session, finding: Finding, at: datetime) -> AlarmRow | None:
    alarm = apply(session, finding, observe(session, finding), at, timedelta())
    if alarm is not None and alarm.cleared_at is None:
        why = {"rule": RULE, "verification": finding.unverified or "read back"}
        judge(session, alarm, Judgement(Standing.ROOT.value, None, why), at)
    return alarm


def clear_gone(session: Session, kind: FindingKind, known: AbstractSet[str], text: str, at: datetime) -> Iterable[AlarmRow]:
    """Clear, as `kind` does, the alarms of what is not in the inventory any more."""
    standing = select(AlarmRow.element).where(AlarmRow.cause == MEANINGS[kind].cause, AlarmRow.cleared_at.is_(None))
    gone = [name for name in session.scalars(standing) if name not in known]
    return [alarm for name in gone if (alarm := report(session, Condition(kind, name, text), at)) is not None]
