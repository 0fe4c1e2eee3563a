"""Which link, or which two elements, an alarm of a lost neighbour is about: OSPF, IS-IS, BGP, BFD, LDP, LLDP. Pure.

Elements name a neighbour by its address, by its router id, by the port over which it is, or by several of them. What those stand
for is known from the inventory (attributes `address` and `addresses` of ports and elements, `loopback`, `router_id`), and learnt
from what collectors saw over a port while all was well: whoever is over a port is the far end of its link.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from agent.assurance.topology.correlation import Network, Way
from agent.assurance.topology.portnames import is_short_for

PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "ospfNeighbourDown": "OSPF",
        "isisNeighbourDown": "IS-IS",
        "bgpNeighbourDown": "BGP",
        "bfdNeighbourDown": "BFD",
        "ldpNeighbourDown": "LDP",
        "lldpNeighbourDown": "LLDP",
    }
)
"""Cause of an alarm that tells of a lost neighbour → its protocol's name."""
_ADDRESS = re.compile(r"(?P<v4>\d{1,3}(?:\.\d{1,3}){3})(?:\.(?P<index>\d+))?|(?P<v6>[0-9a-fA-F]*:[0-9a-fA-F:]+(?:\.[\d.]+)?)")
"""As OSPF-MIB numbers its rows (RFC 4750) an address is followed by an ifIndex, 0 for a port that has an address."""


class Subject(NamedTuple):
    """Of an alarm, or of what a collector has seen."""

    element: str
    cause: str
    name: str
    """The alarm's qualifier."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A neighbour as a collector knows it."""

    element: str
    cause: str
    names: frozenset[str]
    over: str
    """Port, as the element calls it; "" where that is not said."""
    is_well: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Between whom an adjacency is, as seen from one of them."""

    near: str
    """Element."""
    far: str
    """Element; "" for one that is not known."""
    way: Way | None = None
    """The link over which it is; None for a session of several hops."""


@dataclass(frozen=True)
class Addresses:
    """What the inventory says."""

    ports: Mapping[str, str] = field(default_factory=dict)
    """Address → element/port."""
    elements: Mapping[str, str] = field(default_factory=dict)
    """Address or router id → element."""


class Places:
    def __init__(
        self,
        network: Network,
        ports: Mapping[str, Mapping[str, int | None]],
        seen: Iterable[Seen] = (),
        addresses: Addresses = Addresses(),
    ) -> None:
        """`ports`: element → its ports that have a link, with their ifIndex."""
        self._network, self._ports, self._addresses = network, ports, addresses
        self._over: dict[Subject, Way] = {}
        self._next: dict[tuple[str, str], set[Way]] = {}
        """Element and address of a neighbour → the ways to it."""
        self._who: dict[str, set[str]] = {}
        """Address or router id → elements."""
        for each in sorted(seen, key=lambda one: (one.element, one.cause, sorted(one.names))):
            self._learn(each)

    def of(self, subject: Subject, port: str = "") -> Place | None:
        """None for what nobody knows. `port`: that the alarm itself is about."""
        way = self._network.way_of.get(f"{subject.element}/{port}") if port else None
        way = way or self._over.get(subject) or self._named(subject)
        if way is not None:
            return Place(subject.element, way.to, way)
        for address, index in addresses_in(subject.name):
            if (place := self._at(subject.element, address, index)) is not None:
                return place
        return None

    def learn(self, subject: Subject) -> None:
        """What logs call by router id and port tells whose that router id is."""
        if (way := self._named(subject)) is not None:
            for address, _ in addresses_in(subject.name):
                self._who.setdefault(address, set()).add(way.to)

    def _learn(self, each: Seen) -> None:
        if (way := self._way(each.element, each.over)) is None:
            return
        for name in each.names:
            self._over[Subject(each.element, each.cause, name)] = way
            for address, _ in addresses_in(name):
                self._who.setdefault(address, set()).add(way.to)
                if " " not in name:  # beside a port stands the router id, which is not the address of a port
                    self._next.setdefault((each.element, address), set()).add(way)

    def _way(self, element: str, port: str) -> Way | None:
        """Elements shorten names of ports, and show sub-interfaces where the link is that of the whole port."""
        if not port:
            return None
        names = self._ports.get(element, {})
        for wanted in dict.fromkeys((port, port.rpartition(".")[0])):
            alike = [name for name in names if name == wanted] or [name for name in names if is_short_for(name, wanted)]
            if len(alike) == 1:
                return self._network.way_of.get(f"{element}/{alike[0]}")
        return None

    def _named(self, subject: Subject) -> Way | None:
        """Logs name a neighbour by router id and port."""
        found = [way for word in subject.name.split() if (way := self._way(subject.element, word)) is not None]
        return found[0] if len(found) == 1 else None

    def _at(self, element: str, address: str, index: int) -> Place | None:
        if index:
            names = [name for name, number in self._ports.get(element, {}).items() if number == index]
            way = self._network.way_of.get(f"{element}/{names[0]}") if len(names) == 1 else None
            if way is not None:
                return Place(element, way.to, way)
        far = self._network.way_of.get(self._addresses.ports.get(address, ""))
        if far is not None and far.to == element:
            return Place(element, far.near.partition("/")[0], self._network.way_of[far.far])
        ways = self._next.get((element, address), set())
        if len(ways) == 1 and address not in self._addresses.elements:
            (way,) = ways
            return Place(element, way.to, way)
        who = self._addresses.elements.get(address) or self._addresses.ports.get(address, "").partition("/")[0]
        known = {who} if who else self._who.get(address, set())
        return Place(element, next(iter(known))) if len(known) == 1 and element not in known else None


def addresses_in(name: str) -> Iterator[tuple[str, int]]:
    """With the ifIndex that follows it, or 0."""
    for word in name.split():
        found = _ADDRESS.fullmatch(word)
        if found is not None:
            yield (found["v4"] or found["v6"]).casefold(), int(found["index"] or 0)
