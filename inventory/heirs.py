"""Bandwidth that passes from one service to another, because one order makes room for it before: with nobody in between.

What a service will give back (it ends, or needs less) is promised to one that the same order begins or lets grow afterwards. Until
the giver gives it back, both have it, and its pool counts it once. All of it happens while the pool is locked.
"""

from collections.abc import Collection, Mapping
from typing import cast

from sqlalchemy import Table, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from inventory.pools import BANDWIDTH
from inventory.prepared import Prepared, among
from inventory.tables import AllocationRow, BandwidthHeirRow, PoolRow


def held_of(session: Session, pool: str, services: Collection[str]) -> list[tuple[str, str, str, int]]:
    """What the services have of a bandwidth pool: allocation, service, role, bit/s."""
    mine = (PoolRow.name == pool, PoolRow.kind == BANDWIDTH, AllocationRow.service_id.in_(services))
    rows = session.execute(
        select(AllocationRow.id, AllocationRow.service_id, AllocationRow.role, AllocationRow.amount_bps)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .where(*mine, AllocationRow.state == "allocated")
        .order_by(AllocationRow.id)
    )
    return [(allocation, service or "", role or "", amount) for allocation, service, role, amount in rows]


def portions(session: Session, wanted_bps: int, leaving: Mapping[str, int]) -> dict[str, int]:
    """How much of what is wanted each of the allocations can pass on: of what it gives back, what nobody was promised yet."""
    found: dict[str, int] = {}
    if not leaving:
        return found
    for giver, amount in _left(session, leaving).items():
        portion = min(amount, wanted_bps - sum(found.values()))
        if portion > 0:
            found[giver] = portion
    return found


def promise(session: Session, heir: str, given: Mapping[str, int]) -> None:
    """`given`: allocation → bit/s that pass from it to the allocation `heir` once it gives them back."""
    rows = [{"giver": giver, "heir": heir, "amount_bps": amount} for giver, amount in given.items()]
    if rows:
        session.connection().execute(insert(_HEIRS), rows)


def kept(session: Session, allocations: Collection[str]) -> dict[str, int]:
    """They end, shrink, or do not come to be: of each, bit/s that stay counted with another, or were not counted with it.

    None of what was promised by them or to them is any more.
    """
    found: dict[str, int] = {}
    for giver, heir, amount in _TAKEN.rows(session.connection(), {"allocations": list(allocations)}):
        one = giver if giver in allocations else heir
        found[one] = found.get(one, 0) + amount
    return found


def pass_to(session: Session, heir: str, other: str) -> None:
    """What was promised to one allocation is promised to another, which it becomes part of."""
    session.connection().execute(update(_HEIRS).where(_HEIRS.c.heir == heir).values(heir=other))


def _left(session: Session, leaving: Mapping[str, int]) -> dict[str, int]:
    promised = session.connection().execute(
        select(_HEIRS.c.giver, func.sum(_HEIRS.c.amount_bps)).where(_HEIRS.c.giver.in_(leaving)).group_by(_HEIRS.c.giver)
    )
    gone = {giver: int(amount) for giver, amount in promised}
    return {giver: amount - gone.get(giver, 0) for giver, amount in leaving.items()}


_HEIRS = cast("Table", BandwidthHeirRow.__table__)
_TAKEN = Prepared(
    delete(BandwidthHeirRow)
    .where(or_(among(BandwidthHeirRow.giver, "allocations"), among(BandwidthHeirRow.heir, "allocations")))
    .returning(BandwidthHeirRow.giver, BandwidthHeirRow.heir, BandwidthHeirRow.amount_bps)
)
