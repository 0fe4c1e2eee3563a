"""Run by Alembic; the connection comes from `agent.storage`, so there is one way to reach a database."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, String
from sqlalchemy.types import TypeDecorator

from agent.tables import metadata


def render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Migrations name plain types only: they must still run when the program's own types have changed."""
    if kind != "type":
        return False
    if isinstance(item, TypeDecorator):
        plain = item.impl_instance
        return f"sa.String({plain.length})" if isinstance(plain, String) else "sa.DateTime(timezone=True)"
    return "DOCUMENT" if isinstance(item, JSON) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
