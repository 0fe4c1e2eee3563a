"""What people and clients do with problems: acknowledge, group, annotate. The rest follows from their alarms (`problems`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from agent.assurance.alarms.announcing import PROBLEM_CHANGED, PROBLEM_STATE, tell_problem
from agent.assurance.errors import AlarmRefused, UnknownProblem
from agent.assurance.tables import ProblemRow

STATUS, TRACKING = "status", "trackingRecord"
ACKNOWLEDGED, IN_PROGRESS = "acknowledged", "inProgress"
MOST_TRACKED = 100


@dataclass(frozen=True, slots=True)
class Tracked:
    """One entry of a problem's tracking record."""

    by: str
    system: str
    text: str
    at: datetime

    @property
    def document(self) -> dict[str, str]:
        return {"description": self.text, "user": self.by, "systemId": self.system, "time": self.at.isoformat()}


def acknowledge(session: Session, ids: Iterable[str], tracked: Tracked) -> list[ProblemRow]:
    """Raises `UnknownProblem`, and then nothing is done."""
    return [_set(session, row, {STATUS: ACKNOWLEDGED}, tracked, PROBLEM_STATE) for row in _rows(session, ids)]


def unacknowledge(session: Session, ids: Iterable[str], tracked: Tracked) -> list[ProblemRow]:
    return [_set(session, row, {STATUS: IN_PROGRESS}, tracked, PROBLEM_STATE) for row in _rows(session, ids)]


def group(session: Session, parent: str, ids: Iterable[str], tracked: Tracked) -> list[ProblemRow]:
    """One level: the parent has no parent."""
    (head,) = _rows(session, [parent])
    wanted = list(ids)
    if head.parent_id is not None or parent in wanted:
        raise AlarmRefused(f"problem {parent} cannot be a parent: it belongs to {head.parent_id or 'the group itself'}")
    changed = []
    for row in _rows(session, wanted):
        row.parent_id = parent
        changed.append(_set(session, row, {}, tracked, PROBLEM_CHANGED))
    return changed


def ungroup(session: Session, ids: Iterable[str], tracked: Tracked) -> list[ProblemRow]:
    changed = []
    for row in _rows(session, ids):
        row.parent_id = None
        changed.append(_set(session, row, {}, tracked, PROBLEM_CHANGED))
    return changed


def annotate(session: Session, row: ProblemRow, said: Mapping[str, Any], at: datetime) -> None:
    """Attributes that are a client's to write."""
    row.attributes = row.attributes | dict(said)
    session.flush()
    tell_problem(session, row, PROBLEM_STATE if STATUS in said else PROBLEM_CHANGED, at)


def _rows(session: Session, ids: Iterable[str]) -> list[ProblemRow]:
    found = []
    for each in dict.fromkeys(ids):
        row = session.get(ProblemRow, each, with_for_update=True)
        if row is None:
            raise UnknownProblem(each)
        found.append(row)
    return found


def _set(session: Session, row: ProblemRow, said: Mapping[str, Any], tracked: Tracked, event: str) -> ProblemRow:
    history = [*row.attributes.get(TRACKING, []), tracked.document][-MOST_TRACKED:]
    row.attributes = row.attributes | dict(said) | {TRACKING: history}
    session.flush()
    tell_problem(session, row, event, tracked.at)
    return row
