"""The network as an immutable graph: elements, ports, links, and ways through it.

A port is referred to as `element/port`, split at the first slash (`pe1/ge-0/0/1` is ge-0/0/1 of pe1).
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.errors import UnknownObject
from inventory.tables import ElementRow, LinkRow, PortRow, SiteRow

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ElementNode:
    id: str
    name: str
    platform: str
    role: str
    """edge, core or access."""
    site: str
    administrative: str = "unlocked"
    attributes: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class PortNode:
    id: str
    element: str
    name: str
    if_index: int | None
    speed_bps: int
    role: str
    """customer, core or management."""

    @property
    def reference(self) -> str:
        return f"{self.element}/{self.name}"


@dataclass(frozen=True, slots=True)
class LinkNode:
    id: str
    name: str
    a: PortNode
    b: PortNode


@dataclass(frozen=True, slots=True)
class Hop:
    """One link in the direction of travel."""

    link: LinkNode
    out_port: PortNode
    in_port: PortNode


Accept = Callable[[ElementNode], bool]


class Graph(ABC):
    """What can be asked of a network. `UnknownObject` names what is not there."""

    @abstractmethod
    def element(self, name: str) -> ElementNode: ...

    @abstractmethod
    def port(self, reference: str) -> PortNode:
        """`UnknownObject` names what is missing: the element, the port, or the slash between them."""

    @abstractmethod
    def port_by_id(self, port_id: str) -> PortNode: ...

    @abstractmethod
    def link_by_id(self, link_id: str) -> LinkNode: ...

    @abstractmethod
    def link_of(self, reference: str) -> LinkNode | None:
        """The link that ends at a port."""

    @abstractmethod
    def neighbours(self, element: str) -> tuple[Hop, ...]:
        """One hop away, in the order of their links' names."""

    def path(self, from_element: str, to_element: str) -> tuple[Hop, ...]:
        """The shortest way, the same one every time; () when it is the same element. `UnknownObject` when there is no way."""
        target = self.element(to_element).name
        found = self.route(from_element, goal=lambda element: element.name == target)
        if found is None:
            raise UnknownObject("way", f"{from_element} to {to_element}", "add the missing link to the inventory")
        return found

    def route(
        self, start: str, *, goal: Accept, through: Accept = lambda _: True, over: Callable[[LinkNode], bool] = lambda _: True
    ) -> tuple[Hop, ...] | None:
        """The shortest way to the nearest element that `goal` accepts; None without one.

        It leads over elements that `through` accepts and links that `over` does.
        """
        first = self.element(start)
        if goal(first):
            return ()
        reached: dict[str, Hop | None] = {first.name: None}
        waiting = deque([first.name])
        while waiting:
            here = waiting.popleft()
            for hop in self.neighbours(here):
                there = self.element(hop.in_port.element)
                if there.name in reached or not over(hop.link):
                    continue
                reached[there.name] = hop
                if goal(there):
                    return _walk_back(reached, hop)
                if through(there):
                    waiting.append(there.name)
        return None


@dataclass(frozen=True)
class Topology(Graph):
    """The whole network."""

    elements: Mapping[str, ElementNode]
    ports: Mapping[str, PortNode]
    """By reference."""
    links: tuple[LinkNode, ...]

    @staticmethod
    def of(elements: Iterable[ElementNode], ports: Iterable[PortNode], links: Iterable[LinkNode]) -> "Topology":
        return Topology(
            {element.name: element for element in elements},
            {port.reference: port for port in ports},
            tuple(sorted(links, key=lambda link: link.name)),
        )

    def element(self, name: str) -> ElementNode:
        try:
            return self.elements[name]
        except KeyError:
            raise UnknownObject("element", name) from None

    def port(self, reference: str) -> PortNode:
        if reference in self.ports:
            return self.ports[reference]
        raise no_such_port(self, reference)

    def port_by_id(self, port_id: str) -> PortNode:
        try:
            return self._ports_by_id[port_id]
        except KeyError:
            raise UnknownObject("port", port_id) from None

    def link_by_id(self, link_id: str) -> LinkNode:
        try:
            return self._links_by_id[link_id]
        except KeyError:
            raise UnknownObject("link", link_id) from None

    def ports_of(self, element: str) -> tuple[PortNode, ...]:
        """In the order of ifIndex, then name."""
        return self._ports_of.get(self.element(element).name, ())

    def link_of(self, reference: str) -> LinkNode | None:
        return self._links_by_port.get(self.port(reference).reference)

    def neighbours(self, element: str) -> tuple[Hop, ...]:
        return self._hops.get(self.element(element).name, ())

    @cached_property
    def links_by_name(self) -> Mapping[str, LinkNode]:
        return {link.name: link for link in self.links}

    @cached_property
    def _hops(self) -> Mapping[str, tuple[Hop, ...]]:
        hops: dict[str, list[Hop]] = {}
        for link in self.links:
            for hop in both_ways(link):
                hops.setdefault(hop.out_port.element, []).append(hop)
        return {element: tuple(ways) for element, ways in hops.items()}

    @cached_property
    def _ports_of(self) -> Mapping[str, tuple[PortNode, ...]]:
        ports: dict[str, list[PortNode]] = {}
        for port in sorted(self.ports.values(), key=lambda port: (port.if_index or 0, port.name)):
            ports.setdefault(port.element, []).append(port)
        return {element: tuple(found) for element, found in ports.items()}

    @cached_property
    def _ports_by_id(self) -> Mapping[str, PortNode]:
        return {port.id: port for port in self.ports.values()}

    @cached_property
    def _links_by_id(self) -> Mapping[str, LinkNode]:
        return {link.id: link for link in self.links}

    @cached_property
    def _links_by_port(self) -> Mapping[str, LinkNode]:
        return {end.reference: link for link in self.links for end in (link.a, link.b)}


def both_ways(link: LinkNode) -> tuple[Hop, Hop]:
    return Hop(link, link.a, link.b), Hop(link, link.b, link.a)


def no_such_port(network: Graph, reference: str) -> UnknownObject:
    """What is missing: the slash, the element (raised), or the port."""
    element, slash, _ = split_reference(reference)
    if not slash:
        return UnknownObject("port", reference, "write it as element/port, as in pe1/ge-0/0/1")
    network.element(element)
    return UnknownObject("port", reference)


def _walk_back(reached: Mapping[str, Hop | None], last: Hop) -> tuple[Hop, ...]:
    hops: list[Hop] = []
    hop: Hop | None = last
    while hop is not None:
        hops.append(hop)
        hop = reached[hop.out_port.element]
    return tuple(reversed(hops))


def split_reference(reference: str) -> tuple[str, str, str]:
    """`pe1/ge-0/0/1` → ("pe1", "/", "ge-0/0/1"); the slash is "" when there is none."""
    return reference.partition("/")


def load_topology(session: Session) -> Topology:
    """The whole network in three queries."""
    of_element = (ElementRow.platform, ElementRow.role, SiteRow.name, ElementRow.administrative, ElementRow.attributes)
    elements = {
        row[0]: ElementNode(*row) for row in session.execute(select(ElementRow.id, ElementRow.name, *of_element).join(SiteRow))
    }
    of_port = (PortRow.id, PortRow.element_id, PortRow.name, PortRow.if_index, PortRow.speed_bps, PortRow.role)
    alike: dict[Any, Any] = {}  # the network is kept in memory, and most of what ports are they are on every element

    def one(value: Value) -> Value:
        kept: Value = alike.setdefault(value, value)
        return kept

    ports = {
        port_id: PortNode(port_id, elements[element_id].name, one(name), one(if_index), one(speed_bps), one(role))
        for port_id, element_id, name, if_index, speed_bps, role in session.execute(select(*of_port))
    }
    links = [LinkNode(row.id, row.name, ports[row.a_port_id], ports[row.b_port_id]) for row in session.scalars(select(LinkRow))]
    return Topology.of(elements.values(), ports.values(), links)
