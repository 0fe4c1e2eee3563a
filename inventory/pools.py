"""What a pool can give, as arithmetic: from an offset to the value and back. Pure.

Kinds and their definitions:

    vlan, integer, vni          {ranges: [[100, 199], [300, 399]]}       → "100"
    ipv4-prefix, ipv6-prefix    {prefix: 10.0.0.0/16, length: 31}        → "10.0.0.0/31"
    ipv4-address, ipv6-address  {prefix: 192.0.2.0/24}                   → "192.0.2.1"
    rd, rt                      {administrator: 65000, ranges: [[1, 999]]}  → "65000:1" (RFC 4364 §4.2; ranges optional)
    bandwidth                   {capacity_bps: 10000000000}              gives amounts, not values
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from itertools import accumulate, pairwise
from typing import Protocol, TypeGuard

from inventory.errors import InvalidPool

Network = IPv4Network | IPv6Network

BANDWIDTH = "bandwidth"
NUMBER_LIMITS = {"vlan": (1, 4094), "integer": (0, 2**63 - 1), "vni": (1, 2**24 - 1)}
"""VLAN: IEEE 802.1Q; VNI: RFC 7348."""
IPV4, IPV6 = 4, 6
IP_VERSIONS = {"ipv4-prefix": IPV4, "ipv6-prefix": IPV6, "ipv4-address": IPV4, "ipv6-address": IPV6}
KINDS = (*NUMBER_LIMITS, *IP_VERSIONS, "rd", "rt", BANDWIDTH)
_TWO_OCTETS, _FOUR_OCTETS = 2**16, 2**32
_POINT_TO_POINT_BITS = 1
"""In a /31 (RFC 3021) or /127 (RFC 6164), and in a single address, every address is usable."""


class PoolSpace(Protocol):
    """The values of one pool, in the order in which they are given out."""

    @property
    def size(self) -> int: ...

    def at(self, offset: int) -> str:
        """The value in canonical text; `offset` within `size`."""
        ...

    def offset(self, value: str) -> int:
        """Where the value stands; `ValueError` says why it is none of the pool's."""
        ...


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers in inclusive, disjoint, sorted ranges."""

    ranges: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def at(self, offset: int) -> str:
        starts = [0, *accumulate(last - first + 1 for first, last in self.ranges)]
        which = bisect_right(starts, offset) - 1
        return str(self.ranges[which][0] + offset - starts[which])

    def offset(self, value: str) -> int:
        if not (value.isascii() and value.isdecimal()):
            raise ValueError("it is not a whole number")
        number, before = int(value), 0
        for first, last in self.ranges:
            if first <= number <= last:
                return before + number - first
            before += last - first + 1
        raise ValueError(f"it is outside {self}")

    def __str__(self) -> str:
        return ", ".join(f"{first}-{last}" for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """All prefixes of one length within `network`."""

    network: Network
    length: int

    @property
    def size(self) -> int:
        return 1 << (self.length - self.network.prefixlen)

    def at(self, offset: int) -> str:
        return f"{self.network.network_address + (offset << self._host_bits)}/{self.length}"

    def offset(self, value: str) -> int:
        wanted = ip_network(value)
        if wanted.prefixlen != self.length:
            raise ValueError(f"its length is /{wanted.prefixlen}, the pool gives /{self.length}")
        if wanted.network_address not in self.network:
            raise ValueError(f"it is outside {self.network}")
        return (int(wanted.network_address) - int(self.network.network_address)) >> self._host_bits

    @property
    def _host_bits(self) -> int:
        return self.network.max_prefixlen - self.length


@dataclass(frozen=True, slots=True)
class Addresses:
    """The usable host addresses of `network`: without its own address and (IPv4) its broadcast address."""

    network: Network

    @property
    def size(self) -> int:
        return self.network.num_addresses - self._first - self._last

    def at(self, offset: int) -> str:
        return str(self.network.network_address + self._first + offset)

    def offset(self, value: str) -> int:
        wanted = ip_address(value)
        position = int(wanted) - int(self.network.network_address) - self._first
        if wanted.version != self.network.version or not 0 <= position < self.size:
            raise ValueError(f"it is no host address of {self.network}")
        return position

    @property
    def _first(self) -> int:
        return int(self._host_bits > _POINT_TO_POINT_BITS)

    @property
    def _last(self) -> int:
        return int(self._host_bits > _POINT_TO_POINT_BITS and self.network.version == IPV4)

    @property
    def _host_bits(self) -> int:
        return self.network.max_prefixlen - self.network.prefixlen


@dataclass(frozen=True, slots=True)
class Distinguishers:
    """Route distinguishers or route targets of one administrator."""

    administrator: str
    numbers: Numbers

    @property
    def size(self) -> int:
        return self.numbers.size

    def at(self, offset: int) -> str:
        return f"{self.administrator}:{self.numbers.at(offset)}"

    def offset(self, value: str) -> int:
        administrator, _, number = value.rpartition(":")
        if administrator != self.administrator:
            raise ValueError(f"its administrator is not {self.administrator}")
        return self.numbers.offset(number)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Bandwidth: counted in bit/s, not in values."""

    bps: int

    @property
    def size(self) -> int:
        return self.bps

    def at(self, offset: int) -> str:
        raise ValueError(f"bandwidth has no value number {offset}")

    def offset(self, value: str) -> int:
        raise ValueError(f"bandwidth is given by amount, not as {value!r}")


def space_of(kind: str, definition: Mapping[str, object]) -> PoolSpace:
    """The values of a pool. `InvalidPool` names the part of the definition that makes no sense."""
    builder = _BUILDERS.get(kind)
    if builder is None:
        raise InvalidPool("kind", f"{kind!r} is no kind of pool; use one of {', '.join(KINDS)}")
    allowed = _KEYS[kind]
    if unknown := sorted(set(definition) - set(allowed)):
        raise InvalidPool(unknown[0], f"a pool of kind {kind} knows {', '.join(allowed)} only")
    return builder(kind, definition)


def canonical(kind: str, definition: Mapping[str, object], value: str) -> str:
    """A value of the pool as it is written there. `ValueError` when it is none."""
    space = space_of(kind, definition)
    return space.at(space.offset(value))


def prefix_of(kind: str, definition: Mapping[str, object]) -> Network | None:
    """The address space that a pool covers; None for kinds without one."""
    return _network(kind, definition) if kind in IP_VERSIONS else None


def _numbers(kind: str, definition: Mapping[str, object]) -> Numbers:
    low, high = NUMBER_LIMITS[kind]
    return _ranges(definition.get("ranges"), low, high)


def _prefixes(kind: str, definition: Mapping[str, object]) -> Prefixes:
    network, length = _network(kind, definition), definition.get("length")
    if not _is_whole(length) or not network.prefixlen <= length <= network.max_prefixlen:
        raise InvalidPool("length", f"{length!r} is not from {network.prefixlen} to {network.max_prefixlen}, as {network} needs")
    return Prefixes(network, length)


def _addresses(kind: str, definition: Mapping[str, object]) -> Addresses:
    return Addresses(_network(kind, definition))


def _distinguishers(kind: str, definition: Mapping[str, object]) -> Distinguishers:
    del kind
    administrator = str(definition.get("administrator", ""))
    highest = _highest_number(administrator)
    return Distinguishers(administrator, _ranges(definition.get("ranges", [[1, highest]]), 0, highest))


def _capacity(kind: str, definition: Mapping[str, object]) -> Capacity:
    del kind
    capacity = definition.get("capacity_bps")
    if not _is_whole(capacity) or capacity <= 0:
        raise InvalidPool("capacity_bps", f"{capacity!r} is not a positive number of bit/s")
    return Capacity(capacity)


_BUILDERS: dict[str, Callable[[str, Mapping[str, object]], PoolSpace]] = {
    **dict.fromkeys(NUMBER_LIMITS, _numbers),
    "ipv4-prefix": _prefixes,
    "ipv6-prefix": _prefixes,
    "ipv4-address": _addresses,
    "ipv6-address": _addresses,
    "rd": _distinguishers,
    "rt": _distinguishers,
    BANDWIDTH: _capacity,
}
_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(NUMBER_LIMITS, ("ranges",)),
    "ipv4-prefix": ("prefix", "length"),
    "ipv6-prefix": ("prefix", "length"),
    "ipv4-address": ("prefix",),
    "ipv6-address": ("prefix",),
    "rd": ("administrator", "ranges"),
    "rt": ("administrator", "ranges"),
    BANDWIDTH: ("capacity_bps",),
}


def _network(kind: str, definition: Mapping[str, object]) -> Network:
    text, version = definition.get("prefix"), IP_VERSIONS[kind]
    try:
        network = ip_network(str(text))
    except ValueError as error:
        example = "10.0.0.0/16" if version == IPV4 else "2001:db8::/48"
        raise InvalidPool("prefix", f"{error}; write it as in {example}") from None
    if network.version != version:
        raise InvalidPool("prefix", f"{network} is IPv{network.version}, the pool's kind is {kind}")
    return network


def _ranges(value: object, low: int, high: int) -> Numbers:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InvalidPool("ranges", "give at least one range as in [[100, 199]]")
    ranges = sorted(_range(f"ranges[{position}]", item, low, high) for position, item in enumerate(value))
    for (_, last), (first, _) in pairwise(ranges):
        if first <= last:
            raise InvalidPool("ranges", f"two ranges overlap at {first}")
    return Numbers(tuple(ranges))


def _range(path: str, value: object, low: int, high: int) -> tuple[int, int]:
    match value:
        case [first, last] if _is_whole(first) and _is_whole(last) and low <= first <= last <= high:
            return first, last
    raise InvalidPool(path, f"{value!r} is not [first, last] within {low} to {high}")


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _highest_number(administrator: str) -> int:
    """RFC 4364 §4.2: two octets of AS leave four for the number; an IPv4 address or four octets of AS leave two."""
    if administrator.isascii() and administrator.isdecimal() and 0 < int(administrator) < _FOUR_OCTETS:
        return (_FOUR_OCTETS if int(administrator) < _TWO_OCTETS else _TWO_OCTETS) - 1
    try:
        IPv4Address(administrator)
    except ValueError:
        raise InvalidPool("administrator", f"{administrator!r} is neither an AS number nor an IPv4 address") from None
    return _TWO_OCTETS - 1
