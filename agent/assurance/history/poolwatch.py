"""How full the pools are, looked at every few minutes: a daily sample, an alarm below the low watermark, figures for `/metrics`."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from agent.assurance.alarms.conditions import Condition, clear_gone, report
from agent.assurance.findings import FindingKind
from agent.assurance.history.store import History, SeriesKey
from agent.metrics import Family, Sample
from inventory.db import Database
from inventory.fill import PoolFill, fills, forecasts, note_samples
from policies.values import Clock

log = structlog.get_logger(__name__)

PREFIX = "pool:"
"""Before a pool's name, where an alarm names its object."""
USED = "pool_used_ratio"


@dataclass(frozen=True, slots=True)
class PoolFigures:
    fill: PoolFill
    days_left: int | None


class PoolWatch:
    def __init__(self, database: Database, clock: Clock, history: History | None = None) -> None:
        """`history`: where the fill is kept as a series."""
        self._database, self._clock, self._history = database, clock, history
        self._figures: tuple[PoolFigures, ...] = ()

    async def look(self) -> None:
        """One turn; called by the scheduler."""
        await asyncio.to_thread(self.look_now)

    def look_now(self) -> None:
        at = self._clock.now()
        with self._database.read() as session:  # counting takes longest, and no writer is to wait for it
            found = fills(session, at)
        with self._database.write() as session:
            note_samples(session, found, at)
            for pool in found:
                _tell(session, pool, at)
            names = {f"{PREFIX}{pool.name}" for pool in found}
            clear_gone(session, FindingKind.POOL_ENOUGH, names, "the pool is not in the inventory any more", at)
            left = forecasts(session, found)
        if self._history is not None:
            self._history.take(at, {SeriesKey(f"{PREFIX}{pool.name}", USED): pool.used / pool.size for pool in found if pool.size})
        self._figures = tuple(PoolFigures(pool, left[pool.name]) for pool in found)

    def families(self) -> Iterator[Family]:
        """As last looked at."""
        yield _gauge("fabd_pool_size", "Values of the pool, or bit/s.", [(each, each.fill.size) for each in self._figures])
        yield _gauge("fabd_pool_used", "Given out or kept back.", [(each, each.fill.used) for each in self._figures])
        yield _gauge("fabd_pool_free", "Can be given out now.", [(each, each.fill.free) for each in self._figures])
        known = [(each, each.days_left) for each in self._figures if each.days_left is not None]
        yield _gauge("fabd_pool_days_left", "Until the pool is exhausted as it grows; absent where unknown.", known)


def _tell(session: Session, pool: PoolFill, at: datetime) -> None:
    name = f"{PREFIX}{pool.name}"
    if not pool.low:
        report(session, Condition(FindingKind.POOL_ENOUGH, name, f"pool {pool.name} has enough again"), at)
        return
    percent = pool.free * 100 // pool.size
    text = (
        f"pool {pool.name} runs low: {pool.free} of {pool.size} free ({percent} %), its low watermark is {pool.low_watermark} %; "
        "extend the pool or delete services that use it"
    )
    evidence = {"free": str(pool.free), "size": str(pool.size), "low_watermark": pool.low_watermark}
    condition = Condition(FindingKind.POOL_LOW, name, text, gist=f"{percent} %", evidence=evidence)
    if report(session, condition, at) is not None:
        log.warning("pool runs low", pool=pool.name, free=pool.free, size=pool.size)


def _gauge(name: str, text: str, values: list[tuple[PoolFigures, int]]) -> Family:
    return Family(name, "gauge", text, [Sample({"pool": each.fill.name, "kind": each.fill.kind}, value) for each, value in values])
