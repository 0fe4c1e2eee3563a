"""Who says what on an element: what several services say alike is owned by each of them, and goes with the last.

A row stands for the smallest thing that a service says (`drivers.diff.statements`: place → value), kept as digests, from when the
service holds on the network until it does not. A place holds one value, so services can only say the same there.
"""

from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import cast

from sqlalchemy import Table, bindparam, delete, exists, func, insert, select
from sqlalchemy.orm import Session

from inventory.prepared import Prepared, among
from inventory.tables import ElementRow, ServicePartRow, ServiceRow, StatementRow

DIGEST = 12
"""Octets: a collision would hide a difference, so there are enough that none is to be expected."""
AT_ONCE = 500
"""Places or services asked for in one query."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a service says in a place."""

    service_id: str
    digest: str

    def is_value(self, value: str) -> bool:
        return self.digest == _digest(value)


@dataclass(frozen=True, slots=True)
class StandingPart:
    service_id: str
    element: str
    platform: str
    desired: str


def own(session: Session, service_id: str, statements: Mapping[str, Mapping[str, str]]) -> None:
    """From now on the service says just this: element (name) → place → value."""
    own_all(session, {service_id: statements})


def own_all(
    session: Session, services: Mapping[str, Mapping[str, Mapping[str, str]]], *, silent: AbstractSet[str] = frozenset()
) -> None:
    """As `own`, of several services. `silent`: those of them that have said nothing yet, for sure."""
    connection = session.connection()
    if told := services.keys() - silent:
        _DISOWN.run(connection, {"services": list(told)})
    names = {name for statements in services.values() for name in statements}
    ids = {row[0]: row[1] for row in _IDS.rows(connection, {"names": list(names)})}
    rows = [
        {"element_id": ids[name], "slot": _digest(place), "value": _digest(value), "service_id": service_id}
        for service_id, statements in services.items()
        for name, said in sorted(statements.items())
        for place, value in said.items()
    ]
    _SAY.run_all(connection, rows)


def disown(session: Session, service_id: str) -> None:
    """It says nothing any more."""
    _DISOWN.run(session.connection(), {"services": [service_id]})


def others(session: Session, element: str, places: Iterable[str], services: Collection[str]) -> dict[str, Said]:
    """What services other than these say in the places of the element; the first by id, as all say the same."""
    asked = {_digest(place): place for place in places}
    found: dict[str, Said] = {}
    connection = session.connection()
    for some in _some(sorted(asked)):
        slots, mine = _padded("slot", some), _padded("service", services or [""])
        for slot, service_id, value in _others(len(slots), len(mine)).rows(connection, {"element": element, **slots, **mine}):
            found.setdefault(asked[slot], Said(service_id, value))
    return found


def said(session: Session, places: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Said]]:
    """What services say in the places of several elements: element (name) → place → the first by id, as all say the same."""
    asked = {_digest(place): place for some in places.values() for place in some}
    found: dict[str, dict[str, Said]] = {name: {} for name in places}
    for some in _some(sorted(asked)):
        for name, slot, value, service_id in _SAID.rows(session.connection(), {"elements": list(places), "slots": some}):
            found[name].setdefault(asked[slot], Said(service_id, value))
    return found


def untold(session: Session) -> Iterator[list[StandingPart]]:
    """Parts of active services whose statements nobody wrote down (fabd did not before they were kept), some services at a time."""
    told = exists().where(StatementRow.service_id == ServiceRow.id)
    has_part = exists().where(ServicePartRow.service_id == ServiceRow.id)
    services = session.scalars(select(ServiceRow.id).where(ServiceRow.state == "active", has_part, ~told).order_by(ServiceRow.id))
    for some in _some(services.all()):
        rows = session.execute(
            select(ServicePartRow.service_id, ElementRow.name, ElementRow.platform, ServicePartRow.desired)
            .join(ElementRow, ElementRow.id == ServicePartRow.element_id)
            .where(ServicePartRow.service_id.in_(some))
            .order_by(ServicePartRow.service_id, ElementRow.name)
        )
        yield [StandingPart(*row) for row in rows]


_STATEMENTS = cast("Table", StatementRow.__table__)
_IDS = Prepared(select(ElementRow.name, ElementRow.id).where(among(ElementRow.name, "names")))
_SAY = Prepared(insert(_STATEMENTS), ["element_id", "slot", "value", "service_id"])
_DISOWN = Prepared(delete(_STATEMENTS).where(among(_STATEMENTS.c.service_id, "services")))
_SAID = Prepared(
    select(ElementRow.name, StatementRow.slot, StatementRow.value, func.min(StatementRow.service_id).label("first"))
    .join(ElementRow, ElementRow.id == StatementRow.element_id)
    .where(among(ElementRow.name, "elements"), among(StatementRow.slot, "slots"))
    .group_by(ElementRow.name, StatementRow.slot, StatementRow.value)
    .order_by("first")
)


@lru_cache
def _others(slots: int, services: int) -> Prepared:
    return Prepared(
        select(StatementRow.slot, StatementRow.service_id, StatementRow.value)
        .where(
            StatementRow.element_id == select(ElementRow.id).where(ElementRow.name == bindparam("element")).scalar_subquery(),
            StatementRow.slot.in_([bindparam(f"slot{number}") for number in range(slots)]),
            StatementRow.service_id.not_in([bindparam(f"service{number}") for number in range(services)]),
        )
        .order_by(StatementRow.slot, StatementRow.service_id)
    )


def _padded(name: str, values: Collection[str]) -> dict[str, str]:
    """Parameters for a power of two of them, the last repeated: so there are few statements, however many are asked for."""
    every = list(values)
    every += every[-1:] * ((1 << (len(every) - 1).bit_length()) - len(every)) if every else []
    return {f"{name}{number}": value for number, value in enumerate(every)}


def _some(names: Collection[str]) -> Iterator[list[str]]:
    every = list(names)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]


@lru_cache(maxsize=8192)  # what is said is digested as it is looked for, and again as it comes to be said
def _digest(text: str) -> str:
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=DIGEST).digest()).decode() if text else ""
