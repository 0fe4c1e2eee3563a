"""Writing a row once, however often it is asked for: what makes at-least-once delivery have effects only once."""

from collections.abc import Mapping

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.db import Base


def insert_once(session: Session, table: type[Base], values: Mapping[str, object]) -> bool:
    """Insert the row unless a unique constraint says that it is there; True when it is new.

    On PostgreSQL it waits for a concurrent transaction that is writing the same key, so False means "there and committed".
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    inserted = session.execute(insert(table).values(**values).on_conflict_do_nothing().returning(*table.__table__.primary_key))
    return inserted.first() is not None
