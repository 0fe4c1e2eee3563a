"""A bridge as SNMP shows it, and which objects must be SET for a list of operations. Pure: reading and writing are elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from drivers.diff.objects import (
    MAX_VLAN,
    AddMember,
    EnsureVlan,
    Fact,
    Intent,
    Leaf,
    Operation,
    ReleaseLeaf,
    ReleaseVlan,
    RemoveMember,
    SetLeaf,
    Value,
    VlanIntent,
)
from drivers.snmp import oids, portlist

DEFAULT_PVID = 1
"""dot1qPvid's DEFVAL (RFC 4363)."""
LEAF_COLUMN: Mapping[Leaf, str] = {"pvid": oids.PVID, "admin": oids.IF_ADMIN_STATUS, "alias": oids.IF_ALIAS}
RELEASED: Mapping[Leaf, Value] = {"pvid": DEFAULT_PVID, "alias": ""}
ADMIN_NUMBER = {"up": 1, "down": 2}
CREATE_AND_GO, DESTROY = 4, 6


class Syntax(StrEnum):
    INTEGER = "integer"
    GAUGE = "gauge"
    OCTETS = "octets"


@dataclass(frozen=True, slots=True)
class Binding:
    """One object to SET."""

    oid: str
    syntax: Syntax
    value: int | bytes

    def __str__(self) -> str:
        return f"{self.oid} = {self.syntax}: {_shown(self.oid, self.value)}"


@dataclass(frozen=True, slots=True)
class VlanRow:
    """A row of dot1qVlanStaticTable; ports are bridge ports, as in the bitmaps."""

    name: str
    egress: frozenset[int] = frozenset()
    untagged: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Switch:
    """What was read: the rows and port objects that a change concerns, no more.

    `bridge_port`: ifIndex → bridge port. `width`: octets of a PortList on this agent. `leaves` are keyed by ifIndex and
    hold None where the element has no such object.
    """

    bridge_port: Mapping[int, int] = field(default_factory=dict)
    width: int = 0
    rows: Mapping[int, VlanRow] = field(default_factory=dict)
    leaves: Mapping[tuple[Leaf, int], Value | None] = field(default_factory=dict)

    def holds(self, fact: Fact) -> bool:
        row = self.rows.get(fact.vlan)
        match fact.kind:
            case "vlan":
                return row is not None
            case "member":
                port = self.bridge_port.get(fact.port)
                tagging = "untagged" if row is not None and port in row.untagged else "tagged"
                return row is not None and port in row.egress and fact.value == tagging
            case "pvid" | "admin" | "alias" as leaf:
                return self.leaves.get((leaf, fact.port)) == fact.value
            case _:
                raise ValueError(f"unknown kind of fact: {fact.kind}")

    def within(self, *intents: Intent) -> Intent:
        """What stands in the places that the intents name: of a row only their members, of a port only their objects."""
        vlans = {vlan for intent in intents for vlan in intent.vlans}
        leaves = {key: self.leaves.get(key) for intent in intents for key in intent.leaves}
        return Intent(
            {vlan: self._members(vlan, self.rows[vlan], intents) for vlan in vlans if vlan in self.rows},
            {key: value for key, value in leaves.items() if value is not None and _can_be_set(key[0], value)},
        )

    def _members(self, vlan: int, row: VlanRow, intents: Iterable[Intent]) -> VlanIntent:
        bodies = (intent.vlans[vlan] for intent in intents if vlan in intent.vlans)
        named = frozenset().union(*(body.tagged | body.untagged for body in bodies))
        there = {port for port in named if self.bridge_port.get(port) in row.egress}
        untagged = {port for port in there if self.bridge_port[port] in row.untagged}
        # a row without a name cannot bear our mark, so any other than ours will do
        return VlanIntent(row.name or f"vlan-{vlan}", frozenset(there - untagged), frozenset(untagged))


def _can_be_set(leaf: Leaf, value: Value) -> bool:
    """Elements also show what they do not take: no PVID as 0, a port under test."""
    if leaf == "admin":
        return value in ADMIN_NUMBER
    return leaf != "pvid" or value in range(1, MAX_VLAN + 1)


def bindings(operations: Iterable[Operation], switch: Switch) -> tuple[Binding, ...]:
    """The SETs that the operations still need on this switch; () when it is already so. Rows first, then port objects."""
    listed = tuple(operations)
    vlans = {op.vlan: None for op in listed if isinstance(op, EnsureVlan | AddMember | RemoveMember | ReleaseVlan)}
    return (
        *(binding for vlan in vlans for binding in _row(vlan, listed, switch)),
        *(binding for op in listed for binding in _leaf(op, switch)),
    )


def unswitched(operations: Iterable[Operation], switch: Switch) -> tuple[int, ...]:
    """Ports (ifIndex) that the operations switch and that are no bridge ports of this element."""
    wanted = (
        op.port for op in operations if isinstance(op, AddMember) or (isinstance(op, SetLeaf | ReleaseLeaf) and op.leaf == "pvid")
    )
    return tuple(sorted({port for port in wanted if port not in switch.bridge_port}))


def _shown(oid: str, value: int | bytes) -> str:
    if isinstance(value, int):
        return str(value)
    if oid.startswith((f"{oids.IF_ALIAS}.", f"{oids.VLAN_STATIC_NAME}.")):
        return repr(value.decode("utf-8", "replace"))
    return value.hex(" ")


def _row(vlan: int, operations: tuple[Operation, ...], switch: Switch) -> Iterator[Binding]:
    row = switch.rows.get(vlan)
    wanted = _wanted(vlan, operations, switch)
    if wanted is None:
        return
    if row is not None and _given_back(vlan, operations, wanted):
        yield Binding(f"{oids.VLAN_STATIC_ROW_STATUS}.{vlan}", Syntax.INTEGER, DESTROY)
        return
    if row is None:
        yield Binding(f"{oids.VLAN_STATIC_ROW_STATUS}.{vlan}", Syntax.INTEGER, CREATE_AND_GO)
    if row is None or row.name != wanted.name:
        yield Binding(f"{oids.VLAN_STATIC_NAME}.{vlan}", Syntax.OCTETS, wanted.name.encode())
    if row is None or row.egress != wanted.egress:
        yield Binding(f"{oids.VLAN_STATIC_EGRESS}.{vlan}", Syntax.OCTETS, portlist.encode(wanted.egress, switch.width))
    if row is None or row.untagged != wanted.untagged:
        yield Binding(f"{oids.VLAN_STATIC_UNTAGGED}.{vlan}", Syntax.OCTETS, portlist.encode(wanted.untagged, switch.width))


def _wanted(vlan: int, operations: tuple[Operation, ...], switch: Switch) -> VlanRow | None:
    """The row as it shall be: the present one with our members added and removed; None if there shall be none and is none."""
    row = switch.rows.get(vlan)
    for op in operations:
        if getattr(op, "vlan", None) != vlan:
            continue
        match op:
            case EnsureVlan(name=name, was=was):
                kept = row or VlanRow(name)
                row = VlanRow(name if was and kept.name == was else kept.name, kept.egress, kept.untagged)
            case AddMember(port=index, tagging=tagging) if row is not None:
                port = frozenset({switch.bridge_port[index]})
                untagged = row.untagged | port if tagging == "untagged" else row.untagged - port
                row = VlanRow(row.name, row.egress | port, untagged)
            case RemoveMember(port=index) if row is not None and index in switch.bridge_port:
                port = frozenset({switch.bridge_port[index]})
                row = VlanRow(row.name, row.egress - port, row.untagged - port)
            case _:
                pass
    return row


def _given_back(vlan: int, operations: tuple[Operation, ...], wanted: VlanRow) -> bool:
    ours = any(isinstance(op, ReleaseVlan) and op.vlan == vlan and op.name == wanted.name for op in operations)
    return ours and not wanted.egress


def _leaf(op: Operation, switch: Switch) -> Iterator[Binding]:
    match op:
        case SetLeaf(leaf=leaf, port=port, value=value):
            wanted: Value | None = value
        case ReleaseLeaf(leaf=leaf, port=port, was=was) if switch.leaves.get((leaf, port)) == was:
            wanted = RELEASED.get(leaf)
        case _:
            return
    if wanted is not None and switch.leaves.get((leaf, port)) != wanted:
        yield _leaf_binding(leaf, port, wanted, switch)


def _leaf_binding(leaf: Leaf, port: int, value: Value, switch: Switch) -> Binding:
    if leaf == "pvid":
        return Binding(f"{oids.PVID}.{switch.bridge_port[port]}", Syntax.GAUGE, int(value))
    if leaf == "admin":
        return Binding(f"{oids.IF_ADMIN_STATUS}.{port}", Syntax.INTEGER, ADMIN_NUMBER[str(value)])
    return Binding(f"{oids.IF_ALIAS}.{port}", Syntax.OCTETS, str(value).encode())
