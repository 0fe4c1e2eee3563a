"""Orders that are modified, cancelled, approved and watched; configuration that services share."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _orders()


def _orders() -> None:
    op.add_column("service_order", sa.Column("priority", sa.Integer(), nullable=False, server_default="100"))
    op.add_column("service_order", sa.Column("expected_completion", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service_order", sa.Column("milestones", DOCUMENT, nullable=False, server_default="[]"))
    op.add_column("service_order", sa.Column("jeopardy", DOCUMENT, nullable=False, server_default="[]"))
    op.add_column("order_item", sa.Column("wanted_state", sa.String(), nullable=False, server_default=""))
    op.add_column("order_item", sa.Column("suspension_reason", sa.String(), nullable=False, server_default=""))
    op.add_column("order_item", sa.Column("waits_for", sa.String(), nullable=False, server_default=""))
    op.add_column("plan", sa.Column("purpose", sa.String(), nullable=False, server_default="order"))
    op.add_column("plan", sa.Column("approval", sa.String(), nullable=False, server_default=""))
    op.add_column("plan", sa.Column("approved_by", sa.String(), nullable=False, server_default=""))
    op.add_column("plan", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("change_set", sa.Column("checks", DOCUMENT, nullable=False, server_default="[]"))
    op.add_column("journal", sa.Column("answer", sa.String(), nullable=False, server_default=""))
    op.add_column("service", sa.Column("suspension_reason", sa.String(), nullable=False, server_default=""))
