"""Values of a service that changes: by role, what fits is kept, the rest is taken anew beside it until the change holds.

While it does not, a service has both: the old ones under the order item that first took them, the new ones under the item that
changes it. Then either the old ones rest (`settle`) or the new ones go back (`inventory.allocation.release_owner`). Bandwidth grows
by what it lacks, so that a link need not have room for both.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import heirs
from inventory.allocation import NOTHING, Allocation, allocate, release_some
from inventory.lockedpools import LockedPool, lock_pools
from inventory.pools import BANDWIDTH
from inventory.tables import AllocationRow, PoolRow


def reallocate(
    session: Session,
    pool: str,
    *,
    owner: str,
    role: str,
    service_id: str,
    at: datetime,
    wanted: str | None = None,
    amount_bps: int = 0,
    leaving: Mapping[str, int] = NOTHING,
) -> Allocation:
    """What the service has in the role if it fits, else a value for (owner, role), as `allocate` gives it; its errors are these."""
    row = lock_pools(session, [pool])[pool]
    held = _held(session, service_id, role, owner)
    take = partial(allocate, session, pool, owner=owner, role=role, service_id=service_id, at=at, leaving=leaving)
    if held is None or held.pool_id != row.id or not _fits(row, held, wanted):
        return take(wanted=wanted, amount_bps=amount_bps)
    lacks = amount_bps - held.amount_bps if row.kind == BANDWIDTH else 0
    if lacks > 0:
        take(amount_bps=lacks)
    return Allocation(held.id, row.name, row.kind, held.value, role, service_id, held.owner or "", amount_bps)


def settle(session: Session, service_id: str, owner: str, wanted: Mapping[str, int], at: datetime) -> None:
    """The change holds: the service has the roles `wanted` (with bit/s where it is bandwidth), whatever else it had rests."""
    rows = _rows(session, service_id)
    locked = lock_pools(session, {pool.name for _, pool in rows if pool.kind == BANDWIDTH})
    new = {row.role or "": row for row, _ in rows if row.owner == owner}
    gone: list[str] = []
    for row, pool in rows:
        if row.owner == owner:
            continue
        role = row.role or ""
        other = new.get(role)
        if role not in wanted or (other is not None and (pool.kind != BANDWIDTH or other.pool_id != row.pool_id)):
            gone.append(row.id)
        elif pool.kind == BANDWIDTH:
            _resize(session, row, locked[pool.name], other, wanted[role])
    release_some(session, gone, at)


def _resize(session: Session, row: AllocationRow, pool: LockedPool, more: AllocationRow | None, amount_bps: int) -> None:
    """One row again for what the service has of it; what it needs no more is free."""
    taken = row.amount_bps + (more.amount_bps if more else 0)
    kept = heirs.kept(session, [row.id]).get(row.id, 0)
    pool.set_used(session, pool.used_bps + amount_bps - taken + kept)
    row.amount_bps = amount_bps
    if more is not None:
        heirs.pass_to(session, more.id, row.id)  # bundled with what makes room for it, it may come first
        session.delete(more)
    session.flush()


def _held(session: Session, service_id: str, role: str, owner: str) -> AllocationRow | None:
    mine = (AllocationRow.service_id == service_id, AllocationRow.role == role, AllocationRow.state == "allocated")
    return session.scalars(select(AllocationRow).where(*mine, AllocationRow.owner != owner)).first()


def _fits(pool: LockedPool, held: AllocationRow, wanted: str | None) -> bool:
    if wanted is None or pool.kind == BANDWIDTH:
        return True
    space = pool.space
    try:
        return space.at(space.offset(wanted)) == held.value
    except ValueError:
        return False  # asking for it says what is wrong with it


def _rows(session: Session, service_id: str) -> Sequence[tuple[AllocationRow, PoolRow]]:
    found = session.execute(
        select(AllocationRow, PoolRow)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .where(AllocationRow.service_id == service_id, AllocationRow.state == "allocated")
        .order_by(AllocationRow.id)
        .execution_options(populate_existing=True)
    )
    return [(row, pool) for row, pool in found]
