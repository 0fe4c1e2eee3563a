"""Answers already given, by idempotency key; and resources that fabd keeps for others without acting on them."""

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


class RecordRow(Base):
    """A TM Forum resource that is kept as it was sent: a service found on the network, a category, a usage specification."""

    __tablename__ = "record"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    """E.g. serviceCategory."""
    state: Mapped[str] = mapped_column(default="")
    document: Mapped[dict[str, Any]]
    """Without id and href."""
    client: Mapped[str]
    """Name of the token that sent it."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
