"""Whole rows read by statements that are built once, as objects of the session; see `storing` for the other way.

SQLAlchemy's own loading makes a query, a result and a reader of rows each time, which costs more than the database does where a few
rows are read by their keys.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, inspect, select
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.orm.attributes import instance_dict, instance_state, set_committed_value

from inventory.db import Base
from inventory.prepared import Prepared, Values, among

Row = TypeVar("Row", bound=Base)


class Loading(Generic[Row]):
    """Rows of one kind, all their columns. What the database has replaces what the session had and did not change."""

    def __init__(self, kind: type[Row], *conditions: ColumnElement[bool], order_by: Any = None, lock: bool = False) -> None:  # noqa: ANN401  a column
        self._kind = kind
        table = cast("Table", kind.__table__)
        self._names = [column.name for column in table.columns]  # in this house attributes are called as their columns are
        statement: Select[*tuple[Any, ...]] = select(*table.columns).where(*conditions)
        if order_by is not None:
            statement = statement.order_by(order_by)
        self._statement = Prepared(statement.with_for_update(of=table) if lock else statement)
        self._mapper = cast("Mapper[Row]", inspect(kind))
        self._key = self._names.index("id")

    def rows(self, session: Session, values: Values) -> list[Row]:
        """Past the session: what it has not written yet is not seen."""
        return [self.row(session, found) for found in self._statement.rows(session.connection(), values)]

    def row(self, session: Session, found: Sequence[Any]) -> Row:
        """As an object of the session; `found`: all columns of the table, in their order."""
        key = self._mapper.identity_key_from_primary_key((found[self._key],))
        known = session.identity_map.get(key)
        if known is not None:
            changed = inspect(known).committed_state
            for name, value in zip(self._names, found, strict=True):
                if name not in changed:
                    set_committed_value(known, name, value)
            return known
        row = self._mapper.class_manager.new_instance()
        instance_dict(row).update(zip(self._names, found, strict=True))
        state = instance_state(row)
        state.key = key
        session.identity_map.add(state)
        state.session_id = session.hash_key  # as SQLAlchemy's own loading has it; `add` would look for what belongs to the row
        return row


def lock(
    session: Session, kind: type[Row], ids: Collection[str], then: Callable[[Session, Sequence[Row]], None] | None = None
) -> dict[str, Row]:
    """The rows by their `id`, locked in that order, as the database has them; an id without a row is left out.

    Those that this session has locked already are given as they are there. `then`: is shown the others, to read what belongs to
    them.
    """
    locked: dict[str, Row] = session.info.setdefault((_LOCKED, kind), {})
    missing = sorted(set(ids) - locked.keys())
    if missing:
        if any(isinstance(row, kind) for row in session.dirty):
            session.flush()  # else what was not written yet would be lost to what is read
        found = {row.id: row for row in _locking(kind).rows(session, {"ids": missing})}
        if then is not None and found:
            then(session, list(found.values()))
        if session.in_nested_transaction():  # when that is rolled back, the locks are gone
            return {**locked, **found}
        locked.update(found)
    return {key: locked[key] for key in ids if key in locked}


@lru_cache
def _locking(kind: type[Row]) -> Loading[Row]:
    key = cast("Table", kind.__table__).c.id
    return Loading(kind, among(key, "ids"), order_by=key, lock=True)


_LOCKED = "locked"
