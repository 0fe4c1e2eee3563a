"""Polling many elements at once: what was asked for comes back in columns, what failed with its reason.

One slow or dead element costs the others nothing: it has a deadline of its own, and elements that did not answer last
time queue in a lane of their own, so that they never hold the places of those that do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gufo.snmp import SnmpError

from drivers.errors import ElementError
from drivers.port import Target
from drivers.snmp import poller
from drivers.snmp.batch import BatchBuilder, PollBatch, PollFailure, PollJob, PortRef, PortSample, Reason
from drivers.snmp.errors import NoSuchObject
from drivers.snmp.poller import Poller
from drivers.snmp.sizing import GetSize
from policies.values import Clock

_FAILURES = (TimeoutError, OSError, SnmpError, ValueError, ElementError)


@dataclass(frozen=True, slots=True)
class CollectorLimits:
    concurrency: int = 256
    """Elements polled at the same time."""
    suspects: int = 64
    """Places for elements that did not answer in the last cycle, beside `concurrency`."""
    attempt: float = 1.0
    """Seconds to wait for one answer."""
    attempts: int = 2
    """GETs without any answer until an element counts as silent in this cycle."""
    ports_per_get: int = 8
    """The most ports in one PDU (12 objects each); where the size starts and goes is learnt per element."""


@dataclass(slots=True)
class _Memory:
    """What is remembered of an element between cycles; losing it costs speed, never correctness."""

    size: GetSize
    silent: bool = False
    engine_id: bytes | None = None


@dataclass(slots=True)
class _Cycle:
    builder: BatchBuilder
    jobs: Sequence[PollJob]
    done: dict[int, int] = field(default_factory=dict)
    """Element index → number of its ports already read."""


class Collector:
    """Lives in one asyncio loop. Polling raises nothing for what elements do; `discover` and `targeted` raise `ElementError`."""

    def __init__(self, clock: Clock, limits: CollectorLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or CollectorLimits()
        self._memory: dict[str, _Memory] = {}
        self._lanes = {False: asyncio.Semaphore(self._limits.concurrency), True: asyncio.Semaphore(self._limits.suspects)}

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch:
        """One cycle over these elements (each at most once)."""
        cycle = _Cycle(BatchBuilder(jobs), jobs)
        lanes: dict[bool, list[int]] = {False: [], True: []}
        for index, job in enumerate(jobs):
            lanes[self._recall(job.target.element).silent].append(index)
        async with asyncio.TaskGroup() as group:
            for suspect, members in lanes.items():
                queue = iter(members)
                for _ in range(min(len(members), self._limits.suspects if suspect else self._limits.concurrency)):
                    group.create_task(self._drain(cycle, queue, self._lanes[suspect]))
        return cycle.builder.build()

    async def discover(self, target: Target, deadline: float = 10.0) -> tuple[PortRef, ...]:
        """Every port of the element with its ifName, by a walk bounded in rows and in `deadline` seconds."""
        async with self._once(target, deadline) as session:
            return await poller.discover(session, target.element)

    async def targeted(self, target: Target, if_index: int, deadline: float = 3.0) -> PortSample:
        """One port, now (a trap said something about it). `NoSuchObject` when it has vanished, which is normal."""
        async with self._once(target, deadline) as session:
            answer = await session.ports([if_index])
            sample = answer.port(if_index, self._clock.now().timestamp(), self._clock.monotonic())
        if sample is None:
            raise NoSuchObject(target.element, f"no port with ifIndex {if_index}; read the element's ports again")
        return sample

    def forget(self, element: str) -> None:
        """The element left the inventory."""
        self._memory.pop(element, None)

    @asynccontextmanager
    async def _once(self, target: Target, seconds: float) -> AsyncIterator[Poller]:
        try:
            async with asyncio.timeout(seconds):
                yield await Poller.open(target, min(self._limits.attempt * 2, seconds))
        except _FAILURES as error:
            raise poller.error_of(error, target) from error

    async def _drain(self, cycle: _Cycle, queue: Iterator[int], lane: asyncio.Semaphore) -> None:
        for index in queue:
            async with lane:
                await self._element(cycle, index)

    async def _element(self, cycle: _Cycle, index: int) -> None:
        job = cycle.jobs[index]
        memory = self._recall(job.target.element)
        cycle.done[index] = 0
        try:
            async with asyncio.timeout(job.timeout):
                await self._all_ports(cycle, index, memory)
            memory.silent = False
        except _FAILURES as error:
            memory.engine_id = None
            memory.silent = cycle.done[index] == 0
            for failure in _unread(job, cycle.done[index], error):
                cycle.builder.failed(failure)

    async def _all_ports(self, cycle: _Cycle, index: int, memory: _Memory) -> None:
        """GET after GET, each as large as the element has shown to bear; a failed one is halved and asked anew."""
        job, session = cycle.jobs[index], None
        failed: list[int] = []
        while cycle.done[index] < len(job.ports) or session is None:
            part = job.ports[cycle.done[index] : cycle.done[index] + memory.size.size]
            try:
                session = session or await self._open(job.target, memory)
                answer = await session.ports([port.if_index for port in part])
            except (TimeoutError, SnmpError) as error:
                failed.append(len(part))
                if self._hopeless(error, failed, cycle.done[index]):
                    raise
                memory.size.halve()
                # a late answer to the old request must not be taken for the new one's
                session, memory.engine_id = None, None
                continue
            self._learn(memory.size, failed)
            failed = []
            self._record(cycle, index, part, answer)

    def _hopeless(self, error: Exception, failed: Sequence[int], done: int) -> bool:
        """Refused; or silent from the start; or failing even port by port."""
        if poller.reason_of(error) is Reason.AUTHENTICATION:
            return True
        spent = len(failed) >= self._limits.attempts
        return spent and (failed[-1] <= 1 or (done == 0 and isinstance(error, TimeoutError)))

    def _learn(self, size: GetSize, failed: Sequence[int]) -> None:
        now = self._clock.monotonic()
        for blamed in failed:
            size.blame(blamed, now)
        if not failed:
            size.succeeded(now)

    async def _open(self, target: Target, memory: _Memory) -> Poller:
        session = await Poller.open(target, self._limits.attempt, memory.engine_id)
        if not target.credential.community:
            memory.engine_id = session.engine_id
        return session

    def _record(self, cycle: _Cycle, index: int, part: Sequence[PortRef], answer: poller.Answer) -> None:
        wall, monotonic = self._clock.now().timestamp(), self._clock.monotonic()
        cycle.builder.answered(index, wall, monotonic, answer.uptime)
        element = cycle.jobs[index].target.element
        for position, ref in enumerate(part, start=cycle.done[index]):
            sample = answer.port(ref.if_index, wall, monotonic)
            if sample is None:
                cycle.builder.failed(PollFailure(element, Reason.NO_SUCH_INSTANCE, "the element has no such port", ref.if_index))
            elif ref.name and sample.name != ref.name:
                detail = f"ifIndex {ref.if_index} is now {sample.name!r}, not {ref.name!r}; read the element's ports again"
                cycle.builder.failed(PollFailure(element, Reason.WRONG_NAME, detail, ref.if_index))
                cycle.builder.port(index, position, PortSample(ref.if_index, sample.name, wall, monotonic, answer.uptime, {}))
            else:
                cycle.builder.port(index, position, sample)
        cycle.done[index] += len(part)

    def _recall(self, element: str) -> _Memory:
        largest = self._limits.ports_per_get
        return self._memory.setdefault(element, _Memory(GetSize(min(4, largest), largest)))


def _unread(job: PollJob, done: int, error: Exception) -> Iterator[PollFailure]:
    """One failure for a silent element, one per missing port for an element that broke off."""
    reason = poller.reason_of(error)
    detail = str(poller.error_of(error, job.target))
    if done == 0:
        yield PollFailure(job.target.element, reason, detail)
        return
    for port in job.ports[done:]:
        yield PollFailure(job.target.element, reason, detail, port.if_index)
