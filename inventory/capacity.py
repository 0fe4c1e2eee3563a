"""What is left of the bandwidth of links: pools of kind `bandwidth`, one per link."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.pools import BANDWIDTH
from inventory.tables import AllocationRow, PoolRow


def free_bps(session: Session, pool: str, *, besides: str = "") -> int | None:
    """bit/s left in the pool; None when there is no bandwidth pool of that name.

    What service `besides` holds counts as left: it is the one that asks.
    """
    row = session.scalars(select(PoolRow).where(PoolRow.name == pool, PoolRow.kind == BANDWIDTH)).first()
    if row is None:
        return None
    own = select(func.sum(AllocationRow.amount_bps)).where(
        AllocationRow.pool_id == row.id, AllocationRow.service_id == besides, AllocationRow.state == "allocated"
    )
    held = session.scalar(own) if besides else 0
    return int(row.size) - row.used_bps + int(held or 0)
