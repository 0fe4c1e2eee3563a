"""How full pools are, what is kept back in them, and when they will be exhausted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.errors import UnknownObject
from inventory.forecast import Sample, days_left
from inventory.pools import BANDWIDTH, PoolSpace, space_of
from inventory.tables import AllocationRow, PoolRow, PoolSampleRow

WINDOW = timedelta(days=60)
"""For so long daily samples are kept, and so far back a forecast looks."""


@dataclass(frozen=True, slots=True)
class PoolFill:
    """How full a pool is; values, or bit/s for bandwidth."""

    name: str
    kind: str
    size: int
    allocated: int
    quarantined: int
    """Without those that have rested long enough, where the time was given."""
    reserved: int
    low_watermark: int
    """Per cent free."""

    @property
    def used(self) -> int:
        """What does not come back by itself."""
        return self.allocated + self.reserved

    @property
    def free(self) -> int:
        return self.size - self.used - self.quarantined

    @property
    def low(self) -> bool:
        return self.free * 100 < self.size * self.low_watermark


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A value that is never given out."""

    value: str
    reason: str
    since: datetime


def fill(session: Session, pool: str, at: datetime | None = None) -> PoolFill:
    """Raises `UnknownObject`."""
    row = session.scalars(select(PoolRow).where(PoolRow.name == pool)).first()
    if row is None:
        raise UnknownObject("pool", pool, "list them with `fabd inventory show pools`")
    return _fill(row, _counts(session, at, row.id).get(row.id, {}))


def fills(session: Session, at: datetime | None = None) -> tuple[PoolFill, ...]:
    """Every pool, by name."""
    counts = _counts(session, at)
    return tuple(_fill(row, counts.get(row.id, {})) for row in session.scalars(select(PoolRow).order_by(PoolRow.name)))


def kept_back(session: Session, pool: str) -> tuple[KeptBack, ...]:
    """In the order of the pool. `UnknownObject` when there is none of that name."""
    owner = session.scalars(select(PoolRow).where(PoolRow.name == pool)).first()
    if owner is None:
        raise UnknownObject("pool", pool, "list them with `fabd inventory show pools`")
    rows = session.scalars(select(AllocationRow).where(AllocationRow.pool_id == owner.id, AllocationRow.state == "reserved"))
    space = space_of(owner.kind, owner.definition)
    return tuple(
        KeptBack(row.value, row.reason, row.allocated_at) for row in sorted(rows, key=lambda row: _place(space, row.value))
    )


def note_samples(session: Session, fills: Sequence[PoolFill], at: datetime) -> None:
    """Today's use of every pool; the last look of a day counts. Forgets what no forecast looks at any more."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    ids = dict(session.execute(select(PoolRow.name, PoolRow.id)).all())
    today = at.date()
    for pool in fills:
        if pool.name in ids:
            new = {"pool_id": ids[pool.name], "day": today.isoformat(), "used": str(pool.used)}
            statement = insert(PoolSampleRow).values(**new)
            session.execute(statement.on_conflict_do_update(index_elements=["pool_id", "day"], set_={"used": new["used"]}))
    session.execute(delete(PoolSampleRow).where(PoolSampleRow.day < (today - WINDOW).isoformat()))


def forecasts(session: Session, fills: Sequence[PoolFill]) -> Mapping[str, int | None]:
    """Pool → days until nothing is free as it grows now; None where that is not known, or it does not grow."""
    samples: dict[str, list[Sample]] = {}
    rows = session.execute(select(PoolRow.name, PoolSampleRow.day, PoolSampleRow.used).join(PoolSampleRow))
    for name, day, used in rows:
        samples.setdefault(name, []).append(Sample(date.fromisoformat(day), int(used)))
    return {pool.name: days_left(samples.get(pool.name, ()), pool.free) for pool in fills}


def _place(space: PoolSpace, value: str) -> int:
    """What a changed definition has left outside comes first."""
    try:
        return space.offset(value)
    except ValueError:
        return -1


def _counts(session: Session, at: datetime | None, pool_id: str | None = None) -> dict[str, dict[str, int]]:
    """Pool id → state → how many; what may be given out again counts as "rested" where the time is given."""
    state: ColumnElement[str] = AllocationRow.state.expression
    if at is not None:
        rested = and_(AllocationRow.state == "quarantined", AllocationRow.reusable_at <= at)
        state = case((rested, "rested"), else_=AllocationRow.state)
    query = select(AllocationRow.pool_id, state, func.count()).group_by(AllocationRow.pool_id, state)
    if pool_id is not None:
        query = query.where(AllocationRow.pool_id == pool_id)
    counts: dict[str, dict[str, int]] = {}
    for pool, name, number in session.execute(query):
        counts.setdefault(pool, {})[name] = number
    return counts


def _fill(row: PoolRow, counts: Mapping[str, int]) -> PoolFill:
    allocated = row.used_bps if row.kind == BANDWIDTH else counts.get("allocated", 0)
    return PoolFill(
        row.name, row.kind, int(row.size), allocated, counts.get("quarantined", 0), counts.get("reserved", 0), row.low_watermark
    )
