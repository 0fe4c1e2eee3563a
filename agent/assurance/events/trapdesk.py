"""Where events are taken in: each leads to a read at once and to another one later; no element's storm delays the others.

Two stages. Taking an event in is cheap and knows neither database nor inventory: it is put to what was said of the same object
before. Rounds, at most one per `ROUND_EVERY_S`, look at all that has come together, with one read and one transaction. An element
that says too much, or is being read already, is read again a moment later, with all that was said meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from agent.assurance.events.claims import Claim
from agent.assurance.events.directory import Aliases, Directory
from agent.assurance.events.intake import Intake
from agent.assurance.events.later import Later
from agent.assurance.events.restraint import Restraint
from agent.assurance.events.translation import Event, Translation
from agent.assurance.events.traps import Heard, Key, far_ends, hear, to_read
from agent.assurance.figures import Gauge
from agent.assurance.findings import Finding, Source
from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from policies.values import Clock

log = structlog.get_logger(__name__)

EVENTS_AT_ONCE = 500
"""Taken in before others get their turn of the loop."""
ROUND_EVERY_S = 0.25
ROUNDS_AT_ONCE = 64
"""An element that does not answer holds one of these places for as long as its deadline."""
NOTHING = Heard(frozenset(), (), (), 0)
EVENT_DEADLINE_S = 2.5
"""Of the reads that an event asks for: a ticket is due within five seconds of it."""
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


class Events(Protocol):
    """A queue of them, of whatever kind."""

    async def get(self) -> Event: ...

    def get_nowait(self) -> Event: ...

    def empty(self) -> bool: ...


Settles = Callable[[Watchlist, Sequence[Claim]], Awaitable[None]]
"""Reads back what is claimed, and raises or clears."""


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
        settle: Settles,
        recheck_s: float,
        relays: Iterable[str] = (),
    ) -> None:
        self.intake = Intake(translation)
        self.aliases: Aliases = {}
        """Further addresses of elements; replaced as a whole."""
        self._clock, self._gauge = clock, gauge
        self._watchlist, self._read, self._settle, self._recheck_s = watchlist, read, settle, recheck_s
        self._relays = frozenset(relays)
        self._restraint = Restraint()
        self._reading: set[str] = set()
        self._later = Later()
        self._news = asyncio.Event()
        self._heard: set[str] = set()
        self._told: set[str] = set()
        """Kinds of errors over events that the log has."""

    async def handle(self, events: Sequence[Event]) -> None:
        """Take them in, and read at once what they speak of."""
        self.take(events)
        await self.turn()

    def take(self, events: Iterable[Event]) -> None:
        self.intake.take(events, self._clock.monotonic())
        stumbled, self.intake.stumbled = self.intake.stumbled, None
        self._tell(stumbled)
        self._news.set()

    async def turn(self) -> None:
        """One round over all that was taken in."""
        self._news.clear()
        pieces = self.intake.hand_over()
        if not pieces:
            self._count(NOTHING)
            return
        try:
            watchlist = await self._watchlist()
        except BaseException:
            self.intake.give_back(pieces)
            raise
        heard = hear(pieces, self.directory(watchlist))
        self.intake.lost.update(heard.lost)
        self._tell(heard.stumbled)
        self._count(heard)
        await self._act(watchlist, heard)

    async def look_again(self) -> None:
        """Read what was put off, and what a second look is due for."""
        now = self._clock.monotonic()
        late = self._overdue(now)
        again = self._later.due_looks(now)
        claims = [claim if claim.times else replace(claim, at=self._clock.now()) for claim in self._later.take_claims(now)]
        if not late and not again and not claims:
            return
        watchlist = await self._watchlist()
        if claims:
            await self._settle(watchlist, claims)
        if late:
            objects, hints = self._later.take(late, now)
            try:
                await self._look(watchlist, {*objects, *again, *far_ends(objects, watchlist)[0]}, now, hints)
            except BaseException:
                self._put_back(objects, hints, now)
                raise
        elif wanted := to_read(again, watchlist):
            await self._read(watchlist, wanted, Source.VERIFY)

    def resync(self, elements: Iterable[str]) -> None:
        """Something that these elements said was lost: read all that is watched of them, a moment from now."""
        self._later.put_objects([(name, "") for name in elements], self._clock.monotonic() + MOMENT_S)

    def take_heard(self) -> frozenset[str]:
        """Elements whose traps were believed since this was last taken."""
        taken, self._heard = frozenset(self._heard), set()
        return taken

    async def element_at(self, addresses: Iterable[str]) -> Mapping[str, str]:
        """Source address → element, for those that are elements'."""
        directory = self.directory(await self._watchlist())
        return {address: name for address in addresses if (name := directory.address(address))}

    async def take_from(self, queue: Events) -> None:
        """Until it is cancelled."""
        while True:
            events = [await queue.get()]
            while len(events) < EVENTS_AT_ONCE and not queue.empty():
                events.append(queue.get_nowait())
            self.take(events)
            await asyncio.sleep(0)

    async def listen(self, *queues: Events) -> None:
        """Until it is cancelled."""
        places = asyncio.Semaphore(ROUNDS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for queue in queues:
                group.create_task(self.take_from(queue))
            while True:
                await self._news.wait()
                await places.acquire()
                self._news.clear()
                group.create_task(self._turned()).add_done_callback(lambda _: places.release())
                await asyncio.sleep(ROUND_EVERY_S)

    async def _turned(self) -> None:
        try:
            await self.turn()
        except Exception:  # the next events must be heard whatever became of these
            log.exception("events could not be handled")

    def _tell(self, stumbled: Exception | None) -> None:
        """Of each kind of error the first only: the same event may come a thousand times a second."""
        if stumbled is not None and (kind := type(stumbled).__name__) not in self._told:
            self._told.add(kind)
            log.error("events are not understood; they are counted as not-understood", exc_info=stumbled)

    def directory(self, watchlist: Watchlist) -> Directory:
        return Directory(watchlist, self.aliases, self._relays)

    def _count(self, heard: Heard) -> None:
        repeated, self.intake.repeated = self.intake.repeated, 0
        self._gauge.traps_processed(heard.processed + repeated)
        for dropped in (heard.dropped, self.intake.dropped):
            for reason, count in dropped.items():
                self._gauge.trap_dropped(reason, count)
        self.intake.dropped.clear()

    async def _act(self, watchlist: Watchlist, heard: Heard) -> None:
        self._heard |= heard.by_trap
        now = self._clock.monotonic()
        spoken = {element for element, _ in heard.objects} | {claim.element for claim in heard.claims}
        free = {element for element in spoken if element not in self._reading and self._restraint.allows(element, now)}
        self._later.put((each for each in heard.findings if each.element not in free), now + MOMENT_S)
        self._later.put_claims((each for each in heard.claims if each.element not in free), now + MOMENT_S)
        if not free:
            return
        objects = frozenset(key for key in heard.objects if key[0] in free)
        claims = [claim for claim in heard.claims if claim.element in free]
        together, apart = far_ends(objects, watchlist)
        self._later.look(apart, now)
        hints = [finding for finding in heard.findings if finding.element in free]
        self._reading |= free
        try:
            if objects:
                await self._look(watchlist, {*objects, *together}, now, hints)
            if claims:
                self._later.put_claims(_to_verify(claims), now + self._recheck_s)
                await self._settle(watchlist, claims)
        except BaseException:
            self._put_back(objects, hints, now)
            raise
        finally:
            self._reading -= free

    def _put_back(self, objects: Iterable[Key], hints: Iterable[Finding], now: float) -> None:
        """What could not be read or stored, with what was said of it."""
        self._later.put_objects(objects, now + MOMENT_S)
        self._later.put(hints, now + MOMENT_S)

    def _overdue(self, now: float) -> set[str]:
        """As many of the elements that were put off as may be read now."""
        late = set()
        for name in self._later.overdue(now):
            if name not in self._reading:
                if not self._restraint.allows_any(now):
                    break
                late.add(name)
        return late

    async def _look(self, watchlist: Watchlist, objects: Iterable[tuple[str, str]], now: float, hints: Sequence[Finding]) -> None:
        objects = set(objects)
        self._later.look(objects, now + self._recheck_s)
        await self._read(watchlist, to_read(objects, watchlist), Source.VERIFY, hints, deadline_s=EVENT_DEADLINE_S)


def _to_verify(claims: Iterable[Claim]) -> list[Claim]:
    """For the second look: what can be read back, with nothing said anew."""
    return [replace(claim, times=0, source=Source.VERIFY) for claim in claims if claim.read_back]
