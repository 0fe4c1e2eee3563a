"""What an import must not do: take away or bend what services live on."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.difference import Change, Kind
from inventory.document import InventoryDocument, PoolEntry
from inventory.errors import Problem
from inventory.pools import BANDWIDTH, canonical, space_of
from inventory.source import Path, Source
from inventory.tables import (
    AllocationRow,
    ElementRow,
    LinkRow,
    PlannedPartRow,
    PoolRow,
    PortClaimRow,
    PortRow,
    ServicePartRow,
    ServiceResourceRow,
)
from inventory.topology import split_reference

_SHOWN = 5
"""How many users of a thing a message names."""
_DELETE_FIRST = "delete those services first, or keep it in the document"


def objections(session: Session, source: Source, wanted: InventoryDocument, changes: Iterable[Change]) -> list[Problem]:
    """Why some of the changes cannot be made; [] when all can."""
    return [
        source.problem(_place(wanted, change), message, remedy)
        for change in changes
        if (check := _CHECKS.get((change.kind, change.action)))
        for message, remedy in check(session, change)
    ]


Objections = Iterator[tuple[str, str]]
"""(message, remedy)"""


def _element_removed(session: Session, change: Change) -> Objections:
    yield from _in_use(change, _users_of_element(session, change.name))


def _element_changed(session: Session, change: Change) -> Objections:
    if "platform" in change.changed:
        users = _users_of_element(session, change.name)
        if users:
            message = f"the platform of {change.name} cannot change: it carries {_list(users)}"
            yield message, "delete those services first, or give the new device a name of its own"


def _users_of_element(session: Session, name: str) -> set[str]:
    """Services that have a part there, or are to have one."""
    element = select(ElementRow.id).where(ElementRow.name == name).scalar_subquery()
    parts = select(ServicePartRow.service_id).where(ServicePartRow.element_id == element)
    planned = select(PlannedPartRow.service_id).where(PlannedPartRow.element_id == element)
    return {*session.scalars(parts), *session.scalars(planned)}


def _port_removed(session: Session, change: Change) -> Objections:
    element, _, port = split_reference(change.name)
    here = select(PortRow.id).join(ElementRow).where(ElementRow.name == element, PortRow.name == port).scalar_subquery()
    users = set(session.scalars(select(PortClaimRow.service_id).where(PortClaimRow.port_id == here)))
    users |= set(session.scalars(select(ServiceResourceRow.service_id).where(ServiceResourceRow.port_id == here)))
    yield from _in_use(change, users)


def _link_removed(session: Session, change: Change) -> Objections:
    yield from _in_use(change, _users_of_link(session, change.name))


def _link_changed(session: Session, change: Change) -> Objections:
    if change.changed & {"a", "b"} and (users := _users_of_link(session, change.name)):
        yield f"link {change.name} cannot get other ends: it carries {_list(users)}", "delete those services first"


def _users_of_link(session: Session, name: str) -> set[str]:
    link = select(LinkRow.id).where(LinkRow.name == name).scalar_subquery()
    return set(session.scalars(select(ServiceResourceRow.service_id).where(ServiceResourceRow.link_id == link)))


def _pool_removed(session: Session, change: Change) -> Objections:
    yield from _in_use(change, {row.service_id or "" for row in _given(session, change.name)})


def _pool_changed(session: Session, change: Change) -> Objections:
    given = _given(session, change.name)
    pool = change.entry
    if not given or not isinstance(pool, PoolEntry):
        return
    if "kind" in change.changed:
        yield f"the kind of pool {change.name} cannot change: {len(given)} of its values are given out", "make a new pool"
    elif pool.kind == BANDWIDTH:
        used = session.scalars(select(PoolRow.used_bps).where(PoolRow.name == pool.name)).one()
        if used > space_of(pool.kind, pool.definition).size:
            yield f"pool {pool.name} cannot shrink: {used} bit/s are given out", "keep it at least as large"
    elif outside := [row for row in given if not _gives(pool, row.value)]:
        values = ", ".join(f"{row.value} ({row.service_id})" for row in outside[:_SHOWN])
        yield f"pool {pool.name} cannot lose values that are given out: {values}", "keep them in the pool"


def _reservation(session: Session, change: Change) -> Objections:
    pool, _, value = change.name.partition(" ")
    holder = next((row for row in _given(session, pool) if row.value == value), None)
    if holder is not None:
        yield f"{value} of pool {pool} cannot be kept back: service {holder.service_id} has it", "remove it from `reserved`"


def _given(session: Session, pool: str) -> list[AllocationRow]:
    query = select(AllocationRow).join(PoolRow).where(PoolRow.name == pool, AllocationRow.state == "allocated")
    return list(session.scalars(query.order_by(AllocationRow.value)))


def _gives(pool: PoolEntry, value: str) -> bool:
    try:
        space_of(pool.kind, pool.definition).offset(value)
    except ValueError:
        return False
    return True


def _in_use(change: Change, users: set[str]) -> Objections:
    if users:
        yield f"{change.kind} {change.name} cannot be removed: {_list(users)} use it", _DELETE_FIRST


def _list(users: set[str]) -> str:
    shown = sorted(users)[:_SHOWN]
    more = f" and {len(users) - len(shown)} more" if len(users) > len(shown) else ""
    return f"services {', '.join(shown)}{more}"


_CHECKS: Mapping[tuple[Kind, str], Callable[[Session, Change], Objections]] = {
    ("element", "remove"): _element_removed,
    ("element", "change"): _element_changed,
    ("port", "remove"): _port_removed,
    ("link", "remove"): _link_removed,
    ("link", "change"): _link_changed,
    ("pool", "remove"): _pool_removed,
    ("pool", "change"): _pool_changed,
    ("reservation", "add"): _reservation,
}


def _place(wanted: InventoryDocument, change: Change) -> Path:
    """Where the document speaks of it; of what it leaves out, the list in which it is missing."""
    match change.kind:
        case "link":
            return _position("links", [link.key for link in wanted.links], change.name)
        case "pool":
            return _position("pools", [pool.name for pool in wanted.pools], change.name)
        case "reservation":
            pool, _, value = change.name.partition(" ")
            return _reserved_at(wanted, pool, value)
    return _position("elements", [element.name for element in wanted.elements], split_reference(change.name)[0])


def _reserved_at(wanted: InventoryDocument, name: str, value: str) -> Path:
    for position, pool in enumerate(wanted.pools):
        if pool.name == name:
            values = [canonical(pool.kind, pool.definition, entry.value) for entry in pool.reserved]
            return ("pools", position, "reserved", values.index(value))
    return ("pools",)


def _position(key: str, names: list[str], name: str) -> Path:
    return (key, names.index(name)) if name in names else (key,)
