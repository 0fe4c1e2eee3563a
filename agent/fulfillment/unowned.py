"""Values of pools that elements use and no service of fabd's has: what others configured, and what was left behind."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.doors import Doors
from agent.fulfillment.intents import every_text
from agent.fulfillment.leaks import Leak, LeakKind
from agent.fulfillment.parallel import in_parallel
from agent.fulfillment.tables import ElementHoldRow
from drivers.diff.uses import uses
from drivers.errors import DriverSetupError, ElementError
from drivers.platform import Platform
from drivers.port import Use
from inventory.db import Database
from inventory.inuse import values_in_use
from inventory.pools import BANDWIDTH
from inventory.tables import AllocationRow, ElementRow, PoolRow

LONGEST_ASK = timedelta(seconds=30)
AT_ONCE = 16
_LOOKED_UP = 500

Owned = Mapping[str, frozenset[tuple[str, str]]]
"""Element → kinds and values that fabd's own texts use there."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """What the network showed."""

    leaks: tuple[Leak, ...]
    asked: tuple[str, ...]
    unasked: Mapping[str, str] = field(default_factory=dict)
    """Element → why it could not be asked, or was left alone."""


@dataclass(frozen=True, slots=True)
class Search:
    """Looks at elements through their doors; what a plan changes meanwhile is left alone."""

    database: Database
    doors: Doors
    platforms: Callable[[str], Platform]
    deadline: timedelta = LONGEST_ASK
    at_once: int = AT_ONCE

    def run(self, only: Collection[str] | None = None) -> Sightings:
        """`only`: elements by name; all without."""
        with self.database.read() as session:
            elements = _elements(session, only)
            before, held = self._owned(session, elements), _held(session)
        unasked: dict[str, str] = {name: why for name in elements if (why := held.get(name))}
        found = self._ask([name for name in elements if name not in unasked], unasked)
        with self.database.read() as session:
            after, held = self._owned(session, elements), _held(session)
            unasked |= {name: why for name in found if (why := held.get(name))}
            strangers = [
                (name, use)
                for name, seen in sorted(found.items())
                if name not in held
                for use in seen
                if (use.kind, use.value) not in before[name] | after[name]
            ]
            leaks = tuple(_leaks(session, strangers))
        return Sightings(leaks, tuple(sorted(name for name in found if name not in unasked)), unasked)

    def _owned(self, session: Session, elements: Mapping[str, str]) -> Owned:
        texts = every_text(session)
        return {name: frozenset(self._uses(platform, texts.get(name, ()))) for name, platform in elements.items()}

    def _uses(self, platform: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
        with suppress(DriverSetupError):  # the platform is not installed: the element will not be asked either
            kind = self.platforms(platform)
            yield from ((use.kind, use.value) for text in texts for use in uses(kind, text))

    def _ask(self, names: Sequence[str], unasked: dict[str, str]) -> dict[str, tuple[Use, ...]]:
        answers = in_parallel([partial(self._one, name) for name in names], self.at_once)
        found = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, str):
                unasked[name] = answer
            else:
                found[name] = answer
        return found

    def _one(self, name: str) -> tuple[Use, ...] | str:
        """What the element uses, or why it could not be asked."""
        deadline = time.monotonic() + self.deadline.total_seconds()
        try:
            session = self.doors.to(name).open(deadline)
            try:
                return session.uses(deadline)
            finally:
                session.close()
        except ElementError as error:
            return error.message
        except ValueError as error:
            return f"its configuration cannot be read: {error}"


def _elements(session: Session, only: Collection[str] | None) -> dict[str, str]:
    """Name → platform, of those that are not locked."""
    query = select(ElementRow.name, ElementRow.platform).where(ElementRow.administrative != "locked").order_by(ElementRow.name)
    if only is not None:
        query = query.where(ElementRow.name.in_(only))
    return dict(session.execute(query).all())


def _held(session: Session) -> dict[str, str]:
    return {
        row.element: f"{'in doubt after' if row.in_doubt else 'held by'} plan {row.plan_id}"
        for row in session.scalars(select(ElementHoldRow))
    }


def _leaks(session: Session, strangers: Sequence[tuple[str, Use]]) -> Iterator[Leak]:
    pools = session.scalars(select(PoolRow).where(PoolRow.kind != BANDWIDTH).order_by(PoolRow.name)).all()
    finds = [
        (element, use, pool, value)
        for element, use in strangers
        for pool in pools
        for value in values_in_use(pool.kind, pool.definition, use.kind, use.value)
    ]
    known = _known(session, {(pool.id, value) for _, _, pool, value in finds})
    told: set[tuple[str, str, str]] = set()
    for element, use, pool, value in finds:
        row = known.get((pool.id, value))
        if (element, pool.id, value) in told or (row is not None and row.state == "reserved"):
            continue
        told.add((element, pool.id, value))
        yield _leak(element, use, pool.name, value, row)


def _leak(element: str, use: Use, pool: str, value: str, row: AllocationRow | None) -> Leak:
    place = f"element {element}"
    seen = f"{value} of pool {pool} is in use ({use.where})"
    if row is not None and row.state == "allocated":
        message = f"{seen}, and service {row.service_id}, which has it, does not use it here"
        return Leak(LeakKind.UNOWNED, place, message, f"see what it is, and remove it from {element} unless it belongs there")
    rests = " and rests in quarantine" if row is not None else ""
    remedy = f"keep it back with `fabd inventory pool reserve {pool} {value}`, or remove it from {element}"
    return Leak(LeakKind.UNOWNED, place, f"{seen}, and no service has it{rests}", remedy, pool, value)


def _known(session: Session, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], AllocationRow]:
    values = sorted({value for _, value in wanted})
    found: dict[tuple[str, str], AllocationRow] = {}
    for start in range(0, len(values), _LOOKED_UP):
        some = select(AllocationRow).where(AllocationRow.value.in_(values[start : start + _LOOKED_UP]))
        found |= {(row.pool_id, row.value): row for row in session.scalars(some)}
    return found
