"""The configuration part of ietf-interfaces (RFC 8343) and ietf-ip (RFC 8344) as a small schema tree."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.sim.netconf import values
from drivers.sim.netconf.names import IF, IP, NC, q
from drivers.sim.netconf.values import ValueType

_UINT32 = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Leaf:
    tag: str
    type: ValueType
    mandatory: bool = False
    choice: str = ""
    """Name of the mandatory choice that this leaf is a case of."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A container (no `key`) or a list (entries told apart by the leaf `key`)."""

    tag: str
    children: dict[str, "Leaf | Inner"]
    key: str = ""
    presence: bool = False
    """A container that means something by being there, even when empty."""
    state: frozenset[str] = field(default_factory=frozenset)
    """Children that exist but are not configuration."""

    def rank(self, tag: str) -> int:
        """Position of a child in document order (keys first)."""
        return list(self.children).index(tag) if tag in self.children else len(self.children)


Node = Leaf | Inner


def _children(*nodes: Node) -> dict[str, Node]:
    return {node.tag: node for node in nodes}


def _names(namespace: str, names: str) -> frozenset[str]:
    return frozenset(q(namespace, name) for name in names.split())


def _neighbors(address: ValueType) -> Inner:
    return Inner(
        q(IP, "neighbor"),
        _children(
            Leaf(q(IP, "ip"), address, mandatory=True),
            Leaf(q(IP, "link-layer-address"), values.phys_address, mandatory=True),
        ),
        key=q(IP, "ip"),
        state=_names(IP, "origin is-router state"),
    )


_IPV4 = Inner(
    q(IP, "ipv4"),
    _children(
        Leaf(q(IP, "enabled"), values.boolean),
        Leaf(q(IP, "forwarding"), values.boolean),
        Leaf(q(IP, "mtu"), values.unsigned(68, 65535)),
        Inner(
            q(IP, "address"),
            _children(
                Leaf(q(IP, "ip"), values.ipv4, mandatory=True),
                Leaf(q(IP, "prefix-length"), values.unsigned(0, 32), choice="subnet"),
            ),
            key=q(IP, "ip"),
            state=_names(IP, "origin"),
        ),
        _neighbors(values.ipv4),
    ),
    presence=True,
)

_AUTOCONF = Inner(
    q(IP, "autoconf"),
    _children(
        Leaf(q(IP, "create-global-addresses"), values.boolean),
        Leaf(q(IP, "create-temporary-addresses"), values.boolean),
        Leaf(q(IP, "temporary-valid-lifetime"), values.unsigned(0, _UINT32)),
        Leaf(q(IP, "temporary-preferred-lifetime"), values.unsigned(0, _UINT32)),
    ),
)

_IPV6 = Inner(
    q(IP, "ipv6"),
    _children(
        Leaf(q(IP, "enabled"), values.boolean),
        Leaf(q(IP, "forwarding"), values.boolean),
        Leaf(q(IP, "mtu"), values.unsigned(1280, _UINT32)),
        Inner(
            q(IP, "address"),
            _children(
                Leaf(q(IP, "ip"), values.ipv6, mandatory=True),
                Leaf(q(IP, "prefix-length"), values.unsigned(0, 128), mandatory=True),
            ),
            key=q(IP, "ip"),
            state=_names(IP, "origin status"),
        ),
        _neighbors(values.ipv6),
        Leaf(q(IP, "dup-addr-detect-transmits"), values.unsigned(0, _UINT32)),
        _AUTOCONF,
    ),
    presence=True,
)

INTERFACE = Inner(
    q(IF, "interface"),
    _children(
        Leaf(q(IF, "name"), values.string, mandatory=True),
        Leaf(q(IF, "description"), values.string),
        Leaf(q(IF, "type"), values.interface_type, mandatory=True),
        Leaf(q(IF, "enabled"), values.boolean),
        Leaf(q(IF, "link-up-down-trap-enable"), values.enumeration("enabled", "disabled")),
        _IPV4,
        _IPV6,
    ),
    key=q(IF, "name"),
    state=_names(
        IF,
        "admin-status oper-status last-change if-index phys-address higher-layer-if lower-layer-if speed statistics",
    ),
)

ROOT = Inner(q(NC, "config"), _children(Inner(q(IF, "interfaces"), _children(INTERFACE))))

NAMESPACES = frozenset({IF, IP})


def leaves(node: Inner) -> Iterator[Leaf]:
    return (child for child in node.children.values() if isinstance(child, Leaf))
