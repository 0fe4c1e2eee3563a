"""Shortest paths, reachability and the rates that demands put on ports. Pure."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class End(NamedTuple):
    """A port of an element."""

    element: str
    port: str


class Wire(NamedTuple):
    """A link that is up."""

    a: End
    b: End


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic entering at `source` and leaving at `sink`, bit/s."""

    source: End
    sink: End
    bps: float


@dataclass(slots=True)
class Rates:
    """What one port receives and sends, bit/s."""

    in_bps: float = 0.0
    out_bps: float = 0.0


Hops = list[tuple[End, End]]
"""Each hop as (sending end, receiving end)."""


class Graph:
    """Elements joined by the wires that are up."""

    def __init__(self, wires: Iterable[Wire]) -> None:
        self._neighbours: dict[str, list[tuple[End, End]]] = defaultdict(list)
        for wire in wires:
            self._neighbours[wire.a.element].append((wire.a, wire.b))
            self._neighbours[wire.b.element].append((wire.b, wire.a))

    def reachable(self, start: str) -> set[str]:
        return set(self._search(start))

    def path(self, start: str, goal: str) -> Hops | None:
        """The path with the fewest hops (the first in link order among equals); None when there is none."""
        came_by = self._search(start)
        if goal not in came_by:
            return None
        hops: Hops = []
        while (hop := came_by[goal]) is not None:
            hops.append(hop)
            goal = hop[0].element
        return hops[::-1]

    def _search(self, start: str) -> dict[str, tuple[End, End] | None]:
        """Every element that `start` reaches → the hop by which it is reached first."""
        came_by: dict[str, tuple[End, End] | None] = {start: None}
        queue = deque([start])
        while queue:
            for hop in self._neighbours[queue.popleft()]:
                if hop[1].element not in came_by:
                    came_by[hop[1].element] = hop
                    queue.append(hop[1].element)
        return came_by


def rates(flows: Iterable[Flow], graph: Graph, kept: Callable[[End], float]) -> Mapping[End, Rates]:
    """Sum of all flows per port. A port passes on the fraction `kept(port)` of what crosses it.

    A flow without a path still enters at its source, where it is dropped.
    """
    result: dict[End, Rates] = defaultdict(Rates)
    for flow in flows:
        path = graph.path(flow.source.element, flow.sink.element)
        bps = flow.bps
        result[flow.source].in_bps += bps
        if path is None:
            continue
        bps *= kept(flow.source)
        for sender, receiver in path:
            result[sender].out_bps += bps
            bps *= kept(sender)
            result[receiver].in_bps += bps
            bps *= kept(receiver)
        result[flow.sink].out_bps += bps
    return result
