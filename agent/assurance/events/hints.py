"""What events said that led to a read, kept as evidence: one row per object, word and source, with how often it was said.

A storm says the same of the same ports thousands of times; it must not fill the database, so a row is written anew at most once a
minute and stands for ten.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from agent.assurance.findings import Finding
from agent.assurance.tables import ObservationRow
from policies.values import new_id

ROW_LASTS_S = 600.0
WRITTEN_EVERY_S = 60.0
MOST_WRITTEN = 2000
"""Rows in one transaction."""

Key = tuple[str, str, str, str]
"""Element, object, kind and source."""


@dataclass(slots=True)
class _Row:
    id: str
    begun: float
    written: float
    """Monotonic, both."""
    detail: dict[str, Any]
    untold: int = 0
    """Times said that are not in the row yet."""


@dataclass
class HintLog:
    """Bounded by the objects of the inventory. Used with one transaction at a time."""

    rows: dict[Key, _Row] = field(default_factory=dict)

    def keep(self, session: Session, hints: Iterable[Finding], now: float) -> dict[tuple[str, str], str]:
        """Element and object → id of the observation that speaks of it. `now`: monotonic seconds."""
        told: dict[tuple[str, str], str] = {}
        new, due = [], []
        for hint in hints:
            key = (hint.element, hint.object, str(hint.kind), hint.source.value)
            row = self.rows.get(key)
            if row is None or now - row.begun >= ROW_LASTS_S:
                row = self.rows[key] = _Row(new_id("obs", hint.transition.latest), now, now, _detail(hint))
                new.append(_values(hint, row))
            else:
                row.untold += _times(hint)
                if now - row.written >= WRITTEN_EVERY_S:
                    due.append(row)
            told[hint.element, hint.object] = row.id
        if new:
            session.execute(insert(ObservationRow), new)
        self._write(session, due, now)
        return told

    def settle(self, session: Session, now: float) -> int:
        """Write what was said since the rows were written; forget rows that stand no more. Returns how many were written."""
        due = [row for row in self.rows.values() if row.untold and now - row.written >= WRITTEN_EVERY_S][:MOST_WRITTEN]
        self._write(session, due, now)
        self.rows = {key: row for key, row in self.rows.items() if row.untold or now - row.begun < ROW_LASTS_S}
        return len(due)

    def due(self, now: float) -> bool:
        return any(row.untold and now - row.written >= WRITTEN_EVERY_S for row in self.rows.values())

    def _write(self, session: Session, rows: Iterable[_Row], now: float) -> None:
        changed = []
        for row in rows:
            row.detail["times"] = row.detail.get("times", 1) + row.untold
            row.untold, row.written = 0, now
            changed.append({"id": row.id, "detail": dict(row.detail)})
        if changed:
            session.execute(update(ObservationRow), changed)


def _detail(hint: Finding) -> dict[str, Any]:
    moment = hint.transition
    return {**hint.detail, "earliest": moment.earliest.isoformat(), "instant": moment.instant.isoformat()}


def _values(hint: Finding, row: _Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": hint.transition.latest,
        "element": hint.element,
        "object": hint.object,
        "source": hint.source.value,
        "finding": str(hint.kind),
        "detail": dict(row.detail),
        "poll_id": hint.poll_id,
    }


def _times(hint: Finding) -> int:
    times = hint.detail.get("times", 1)
    return times if isinstance(times, int) else 1
