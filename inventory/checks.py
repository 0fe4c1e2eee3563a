"""What an inventory document must satisfy as a whole, together with what is in the inventory already. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations

from inventory.document import InventoryDocument, LinkEntry, PoolEntry, SiteEntry
from inventory.errors import InvalidPool, Problem
from inventory.pools import Distinguishers, prefix_of, space_of
from inventory.source import Path, Source
from inventory.topology import split_reference


@dataclass(frozen=True, slots=True)
class Union:
    """What the inventory will hold: the document over what is there (nothing of it, when what is missing is removed)."""

    sites: Mapping[str, SiteEntry]
    elements: frozenset[str]
    ports: frozenset[str]
    """References."""
    links: Mapping[str, LinkEntry]
    pools: Mapping[str, PoolEntry]

    @staticmethod
    def of(current: InventoryDocument, wanted: InventoryDocument, *, prune: bool) -> "Union":
        layers = [wanted] if prune else [current, wanted]
        return Union(
            sites={entry.name: entry for layer in layers for entry in layer.sites},
            elements=frozenset(entry.name for layer in layers for entry in layer.elements),
            ports=frozenset(f"{entry.name}/{port.name}" for layer in layers for entry in layer.elements for port in entry.ports),
            links={entry.key: entry for layer in layers for entry in layer.links},
            pools={entry.name: entry for layer in layers for entry in layer.pools},
        )


def problems_of(
    source: Source,
    wanted: InventoryDocument,
    current: InventoryDocument,
    *,
    platforms: Collection[str],
    protocols: Collection[str],
    prune: bool,
) -> list[Problem]:
    """Everything that is wrong, at the place in the document that brings it about; [] when nothing is."""
    union = Union.of(current, wanted, prune=prune)
    return [
        *_duplicates(source, wanted),
        *_dangling_sites(source, wanted, union),
        *_cycles(source, wanted, union),
        *_unknown_platforms(source, wanted, platforms),
        *_unknown_protocols(source, wanted, protocols),
        *_bad_links(source, wanted, union),
        *_bad_pools(source, wanted),
        *_bad_reservations(source, wanted),
        *_overlaps(source, wanted, union),
    ]


def _duplicates(source: Source, wanted: InventoryDocument) -> Iterator[Problem]:
    named = "give it another name, or merge the two"
    yield from _twice(source, ("sites",), [site.name for site in wanted.sites], "site", named)
    yield from _twice(source, ("elements",), [element.name for element in wanted.elements], "element", named)
    yield from _twice(source, ("links",), [link.key for link in wanted.links], "link", named)
    yield from _twice(source, ("pools",), [pool.name for pool in wanted.pools], "pool", named)
    for position, element in enumerate(wanted.elements):
        path = ("elements", position, "ports")
        yield from _twice(source, path, [port.name for port in element.ports], f"port of {element.name}", named)
        numbers = [port.if_index for port in element.ports]
        yield from _twice(source, path, numbers, f"if_index of {element.name}", "interface numbers are unique", key="if_index")


def _twice(source: Source, path: Path, values: Sequence[object], kind: str, remedy: str, *, key: str = "name") -> Iterator[Problem]:
    first: dict[object, int] = {}
    for position, value in enumerate(values):
        if value is not None and value in first:
            line = source.line((*path, first[value]))
            where = f"line {line}" if line else f"entry {first[value]}"
            yield source.problem((*path, position, key), f"{kind} {value} is defined already, at {where}", remedy)
        first.setdefault(value, position)


def _dangling_sites(source: Source, wanted: InventoryDocument, union: Union) -> Iterator[Problem]:
    add = "add it under `sites`, or correct the name"
    for position, site in enumerate(wanted.sites):
        if site.parent is not None and site.parent not in union.sites:
            yield source.problem(("sites", position, "parent"), f"there is no site {site.parent!r}", add)
    for position, element in enumerate(wanted.elements):
        if element.site not in union.sites:
            yield source.problem(("elements", position, "site"), f"there is no site {element.site!r}", add)


def _cycles(source: Source, wanted: InventoryDocument, union: Union) -> Iterator[Problem]:
    """Each cycle once, at the first of its sites in the document."""
    reported: set[str] = set()
    for position, site in enumerate(wanted.sites):
        way = [site.name]
        while (parent := union.sites[way[-1]].parent) in union.sites and parent is not None and parent not in way:
            way.append(parent)
        if parent == site.name and not reported & set(way):
            reported.update(way)
            shown = " in ".join([*way, site.name])
            yield source.problem(("sites", position, "parent"), f"site {site.name} contains itself ({shown})", "break the circle")


def _unknown_platforms(source: Source, wanted: InventoryDocument, platforms: Collection[str]) -> Iterator[Problem]:
    for position, element in enumerate(wanted.elements):
        if element.platform not in platforms:
            remedy = f"use one of {', '.join(sorted(platforms))}, or install it"
            yield source.problem(("elements", position, "platform"), f"there is no platform {element.platform!r}", remedy)


def _unknown_protocols(source: Source, wanted: InventoryDocument, protocols: Collection[str]) -> Iterator[Problem]:
    for position, element in enumerate(wanted.elements):
        for protocol in element.endpoints:
            if protocol not in protocols:
                remedy = f"use one of {', '.join(sorted(protocols))}, or install a driver for it"
                yield source.problem(
                    ("elements", position, "endpoints", protocol), f"there is no driver for protocol {protocol!r}", remedy
                )


def _bad_links(source: Source, wanted: InventoryDocument, union: Union) -> Iterator[Problem]:
    ends_at: dict[str, str] = {}
    mine = {link.key for link in wanted.links}
    for key, link in union.links.items():
        if key not in mine:
            ends_at |= {link.a: key, link.b: key}
    for position, link in enumerate(wanted.links):
        if link.a == link.b:
            yield source.problem(
                ("links", position, "b"), f"link {link.key} joins {link.a} to itself", "name the port at the far end"
            )
            continue
        for end, reference in (("a", link.a), ("b", link.b)):
            path = ("links", position, end)
            if reference not in union.ports:
                yield source.problem(path, *_dangling_end(reference, union))
            elif ends_at.setdefault(reference, link.key) != link.key:
                message = f"port {reference} ends two links, {ends_at[reference]} and {link.key}"
                yield source.problem(path, message, "remove one of them, or correct the port")


def _dangling_end(reference: str, union: Union) -> tuple[str, str]:
    element, _, port = split_reference(reference)
    if element not in union.elements:
        return f"there is no element {element!r}", "add it under `elements`, or correct the name"
    return f"element {element} has no port {port!r}", "add it to the element's `ports`, or correct the name"


def _bad_pools(source: Source, wanted: InventoryDocument) -> Iterator[Problem]:
    for position, pool in enumerate(wanted.pools):
        try:
            space_of(pool.kind, pool.definition)
        except InvalidPool as error:
            key = error.path.partition("[")[0]
            yield source.problem(("pools", position, key), f"pool {pool.name}: {error.reason}", "correct the pool")


def _bad_reservations(source: Source, wanted: InventoryDocument) -> Iterator[Problem]:
    for position, pool in enumerate(wanted.pools):
        try:
            space = space_of(pool.kind, pool.definition)
        except InvalidPool:
            continue
        seen: set[int] = set()
        for place, entry in enumerate(pool.reserved):
            path = ("pools", position, "reserved", place)
            try:
                offset = space.offset(entry.value)
            except ValueError as error:
                yield source.problem(path, f"{entry.value} is no value of pool {pool.name}: {error}", "correct or remove it")
                continue
            if offset in seen:
                yield source.problem(path, f"{entry.value} is kept back in pool {pool.name} already", "remove one of them")
            seen.add(offset)


def _overlaps(source: Source, wanted: InventoryDocument, union: Union) -> Iterator[Problem]:
    """What one pool gives, no other may give again."""
    position_of = {pool.name: position for position, pool in enumerate(wanted.pools)}
    for one, other in combinations(union.pools.values(), 2):
        later = max((pool for pool in (one, other) if pool.name in position_of), key=lambda p: position_of[p.name], default=None)
        if later is None:
            continue
        earlier = one if later is other else other
        for key, overlap in (("prefix", _prefix_overlap), ("ranges", _number_overlap)):
            if shared := _sound(overlap, earlier, later):
                path = ("pools", position_of[later.name], key)
                yield source.problem(
                    path, f"pool {later.name} overlaps with pool {earlier.name}: both give {shared}", "keep them apart"
                )


def _sound(overlap: Callable[[PoolEntry, PoolEntry], str], one: PoolEntry, other: PoolEntry) -> str:
    """A pool that makes no sense is reported as such already."""
    try:
        return overlap(one, other)
    except InvalidPool:
        return ""


def _prefix_overlap(one: PoolEntry, other: PoolEntry) -> str:
    a, b = prefix_of(one.kind, one.definition), prefix_of(other.kind, other.definition)
    if a is None or b is None or isinstance(a, IPv4Network) != isinstance(b, IPv4Network):
        return ""
    if a.network_address in b:
        return str(a)
    return str(b) if b.network_address in a else ""


def _number_overlap(one: PoolEntry, other: PoolEntry) -> str:
    """Of route distinguishers and targets only: VLANs and plain numbers may mean something else elsewhere."""
    if one.kind != other.kind or one.kind not in {"rd", "rt"}:
        return ""
    a, b = space_of(one.kind, one.definition), space_of(other.kind, other.definition)
    if not isinstance(a, Distinguishers) or not isinstance(b, Distinguishers) or a.administrator != b.administrator:
        return ""
    shared = _first_shared(a.numbers.ranges, b.numbers.ranges)
    return "" if shared is None else f"{a.administrator}:{shared}"


def _first_shared(a: Iterable[tuple[int, int]], b: Iterable[tuple[int, int]]) -> int | None:
    starts = [max(low, other_low) for low, high in a for other_low, other_high in b if low <= other_high and other_low <= high]
    return min(starts, default=None)
