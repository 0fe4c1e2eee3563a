"""Polling many elements at once: what was asked for comes back in columns, what failed with its reason.

One slow or dead element costs the others nothing: it has a deadline of its own, and elements that did not answer last
time queue in a lane of their own, so that they never hold the places of those that do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

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
    suspects: int = 256
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
class _Visit:
    """One element in one cycle."""

    element: int
    """Index of the job."""
    job: PollJob
    builder: BatchBuilder
    left: list[int]
    """Positions of the ports not read yet."""
    heard: bool = False
    short: int = 0
    """Size of the last GET whose answer lacked some of its ports; 0 when it had all or none."""

    def part(self, size: int) -> list[int]:
        return self.left[:size]


class Collector:
    """Lives in one asyncio loop. Polling raises nothing for what elements do; `discover` and `targeted` raise `ElementError`."""

    def __init__(self, clock: Clock, limits: CollectorLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or CollectorLimits()
        self._memory: dict[str, _Memory] = {}
        self._lanes = {False: asyncio.Semaphore(self._limits.concurrency), True: asyncio.Semaphore(self._limits.suspects)}

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch:
        """One cycle over these elements (each at most once)."""
        builder = BatchBuilder(jobs)
        visits = [_Visit(index, job, builder, list(range(len(job.ports)))) for index, job in enumerate(jobs)]
        lanes: dict[bool, list[_Visit]] = {False: [], True: []}
        for visit in visits:
            lanes[self._recall(visit.job.target.element).silent].append(visit)
        async with asyncio.TaskGroup() as group:
            for suspect, members in lanes.items():
                queue = iter(members)
                for _ in range(min(len(members), self._limits.suspects if suspect else self._limits.concurrency)):
                    group.create_task(self._drain(queue, self._lanes[suspect]))
        return builder.build()

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

    async def _drain(self, queue: Iterator[_Visit], lane: asyncio.Semaphore) -> None:
        for visit in queue:
            async with lane:
                await self._visit(visit)

    async def _visit(self, visit: _Visit) -> None:
        memory = self._recall(visit.job.target.element)
        try:
            async with asyncio.timeout(visit.job.timeout):
                await self._all_ports(visit, memory)
        except Exception as error:  # noqa: BLE001  whatever one element provokes, the cycle of the others goes on
            memory.engine_id = None
            for failure in _unread(visit, error):
                visit.builder.failed(failure)
        memory.silent = not visit.heard

    async def _all_ports(self, visit: _Visit, memory: _Memory) -> None:
        """GET after GET, each as large as the element has shown to bear; a failed one is halved and asked anew."""
        session: Poller | None = None
        failed: list[int] = []
        while visit.left or not visit.heard:
            part = visit.part(memory.size.size)
            try:
                session = session or await self._open(visit.job.target, memory)
                answer = await session.ports([visit.job.ports[position].if_index for position in part])
            except (TimeoutError, SnmpError) as error:
                failed.append(len(part))
                if self._hopeless(error, failed, heard=visit.heard):
                    raise
                memory.size.halve()
                # a late answer to the old request must not be taken for the new one's
                session, memory.engine_id = None, None
                continue
            self._learn(memory.size, failed)
            failed = []
            self._record(visit, part, answer)

    def _hopeless(self, error: Exception, failed: Sequence[int], *, heard: bool) -> bool:
        """Refused; or silent from the start; or failing even port by port."""
        if poller.reason_of(error) is Reason.AUTHENTICATION:
            return True
        spent = len(failed) >= self._limits.attempts
        return spent and (failed[-1] <= 1 or (not heard and isinstance(error, TimeoutError)))

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

    def _record(self, visit: _Visit, part: Sequence[int], answer: poller.Answer) -> None:
        """Some agents cut long answers short instead of refusing; so a port is absent only if it is so in a PDU that found none."""
        wall, monotonic = self._clock.now().timestamp(), self._clock.monotonic()
        visit.heard = True
        visit.builder.answered(visit.element, wall, monotonic, answer.uptime)
        samples = {position: answer.port(visit.job.ports[position].if_index, wall, monotonic) for position in part}
        found = {position: sample for position, sample in samples.items() if sample is not None}
        for position, sample in found.items():
            self._accept(visit, position, sample)
        missing = [position for position in part if position not in found]
        if not found:
            for position in missing:
                index = visit.job.ports[position].if_index
                detail = "the element has no such port; read its ports again"
                visit.builder.failed(PollFailure(visit.job.target.element, Reason.NO_SUCH_INSTANCE, detail, index))
            missing = []
        elif visit.short:
            self._recall(visit.job.target.element).size.cut_short(visit.short, monotonic)
        visit.short = len(part) if missing else 0
        visit.left = [*missing, *visit.left[len(part) :]]

    def _accept(self, visit: _Visit, position: int, sample: PortSample) -> None:
        expected = visit.job.ports[position]
        if expected.name and sample.name != expected.name:
            detail = f"ifIndex {expected.if_index} is now {sample.name!r}, not {expected.name!r}; read the element's ports again"
            visit.builder.failed(PollFailure(visit.job.target.element, Reason.WRONG_NAME, detail, expected.if_index))
            sample = replace(sample, values={})
        visit.builder.port(visit.element, position, sample)

    def _recall(self, element: str) -> _Memory:
        largest = self._limits.ports_per_get
        return self._memory.setdefault(element, _Memory(GetSize(min(4, largest), largest)))


def _unread(visit: _Visit, error: Exception) -> Iterator[PollFailure]:
    """One failure for a silent element, one per missing port for an element that broke off."""
    element, reason = visit.job.target.element, poller.reason_of(error)
    detail = str(poller.error_of(error, visit.job.target))
    if not visit.heard:
        yield PollFailure(element, reason, detail)
        return
    for position in visit.left:
        yield PollFailure(element, reason, detail, visit.job.ports[position].if_index)
