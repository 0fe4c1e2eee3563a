"""One alarm as it is worked on in memory: what its row holds, by name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from agent.assurance.tables import AlarmRow
from inventory.prepared import Prepared
from policies.values import derived_id

T = TypeVar("T")

PENDING = "pending"
OF_SERVICE = "service:"
"""Before a service's id, where an alarm is about no element."""
CHUNK = 1000
"""Values that one statement looks up."""


@dataclass(slots=True)
class Alarm:
    """Mutable: one per key in a transaction, written back by `ledger.Ledger`. The columns are explained in `tables.AlarmRow`."""

    id: str
    element: str
    object: str
    cause: str
    qualifier: str
    severity: str
    text: str
    raised_at: datetime
    last_at: datetime
    alarm_type: str = "communicationsAlarm"
    probable_cause: str = ""
    count: int = 1
    cleared_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    standing: str = PENDING
    problem_id: str | None = None
    why: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    changed_at: datetime | None = None
    assigned_to: str | None = None
    shelved_by: str | None = None
    shelved_until: datetime | None = None
    escalated: int = 0
    parent_id: str | None = None
    penalty: int = 0
    penalty_at: datetime | None = None
    muted: str = ""
    muted_until: datetime | None = None
    untold: str = ""
    stuck_at: datetime | None = None

    @property
    def reference(self) -> str:
        """element/port, or the element's name."""
        return f"{self.element}/{self.object}" if self.object else self.element

    @property
    def services(self) -> tuple[str, ...]:
        """The service that it is about itself: its budget, its indicators."""
        return (self.element.removeprefix(OF_SERVICE),) if self.element.startswith(OF_SERVICE) else ()

    @property
    def stands(self) -> bool:
        return self.cleared_at is None

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS}

    @classmethod
    def of(cls, row: AlarmRow) -> "Alarm":
        return cls(**{name: getattr(row, name) for name in FIELDS})


FIELDS = tuple(each.name for each in fields(Alarm))
_COLUMNS = tuple(getattr(AlarmRow, name) for name in FIELDS)


@lru_cache(maxsize=50_000)  # asked for several times for each alarm of a storm
def alarm_id(element: str, object_: str, cause: str, qualifier: str = "") -> str:
    """The same alarm for the same key, always."""
    return derived_id("alm", element, object_, cause, qualifier)


def load(session: Session, *conditions: ColumnElement[bool]) -> list[Alarm]:
    """The oldest first."""
    rows = session.execute(select(*_COLUMNS).where(*conditions).order_by(AlarmRow.raised_at, AlarmRow.id))
    return [Alarm(**dict(zip(FIELDS, row, strict=True))) for row in rows]


class Looked:
    """Alarms that are looked for every few seconds: the question is put together once. Its parameters are named (`bindparam`)."""

    def __init__(self, *conditions: ColumnElement[bool]) -> None:
        self._asked = Prepared(select(*_COLUMNS).where(*conditions).order_by(AlarmRow.raised_at, AlarmRow.id))

    def load(self, session: Session, **values: object) -> list[Alarm]:
        """The oldest first; as the database has them, so what is changed is flushed before."""
        return [Alarm(**dict(zip(FIELDS, row, strict=True))) for row in self._asked.rows(session.connection(), values)]


def load_ids(session: Session, ids: Iterable[str]) -> Iterator[Alarm]:
    for chunk in chunks(sorted(set(ids))):
        yield from load(session, AlarmRow.id.in_(chunk))


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
