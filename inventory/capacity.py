"""What is left of the bandwidth of links: pools of kind `bandwidth`, one per link."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.pools import BANDWIDTH
from inventory.tables import AllocationRow, PoolRow


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
