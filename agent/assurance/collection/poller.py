"""One round over some elements: what to ask, asked by the collector, with everything that failed as data."""

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from agent.assurance.findings import Source
from agent.assurance.topology.watchlist import WatchedElement, WatchedPort
from drivers.errors import ElementError
from drivers.port import Credential, Target
from drivers.snmp.aside import aside
from drivers.snmp.batch import PollBatch, PollJob, PortRef, PortSample, Reason
from policies.values import Clock, new_id

Resolve = Callable[[str], Credential]
"""Credential reference → secrets; raises `LookupError` or `OSError` when it cannot."""

DISCOVERIES = 64
"""Elements whose ports are listed at the same time."""
LOST_INDEX = frozenset({Reason.WRONG_NAME, Reason.NO_SUCH_INSTANCE})


class Collects(Protocol):
    """`drivers.snmp.collector.Collector`, or a stand-in."""

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch: ...

    async def discover(self, target: Target, deadline: float = 10.0) -> tuple[PortRef, ...]:
        """Raises `ElementError`."""
        ...

    async def targeted(self, target: Target, if_index: int, deadline: float = 3.0) -> PortSample:
        """Raises `ElementError`."""
        ...

    def keep(self, elements: Container[str]) -> None:
        """Forget all others."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """What one round asked and found. `ports` are the rows of `batch`, in its order."""

    poll_id: str
    source: Source
    started_at: datetime
    ended_at: datetime
    ended: float
    """Monotonic."""
    elements: tuple[WatchedElement, ...]
    ports: tuple[WatchedPort, ...]
    batch: PollBatch
    references: tuple[str, ...] = ()
    """element/port of each."""
    found: Mapping[str, int] = field(default_factory=dict)
    """Port id → ifIndex as just listed by its element."""
    absent: frozenset[str] = frozenset()
    """Port ids that their element does not list."""
    unasked: Mapping[str, str] = field(default_factory=dict)
    """Element → why it could not be asked at all."""
    listing_failed: Mapping[str, str] = field(default_factory=dict)
    """Element → why its ports could not be listed."""
    ends_cycle: bool = True
    """Of a regular poll: everybody has had a turn after it."""

    @property
    def is_thorough(self) -> bool:
        """What is looked at once a cycle is looked at after it."""
        return self.source is Source.POLL and self.ends_cycle


@dataclass(frozen=True, slots=True)
class _Asked:
    target: Target
    ports: tuple[WatchedPort, ...]
    indexed: tuple[WatchedPort, ...]
    """Those whose ifIndex is known."""
    refs: tuple[PortRef, ...]
    references: tuple[str, ...]

    @classmethod
    def of(cls, target: Target, ports: tuple[WatchedPort, ...]) -> "_Asked":
        indexed = tuple(port for port in ports if port.if_index)
        refs = tuple(PortRef(port.if_index or 0, port.name) for port in indexed)
        return cls(target, ports, indexed, refs, tuple(port.reference for port in indexed))


@dataclass(frozen=True, slots=True)
class _Asking:
    """One round before anybody is asked."""

    jobs: Sequence[PollJob]
    ports: tuple[WatchedPort, ...]
    """Of all jobs, in their order."""
    references: tuple[str, ...]
    known: Mapping[str, tuple[WatchedPort, ...]]
    """Element → its ports under the index that it gives them now."""
    absent: frozenset[str]
    """Port ids that their element does not list."""


class Poller:
    """Remembers nothing of what it found but which elements have to be listed anew. Lives in one asyncio loop."""

    def __init__(self, collector: Collects, resolve: Resolve, clock: Clock, deadline_s: float) -> None:
        self._collector, self._resolve, self._clock, self._deadline = collector, resolve, clock, deadline_s
        self._stale: set[str] = set()
        self._asked: dict[str, _Asked] = {}

    async def visit(self, elements: Iterable[WatchedElement], source: Source, deadline_s: float | None = None) -> Visit:
        """`deadline_s`: the longest that an element may take, where it is shorter than the usual one."""
        deadline = self._deadline if deadline_s is None else min(deadline_s, self._deadline)
        started = self._clock.now()
        elements = tuple(elements)
        targets, unasked = await aside(len(elements), self._targets, elements)
        lists, listing_failed = await self._list_ports(targets)
        asking = await aside(len(targets), self._asking, targets, lists, deadline)
        batch = await self._collector.poll(asking.jobs)
        self._remember(batch)
        return Visit(
            poll_id=new_id("pll", started),
            source=source,
            started_at=started,
            ended_at=self._clock.now(),
            ended=self._clock.monotonic(),
            elements=tuple(element for element, _ in targets),
            ports=asking.ports,
            batch=batch,
            references=asking.references,
            found={
                port.port_id: port.if_index
                for element in lists
                for port in asking.known[element]
                if port.if_index and port.port_id not in asking.absent
            },
            absent=asking.absent,
            unasked=unasked,
            listing_failed=listing_failed,
        )

    def keep(self, elements: Container[str]) -> None:
        """Forget all others."""
        self._asked = {name: asked for name, asked in self._asked.items() if name in elements}
        self._stale = {name for name in self._stale if name in elements}
        self._collector.keep(elements)

    def _asking(
        self, targets: Sequence[tuple[WatchedElement, Target]], lists: Mapping[str, Mapping[str, int]], deadline: float
    ) -> "_Asking":
        known, absent = _indexed((element for element, _ in targets), lists)
        asked = [self._ask(target, known[target.element]) for _, target in targets]
        return _Asking(
            [PollJob(each.target, each.refs, deadline) for each in asked],
            tuple(port for each in asked for port in each.indexed),
            tuple(reference for each in asked for reference in each.references),
            known,
            absent,
        )

    def _ask(self, target: Target, ports: tuple[WatchedPort, ...]) -> "_Asked":
        """What is asked of the element; the same object as last time where nothing is new, for all that was prepared for it."""
        known = self._asked.get(target.element)
        if known is None or known.ports != ports or known.target != target:
            known = self._asked[target.element] = _Asked.of(target, ports)
        return known

    def target(self, element: WatchedElement) -> Target:
        """Raises what the credential resolver raises."""
        credential = self._resolve(element.credential)
        return Target(element.name, element.platform, "snmp", element.host, element.port, credential)

    def _targets(self, elements: Iterable[WatchedElement]) -> tuple[list[tuple[WatchedElement, Target]], dict[str, str]]:
        targets, unasked = [], {}
        for element in elements:
            try:
                targets.append((element, self.target(element)))
            except (LookupError, OSError, ValueError) as error:
                unasked[element.name] = f"credential: {error}"
        return targets, unasked

    async def _list_ports(
        self, targets: Sequence[tuple[WatchedElement, Target]]
    ) -> tuple[dict[str, Mapping[str, int]], dict[str, str]]:
        """What they bear (ifName → ifIndex): the elements with ports that have no index, or a wrong one."""
        places = asyncio.Semaphore(DISCOVERIES)
        lists: dict[str, Mapping[str, int]] = {}
        failed: dict[str, str] = {}

        async def ask(target: Target) -> None:
            async with places:
                try:
                    found = await self._collector.discover(target, self._deadline)
                except ElementError as error:
                    failed[target.element] = error.message
                else:
                    lists[target.element] = {port.name: port.if_index for port in found}

        async with asyncio.TaskGroup() as group:
            for element, target in targets:
                if element.name in self._stale or any(port.if_index is None for port in element.ports):
                    group.create_task(ask(target))
        self._stale -= set(lists)
        return lists, failed

    def _remember(self, batch: PollBatch) -> None:
        self._stale |= {
            failure.element for failure in batch.failures if failure.if_index is not None and failure.reason in LOST_INDEX
        }


def _indexed(
    elements: Iterable[WatchedElement], lists: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, tuple[WatchedPort, ...]], frozenset[str]]:
    """The ports of each element under the index that it gives them now; those it does not list lose theirs."""
    known: dict[str, tuple[WatchedPort, ...]] = {}
    absent: set[str] = set()
    for element in elements:
        names = lists.get(element.name)
        if names is None:
            known[element.name] = element.ports
            continue
        known[element.name] = tuple(replace(port, if_index=names.get(port.name)) for port in element.ports)
        absent.update(port.port_id for port in element.ports if port.name not in names)
    return known, frozenset(absent)
