"""What is left of the bandwidth of links: pools of kind `bandwidth`, one per link. And whether they count it rightly."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from inventory.pools import BANDWIDTH
from inventory.tables import AllocationRow, BandwidthHeirRow, PoolRow


@dataclass(frozen=True, slots=True)
class Miscount:
    """A pool that counts another amount than it has given; bit/s."""

    pool: str
    counted: int
    given: int
    """What its allocations have, with what passes from one to another counted once."""


def free_bps(session: Session, pool: str, *, besides: str = "") -> int | None:
    """bit/s left in the pool; None when there is no bandwidth pool of that name.

    What service `besides` holds counts as left: it is the one that asks.
    """
    asked = select(PoolRow.id, PoolRow.size, PoolRow.used_bps).where(PoolRow.name == pool, PoolRow.kind == BANDWIDTH)
    found = session.execute(asked).first()  # its columns: an object of the session may know of what a savepoint took back
    if found is None:
        return None
    pool_id, size, used_bps = found
    own = select(func.sum(AllocationRow.amount_bps)).where(
        AllocationRow.pool_id == pool_id, AllocationRow.service_id == besides, AllocationRow.state == "allocated"
    )
    held = session.scalar(own) if besides else 0
    return int(size) - used_bps + int(held or 0)


def miscounts(session: Session) -> list[Miscount]:
    """By the names of their pools; told by one statement, so that what changes meanwhile is not taken for one."""
    heir = aliased(AllocationRow)
    given = (
        select(AllocationRow.pool_id, func.sum(AllocationRow.amount_bps).label("bps"))
        .where(AllocationRow.state == "allocated")
        .group_by(AllocationRow.pool_id)
        .subquery()
    )
    twice = (
        select(AllocationRow.pool_id, func.sum(BandwidthHeirRow.amount_bps).label("bps"))
        .join(BandwidthHeirRow, BandwidthHeirRow.giver == AllocationRow.id)
        .join(heir, (heir.id == BandwidthHeirRow.heir) & (heir.pool_id == AllocationRow.pool_id))
        .where(AllocationRow.state == "allocated", heir.state == "allocated")
        .group_by(AllocationRow.pool_id)
        .subquery()
    )
    right = func.coalesce(given.c.bps, 0) - func.coalesce(twice.c.bps, 0)
    rows = session.execute(
        select(PoolRow.name, PoolRow.used_bps, right)
        .outerjoin(given, given.c.pool_id == PoolRow.id)
        .outerjoin(twice, twice.c.pool_id == PoolRow.id)
        .where(PoolRow.kind == BANDWIDTH, PoolRow.used_bps != right)
        .order_by(PoolRow.name)
    )
    return [Miscount(pool, counted, int(amount)) for pool, counted, amount in rows]
