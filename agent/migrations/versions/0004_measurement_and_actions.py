"""Active measurement, actions, and what else the closed loop keeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Each part of the house adds a function of its own."""
    _measurement()
    _changes()
    _notifications()
    _actions()
    _collected()


def _changes() -> None:
    op.create_table(
        "change_count",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_change_count")),
    )


def _measurement() -> None:
    op.create_table(
        "service_measurement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("baseline", sa.Boolean(), nullable=False),
        sa.Column("results", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["service.id"],
            name=op.f("fk_service_measurement_service_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_measurement")),
    )
    op.create_index("ix_service_measurement_service", "service_measurement", ["service_id", "started_at"], unique=False)


def _notifications() -> None:
    op.create_table(
        "heard_until",
        sa.Column("element", sa.String(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("element", name=op.f("pk_heard_until")),
    )


def _actions() -> None:
    op.create_table(
        "action",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("deed", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("elements", DOCUMENT, nullable=False),
        sa.Column("services", DOCUMENT, nullable=False),
        sa.Column("alarm_id", sa.String(), nullable=True),
        sa.Column("occurrence", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("reverse", sa.String(), nullable=False),
        sa.Column("objections", DOCUMENT, nullable=False),
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.Column("orders", DOCUMENT, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("before", DOCUMENT, nullable=False),
        sa.Column("after", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action")),
        sa.UniqueConstraint("rule", "alarm_id", "occurrence", name=op.f("uq_action_rule_alarm_id_occurrence")),
    )
    op.create_index("ix_action_began", "action", ["began_at"], unique=False)
    op.create_index("ix_action_created", "action", ["created_at"], unique=False)
    op.create_index(op.f("ix_action_state"), "action", ["state"], unique=False)
    op.create_index(op.f("ix_action_alarm_id"), "action", ["alarm_id"], unique=False)
    op.create_table(
        "action_change",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["action.id"], name=op.f("fk_action_change_action_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action_change")),
    )
    op.create_index("ix_action_change_action", "action_change", ["action_id", "id"], unique=False)


def _collected() -> None:
    op.create_table(
        "collected",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("element", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("qualifier", sa.String(), nullable=False),
        sa.Column("collector", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collected")),
        sa.UniqueConstraint("element", "cause", "qualifier", name=op.f("uq_collected_element_cause_qualifier")),
    )
