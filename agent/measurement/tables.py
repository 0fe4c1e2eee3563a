"""What tests of services measured."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db import Base


class MeasurementRow(Base):
    """One test of one service: what was measured of each of its targets, once."""

    __tablename__ = "service_measurement"
    __table_args__ = (Index("ix_service_measurement_service", "service_id", "started_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"))
    occasion: Mapped[str]
    """acceptance or demand."""
    by: Mapped[str]
    """Who asked for it: a token, a plan, an action."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    passed: Mapped[bool]
    baseline: Mapped[bool] = mapped_column(default=False)
    """Later ones are compared with the latest of these."""
    results: Mapped[list[Any]] = mapped_column(default=list)
    """[{kind, address, port, site, number, faults, and the figures}, …]."""
