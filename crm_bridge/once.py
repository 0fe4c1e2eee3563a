"""Writing a row once, however often it is asked for: what makes at-least-once delivery have effects only once."""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.db import Base


def insert_once(session: Session, table: type[Base], values: Mapping[str, object]) -> bool:
    """Insert the row unless a unique constraint says that it is there; True when it is new.

    On PostgreSQL it waits for a concurrent transaction that is writing the same key, so False means "there and committed".
    """
    return insert_all_once(session, table, [values]) == 1


def insert_all_once(session: Session, table: type[Base], rows: Sequence[Mapping[str, object]]) -> int:
    """The same for many rows, all with the same columns, in few statements; how many are new."""
    if not rows:
        return 0
    statement = _statement(table, session.get_bind().dialect.name)
    return len(session.execute(statement, [dict(row) for row in rows]).all())


@cache
def _statement(table: type[Base], dialect: str) -> Executable:
    """Made once: building one takes longer than running it."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing().returning(*table.__table__.primary_key)
