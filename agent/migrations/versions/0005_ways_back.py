"""Ways back of actions, and what else came with it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Each part of the house adds a function of its own."""
    _actions()
    _collected()
    _heirs()


def _actions() -> None:
    op.add_column("action", sa.Column("undoes", sa.String(), nullable=False, server_default=""))
    op.add_column("action", sa.Column("returns", sa.String(), nullable=False, server_default=""))
    op.add_column("action", sa.Column("kept", DOCUMENT, nullable=False, server_default="{}"))
    op.create_index(op.f("ix_action_undoes"), "action", ["undoes"], unique=False)
    op.create_index(op.f("ix_action_returns"), "action", ["returns"], unique=False)
    op.add_column("plan", sa.Column("rest_s", sa.Integer(), nullable=True))


def _heirs() -> None:
    op.add_column("port_claim", sa.Column("heir", sa.String(), nullable=True))
    some = sa.text("heir IS NOT NULL")
    op.create_index("ix_port_claim_heir", "port_claim", ["heir"], unique=False, sqlite_where=some, postgresql_where=some)


def _collected() -> None:
    op.add_column("collected", sa.Column("over", sa.String(), nullable=False, server_default=""))
    op.add_column("collected", sa.Column("names", DOCUMENT, nullable=False, server_default="[]"))
