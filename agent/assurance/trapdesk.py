"""Where traps are taken in: each leads to a read at once and to another one later; no element's storm or silence delays the others.

An element that says too much, or is being read already, is read again a moment later, with all that was said meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from agent.assurance.figures import Gauge
from agent.assurance.findings import Finding, Source
from agent.assurance.restraint import Restraint
from agent.assurance.translation import Translation
from agent.assurance.traps import Key, far_ends, hear, to_read
from agent.assurance.watchlist import WatchedElement, Watchlist
from drivers.snmp.traps import Trap
from policies.values import Clock

log = structlog.get_logger(__name__)

TRAPS_AT_ONCE = 500
ROUNDS_AT_ONCE = 64
"""An element that does not answer holds one of these places for as long as its deadline."""
TRAP_DEADLINE_S = 2.5
"""Of the reads that a trap asks for: a ticket is due within five seconds of it."""
MOMENT_S = 1.0


class Reads(Protocol):
    def __call__(
        self,
        watchlist: Watchlist,
        elements: Iterable[WatchedElement],
        source: Source,
        hints: Sequence[Finding] = (),
        *,
        deadline_s: float | None = None,
    ) -> Awaitable[None]: ...


class TrapDesk:
    """Lives in one asyncio loop."""

    def __init__(
        self,
        translation: Translation,
        clock: Clock,
        gauge: Gauge,
        *,
        watchlist: Callable[[], Awaitable[Watchlist]],
        read: Reads,
        recheck_s: float,
    ) -> None:
        self._translation, self._clock, self._gauge = translation, clock, gauge
        self._watchlist, self._read, self._recheck_s = watchlist, read, recheck_s
        self._restraint = Restraint()
        self._reading: set[str] = set()
        self._due: dict[Key, float] = {}
        """Second looks; monotonic."""
        self._put_off: dict[Key, float] = {}
        """Objects whose element said too much to be read at once."""
        self._hints: dict[tuple[Key, str], Finding] = {}
        """What was said of them."""

    async def handle(self, traps: Sequence[Trap]) -> None:
        """Read at once what they speak of."""
        watchlist = await self._watchlist()
        heard = hear(traps, watchlist, self._translation, self._gauge.trap_dropped)
        self._gauge.traps_processed(heard.processed)
        now = self._clock.monotonic()
        spoken = {element for element, _ in heard.objects}
        free = {element for element in spoken if element not in self._reading and self._restraint.allows(element, now)}
        self._keep_for_later(heard.findings, spoken - free, now)
        if not free:
            return
        objects = frozenset(key for key in heard.objects if key[0] in free)
        together, apart = far_ends(objects, watchlist)
        self._due.update(dict.fromkeys(apart, now))
        hints = [finding for finding in heard.findings if finding.element in free]
        self._reading |= free
        try:
            await self._look(watchlist, {*objects, *together}, now, hints)
        finally:
            self._reading -= free

    async def look_again(self) -> None:
        """Read what was put off, and what a second look is due for."""
        now = self._clock.monotonic()
        late = {key for key, due in self._put_off.items() if due <= now and key[0] not in self._reading}
        again = {key for key, due in self._due.items() if due <= now}
        if not late and not again:
            return
        for key in again:
            del self._due[key]
        for key in late:
            del self._put_off[key]
        hints = [finding for (key, _), finding in self._hints.items() if key in late]
        self._hints = {key: finding for key, finding in self._hints.items() if key[0] not in late}
        watchlist = await self._watchlist()
        if late:
            again |= far_ends(late, watchlist)[0]
            await self._look(watchlist, late | again, now, hints)
        elif wanted := to_read(again, watchlist):
            await self._read(watchlist, wanted, Source.VERIFY)

    async def listen(self, queue: asyncio.Queue[Trap]) -> None:
        """Until it is cancelled."""
        places = asyncio.Semaphore(ROUNDS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await places.acquire()
                traps = [await queue.get()]
                while len(traps) < TRAPS_AT_ONCE and not queue.empty():
                    traps.append(queue.get_nowait())
                group.create_task(self._handled(traps)).add_done_callback(lambda _: places.release())

    async def _handled(self, traps: Sequence[Trap]) -> None:
        try:
            await self.handle(traps)
        except Exception:  # the next traps must be heard whatever became of these
            log.exception("traps could not be handled", traps=len(traps))

    async def _look(self, watchlist: Watchlist, objects: set[Key], now: float, hints: Sequence[Finding]) -> None:
        self._due.update(dict.fromkeys(objects, now + self._recheck_s))
        await self._read(watchlist, to_read(objects, watchlist), Source.VERIFY, hints, deadline_s=TRAP_DEADLINE_S)

    def _keep_for_later(self, findings: Iterable[Finding], elements: set[str], now: float) -> None:
        for finding in findings:
            if finding.element in elements:
                key = (finding.element, finding.object)
                self._put_off.setdefault(key, now + MOMENT_S)
                known = self._hints.get((key, finding.kind))
                self._hints[key, finding.kind] = finding if known is None else _merged(known, finding)


def _merged(known: Finding, again: Finding) -> Finding:
    """The same was said again: the first instant, and how often."""
    return replace(known, detail={**known.detail, "times": _times(known.detail) + _times(again.detail)})


def _times(detail: Mapping[str, object]) -> int:
    times = detail.get("times", 1)
    return times if isinstance(times, int) else 1
