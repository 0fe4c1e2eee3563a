"""The made-up network of samples.

    sw1 ── sw2 ── sw3        access switches
            │
           pe1 ── pe2 ── pe3     edges

Each has four customer ports; a sample calls them pe1/1 to pe1/4, whatever the platform's own names are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inventory.topology import ElementNode, Hop, LinkNode, PortNode, Topology

ACCESS, EDGE = "access", "edge"
ROLES = {"sw1": ACCESS, "sw2": ACCESS, "sw3": ACCESS, "pe1": EDGE, "pe2": EDGE, "pe3": EDGE}
BETWEEN = "sw2"
"""A switch that services only pass through."""
CABLES = (("sw1", 11, "sw2", 11), ("sw2", 12, "sw3", 11), ("sw2", 13, "pe1", 11), ("pe1", 12, "pe2", 11), ("pe2", 12, "pe3", 11))
CUSTOMER_PORTS = range(1, 5)
SPEED_BPS = 10_000_000_000
AUTONOMOUS_SYSTEM = 65000


@dataclass(frozen=True)
class Kind:
    """A platform as samples need it."""

    name: str
    port_name: str
    """As in `ge-0/0/{n}`."""


@dataclass(frozen=True)
class SampleNetwork:
    """A `policies.layout.TopologyView` that also knows ports by their number."""

    topology: Topology
    numbered: Mapping[str, PortNode]
    """By element and number: pe1/1."""

    @staticmethod
    def of(kinds: Mapping[str, Kind], attributes: Mapping[str, object]) -> "SampleNetwork":
        """`kinds`: by element."""
        elements = [
            ElementNode(f"elm-{name}", name, kinds[name].name, role, "sample", attributes=_facts(number) | dict(attributes))
            for number, (name, role) in enumerate(ROLES.items(), start=1)
        ]
        ends = {(end, number) for a, a_number, b, b_number in CABLES for end, number in ((a, a_number), (b, b_number))}
        customer = {(name, number) for name in ROLES for number in CUSTOMER_PORTS}
        numbered = {
            f"{name}/{number}": _port(kinds[name], name, number, "core" if (name, number) in ends else "customer")
            for name, number in sorted(customer | ends)
        }
        links = [
            LinkNode(f"lnk-{a}-{b}", f"{a}-{b}", numbered[f"{a}/{a_number}"], numbered[f"{b}/{b_number}"])
            for a, a_number, b, b_number in CABLES
        ]
        return SampleNetwork(Topology.of(elements, numbered.values(), links), numbered)

    def element(self, name: str) -> ElementNode:
        if name not in self.topology.elements:
            raise LookupError(f"there is no element {name!r}; samples have {', '.join(ROLES)}")
        return self.topology.elements[name]

    def port(self, reference: str) -> PortNode:
        if reference in self.numbered:
            return self.numbered[reference]
        self.element(reference.partition("/")[0])
        raise LookupError(f"there is no port {reference!r}; samples have ports 1 to {CUSTOMER_PORTS[-1]} on each element, as pe1/1")

    def link_of(self, reference: str) -> LinkNode | None:
        return self.topology.link_of(self.numbered[reference].reference if reference in self.numbered else reference)

    def route(
        self,
        start: str,
        *,
        goal: Callable[[ElementNode], bool],
        through: Callable[[ElementNode], bool],
        over: Callable[[LinkNode], bool],
    ) -> Sequence[Hop] | None:
        return self.topology.route(start, goal=goal, through=through, over=over)


def _facts(number: int) -> dict[str, object]:
    """What templates may ask of any element, as an inventory would tell it."""
    return {"bgp_as": AUTONOMOUS_SYSTEM, "loopback": f"192.0.2.{number}"}


def _port(kind: Kind, element: str, number: int, role: str) -> PortNode:
    return PortNode(f"prt-{element}-{number}", element, kind.port_name.format(n=number), number, SPEED_BPS, role)
