"""Polling many elements at once: what was asked for comes back in columns, what failed with its reason.

One slow or dead element costs the others nothing: it has a deadline of its own, its unanswered questions hold no place of others,
and elements that did not answer last time go through a window of their own.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from drivers.errors import ElementError
from drivers.port import Target
from drivers.snmp import asking, credentials, lldp, walking
from drivers.snmp.aside import MANY, aside
from drivers.snmp.asking import GET
from drivers.snmp.batch import BatchBuilder, PollBatch, PollFailure, PollJob, PortRef, PortSample, Reason
from drivers.snmp.bulk import address_of
from drivers.snmp.columns import Column
from drivers.snmp.errors import NoSuchObject
from drivers.snmp.lockstep import Layout
from drivers.snmp.mailroom import Cycle, Mailroom, tell
from drivers.snmp.objects import read
from drivers.snmp.reading import sample_of
from drivers.snmp.secured import AsUser
from drivers.snmp.sizing import GetSize
from drivers.snmp.speech import ByCommunity, Endpoint, Requests, Speech, Wish
from drivers.snmp.visit import Memory, Visit, described
from drivers.snmp.walking import Asker
from policies.values import Clock

FIRST_SIZE = 4
LOOKUP_S = 5.0


@dataclass(frozen=True, slots=True)
class CollectorLimits:
    concurrency: int = 512
    """Questions whose answers may be on their way at the same time."""
    suspects: int = 64
    """The same for elements that did not answer in the last cycle, beside `concurrency`."""
    attempt: float = 1.0
    """Seconds to wait for one answer."""
    attempts: int = 2
    """GETs without any answer until an element counts as silent in this cycle."""
    ports_per_get: int = 8
    """The most ports in one PDU (12 objects each); where the size starts and goes is learnt per element."""


class Collector:
    """Polling raises nothing for what elements do; `discover` and `targeted` raise `ElementError`. Any loop of any thread may use
    it.
    """

    def __init__(self, clock: Clock, limits: CollectorLimits | None = None, columns: Sequence[Column] = tuple(Column)) -> None:
        self._clock = clock
        self._limits = limits or CollectorLimits()
        self._layouts = {narrow: Layout(columns, narrow=narrow) for narrow in (False, True)}
        self._requests = Requests(self._layouts)
        self._memory: dict[str, Memory] = {}
        self._mailroom = Mailroom(
            clock,
            self._layouts,
            window=self._limits.concurrency,
            suspects=self._limits.suspects,
            attempt=self._limits.attempt,
        )

    @property
    def drops(self) -> Mapping[str, int]:
        """Datagrams that came and were not used, by reason."""
        return dict(self._mailroom.drops)

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch:
        """One cycle over these elements (each at most once)."""
        memories, builder = await aside(len(jobs), self._prepared, jobs)
        visits = []
        for element, (job, memory) in enumerate(zip(jobs, memories, strict=True)):
            if element % MANY == MANY - 1:
                await asyncio.sleep(0)  # others want the loop, too
            try:
                speech = await self._speech(job.target, memory)
            except ElementError as error:
                builder.failed(PollFailure(job.target.element, _reason_of(error), str(error)))
                continue
            visits.append(Visit(job, element, builder, memory, speech, memory.plan_of(job.ports).indices, self._limits.attempts))
        await self._done(visits)
        return builder.build()

    async def discover(self, target: Target, deadline: float = 10.0) -> tuple[PortRef, ...]:
        """Every port of the element with its ifName, by a walk bounded in rows and in `deadline` seconds."""
        return await walking.discover(await self._asker(target, deadline))

    async def targeted(self, target: Target, if_index: int, deadline: float = 3.0) -> PortSample:
        """One port, now (a trap said something about it). `NoSuchObject` when it has vanished, which is normal."""
        asker = await self._asker(target, deadline)
        found = await asker.get(Wish(GET, self._layouts[False].request([if_index]) + asking.of_octets(if_index)))
        wall, monotonic = self._clock.now().timestamp(), self._clock.monotonic()
        sample = sample_of(found, if_index, (wall, monotonic), asker.uptime(found))
        if sample is None:
            raise NoSuchObject(target.element, f"no port with ifIndex {if_index}; read the element's ports again")
        return sample

    async def objects(self, target: Target, objects: Sequence[str], deadline: float = 3.0) -> Mapping[str, int | None]:
        """Object instance → its number, None where the element does not have it."""
        return await read(await self._asker(target, deadline), objects)

    async def neighbours(self, target: Target, deadline: float = 20.0) -> tuple[lldp.Neighbour, ...]:
        """Who stands at the other ends of its links, by LLDP; nothing for an element that does not speak it."""
        return await lldp.neighbours(await self._asker(target, deadline))

    def _prepared(self, jobs: Sequence[PollJob]) -> tuple[list[Memory], BatchBuilder]:
        memories = [self._recall(job.target.element) for job in jobs]
        return memories, BatchBuilder(jobs, [memory.plan_of(job.ports) for memory, job in zip(memories, jobs, strict=True)])

    def keep(self, elements: Container[str]) -> None:
        """Forget what was learnt of all others, their keys with it: they left the inventory."""
        for gone in [name for name in list(self._memory) if name not in elements]:
            self._memory.pop(gone, None)

    async def _done(self, visits: Sequence[Visit]) -> None:
        loop = asyncio.get_running_loop()
        over = loop.create_future()

        def told() -> None:
            if not over.done():
                over.set_result(None)

        self._mailroom.hand_in(Cycle(visits, lambda: tell(loop, told)))
        await over

    async def _asker(self, target: Target, seconds: float) -> Asker:
        memory = self._recall(target.element)
        return Asker(target, await self._speech(target, memory), self._mailroom, time.monotonic() + seconds, self._limits.attempt)

    async def _speech(self, target: Target, memory: Memory) -> Speech:
        """Kept until the target changes; raises `ElementError` for a credential that cannot serve and a host without address."""
        if memory.target is target or memory.target == target:
            memory.target = target
            if memory.speech is not None:
                return memory.speech
        credentials.check(target)
        endpoint = await _endpoint(target)
        speech: Speech = (
            ByCommunity(endpoint, target.credential.community, self._requests)
            if target.credential.community
            else AsUser(endpoint, target.credential, self._layouts)
        )
        if _is_address(target.host):
            memory.target, memory.speech = target, speech
        return speech

    def _recall(self, element: str) -> Memory:
        largest = self._limits.ports_per_get
        known = self._memory.get(element)
        if known is None:
            known = self._memory[element] = Memory(GetSize(min(FIRST_SIZE, largest), largest))
        return known


def _reason_of(error: ElementError) -> Reason:
    return Reason.AUTHENTICATION if isinstance(error, PermissionError) else Reason.UNREACHABLE


async def _endpoint(target: Target) -> Endpoint:
    host = target.host
    if not _is_address(host):
        try:
            async with asyncio.timeout(LOOKUP_S):
                found = await asyncio.get_running_loop().getaddrinfo(host, target.port, type=socket.SOCK_DGRAM)
        except (OSError, TimeoutError) as error:
            detail = f"the name {host} has no address: {error}"
            raise described(target, Reason.UNREACHABLE, detail) from error
        host = str(found[0][4][0])
    try:
        return Endpoint(*address_of(host, target.port))
    except OSError as error:
        raise described(target, Reason.UNREACHABLE, f"{host} is no address: {error}") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
