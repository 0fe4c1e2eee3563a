"""Alarms that no topology explains: of fabd's own books (a pool that runs low, an element that has drifted), and of what elements
say themselves (a neighbour lost, a sensor too hot).

They take the same way as alarms of failures, but speak for themselves: no service is down for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.causes import MEANINGS
from agent.assurance.alarms.ledger import SPEAKS_FOR_ITSELF, Judgement, Ledger
from agent.assurance.findings import Finding, FindingKind, Source, Transition
from agent.assurance.tables import AlarmRow
from agent.assurance.topology.correlation import Standing


@dataclass(frozen=True, slots=True)
class Condition:
    """How something stands now. `gist` is what makes it news while the alarm stands."""

    kind: FindingKind
    element: str
    """Or `pool:<name>`."""
    text: str = ""
    gist: str = ""
    evidence: Mapping[str, Any] | None = None

    def finding(self, at: datetime) -> Finding:
        detail = {"text": self.text, **(self.evidence or {})}
        return Finding(self.kind, self.element, "", Transition.at(at), Source.BOOKS, detail)


def report(session: Session, condition: Condition, at: datetime) -> Alarm | None:
    """Raise, update or clear its alarm, in the caller's transaction; None when that is no news."""
    told = report_all(session, [condition], at)
    return told[0] if told else None


def report_all(session: Session, conditions: Sequence[Condition], at: datetime) -> list[Alarm]:
    """The same for many; the alarms that changed."""
    if not conditions:
        return []
    ledger = Ledger(session, at)
    pairs = [(condition, condition.finding(at)) for condition in conditions]
    ledger.fetch_for(finding for _, finding in pairs)
    changed = [alarm for condition, finding in pairs if (alarm := _report(ledger, condition, finding)) is not None]
    ledger.write()
    return changed


def _report(ledger: Ledger, condition: Condition, finding: Finding) -> Alarm | None:
    known = ledger.of(finding)
    standing = known is not None and known.stands
    raises = MEANINGS[condition.kind].raises
    if not raises and not standing:
        return None
    if raises and known is not None and standing and known.why.get("gist") == condition.gist:
        return None
    alarm = ledger.apply(finding, ledger.observe(finding))
    if alarm is not None and raises:
        why = {"rule": SPEAKS_FOR_ITSELF, "gist": condition.gist, **(condition.evidence or {})}
        ledger.judge([alarm], Judgement(Standing.ROOT.value, None, why))
    return alarm


def take(session: Session, findings: Iterable[Finding], at: datetime) -> list[Alarm]:
    """Keep what was found that no topology explains, and raise or clear its alarms; returns those that changed.

    The findings carry their own `meaning`, or are of a kind that speaks for itself. Failures of ports and elements are found by
    reading them, and go through `faults`.
    """
    findings = list(findings)
    if not findings:
        return []
    ledger = Ledger(session, at)
    ledger.fetch_for(findings)
    changed = [alarm for each in findings if (alarm := ledger.apply(each, ledger.observe(each))) is not None]
    ledger.write()
    return changed


def clear_gone(session: Session, kind: FindingKind, known: AbstractSet[str], text: str, at: datetime) -> list[Alarm]:
    """Clear, as `kind` does, the alarms of what is not in the inventory any more."""
    standing = select(AlarmRow.element).where(AlarmRow.cause == MEANINGS[kind].cause, AlarmRow.cleared_at.is_(None))
    gone = [name for name in session.scalars(standing) if name not in known]
    return report_all(session, [Condition(kind, name, text) for name in gone], at)
