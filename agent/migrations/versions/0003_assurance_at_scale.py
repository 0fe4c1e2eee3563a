"""Alarms with a whole life, one maintenance calendar, indicators and what else assurance at scale keeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Each part of the house adds a function of its own."""
    _maintenance()
    _objectives()
    _alarms()
    _history()


def _maintenance() -> None:
    op.create_table(
        "maintenance",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("skipped", DOCUMENT, nullable=False),
        sa.Column("notice_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.String(), nullable=False),
        sa.Column("cancel_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance")),
    )
    op.create_index("ix_maintenance_span", "maintenance", ["start", "until"], unique=False)
    op.create_table(
        "maintenance_scope",
        sa.Column("maintenance_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["maintenance_id"], ["maintenance.id"], name=op.f("fk_maintenance_scope_maintenance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("maintenance_id", "kind", "name", name=op.f("pk_maintenance_scope")),
    )


def _alarms() -> None:
    op.create_table(
        "assurance_mark",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_assurance_mark")),
    )
    instant = sa.DateTime(timezone=True)
    op.add_column("alarm", sa.Column("alarm_type", sa.String(), nullable=False, server_default="communicationsAlarm"))
    op.add_column("alarm", sa.Column("probable_cause", sa.String(), nullable=False, server_default=""))
    op.add_column("alarm", sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.add_column("alarm", sa.Column("attributes", DOCUMENT, nullable=False, server_default="{}"))
    op.add_column("alarm", sa.Column("changed_at", instant, nullable=True))
    op.add_column("alarm", sa.Column("assigned_to", sa.String(), nullable=True))
    op.add_column("alarm", sa.Column("shelved_by", sa.String(), nullable=True))
    op.add_column("alarm", sa.Column("shelved_until", instant, nullable=True))
    op.add_column("alarm", sa.Column("escalated", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alarm", sa.Column("parent_id", sa.String(), nullable=True))
    op.add_column("alarm", sa.Column("penalty", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alarm", sa.Column("penalty_at", instant, nullable=True))
    op.add_column("alarm", sa.Column("muted", sa.String(), nullable=False, server_default=""))
    op.add_column("alarm", sa.Column("muted_until", instant, nullable=True))
    op.add_column("alarm", sa.Column("untold", sa.String(), nullable=False, server_default=""))
    op.add_column("alarm", sa.Column("stuck_at", instant, nullable=True))
    op.create_index(op.f("ix_alarm_parent_id"), "alarm", ["parent_id"], unique=False)
    op.create_index(op.f("ix_alarm_muted_until"), "alarm", ["muted_until"], unique=False)
    op.add_column("problem", sa.Column("attributes", DOCUMENT, nullable=False, server_default="{}"))
    op.add_column("problem", sa.Column("parent_id", sa.String(), nullable=True))
    op.create_index(op.f("ix_problem_parent_id"), "problem", ["parent_id"], unique=False)


def _objectives() -> None:
    op.add_column("ticket", sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("objective_result", sa.Column("detail", DOCUMENT, nullable=False, server_default="{}"))
    op.create_table(
        "sla_exclusion",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_sla_exclusion_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_exclusion")),
    )
    op.create_index("ix_sla_exclusion_service", "sla_exclusion", ["service_id", "end"], unique=False)
    op.create_table(
        "indicator",
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("quality", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "metric", "start", name=op.f("pk_indicator")),
    )
    op.create_index("ix_indicator_start", "indicator", ["start"], unique=False)
    op.create_table(
        "indicator_span",
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("good", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("service_id", "metric", "start", name=op.f("pk_indicator_span")),
    )
    op.create_index("ix_indicator_span_end", "indicator_span", ["service_id", "metric", "end"], unique=False)
    op.create_index("ix_service_state_trouble", "service_state", ["state", "end"], unique=False)


def _history() -> None:
    op.create_table(
        "history_series",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_series")),
        sa.UniqueConstraint("subject", "metric", name=op.f("uq_history_series_subject_metric")),
    )
    op.create_index("ix_history_series_metric", "history_series", ["metric"], unique=False)
    op.create_table(
        "history",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("rolled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["history_series.id"], name=op.f("fk_history_series_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("series_id", "step", "start", name=op.f("pk_history")),
    )
    op.create_index("ix_history_due", "history", ["step", "start"], unique=False)
