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
    _cancellations()
    _freezes()
    _pools()
    _drift()
    _apis()
    _intent()


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
    op.add_column("service_order", sa.Column("cancellation_id", sa.String(), nullable=False, server_default=""))
    op.add_column("service_order", sa.Column("cancellation_reason", sa.String(), nullable=False, server_default=""))
    op.add_column("service_order", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service_order", sa.Column("undoes", sa.String(), nullable=False, server_default=""))
    op.add_column("order_item", sa.Column("wait_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("order_item", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("order_item", sa.Column("former", DOCUMENT, nullable=True))
    op.add_column("plan", sa.Column("waits", sa.String(), nullable=False, server_default=""))
    op.add_column("plan", sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("plan", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("change_set", sa.Column("checks", DOCUMENT, nullable=False, server_default="[]"))
    op.add_column("journal", sa.Column("answer", sa.String(), nullable=False, server_default=""))
    op.add_column("service", sa.Column("suspension_reason", sa.String(), nullable=False, server_default=""))


def _cancellations() -> None:
    op.create_table(
        "order_cancellation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("errors", DOCUMENT, nullable=False),
        sa.Column("undone_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["service_order.id"], name=op.f("fk_order_cancellation_order_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_cancellation")),
    )
    op.create_index(op.f("ix_order_cancellation_order_id"), "order_cancellation", ["order_id"], unique=False)
    op.create_index(op.f("ix_order_cancellation_state"), "order_cancellation", ["state"], unique=False)


def _freezes() -> None:
    op.create_table(
        "change_freeze",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("urgent_passes", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_freeze")),
    )
    op.create_index(op.f("ix_change_freeze_end"), "change_freeze", ["end"], unique=False)
    op.create_index(op.f("ix_change_freeze_start"), "change_freeze", ["start"], unique=False)


def _pools() -> None:
    op.create_table(
        "pool_sample",
        sa.Column("pool_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("used", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_pool_sample_pool_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool_id", "day", name=op.f("pk_pool_sample")),
    )


def _drift() -> None:
    op.add_column("service_part", sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "drift",
        sa.Column("element", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("missing", DOCUMENT, nullable=False),
        sa.Column("unexpected", DOCUMENT, nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("element", name=op.f("pk_drift")),
    )
    op.create_table(
        "drift_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("elements", DOCUMENT, nullable=False),
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("results", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_run")),
    )
    op.create_index(op.f("ix_drift_run_state"), "drift_run", ["state"], unique=False)


def _apis() -> None:
    op.add_column("subscription", sa.Column("api", sa.String(), nullable=False, server_default=""))
    op.add_column("subscription", sa.Column("resources", DOCUMENT, nullable=False, server_default="[]"))
    op.create_table(
        "record",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
    )
    op.create_index(op.f("ix_record_kind"), "record", ["kind"], unique=False)


def _intent() -> None:
    op.add_column("order_item", sa.Column("outlook", DOCUMENT, nullable=False, server_default="{}"))
    op.add_column("change_set", sa.Column("own_before", sa.String(), nullable=True))
    op.add_column("change_set", sa.Column("own_after", sa.String(), nullable=True))
    op.create_table(
        "planned_part",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("element_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("desired", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["element_id"], ["element.id"], name=op.f("fk_planned_part_element_id")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_planned_part_service_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_part")),
        sa.UniqueConstraint("service_id", "element_id", "owner", name=op.f("uq_planned_part_service_id_element_id_owner")),
    )
    op.create_index(op.f("ix_planned_part_element_id"), "planned_part", ["element_id"], unique=False)
    op.create_table(
        "statement",
        sa.Column("element_id", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["element_id"], ["element.id"], name=op.f("fk_statement_element_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_statement_service_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("element_id", "slot", "service_id", name=op.f("pk_statement")),
    )
    op.create_index(op.f("ix_statement_service_id"), "statement", ["service_id"], unique=False)
