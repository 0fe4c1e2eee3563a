"""Answers already given, by idempotency key."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from inventory.db import Base


class IdempotencyRow(Base):
    """The same key and body get the stored answer; a running one 409; another body 422."""

    __tablename__ = "idempotency"

    client: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    """Of method, path and body."""
    state: Mapped[str]
    """running or done."""
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
