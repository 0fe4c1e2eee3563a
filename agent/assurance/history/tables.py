"""Series and their blocks of points."""

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db import Base


class SeriesRow(Base):
    __tablename__ = "history_series"
    __table_args__ = (UniqueConstraint("subject", "metric"), Index("ix_history_series_metric", "metric"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    subject: Mapped[str]
    """`port:element/port`, `service:id`, `pool:name`."""
    metric: Mapped[str]


class HistoryRow(Base):
    """One block of one series; see `points.Resolution` for what it holds."""

    __tablename__ = "history"
    __table_args__ = (Index("ix_history_due", "step", "start"),)

    series_id: Mapped[int] = mapped_column(ForeignKey("history_series.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Seconds of one point: 60, 300 or 3600."""
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Of the block, Unix seconds."""
    data: Mapped[bytes] = mapped_column(LargeBinary)
    rolled: Mapped[bool] = mapped_column(default=False)
    """Of minutes: whether the coarser ones have them."""
