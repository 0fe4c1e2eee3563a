"""New rows stored as they are, many to a statement that is built once.

The session's own unit of work weighs every object, its relations and their order each time it flushes; where all of a kind is new
and the order is known, that costs several times what the database does.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar, cast

from sqlalchemy import Column, Table, insert, inspect
from sqlalchemy.orm import Mapper, Session, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict

from inventory.db import Base
from inventory.postponed import later, settle
from inventory.prepared import Prepared

Row = TypeVar("Row", bound=Base)


def new_row(kind: type[Row], /, **values: object) -> Row:
    """An object as the database will have it once it is stored: what is not said has its default, else None.

    For `store`, which writes it down; nothing of it is a change that the session would look for.
    """
    row = cast("Row", _mapper(kind).class_manager.new_instance())
    instance_dict(row).update(_whole(kind, values))
    return row


def store(session: Session, rows: Sequence[Base]) -> None:
    """Insert `rows`, which nobody has stored yet, in this order; afterwards they are the session's, just as if loaded.

    A column that was not set has its default, else NULL. What a row's relations name must be among the rows, or stored already.
    """
    settle(session)
    for kind, some in groupby(rows, type):
        told = []
        for row in some:
            has: dict[str, Any] = instance_dict(row)
            has.update(_whole(kind, has))
            told.append(dict(has))  # as it is now: what becomes of the object is the session's to see
        later(session, _table(kind), insertion(kind), told)
    for row in rows:
        make_transient_to_detached(row)
    session.add_all(rows)


def write(session: Session, kind: type[Base], rows: Iterable[Mapping[str, object]]) -> None:
    """Insert rows that nobody wants to have as objects now, by their columns; what is not said has its default, else NULL."""
    later(session, _table(kind), insertion(kind), [_whole(kind, row) for row in rows])


def _whole(kind: type[Base], said: Mapping[str, object]) -> dict[str, Any]:
    """Every column. In this house attributes are called as their columns are."""
    whole = {}
    for name, default in _columns(kind):
        if name in said:
            whole[name] = said[name]
        elif default is None:
            whole[name] = None
        else:
            whole[name] = default.arg(None) if default.is_callable else default.arg
    return whole


@lru_cache
def _columns(kind: type[Base]) -> tuple[tuple[str, Any], ...]:
    """Name and default of each column but those that the database numbers."""
    columns: Iterable[Column[Any]] = _table(kind).columns
    return tuple((column.name, column.default) for column in columns if column.autoincrement is not True)


@lru_cache
def insertion(kind: type[Base]) -> Prepared:
    """The statement that stores them."""
    return Prepared(insert(_table(kind)), [name for name, _ in _columns(kind)])


def _table(kind: type[Base]) -> Table:
    return cast("Table", kind.__table__)


@lru_cache
def _mapper(kind: type[Row]) -> Mapper[Row]:
    return cast("Mapper[Row]", inspect(kind))
