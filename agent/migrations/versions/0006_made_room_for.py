"""Bandwidth that passes from one service to another within an order."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each part of the house adds a function of its own."""
    _bandwidth_heirs()


def _bandwidth_heirs() -> None:
    op.create_table(
        "bandwidth_heir",
        sa.Column("giver", sa.String(), nullable=False),
        sa.Column("heir", sa.String(), nullable=False),
        sa.Column("amount_bps", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("giver", "heir", name=op.f("pk_bandwidth_heir")),
    )
    op.create_index(op.f("ix_bandwidth_heir_heir"), "bandwidth_heir", ["heir"], unique=False)
