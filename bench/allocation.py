"""What one value costs, by how many are taken already: IPv4 addresses of a /8, IPv6 prefixes of a /32."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert

from bench.instant import database
from inventory.allocation import allocate
from inventory.db import Database
from inventory.pools import space_of
from inventory.tables import AllocationRow, PoolRow

POOLS: dict[str, dict[str, object]] = {
    "ipv4-address": {"prefix": "10.0.0.0/8"},
    "ipv6-prefix": {"prefix": "2001:db8::/32", "length": 64},
}
MEASURED = 200
FILLED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Point:
    database: str
    kind: str
    taken: int
    microseconds: float
    """For each value, of `MEASURED` in one transaction."""


def curve(kind: str, taken: Sequence[int]) -> Iterator[Point]:
    """`kind`: sqlite or postgresql. `taken` rises."""
    with database(kind) as made:
        for pool, definition in POOLS.items():
            space = space_of(pool, definition)
            with made.write() as session:
                session.add(PoolRow(id=pool, name=pool, kind=pool, definition=definition, size=str(space.size)))
            filled = 0
            for number in taken:
                _fill(made, pool, definition, filled, number)
                filled = number + MEASURED
                yield Point(kind, pool, number, _cost(made, pool, number))


def _fill(made: Database, pool: str, definition: dict[str, object], begin: int, end: int) -> None:
    space, now = space_of(pool, definition), datetime.now(UTC)
    for start in range(begin, end, FILLED_AT_ONCE):
        rows = [
            {
                "id": f"{pool}-{offset}",
                "pool_id": pool,
                "value": space.at(offset),
                "state": "allocated",
                "owner": f"{pool}-{offset}",
                "role": "filled",
                "service_id": "filled",
                "allocated_at": now,
            }
            for offset in range(start, min(start + FILLED_AT_ONCE, end))
        ]
        with made.write() as session:
            session.execute(insert(AllocationRow), rows)
            session.get_one(PoolRow, pool).cursor = str(min(start + FILLED_AT_ONCE, end))


def _cost(made: Database, pool: str, taken: int) -> float:
    now = datetime.now(UTC)
    with made.write() as session:
        begun = time.perf_counter()
        for number in range(MEASURED):
            allocate(session, pool, owner=f"{pool}-{taken}-{number}", role="value", service_id="bench", at=now)
        return (time.perf_counter() - begun) / MEASURED * 1e6
