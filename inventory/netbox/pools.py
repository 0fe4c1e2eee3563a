"""Pools out of NetBox's prefixes and VLAN groups, and what NetBox knows to be in use inside them. Pure.

A prefix or a group is a pool when its custom field `fabd_pool` names one, or when a rule names its role or slug.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from ipaddress import ip_network
from typing import Any

from inventory.document import InventoryDocument
from inventory.errors import InvalidPool
from inventory.inuse import ADDRESS, values_in_use
from inventory.netbox.objects import Dump, Prefix, VlanGroup
from inventory.netbox.rules import LENGTH_FIELD, POOL_FIELD, PoolRule, Rules
from inventory.pools import IPV4

Given = AbstractSet[tuple[str, str]]
"""Pool and value of what services have."""
Origin = Prefix | VlanGroup
"""What a pool is in NetBox."""
Found = tuple[dict[str, Any], Origin]
"""A pool's entry, and what it comes from."""
CONTAINER = "container"
"""Status of prefixes that only hold others."""


def pools_of(dump: Dump, rules: Rules, current: InventoryDocument, given: Given) -> tuple[list[dict[str, Any]], list[str]]:
    """Entries of an inventory document, and remarks."""
    remarks: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    kept = {(pool.name, entry.value): entry.reason for pool in current.pools for entry in pool.reserved}
    for entry, origin in (*_prefix_pools(dump, rules, remarks), *_vlan_pools(dump, rules)):
        if entry["name"] in found:
            taken = f"pool {entry['name']} is another one already; a pool is one prefix or one group"
            remarks.append(f"{_called(origin)} is left out: {taken}")
            continue
        if rules.reserve:
            entry["reserved"] = [
                {"value": value, "reason": kept.get((entry["name"], value), reason)}
                for value, reason in _in_use(dump, entry, origin).items()
                if (entry["name"], value) not in given
            ]
        found[entry["name"]] = entry
    return list(found.values()), remarks


def _prefix_pools(dump: Dump, rules: Rules, remarks: list[str]) -> Iterator[Found]:
    by_role = {rule.prefix_role: rule for rule in rules.pools if rule.prefix_role}
    for prefix in dump.prefixes:
        rule = by_role.get(prefix.role.slug if prefix.role else "")
        name = prefix.custom_fields.get(POOL_FIELD) or (rule.name if rule else None)
        if not name:
            if by_role and prefix.role and not prefix.role.slug:
                unknown = f"its role, with id {prefix.role.id}, has no slug; give it one in NetBox"
                remarks.append(f"prefix {prefix.prefix} is no pool: {unknown}, or name the pool in its {POOL_FIELD}")
            continue
        try:
            network = ip_network(prefix.prefix)
        except ValueError as error:
            remarks.append(f"prefix {prefix.prefix} is left out: {error}")
            continue
        length = prefix.custom_fields.get(LENGTH_FIELD) or (rule.length if rule else None)
        if length is not None and not str(length).isdecimal():
            remarks.append(f"prefix {prefix.prefix} is left out: its {LENGTH_FIELD} is {length!r}, which is no length of a prefix")
            continue
        version = "ipv4" if network.version == IPV4 else "ipv6"
        shape = {"kind": f"{version}-prefix", "length": int(length)} if length else {"kind": f"{version}-address"}
        yield {"name": str(name), "prefix": str(network)} | shape | _limits(rule), prefix


def _vlan_pools(dump: Dump, rules: Rules) -> Iterator[Found]:
    by_slug = {rule.vlan_group: rule for rule in rules.pools if rule.vlan_group}
    for group in dump.vlan_groups:
        rule = by_slug.get(group.slug)
        name = group.custom_fields.get(POOL_FIELD) or (rule.name if rule else None)
        if name:
            yield {"name": str(name), "kind": "vlan", "ranges": _ranges(group)} | _limits(rule), group


def _called(origin: Origin) -> str:
    return f"VLAN group {origin.name}" if isinstance(origin, VlanGroup) else f"prefix {origin.prefix}"


def _ranges(group: VlanGroup) -> list[list[int]]:
    return [list(each) for each in group.vid_ranges] or [[1, 4094]]


def _limits(rule: PoolRule | None) -> dict[str, Any]:
    return {"quarantine_s": rule.quarantine_s, "low_watermark": rule.low_watermark} if rule else {}


def _in_use(dump: Dump, pool: dict[str, Any], origin: Origin) -> dict[str, str]:
    """Value → why it is kept back."""
    definition: dict[str, object] = {key: pool[key] for key in ("prefix", "length", "ranges") if key in pool}
    found: dict[str, str] = {}
    for kind, text, reason in _finds(dump, origin):
        try:
            values = values_in_use(pool["kind"], definition, kind, text)
        except InvalidPool:
            return {}  # the import says so, with everything else that is wrong
        for value in values:
            found.setdefault(value, reason)
    return found


def _finds(dump: Dump, origin: Origin) -> Iterator[tuple[str, str, str]]:
    """Names of groups and texts of prefixes come more than once, at other sites and in other VRFs: ids tell them apart."""
    if isinstance(origin, VlanGroup):
        for vlan in dump.vlans:
            if vlan.group and vlan.group.id == origin.id:
                yield "vlan", str(vlan.vid), f"in NetBox: VLAN {vlan.name or f'with id {vlan.id}'}"
        return
    for prefix in dump.prefixes:
        if prefix.id != origin.id and prefix.status.value != CONTAINER and _is_within(prefix, origin):
            yield ADDRESS, prefix.prefix, f"in NetBox: {prefix.description or prefix.prefix}"


def _is_within(prefix: Prefix, other: Prefix) -> bool:
    same_vrf = (prefix.vrf and prefix.vrf.id) == (other.vrf and other.vrf.id)
    try:
        return same_vrf and ip_network(prefix.prefix).subnet_of(ip_network(other.prefix))  # type: ignore[arg-type]  # TypeError below
    except (ValueError, TypeError):
        return False
