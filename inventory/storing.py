"""New rows stored as they are, many to a statement that is built once.

The session's own unit of work weighs every object, its relations and their order each time it flushes; where all of a kind is new
and the order is known, that costs several times what the database does.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Column, Insert, Table, insert
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict

from inventory.db import Base


def store(session: Session, rows: Sequence[Base]) -> None:
    """Insert `rows`, which nobody has stored yet, in this order; afterwards they are the session's, just as if loaded.

    A column that was not set has its default, else NULL. What a row's relations name must be among the rows, or stored already.
    """
    session.flush()
    connection = session.connection()
    for kind, some in groupby(rows, type):
        for names, alike in groupby([_complete(row, kind) for row in some], tuple):
            connection.execute(_statement(kind, names), list(alike))
    for row in rows:
        make_transient_to_detached(row)
    session.add_all(rows)


def _complete(row: Base, kind: type[Base]) -> dict[str, Any]:
    """What is to be written; the object then has it too."""
    has: dict[str, Any] = instance_dict(row)
    written = {}
    for name, default in _columns(kind):
        if name not in has:
            if default is None:
                has[name] = None  # written by leaving it out: None itself is a value in a JSON column
                continue
            has[name] = default.arg(None) if default.is_callable else default.arg
        written[name] = has[name]
    return written


@lru_cache
def _columns(kind: type[Base]) -> tuple[tuple[str, Any], ...]:
    """Name and default of each column; in this house attributes are called as their columns are."""
    columns: Iterable[Column[Any]] = cast("Table", kind.__table__).columns
    return tuple((column.name, column.default) for column in columns)


@lru_cache
def _statement(kind: type[Base], names: tuple[str, ...]) -> Insert:
    del names  # one statement for each set of columns
    return insert(cast("Table", kind.__table__))
