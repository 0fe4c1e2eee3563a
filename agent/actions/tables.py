"""What was done about alarms, or was to be, and what came of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db import Base


class ActionRow(Base):
    """One action: proposed, held back, under way, measured or ended."""

    __tablename__ = "action"
    __table_args__ = (
        # an occurrence of an alarm has one action of a rule; those that people ask for have no occurrence
        UniqueConstraint("rule", "alarm_id", "occurrence"),
        Index("ix_action_began", "began_at"),
        Index("ix_action_created", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str]
    deed: Mapped[str]
    mode: Mapped[str]
    """As it was when the action was made: manual, approve or automatic."""
    state: Mapped[str] = mapped_column(index=True)
    """asked, held, proposed, running, measuring, effective, ineffective, done, failed, refused, rejected, obsolete or expired."""
    object: Mapped[str]
    """`element`, `element/port`, `link:<name>` or `service:<id>`."""
    elements: Mapped[list[Any]] = mapped_column(default=list)
    services: Mapped[list[Any]] = mapped_column(default=list)
    """That it is for; bounded."""
    alarm_id: Mapped[str | None] = mapped_column(index=True)
    occurrence: Mapped[datetime | None]
    """When the alarm was raised; none when somebody asked for the action."""
    asked_by: Mapped[str]
    """A token, or "daemon" where the rule asked."""
    approved_by: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    """Of whoever asked, approved or rejected."""
    reverse: Mapped[str] = mapped_column(default="")
    """How it is taken back, stored before it begins; "" when nobody knows, and then it does not begin."""
    undoes: Mapped[str] = mapped_column(default="", index=True)
    """The action that this one takes back; "" of those that answer an alarm or a wish."""
    returns: Mapped[str] = mapped_column(default="", index=True)
    """By what the change that stands by it is taken back: cleared or by-hand; "" when nothing stands that could be."""
    kept: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What its way back has to know, as its deed has it."""
    objections: Mapped[list[Any]] = mapped_column(default=list)
    """What stands against it: [{guard, message, until}, …]."""
    plan_id: Mapped[str] = mapped_column(default="")
    orders: Mapped[list[Any]] = mapped_column(default=list)
    outcome: Mapped[str] = mapped_column(default="")
    """In words."""
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Figures as it began."""
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Figures when it was judged."""
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When what it waits for (an approval, the alarm's end) is over by itself."""
    began_at: Mapped[datetime | None]
    acted_at: Mapped[datetime | None]
    """When the deed was done, or had failed: from then on the objects are free again."""
    ended_at: Mapped[datetime | None]


class ActionChangeRow(Base):
    """The history of an action, append-only."""

    __tablename__ = "action_change"
    __table_args__ = (Index("ix_action_change_action", "action_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    state: Mapped[str]
    by: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
