"""The network of the day as it physically is: what is cut, dark or hung, what follows for ports and answers, and a log of both.

Ports lose their light together with the far end; an answer needs an open way from the poller. Nothing here knows fabd's rules.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drivers.port import Target
from drivers.snmp import oids
from drivers.snmp.batch import PollBatch, PollJob, PortRef
from tests.agent.assurance.world import FakeNetwork, FakePort
from tests.clock import FakeClock

UP, DOWN = 1, 2
POLLER = "noc"
PPM = 1_000_000
OCTETS_PER_SECOND = 1000
HELLO = 10
"""Octets a second that routers say to each other; they are counted where a link carries nothing of them."""
FIRST_LIGHT = 3000
"""ifLastChange of ports that came up half a minute after their element had started, long ago."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to an element."""

    second: int
    answered: bool
    ports: frozenset[str]


@dataclass(frozen=True, slots=True)
class Edge:
    """A port that changed its state."""

    second: int
    up: bool
    told: bool
    """By ifLastChange; a port that is gone has none."""


@dataclass
class Log:
    asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    """By element."""
    edges: dict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    """By element/port."""
    listed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By element: when it told which ports it has."""
    booted: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By element: since when its ports are up after it began anew."""
    parted: dict[str, list[tuple[int, bool]]] = field(default_factory=lambda: defaultdict(list))
    """By element/port: when it told that it had lost its neighbour over it, or (False) that it had found it again."""


class Plant(FakeNetwork):
    """Ports change by `settle`, after whatever was done to the sets."""

    def __init__(self, clock: FakeClock, start: datetime) -> None:
        super().__init__(clock)
        self.start = start
        self.links: dict[str, tuple[str, str]] = {}
        self.cut: set[str] = set()
        self.swallowing: set[str] = set()
        """Links that are up and carry nothing."""
        self.shut: set[str] = set()
        """Ports that are down by themselves."""
        self.off: set[str] = set()
        self.hung: set[str] = set()
        """Elements whose agent says nothing, though they carry traffic."""
        self.lost: dict[str, int] = {}
        """Element → how many of its next answers get lost."""
        self.fast: dict[str, tuple[datetime, int]] = {}
        """Elements whose clocks run fast: since when, and by how many parts per million."""
        self.traffic: dict[str, tuple[int, int]] = {}
        """Ports that count octets: from which second on, and what they showed then."""
        self.log = Log()
        self._far: dict[str, tuple[str, str]] = {}
        """Port → its link, and the port at the other end."""
        self._pulled: dict[str, FakePort] = {}
        self._open: frozenset[str] | None = None

    @property
    def second(self) -> int:
        return int((self.clock.now() - self.start).total_seconds())

    def add(self, name: str, ports: Sequence[str]) -> None:
        super().add(name, ports)
        for port in self.elements[name].ports.values():
            port.changed = FIRST_LIGHT

    def join(self, link: str, a: str, b: str) -> None:
        self.links[link] = (a, b)
        self._far |= {a: (link, b), b: (link, a)}

    def uptime(self, element: str) -> int:
        now = self.clock.now()
        since, ppm = self.fast.get(element, (now, 0))
        ahead = (now - since).total_seconds() * ppm / PPM
        return round(((now - self.elements[element].booted).total_seconds() + ahead) * 100) % 2**32

    # -- what it is by now

    def settle(self) -> list[str]:
        """Bring all ports to what follows; gives those that changed on elements that live to tell, as element/port."""
        self._open = None
        changed = []
        for name, element in self.elements.items():
            if name in self.off:
                continue
            for port_name, port in element.ports.items():
                reference = f"{name}/{port_name}"
                wanted = UP if self._lit(reference) else DOWN
                if port.oper != wanted:
                    port.oper, port.changed = wanted, self.uptime(name)
                    self.log.edges[reference].append(Edge(self.second, wanted == UP, told=True))
                    changed.append(reference)
        return changed

    def boot(self, element: str) -> None:
        """It comes back knowing nothing of before: its ports are as they are since half a minute after it started."""
        self.off.discard(element)
        self.reboot(element)
        self.log.booted[element].append(self.second)
        self.elements[element].booted -= timedelta(seconds=FIRST_LIGHT / 100)
        for name, port in self.elements[element].ports.items():
            reference = f"{element}/{name}"
            wanted = UP if self._lit(reference) else DOWN
            if port.oper != wanted:
                self.log.edges[reference].append(Edge(self.second, wanted == UP, told=True))
            port.oper, port.changed = wanted, FIRST_LIGHT

    def pull(self, reference: str) -> None:
        """The port is not there any more."""
        element, _, name = reference.partition("/")
        self._pulled[reference] = self.elements[element].ports.pop(name)
        self.log.edges[reference].append(Edge(self.second, up=False, told=False))

    def plug(self, reference: str) -> None:
        element, _, name = reference.partition("/")
        port = self.elements[element].ports[name] = self._pulled.pop(reference)
        port.changed = self.uptime(element)
        self.log.edges[reference].append(Edge(self.second, up=True, told=True))

    def answers(self, element: str) -> bool:
        return element not in self.off and element not in self.hung and self.reached(element)

    def reached(self, element: str) -> bool:
        """Whether there is an open way between it and the poller."""
        if self._open is None:
            self._open = self._walk()
        return element in self._open

    def count_from(self, reference: str, octets: int) -> None:
        self.traffic[reference] = (self.second, octets)

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch:
        for reference, (since, octets) in self.traffic.items():
            self.port(reference).octets_in = octets + (self.second - since) * OCTETS_PER_SECOND
        for reference in (port for link in self.swallowing for port in self.links[link]):
            self.port(reference).octets_out = self.second * HELLO
        lost = {job.target.element for job in jobs if self.lost.get(job.target.element, 0) > 0}
        for element in lost:
            self.lost[element] -= 1
        hung, self.hung = self.hung, self.hung | lost
        for job in jobs:
            name = job.target.element
            answered = self.answers(name)
            self.log.asked[name].append(Asked(self.second, answered, frozenset(port.name for port in job.ports)))
        batch = await super().poll(jobs)
        self.hung = hung
        self.asked.clear()
        return batch

    async def discover(self, target: Target, deadline: float = 10.0) -> tuple[PortRef, ...]:
        found = await super().discover(target, deadline)
        self.log.listed[target.element].append(self.second)
        return found

    def _lit(self, reference: str) -> bool:
        if reference in self.shut:
            return False
        link, far = self._far.get(reference, ("", ""))
        return not link or (link not in self.cut and far not in self.shut and far.partition("/")[0] not in self.off)

    def _walk(self) -> frozenset[str]:
        reached, waiting = {POLLER}, [POLLER]
        ways: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for link, (a, b) in self.links.items():
            if link not in self.swallowing and self._lit(a) and self._lit(b):
                ways[a.partition("/")[0]].append((link, b.partition("/")[0]))
                ways[b.partition("/")[0]].append((link, a.partition("/")[0]))
        while waiting:
            for _, element in ways[waiting.pop()]:
                if element not in reached and element not in self.off:
                    reached.add(element)
                    waiting.append(element)
        return frozenset(reached)


def word_of(up: bool) -> str:
    return oids.LINK_UP if up else oids.LINK_DOWN
