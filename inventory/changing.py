"""What was changed of rows that a session has loaded, written many to a statement; see `storing` for new ones.

The session's own unit of work weighs every row by itself. Where many rows of a few kinds have each got new values in the same few
columns, one statement does for all that got the same ones.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_dict, instance_state

from inventory.db import Base
from inventory.prepared import Prepared, among


def write_changes(session: Session, kinds: Sequence[type[Base]]) -> None:
    """Write what was changed in the columns of loaded rows of these kinds; to the session they are then as if just loaded.

    Rows have one key, `id`. What else there is to write, and rows whose relations were changed, are left for the session to flush;
    inside a savepoint all is, for the session must know what to forget when that is taken back.
    """
    if session.in_nested_transaction():
        session.flush()
        return
    groups: dict[tuple[type[Base], tuple[str, ...]], list[dict[str, Any]]] = {}
    dirty: list[Base] = [row for row in session.dirty if type(row) in kinds]
    for row in dirty:
        state, has = instance_state(row), instance_dict(row)
        if not state.committed_state.keys() <= _columns(type(row)):
            continue
        names = tuple(sorted(name for name, old in state.committed_state.items() if has.get(name) != old))
        if names:
            groups.setdefault((type(row), names), []).append({"key_": has["id"], **{name: has[name] for name in names}})
        state._commit_all(has, session.identity_map)  # noqa: SLF001  what a flush does with what it has written
    for (kind, names), rows in groups.items():
        _write(session, kind, names, rows)


def _write(session: Session, kind: type[Base], names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    connection = session.connection()
    first = {name: rows[0][name] for name in names}
    if len(rows) > 1 and all(row[name] == first[name] for row in rows for name in names):
        _alike(kind, names).run(connection, {"keys": [row["key_"] for row in rows], **first})
    else:
        _each(kind, names).run_all(connection, rows)


@lru_cache
def _columns(kind: type[Base]) -> frozenset[str]:
    """In this house attributes are called as their columns are."""
    return frozenset(column.name for column in cast("Table", kind.__table__).columns)


@lru_cache
def _each(kind: type[Base], names: tuple[str, ...]) -> Prepared:
    table = cast("Table", kind.__table__)
    return Prepared(update(table).where(table.c.id == bindparam("key_")).values(_values(table, names)))


@lru_cache
def _alike(kind: type[Base], names: tuple[str, ...]) -> Prepared:
    table = cast("Table", kind.__table__)
    return Prepared(update(table).where(among(table.c.id, "keys")).values(_values(table, names)))


def _values(table: Table, names: Iterable[str]) -> dict[str, Any]:
    return {name: bindparam(name, type_=table.c[name].type) for name in names}
