"""Giving out values of pools, inside the caller's transaction.

Asking again for the same (owner, role) gives the same value. The pool's row is the lock: callers of other pools never wait.
A transaction that needs several pools takes them first (`lockedpools.lock_pools`), so that no two can deadlock. The cost does not
depend on how full or large the pool is: what rests long enough is taken from its index, else the cursor moves on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import cast

from sqlalchemy import ColumnElement, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from inventory import heirs
from inventory.errors import NotReserved, PoolExhausted, RoleTaken, ValueNotInPool, ValueTaken
from inventory.exhaustion import exhausted
from inventory.lockedpools import LockedPool, lock_pools
from inventory.pools import BANDWIDTH
from inventory.postponed import later, settle, shared, untold
from inventory.prepared import Prepared, among
from inventory.tables import AllocationRow, PoolRow
from policies.values import new_id

LONGEST_STEP = 512
"""How many values beyond the cursor are looked at in one query, where many in a row were asked for by name."""
AHEAD = 16
"""How many values are looked at for orders that are placed together."""
NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Allocation:
    id: str
    pool: str
    kind: str
    value: str
    """Canonical text; for bandwidth a token that means nothing."""
    role: str
    service_id: str
    owner: str
    amount_bps: int = 0


def allocate(
    session: Session,
    pool: str,
    *,
    owner: str,
    role: str,
    service_id: str,
    at: datetime,
    wanted: str | None = None,
    amount_bps: int = 0,
    newcomer: bool = False,
    leaving: Mapping[str, int] = NOTHING,
) -> Allocation:
    """One value of `pool` for (owner, role): the one it has, else `wanted`, else the next free one.

    A value that rests because of this very service may be `wanted`: the rest is for the others' sake. `newcomer`: its
    owner has nothing in this role yet, for his id was made just now.
    `owner` is the order item. For a bandwidth pool, `amount_bps` bit/s of its capacity; `leaving`: the allocations of it that are
    given back before this one is needed, and how much of each (bit/s). Raises an `AllocationError` or `UnknownObject`; nothing is
    changed then.
    """
    row = lock_pools(session, [pool])[pool]
    allocation_id = new_id("alo", at)
    given = partial(
        Allocation, allocation_id, row.name, row.kind, role=role, service_id=service_id, owner=owner, amount_bps=amount_bps
    )
    if newcomer and wanted is None and row.kind != BANDWIDTH and (value := _take_ahead(session, row, at)):
        return _give(session, row, given(value), at)
    row.ahead.clear()
    fresh = "" if wanted is not None or row.kind == BANDWIDTH else _next(row)
    _write_down(session, row, owner, role, fresh)
    asking = {"pool": row.id, "owner": owner, "role": role, "at": at, "fresh": fresh}
    known, rested, taken = _LOOK.rows(session.connection(), asking)[0]
    if known is not None:
        held = session.get_one(AllocationRow, known)
        if held.pool_id != row.id:
            raise RoleTaken(owner, role, session.get_one(PoolRow, held.pool_id).name)
        return _view(held, row)
    if row.kind == BANDWIDTH:
        value = _take_bandwidth(session, row, allocation_id, amount_bps, heirs.portions(session, amount_bps, leaving))
    elif wanted is not None:
        value = _take_wanted(session, row, wanted, service_id, at)
    elif rested is not None:
        value = _take_rested(session, row, rested)
    elif fresh and taken is None:
        row.set_cursor(session, int(row.cursor) + 1)
        value = fresh
    else:
        value = _take_beyond(session, row)
    return _give(session, row, given(value), at)


def _give(session: Session, pool: LockedPool, given: Allocation, at: datetime) -> Allocation:
    row = {
        "id": given.id,
        "pool_id": pool.id,
        "value": given.value,
        "state": "allocated",
        "owner": given.owner,
        "role": given.role,
        "service_id": given.service_id,
        "reason": "",
        "amount_bps": given.amount_bps,
        "allocated_at": at,
    }
    later(session, _ALLOCATIONS, _GIVE, [row])
    return given


def _take_ahead(session: Session, pool: LockedPool, at: datetime) -> str:
    """The next value never given out, looked for once for several orders; "" where it is to be looked at more closely.

    What else might take one of them takes the pool first, and finds it taken.
    """
    if not pool.ahead:
        if not shared(session):
            return ""
        settle(session, _ALLOCATIONS)
        cursor, space = int(pool.cursor), pool.space
        values = [space.at(offset) for offset in range(cursor, min(cursor + AHEAD, space.size))]
        asking = {"pool": pool.id, "at": at, "values": values}
        if not values or any(_IN_THE_WAY.rows(session.connection(), asking)[0]):
            return ""
        pool.ahead.extend(values)
    pool.set_cursor(session, int(pool.cursor) + 1)
    return pool.ahead.popleft()


def _write_down(session: Session, pool: LockedPool, owner: str, role: str, fresh: str) -> None:
    """What was given out in this transaction and not written yet, where the database is to know it for the next one."""
    asked = not fresh or any(
        (given["owner"], given["role"]) == (owner, role) or (given["pool_id"], given["value"]) == (pool.id, fresh)
        for given in untold(session, _GIVE)
    )
    settle(session, *((_ALLOCATIONS,) if asked else ()))


def held(session: Session, service_id: str, besides: str = "") -> dict[str, Allocation]:
    """What the service holds, by role. Of a role that is being changed: what it had before.

    `besides`: the order item that changes it, where it is known: nothing of what it took is meant.
    """
    rows = session.execute(
        select(AllocationRow, PoolRow)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .where(AllocationRow.service_id == service_id, AllocationRow.state == "allocated", AllocationRow.owner != besides)
        .order_by(AllocationRow.role, AllocationRow.allocated_at.desc())
    )
    return {found.role: found for allocation, pool in rows for found in [_view(allocation, pool)]}


def release_service(session: Session, service_id: str, at: datetime, *, used: bool = True) -> tuple[Allocation, ...]:
    """Give back all that the service holds. `used`: it was on the network, so its values rest in quarantine first."""
    return _release(session, list(_allocated(session, AllocationRow.service_id == service_id)), at, used=used)


def release_owner(session: Session, owner: str, at: datetime, *, used: bool = True) -> tuple[Allocation, ...]:
    """Give back all that was allocated for one order item; see `release_service`."""
    return _release(session, list(_allocated(session, AllocationRow.owner == owner)), at, used=used)


def release_some(session: Session, ids: Collection[str], at: datetime, *, used: bool = True) -> tuple[Allocation, ...]:
    """Give back just these allocations (after a change that needs less)."""
    return _release(session, list(_allocated(session, AllocationRow.id.in_(ids))), at, used=used)


def reserve(session: Session, pool: str, value: str, *, reason: str, at: datetime) -> str:
    """Keep a value back for good: found in use on the network, or set aside; its canonical text.

    One that rests in quarantine is kept back from now on, one that is kept back already stays so. `ValueTaken` when a
    service has it.
    """
    row = lock_pools(session, [pool])[pool]
    row.ahead.clear()
    canonical = _canonical(row, value)
    held = _row_of(session, row, canonical)
    if held is None:
        held = AllocationRow(id=new_id("alo", at), pool_id=row.id, value=canonical, amount_bps=0, allocated_at=at)
        session.add(held)
    elif held.state == "allocated":
        raise ValueTaken(pool, canonical, _holder(held))
    held.state, held.reason, held.reusable_at = "reserved", reason, None
    session.flush()
    return canonical


def unreserve(session: Session, pool: str, value: str, at: datetime) -> str:
    """Give back what was kept back: it can be given out at once; its canonical text. `NotReserved` when it was not."""
    row = lock_pools(session, [pool])[pool]
    canonical = _canonical(row, value)
    held = _row_of(session, row, canonical)
    if held is None or held.state != "reserved":
        raise NotReserved(pool, canonical, _holder(held) if held else "it is free")
    # the cursor may have passed it: what comes back is found by the quarantine's index
    held.state, held.reason, held.reusable_at = "quarantined", "was kept back", at
    session.flush()
    return canonical


def _take_bandwidth(session: Session, pool: LockedPool, token: str, amount_bps: int, inherited: Mapping[str, int]) -> str:
    if amount_bps <= 0:
        raise ValueNotInPool(pool.name, f"{amount_bps} bit/s", "bandwidth is given in positive amounts")
    counted = sum(inherited.values())
    if pool.used_bps + amount_bps - counted > int(pool.size):
        free = int(pool.size) - pool.used_bps + counted
        raise PoolExhausted(pool.name, f"{amount_bps} bit/s wanted, {free} of {pool.size} bit/s left")
    pool.set_used(session, pool.used_bps + amount_bps - counted)
    heirs.promise(session, token, inherited)
    return token


def _take_wanted(session: Session, pool: LockedPool, wanted: str, service_id: str, at: datetime) -> str:
    value = _canonical(pool, wanted)
    row = _row_of(session, pool, value)
    if row is None:
        return value
    over = row.reusable_at is not None and row.reusable_at <= at
    if row.state == "quarantined" and (over or row.reason == _released_by(service_id)):
        session.delete(row)
        session.flush()
        return value
    raise ValueTaken(pool.name, value, _holder(row))


def _canonical(pool: LockedPool, wanted: str) -> str:
    space = pool.space
    try:
        return space.at(space.offset(wanted))
    except ValueError as error:
        raise ValueNotInPool(pool.name, wanted, str(error)) from error


def _row_of(session: Session, pool: LockedPool, value: str) -> AllocationRow | None:
    return session.scalars(select(AllocationRow).where(AllocationRow.pool_id == pool.id, AllocationRow.value == value)).first()


def _take_rested(session: Session, pool: LockedPool, value: str) -> str:
    """It has rested longest, and its quarantine is over."""
    _UNREST.run(session.connection(), {"pool": pool.id, "value": value})
    return value


def _next(pool: LockedPool) -> str:
    """The first value never given out; "" when all have been."""
    cursor, space = int(pool.cursor), pool.space
    return space.at(cursor) if cursor < space.size else ""


def _take_beyond(session: Session, pool: LockedPool) -> str:
    """The next value never given out. Those asked for by name are passed once, as the cursor never goes back."""
    cursor, step, space = int(pool.cursor), 1, pool.space
    while cursor < space.size:
        values = [space.at(offset) for offset in range(cursor, min(cursor + step, space.size))]
        settle(session, _ALLOCATIONS)
        taken = set(session.connection().scalars(_TAKEN, {"pool": pool.id, "values": values}))
        for value in values:
            cursor += 1
            if value not in taken:
                pool.set_cursor(session, cursor)
                return value
        step = min(step * 4, LONGEST_STEP)
    if str(cursor) != pool.cursor:
        pool.set_cursor(session, cursor)
    raise exhausted(session, pool)


def _released_by(service_id: str | None) -> str:
    return f"released by {service_id}"


def _holder(row: AllocationRow) -> str:
    if row.state == "allocated":
        return f"service {row.service_id} has it"
    if row.state == "quarantined" and row.reusable_at:
        return f"it rests in quarantine until {row.reusable_at.isoformat(timespec='seconds')}"
    return f"it is reserved ({row.reason or 'no reason given'})"


def _allocated(session: Session, condition: ColumnElement[bool]) -> Iterable[tuple[AllocationRow, PoolRow]]:
    return session.execute(
        select(AllocationRow, PoolRow)
        .join(PoolRow, PoolRow.id == AllocationRow.pool_id)
        .where(condition, AllocationRow.state == "allocated")
        .order_by(AllocationRow.id)
    )


def _release(
    session: Session, rows: Sequence[tuple[AllocationRow, PoolRow]], at: datetime, *, used: bool
) -> tuple[Allocation, ...]:
    released = tuple(_view(allocation, pool) for allocation, pool in rows)
    shared = lock_pools(session, (pool.name for _, pool in rows if pool.kind == BANDWIDTH))
    kept = heirs.kept(session, [allocation.id for allocation, pool in rows if pool.name in shared]) if shared else {}
    for allocation, pool in rows:
        if pool.name in shared:
            locked = shared[pool.name]
            locked.set_used(session, locked.used_bps - allocation.amount_bps + kept.get(allocation.id, 0))
            session.delete(allocation)
            continue
        rest = timedelta(seconds=pool.quarantine_s if used else 0)
        session.execute(
            update(AllocationRow)
            .where(AllocationRow.id == allocation.id, AllocationRow.state == "allocated")
            .values(
                state="quarantined",
                reusable_at=at + rest,
                reason=_released_by(allocation.service_id),
                owner=None,
                role=None,
                service_id=None,
            )
        )
    session.flush()
    return released


def _view(row: AllocationRow, pool: PoolRow | LockedPool) -> Allocation:
    return Allocation(
        row.id, pool.name, pool.kind, row.value, row.role or "", row.service_id or "", row.owner or "", row.amount_bps
    )


_ALLOCATIONS = cast("Table", AllocationRow.__table__)
_GIVEN = select(AllocationRow.id).where(AllocationRow.owner == bindparam("owner"), AllocationRow.role == bindparam("role"))
_RESTED = (
    select(AllocationRow.value)
    .where(
        AllocationRow.pool_id == bindparam("pool"),
        AllocationRow.state == "quarantined",
        AllocationRow.reusable_at <= bindparam("at"),
    )
    .order_by(AllocationRow.reusable_at)
    .limit(1)
)
_HAS_FRESH = select(AllocationRow.id).where(AllocationRow.pool_id == bindparam("pool"), AllocationRow.value == bindparam("fresh"))
_LOOK = Prepared(select(_GIVEN.scalar_subquery(), _RESTED.scalar_subquery(), _HAS_FRESH.scalar_subquery()))
"""What (owner, role) has, the value that has rested longest, and whether the next fresh one is taken: each by an index."""
_UNREST = Prepared(
    delete(_ALLOCATIONS).where(_ALLOCATIONS.c.pool_id == bindparam("pool"), _ALLOCATIONS.c.value == bindparam("value"))
)
_GIVE = Prepared(
    insert(_ALLOCATIONS),
    ["id", "pool_id", "value", "state", "owner", "role", "service_id", "reason", "amount_bps", "allocated_at"],
)
_SOME_TAKEN = select(AllocationRow.value).where(AllocationRow.pool_id == bindparam("pool"), among(AllocationRow.value, "values"))
_IN_THE_WAY = Prepared(select(_RESTED.scalar_subquery(), _SOME_TAKEN.limit(1).scalar_subquery()))
"""What has rested long enough, and one of some values that is taken: without either they can be given out one after another."""
_TAKEN = select(AllocationRow.value).where(
    AllocationRow.pool_id == bindparam("pool"), AllocationRow.value.in_(bindparam("values", expanding=True))
)
