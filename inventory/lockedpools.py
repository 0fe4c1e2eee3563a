"""Pools as a transaction has them, which keeps everybody else from them until it ends.

A transaction that needs several takes them at once, so that no two can deadlock.
"""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from sqlalchemy import String, Table, bindparam, inspect, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.attributes import set_committed_value

from inventory.errors import UnknownObject
from inventory.pools import PoolSpace, space_of
from inventory.postponed import later, settle
from inventory.prepared import Prepared
from inventory.tables import PoolRow

SPACES = 1_000
"""Pools whose arithmetic is remembered."""


@dataclass(slots=True)
class LockedPool:
    """A pool as this transaction has it, which keeps everybody else from it until it ends."""

    id: str
    name: str
    kind: str
    definition: str
    """JSON."""
    size: str
    cursor: str
    """Offset of the first value never given out; both are numbers that no database has room for."""
    used_bps: int
    quarantine_s: int
    ahead: deque[str] = field(default_factory=deque)
    """The values from the cursor on that are known to be free, while nothing has rested long enough to go before them."""

    @property
    def space(self) -> PoolSpace:
        return _space(self.kind, self.definition)

    def set_cursor(self, session: Session, cursor: int) -> None:
        self.cursor = str(cursor)
        later(session, _POOLS, _CURSOR, [{"pool": self.id, "cursor": self.cursor}], key=self.id)
        self._tell(session, "cursor", self.cursor)

    def set_used(self, session: Session, used_bps: int) -> None:
        self.used_bps = used_bps
        _USED.run(session.connection(), {"pool": self.id, "used_bps": used_bps})
        self._tell(session, "used_bps", used_bps)

    def _tell(self, session: Session, column: str, value: object) -> None:
        """Past the unit of work: the locked pool is looked at again by the next who asks in this transaction."""
        row = session.identity_map.get(_MAPPER.identity_key_from_primary_key((self.id,)))
        if row is not None:
            set_committed_value(row, column, value)


def lock_pools(session: Session, names: Iterable[str]) -> dict[str, LockedPool]:
    """Take the pools for this transaction, in sorted order. Nothing to wait for on SQLite, which has one writer anyway."""
    wanted, locked = sorted(set(names)), _locked_by(session)
    missing = [name for name in wanted if name not in locked]
    if missing:
        settle(session, _POOLS)
        asked = {f"name{number}": name for number, name in enumerate(missing)}
        found = [LockedPool(*row) for row in _lock(len(missing)).rows(session.connection(), asked)]
        locked |= {pool.name: pool for pool in found}
    for name in missing:
        if name not in locked:
            raise UnknownObject("pool", name, "import it with `fabd inventory import`")
    return {name: locked[name] for name in wanted}


def _locked_by(session: Session) -> dict[str, LockedPool]:
    """What this transaction has locked already. A savepoint looks for itself, and so does what follows it: it may be taken back."""
    transaction = _innermost(session)
    known, locked = session.info.get(_LOCKED, (None, {}))
    if transaction is None or known is not transaction:
        session.connection()
        locked = {}
        session.info[_LOCKED] = (_innermost(session), locked)
    return cast("dict[str, LockedPool]", locked)


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


@lru_cache(maxsize=SPACES)
def _space(kind: str, definition: str) -> PoolSpace:
    return space_of(kind, json.loads(definition))


@lru_cache
def _lock(count: int) -> Prepared:
    return Prepared(
        select(
            PoolRow.id,
            PoolRow.name,
            PoolRow.kind,
            sql_cast(PoolRow.definition, String),
            PoolRow.size,
            PoolRow.cursor,
            PoolRow.used_bps,
            PoolRow.quarantine_s,
        )
        .where(PoolRow.name.in_([bindparam(f"name{number}") for number in range(count)]))
        .order_by(PoolRow.name)
        .with_for_update(key_share=True)
    )


_LOCKED = "pools"
_MAPPER = inspect(PoolRow)
_POOLS = cast("Table", PoolRow.__table__)
_POOL = update(_POOLS).where(_POOLS.c.id == bindparam("pool"))
_CURSOR, _USED = (Prepared(_POOL.values({name: bindparam(name)})) for name in ("cursor", "used_bps"))
