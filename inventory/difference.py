"""What an import changes: two documents in, a list of changes out. Pure.

An object that is there already changes only in what the document says of it; what the document leaves unsaid stays.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel

from inventory.document import (
    ElementEntry,
    EndpointEntry,
    InventoryDocument,
    LinkEntry,
    PoolEntry,
    PortEntry,
    ReservedEntry,
    SiteEntry,
)
from inventory.pools import canonical

Action = Literal["add", "change", "remove"]
Kind = Literal["site", "element", "endpoint", "port", "link", "pool", "reservation"]
Entry = SiteEntry | ElementEntry | EndpointEntry | PortEntry | LinkEntry | PoolEntry | ReservedEntry

_SIGNS: Mapping[Action, str] = {"add": "+", "change": "~", "remove": "-"}
_NESTED = {"name", "ports", "endpoints", "reserved"}
_DEFINITION = {"ranges", "prefix", "length", "administrator", "capacity_bps"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.name} {_shown(self.before)} → {_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Change:
    action: Action
    kind: Kind
    name: str
    """Ports by reference, endpoints as `element protocol`, reservations as `pool value`."""
    entry: Entry
    """As it will be; as it was, where it is removed."""
    fields: tuple[FieldChange, ...] = ()

    def __str__(self) -> str:
        details = f": {', '.join(map(str, self.fields))}" if self.fields else ""
        return f"{_SIGNS[self.action]} {self.kind} {self.name}{details}"

    @property
    def changed(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields)


def difference(current: InventoryDocument, wanted: InventoryDocument, *, prune: bool = False) -> tuple[Change, ...]:
    """In an order that can be applied: what goes (users first), then what comes or changes (what is used first)."""
    changes = [
        *_changes("site", _by(current.sites, _name), _by(wanted.sites, _name)),
        *_changes("element", _by(current.elements, _name), _by(wanted.elements, _name)),
        *_changes("endpoint", _endpoints(current), _endpoints(wanted)),
        *_changes("port", _ports(current), _ports(wanted)),
        *_changes("link", _by(current.links, _key), _by(wanted.links, _key)),
        *_changes("pool", _by(current.pools, _name), _by(wanted.pools, _name)),
        *_changes("reservation", _reserved(current), _reserved(wanted)),
    ]
    # what is kept back may have been found in use on the network: a document that does not know it does not give it away
    removals = [change for change in changes if change.action == "remove" and change.kind != "reservation"] if prune else []
    return (*reversed(removals), *(change for change in changes if change.action != "remove"))


_E = TypeVar("_E", SiteEntry, ElementEntry, EndpointEntry, PortEntry, LinkEntry, PoolEntry, ReservedEntry)


def _changes(kind: Kind, current: Mapping[str, _E], wanted: Mapping[str, _E]) -> Iterator[Change]:
    for name, entry in wanted.items():
        if name not in current:
            yield Change("add", kind, name, entry)
        elif fields := _fields(current[name], entry):
            yield Change("change", kind, name, _over(current[name], entry), fields)
    for name, entry in current.items():
        if name not in wanted:
            yield Change("remove", kind, name, entry)


def _fields(before: BaseModel, after: BaseModel) -> tuple[FieldChange, ...]:
    if isinstance(before, LinkEntry) and isinstance(after, LinkEntry) and {before.a, before.b} == {after.a, after.b}:
        said = after.model_fields_set - {"name", "a", "b"}
    elif isinstance(after, PoolEntry):
        said = after.model_fields_set - _NESTED | (_DEFINITION if after.model_fields_set & _DEFINITION else set())
    else:
        said = after.model_fields_set - _NESTED - ({"value"} if isinstance(after, ReservedEntry) else set())
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in type(after).model_fields if name in said]
    return tuple(FieldChange(name, old, new) for name, old, new in pairs if old != new)


def _over(before: _E, after: _E) -> _E:
    """`before` with what `after` says."""
    said = {field.name: field.after for field in _fields(before, after)}
    return before.model_copy(update=said)


def _by(entries: Iterable[_E], key: Callable[[_E], str]) -> dict[str, _E]:
    return {key(entry): entry for entry in entries}


def _name(entry: SiteEntry | ElementEntry | PoolEntry) -> str:
    return entry.name


def _key(entry: LinkEntry) -> str:
    return entry.key


def _endpoints(document: InventoryDocument) -> dict[str, EndpointEntry]:
    return {
        f"{element.name} {protocol}": endpoint for element in document.elements for protocol, endpoint in element.endpoints.items()
    }


def _ports(document: InventoryDocument) -> dict[str, PortEntry]:
    return {f"{element.name}/{port.name}": port for element in document.elements for port in element.ports}


def _reserved(document: InventoryDocument) -> dict[str, ReservedEntry]:
    return {
        f"{pool.name} {canonical(pool.kind, pool.definition, entry.value)}": entry
        for pool in document.pools
        for entry in pool.reserved
    }


def _shown(value: object) -> str:
    return "none" if value is None or value in ("", {}) else str(value)
