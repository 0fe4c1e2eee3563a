"""Why a pool has nothing to give, so that whoever runs it knows what would help: to wait, to give back, or to extend it."""

from sqlalchemy import ColumnElement, Subquery, case, func, select
from sqlalchemy.orm import Session

from inventory.errors import PoolExhausted
from inventory.lockedpools import LockedPool
from inventory.tables import AllocationRow

FOUND_IN_USE = "found in use"
"""How the reasons begin for which values are kept back that the network was found to use."""
MOST_COUNTED = 1_000
"""An order that is refused costs the same, however much is kept back."""


def exhausted(session: Session, pool: LockedPool) -> PoolExhausted:
    """Of a pool of values, none of which is free."""
    resting, kept = _some(pool, "quarantined"), _some(pool, "reserved")
    until = select(func.min(AllocationRow.reusable_at)).where(*_of(pool, "quarantined"))
    rest, are_kept, found, reusable_at = session.execute(
        select(
            select(func.count()).select_from(resting).scalar_subquery(),
            select(func.count()).select_from(kept).scalar_subquery(),
            select(func.sum(kept.c.found)).scalar_subquery(),
            until.scalar_subquery(),
        )
    ).one()
    detail = f"none of its {pool.size} values is free{_why(rest, are_kept, found or 0)}"
    return PoolExhausted(pool.name, detail, reusable_at=reusable_at, kept=bool(are_kept))


def _of(pool: LockedPool, state: str) -> tuple[ColumnElement[bool], ...]:
    return AllocationRow.pool_id == pool.id, AllocationRow.state == state


def _some(pool: LockedPool, state: str) -> Subquery:
    found = case((AllocationRow.reason.startswith(FOUND_IN_USE), 1), else_=0).label("found")
    return select(found).where(*_of(pool, state)).limit(MOST_COUNTED + 1).subquery()


def _why(rest: int, are_kept: int, found: int) -> str:
    said = []
    if rest:
        said.append(f"{_number(rest)} {'rests' if rest == 1 else 'rest'} in quarantine")
    if are_kept:
        which = f" ({_number(found)} of them found in use)" if found else ""
        said.append(f"{_number(are_kept)} {'is' if are_kept == 1 else 'are'} kept back{which}")
    return f": {' and '.join(said)}" if said else ""


def _number(count: int) -> str:
    return str(count) if count <= MOST_COUNTED else f"more than {MOST_COUNTED}"
