"""Managed objects of a bridge (Q-BRIDGE-MIB, IF-MIB): from two desired states to the operations that lead from one to the other.

A desired state is YAML; every port number is an ifIndex:

    vlans: {100: {name: acme-eline, tagged: [24], untagged: [3]}}
    pvid:  {3: 100}
    admin: {3: up}
    alias: {3: "Acme, Ghent"}

Operations name what is ours and nothing else: members are added and removed one by one, so a bitmap is never written from
memory; a VLAN row is destroyed only if it carries the name we gave it and no member is left (whoever applies the
operations reads the element first and decides). Pure: no I/O.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

import yaml

Leaf = Literal["pvid", "admin", "alias"]
Value = int | str

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C where there is one: ten times as fast."""
MAX_VLAN = 4094
MAX_NAME = 32
MAX_ALIAS = 64


@dataclass(frozen=True, slots=True)
class VlanIntent:
    name: str
    tagged: frozenset[int] = frozenset()
    untagged: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Intent:
    """One service's desired objects on one element; all ports are ifIndex."""

    vlans: Mapping[int, VlanIntent] = field(default_factory=dict)
    leaves: Mapping[tuple[Leaf, int], Value] = field(default_factory=dict)

    @property
    def ports(self) -> frozenset[int]:
        members = (vlan.tagged | vlan.untagged for vlan in self.vlans.values())
        return frozenset(port for _, port in self.leaves).union(*members)


@dataclass(frozen=True, slots=True)
class EnsureVlan:
    """Create the row if there is none. An existing row keeps its name, unless the name is the one we gave before (`was`)."""

    vlan: int
    name: str
    was: str = ""


@dataclass(frozen=True, slots=True)
class AddMember:
    vlan: int
    port: int
    tagging: Literal["tagged", "untagged"]


@dataclass(frozen=True, slots=True)
class RemoveMember:
    vlan: int
    port: int


@dataclass(frozen=True, slots=True)
class SetLeaf:
    leaf: Leaf
    port: int
    value: Value


@dataclass(frozen=True, slots=True)
class ReleaseLeaf:
    """Give the object back: to its value before us where that is known, else pvid 1, alias empty, admin untouched.

    Only while it still holds our value. The administrative status stays because a port may carry others' services.
    """

    leaf: Leaf
    port: int
    was: Value


@dataclass(frozen=True, slots=True)
class ReleaseVlan:
    """Destroy the row if it bears our name and has no members left."""

    vlan: int
    name: str


Operation = EnsureVlan | AddMember | RemoveMember | SetLeaf | ReleaseLeaf | ReleaseVlan
_WORDS: dict[str, type[Operation]] = {
    "ensure-vlan": EnsureVlan,
    "add-member": AddMember,
    "remove-member": RemoveMember,
    "set": SetLeaf,
    "release": ReleaseLeaf,
    "release-vlan": ReleaseVlan,
}
_WORD_OF = {kind: word for word, kind in _WORDS.items()}


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One readable truth about the element. `kind` is vlan, member or a leaf; `vlan` is 0 for leaves, `port` 0 for rows."""

    kind: str
    vlan: int
    port: int
    value: Value

    def __str__(self) -> str:
        if self.kind == "vlan":
            return f"vlan {self.vlan}"
        if self.kind == "member":
            return f"vlan {self.vlan}: port {self.port} {self.value}"
        return f"port {self.port}: {self.kind} {self.value}"


def forward(before: str, after: str) -> str:
    """The operations from `before` to `after` as a JSON array, one operation per line; "" when nothing changes."""
    return render(operations(parse_intent(before), parse_intent(after)))


def operations(before: Intent, after: Intent) -> tuple[Operation, ...]:
    """In the order in which an element must see them: rows, members, port objects, rows given back."""
    return (
        *_ensured(before, after),
        *_members(before, after),
        *_set_leaves(before, after),
        *_released_leaves(before, after),
        *(ReleaseVlan(vlan, before.vlans[vlan].name) for vlan in sorted(before.vlans.keys() - after.vlans.keys())),
    )


def facts(intent: Intent) -> frozenset[Fact]:
    """What must be readable on the element while `intent` holds (a row's name is our mark, not a fact)."""
    return frozenset(_facts(intent))


def unite(texts: Iterable[str]) -> str:
    """All that the texts say; of two values in one place the later one stands."""
    vlans: dict[int, VlanIntent] = {}
    leaves: dict[tuple[Leaf, int], Value] = {}
    for intent in map(parse_intent, texts):
        for vlan, body in intent.vlans.items():
            old = vlans.get(vlan, VlanIntent(body.name))
            tagged, untagged = old.tagged - body.untagged | body.tagged, old.untagged - body.tagged | body.untagged
            vlans[vlan] = VlanIntent(body.name, tagged, untagged)
        leaves |= intent.leaves
    return render_intent(Intent(vlans, leaves))


def statements(text: str) -> Iterator[tuple[str, str]]:
    """Place and value of everything that the text says; see `drivers.diff.statements`. A row holds our mark, its name."""
    intent = parse_intent(text)
    for vlan, body in intent.vlans.items():
        yield _row_place(vlan), body.name
        yield from ((_member_place(vlan, port), "tagged") for port in sorted(body.tagged))
        yield from ((_member_place(vlan, port), "untagged") for port in sorted(body.untagged))
    for (leaf, port), value in intent.leaves.items():
        yield _leaf_place(leaf, port), str(value)


def keep(text: str, wanted: Mapping[str, str]) -> str:
    """What of the text says just these things."""
    intent = parse_intent(text)
    vlans = {
        vlan: VlanIntent(
            body.name,
            frozenset(port for port in body.tagged if wanted.get(_member_place(vlan, port)) == "tagged"),
            frozenset(port for port in body.untagged if wanted.get(_member_place(vlan, port)) == "untagged"),
        )
        for vlan, body in intent.vlans.items()
        if wanted.get(_row_place(vlan)) == body.name
    }
    leaves = {
        (leaf, port): value for (leaf, port), value in intent.leaves.items() if wanted.get(_leaf_place(leaf, port)) == str(value)
    }
    return render_intent(Intent(vlans, leaves))


def render(operations: Iterable[Operation]) -> str:
    lines = [json.dumps({"op": _WORD_OF[type(op)], **_fields(op)}, ensure_ascii=False) for op in operations]
    return "[\n  " + ",\n  ".join(lines) + "\n]\n" if lines else ""


def parse_operations(text: str) -> tuple[Operation, ...]:
    """The inverse of `render`. ValueError when the text is not ours."""
    if not text.strip():
        return ()
    try:
        items = json.loads(text)
        return tuple(_WORDS[item.pop("op")](**item) for item in items)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a list of object operations: {error}") from error


def parse_intent(text: str) -> Intent:
    """Read a rendered desired state. ValueError names the key that does not fit and the range it must lie in."""
    try:
        data = yaml.load(text, Loader=_LOADER) if text.strip() else None  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        raise ValueError(f"the desired objects are not YAML: {error}") from error
    root = _mapping(data or {}, "desired objects")
    unknown = set(root) - {"vlans", *get_args(Leaf)}
    if unknown:
        raise ValueError(f"unknown keys {sorted(map(str, unknown))}; allowed are vlans, pvid, admin, alias")
    vlans = {_vlan(vlan): _vlan_intent(_vlan(vlan), body) for vlan, body in _mapping(root.get("vlans"), "vlans").items()}
    leaves = {
        (leaf, _port(port, leaf)): _leaf_value(leaf, port, value)
        for leaf in get_args(Leaf)
        for port, value in _mapping(root.get(leaf), leaf).items()
    }
    return Intent(vlans, leaves)


def render_intent(intent: Intent) -> str:
    """The inverse of `parse_intent`."""
    document: dict[str, dict[int, object]] = {}
    for vlan, body in sorted(intent.vlans.items()):
        members = {"tagged": sorted(body.tagged), "untagged": sorted(body.untagged)}
        document.setdefault("vlans", {})[vlan] = {"name": body.name} | {how: ports for how, ports in members.items() if ports}
    for (leaf, port), value in sorted(intent.leaves.items()):
        document.setdefault(leaf, {})[port] = value
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True) if document else ""


def _row_place(vlan: int) -> str:
    return f"vlan {vlan}"


def _member_place(vlan: int, port: int) -> str:
    return f"vlan {vlan}: port {port}"


def _leaf_place(leaf: Leaf, port: int) -> str:
    return f"port {port}: {leaf}"


def within(text: str, observed: str) -> str:
    """What of `observed` concerns the rows and port objects of `text`."""
    wanted, found = parse_intent(text), parse_intent(observed)
    vlans = {vlan: body for vlan, body in found.vlans.items() if vlan in wanted.vlans}
    return render_intent(Intent(vlans, {key: value for key, value in found.leaves.items() if key in wanted.leaves}))


def _fields(op: Operation) -> dict[str, Value]:
    return {key: value for key, value in asdict(op).items() if not (key == "was" and value == "")}


def _ensured(before: Intent, after: Intent) -> Iterator[EnsureVlan]:
    for vlan, intent in sorted(after.vlans.items()):
        old = before.vlans.get(vlan)
        if old is None or old.name == intent.name:
            if old is None or (intent.tagged - old.tagged) or (intent.untagged - old.untagged):
                yield EnsureVlan(vlan, intent.name)
        else:
            yield EnsureVlan(vlan, intent.name, was=old.name)


def _members(before: Intent, after: Intent) -> Iterator[AddMember | RemoveMember]:
    nothing = VlanIntent("")
    for vlan in sorted(before.vlans.keys() | after.vlans.keys()):
        old, new = before.vlans.get(vlan, nothing), after.vlans.get(vlan, nothing)
        for port in sorted(new.tagged - old.tagged):
            yield AddMember(vlan, port, "tagged")
        for port in sorted(new.untagged - old.untagged):
            yield AddMember(vlan, port, "untagged")
        for port in sorted((old.tagged | old.untagged) - (new.tagged | new.untagged)):
            yield RemoveMember(vlan, port)


def _set_leaves(before: Intent, after: Intent) -> Iterator[SetLeaf]:
    for (leaf, port), value in sorted(after.leaves.items()):
        if before.leaves.get((leaf, port)) != value:
            yield SetLeaf(leaf, port, value)


def _released_leaves(before: Intent, after: Intent) -> Iterator[ReleaseLeaf]:
    for leaf, port in sorted(before.leaves.keys() - after.leaves.keys()):
        yield ReleaseLeaf(leaf, port, before.leaves[leaf, port])


def _facts(intent: Intent) -> Iterator[Fact]:
    for vlan, body in intent.vlans.items():
        yield Fact("vlan", vlan, 0, "exists")
        yield from (Fact("member", vlan, port, "tagged") for port in body.tagged)
        yield from (Fact("member", vlan, port, "untagged") for port in body.untagged)
    for (leaf, port), value in intent.leaves.items():
        yield Fact(leaf, 0, port, value)


def _mapping(value: object, where: str) -> dict[object, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{where}: a mapping is needed, not {type(value).__name__}")  # noqa: TRY004 - bad data, not a bad call
    return value


def _whole(value: object, where: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{where}: {value!r} is not a whole number from {low} to {high}")
    return value


def _vlan(value: object) -> int:
    return _whole(value, "vlan", 1, MAX_VLAN)


def _port(value: object, where: str) -> int:
    return _whole(value, f"{where}: port (ifIndex)", 1, 2**31 - 1)


def _ports(value: object, where: str) -> frozenset[int]:
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise ValueError(f"{where}: a list of ports is needed, not {type(value).__name__}")  # noqa: TRY004 - see _mapping
    return frozenset(_port(port, where) for port in value)


def _vlan_intent(vlan: int, value: object) -> VlanIntent:
    body = _mapping(value, f"vlan {vlan}")
    unknown = set(body) - {"name", "tagged", "untagged"}
    if unknown:
        raise ValueError(f"vlan {vlan}: unknown keys {sorted(map(str, unknown))}; allowed are name, tagged, untagged")
    name = _text(body.get("name", f"fabd-{vlan}"), f"vlan {vlan}: name", MAX_NAME)
    if not name:
        raise ValueError(f"vlan {vlan}: an empty name cannot mark the row as ours; give one of up to {MAX_NAME} octets")
    tagged, untagged = _ports(body.get("tagged"), f"vlan {vlan}: tagged"), _ports(body.get("untagged"), f"vlan {vlan}: untagged")
    if tagged & untagged:
        raise ValueError(f"vlan {vlan}: ports {sorted(tagged & untagged)} are both tagged and untagged")
    return VlanIntent(name, tagged, untagged)


def _leaf_value(leaf: Leaf, port: object, value: object) -> Value:
    where = f"{leaf} of port {port}"
    if leaf == "pvid":
        return _whole(value, where, 1, MAX_VLAN)
    if leaf == "admin":
        if value not in ("up", "down"):
            raise ValueError(f"{where}: {value!r} is neither up nor down")
        return str(value)
    return _text(value, where, MAX_ALIAS)


def _text(value: object, where: str, limit: int) -> str:
    text = "" if value is None else str(value)
    if len(text.encode()) > limit:
        raise ValueError(f"{where}: {len(text.encode())} octets, the object holds {limit}")
    return text
