"""How things stood when an element was last asked; written when that changes."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db import Base


class CollectedRow(Base):
    __tablename__ = "collected"
    __table_args__ = (UniqueConstraint("element", "cause", "qualifier"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    element: Mapped[str]
    cause: Mapped[str]
    """Of the alarm that tells when it is bad."""
    qualifier: Mapped[str]
    collector: Mapped[str]
    standing: Mapped[str]
    """good, bad, unwanted."""
    shown: Mapped[str]
    """In the element's word."""
    since: Mapped[datetime]
    """When it was first found so."""
    over: Mapped[str] = mapped_column(default="", server_default="")
    """Port over which it is, as the element calls it; "" where that is not said."""
    names: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """All that events may call it."""
