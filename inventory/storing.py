"""New rows stored as they are, many to a statement that is built once.

The session's own unit of work weighs every object, its relations and their order each time it flushes; where all of a kind is new
and the order is known, that costs several times what the database does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar, cast

from sqlalchemy import Table, insert, inspect
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.orm.attributes import instance_dict, instance_state

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
            if not _columns(kind)[0].keys() <= has.keys():
                has.update(_whole(kind, has))
            told.append(dict(has))  # as it is now: what becomes of the object is the session's to see
        later(session, _table(kind), insertion(kind), told)
    for row in rows:
        state = instance_state(row)
        if state.session_id is not None or state.key is not None:
            raise InvalidRequestError(f"{row!r} is stored already")
        # as `make_transient_to_detached` has it, which looks for what is not loaded: of columns there is nothing, they are whole
        has, kind = instance_dict(row), type(row)
        state.key = _mapper(kind).identity_key_from_primary_key(tuple([has[name] for name in _keyed_by(kind)]))
        state.committed_state.clear()
        state.modified = False
        session.identity_map.add(state)
        state.session_id = session.hash_key  # as SQLAlchemy's own loading has it; `add` would look for what belongs to the row


def write(session: Session, kind: type[Base], rows: Iterable[Mapping[str, object]]) -> None:
    """Insert rows that nobody wants to have as objects now, by their columns; what is not said has its default, else NULL."""
    later(session, _table(kind), insertion(kind), [_whole(kind, row) for row in rows])


def _whole(kind: type[Base], said: Mapping[str, object]) -> dict[str, Any]:
    """Every column, and what else was said. In this house attributes are called as their columns are."""
    blank, made = _columns(kind)
    whole = {**blank, **said}
    for name, make in made:
        if name not in said:
            whole[name] = make(None)
    return whole


@lru_cache
def _columns(kind: type[Base]) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[None], Any]], ...]]:
    """Each column, but those that the database numbers, with what it is where nothing is said; and those that are made then."""
    columns = [column for column in _table(kind).columns if column.autoincrement is not True]
    defaults: list[tuple[str, Any]] = [(column.name, column.default) for column in columns]
    blank = {name: None if default is None or default.is_callable else default.arg for name, default in defaults}
    return blank, tuple((name, default.arg) for name, default in defaults if default is not None and default.is_callable)


@lru_cache
def insertion(kind: type[Base]) -> Prepared:
    """The statement that stores them."""
    return Prepared(insert(_table(kind)), list(_columns(kind)[0]))


@lru_cache
def _keyed_by(kind: type[Base]) -> tuple[str, ...]:
    return tuple(column.name for column in _table(kind).primary_key)


def _table(kind: type[Base]) -> Table:
    return cast("Table", kind.__table__)


@lru_cache
def _mapper(kind: type[Row]) -> Mapper[Row]:
    return cast("Mapper[Row]", inspect(kind))
