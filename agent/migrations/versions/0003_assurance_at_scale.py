"""Alarms with a whole life, one maintenance calendar, indicators and what else assurance at scale keeps."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each part of the house adds a function of its own."""
