"""What elements say unasked, as one part of assurance: the receivers, the desk, and an eye on what was lost or not believed."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.conditions import take
from agent.assurance.events.claims import NO_ANSWER, NOT_KEPT, Answer, Claim, Standings, Subject, settle
from agent.assurance.events.crowding import CROWD, Crowds, bounded, fitting
from agent.assurance.events.eventwatch import DAEMON, DISBELIEVED, STORM, EventWatch, Now
from agent.assurance.events.recording import becomes, written
from agent.assurance.events.subscribing import NOT_SUBSCRIBED
from agent.assurance.events.translation import Event, Translation
from agent.assurance.events.trapdesk import Events, Reads, TrapDesk
from agent.assurance.figures import Gauge
from agent.assurance.findings import Finding
from agent.assurance.tables import AlarmRow
from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from agent.metrics import Family, Sample
from drivers.errors import ElementError
from drivers.events.listener import SyslogStats
from drivers.events.senders import ANYBODY, Senders
from drivers.netconf.notifications import LISTENING, UNABLE
from drivers.port import Target
from drivers.snmp.traps import TrapStats
from policies.values import Clock

log = structlog.get_logger(__name__)

READ_BACK_DEADLINE_S = 3.0
READ_BACK_AT_ONCE = 32
CHEAP_S = 0.1
"""A watchlist that takes longer to load is used for `USED_FOR` times as long; one that does not is loaded for each round."""
USED_FOR = 10


class Receives(Protocol):
    """`drivers.snmp.traps.TrapReceiver`, or a stand-in."""

    senders: Senders

    @property
    def queue(self) -> Events: ...

    @property
    def stats(self) -> TrapStats: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class HearsLines(Protocol):
    """`drivers.events.listener.SyslogListener`, or a stand-in."""

    senders: Senders

    @property
    def queue(self) -> Events: ...

    @property
    def stats(self) -> SyslogStats: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class HearsNotices(Protocol):
    """`agent.assurance.events.subscribing.Subscribing`, or a stand-in."""

    @property
    def queue(self) -> Events: ...

    def standing(self) -> Mapping[str, str]:
        """Element → how its subscription stands, in words."""
        ...

    def take_resumed(self) -> frozenset[str]:
        """Elements whose notifications may have been lost for a while."""
        ...

    def stop(self) -> None: ...


class ReadsObjects(Protocol):
    async def __call__(self, target: Target, objects: Sequence[str], deadline: float) -> Mapping[str, int | None]:
        """Object instance → its number, None where the element does not have it. Raises `ElementError`."""
        ...


class Confirms(Protocol):
    """`agent.assurance.collectors.collecting.Collecting`, or a stand-in."""

    async def confirm(self, wanted: Iterable[Subject]) -> Mapping[Subject, Answer]:
        """Nothing for what no collector tells of."""
        ...


Stores = Callable[[Callable[[Session], object]], Awaitable[None]]
"""Carries work out in one transaction, when nobody else of assurance writes."""


@dataclass(frozen=True, slots=True)
class Ears:
    traps: Receives | None = None
    syslog: HearsLines | None = None
    notices: HearsNotices | None = None
    objects: ReadsObjects | None = None
    """Reads back what no port tells; without it events are all there is."""
    collectors: Confirms | None = None
    """Asks elements otherwise than by SNMP about what could not be read back."""
    relays: tuple[str, ...] = ()
    """Addresses of syslog relays."""


@dataclass(frozen=True, slots=True)
class EventStatus:
    traps: TrapStats | None
    syslog: SyslogStats | None
    processed: int
    dropped: Mapping[str, int]
    waiting: int
    storms: Mapping[str, int]
    """Element (or the daemon) → events lost in a storm that is not over."""
    crowds: Mapping[str, int]
    """Element → conditions that were left out, because it claims too many."""
    disbelieved: Mapping[str, Mapping[str, int]]
    """Element → reason → traps that were not believed."""
    notices: Mapping[str, str]
    """Element → how its subscription stands."""
    strangers: Sequence[tuple[str, str, int]]
    """Address, reason and number of messages from where no element is known, those of most messages first."""


@dataclass
class _Recent:
    """The watchlist as it was loaded last."""

    load: Callable[[], Awaitable[Watchlist]]
    clock: Clock
    found: Watchlist | None = None
    until: float = 0.0

    async def __call__(self) -> Watchlist:
        if self.found is None or self.clock.monotonic() >= self.until:
            began = time.perf_counter()
            self.found = await self.load()
            took = time.perf_counter() - began
            self.until = self.clock.monotonic() + (took * USED_FOR if took > CHEAP_S else 0.0)
        return self.found


@dataclass
class Hearing:
    """Lives in one asyncio loop."""

    ears: Ears
    translation: Translation
    clock: Clock
    gauge: Gauge
    watchlist: Callable[[], Awaitable[Watchlist]]
    read: Reads
    store: Stores
    target: Callable[[WatchedElement], Target]
    poll_all: Callable[[], Awaitable[None]]
    recheck_s: float
    watch: EventWatch = field(default_factory=EventWatch)
    crowds: Crowds = field(default_factory=Crowds)
    _standings: Standings = field(default_factory=Standings)
    _kernel: int = 0
    _recalled: bool = False
    _listening: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.watchlist = _Recent(self.watchlist, self.clock)
        self._causes = frozenset(rule.rule.alarm.cause for rule in self.translation.rules.rules if rule.rule.alarm is not None)
        self.desk = TrapDesk(
            self.translation,
            self.clock,
            self.gauge,
            watchlist=self.watchlist,
            read=self.read,
            settle=self.settle,
            recheck_s=self.recheck_s,
            relays=self.ears.relays,
        )

    async def start(self) -> None:
        """Begin to listen; raises `TrapSetupError` or `ListenerSetupError` when a port cannot be had."""
        queues: list[Events] = []
        for ear in (self.ears.traps, self.ears.syslog):
            if ear is not None:
                await ear.start()
                queues.append(ear.queue)
        if self.ears.notices is not None:
            queues.append(self.ears.notices.queue)
        if queues:
            self._listening = asyncio.create_task(self.desk.listen(*queues), name="events")

    async def stop(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None
        if self.ears.notices is not None:
            await asyncio.to_thread(self.ears.notices.stop)
        for ear in (self.ears.syslog, self.ears.traps):
            if ear is not None:
                await ear.stop()

    async def look_out(self) -> None:
        """Once a second: what was lost, what was not believed, and what has to be read in full because of it."""
        if not self._recalled:
            await self.store(self._recall)
            self._recalled = True
        at, now = self.clock.now(), self.clock.monotonic()
        lost, refused = self._losses()
        heard = self.desk.take_heard()
        findings = list(self.watch.believed(heard, at, now))
        if lost or refused:
            elements = await self.desk.element_at({source for source, _ in refused} | set(lost))
            by_element: Counter[str] = Counter()
            for source, count in lost.items():
                by_element[elements.get(source, DAEMON)] += count
            findings += self.watch.lost(by_element, at, now)
            self.watch.refused(refused, elements)
            if refused and elements:
                known = (await self.watchlist()).elements
                credentials = {name: known[name].credential for name in elements.values() if name in known}
                findings += self.watch.disbelieve(refused, elements, credentials, Now(at, now))
        over = self.watch.over(at, now)
        findings += over.findings
        findings += self.crowds.news(at, now)
        self.desk.resync(over.resync | (self.ears.notices.take_resumed() if self.ears.notices else frozenset()))
        if findings:
            await self.store(lambda session: _take(session, findings, self.clock))
        if over.resync_all:
            log.info("events were lost whose sender is not known; reading everything")
            await self.poll_all()

    async def settle(self, watchlist: Watchlist, claims: Sequence[Claim]) -> None:
        """Read back what events claim, and raise or clear by it."""
        refused = Counter[str]()
        claims = bounded(claims, refused)
        answers = await self._answers(watchlist, claims)
        news = self._standings.news(claims, answers, self.clock.monotonic())
        if news:

            def work(session: Session) -> None:
                _settle(session, fitting(session, news, answers, self._causes, refused), answers, self.clock)

            await self.store(work)
        self.crowds.add(refused, self.clock.monotonic())

    def recent(self) -> list[str]:
        """The events that were heard last, the latest at the end, as lines of a recording."""
        return [written(event) for event in list(self.desk.intake.recent)]

    async def hand_in(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Events from a recording, taken for what elements say; returns what each becomes."""
        directory = self.desk.directory(await self.watchlist())
        told = [becomes(event, self.translation, directory) for event in events]
        self.desk.take(events)
        return told

    def status(self) -> EventStatus:
        figures = self.gauge.snapshot(self.clock.now().timestamp())
        return EventStatus(
            traps=self.ears.traps.stats if self.ears.traps else None,
            syslog=self.ears.syslog.stats if self.ears.syslog else None,
            processed=figures.traps_processed,
            dropped=dict(figures.traps_dropped),
            waiting=self.desk.intake.waiting,
            storms={name: storm.lost for name, storm in self.watch.storms.items()},
            crowds=dict(self.crowds.refused),
            disbelieved={name: dict(known.reasons) for name, known in self.watch.disbelieved.items()},
            notices=self.ears.notices.standing() if self.ears.notices else {},
            strangers=[(source, reason, count) for (source, reason), count in self.watch.strangers.most_common()],
        )

    def families(self) -> Iterator[Family]:
        """For `/metrics`, beside those of traps (`agent.assurance.figures`)."""
        status = self.status()
        if (lines := status.syslog) is not None:
            yield Family("fabd_syslog_received_total", "counter", "Syslog messages received.", [Sample({}, lines.received)])
            drops = {"empty": lines.empty, "queue": lines.queue_drops, "rate": lines.rate_drops, "kernel": lines.kernel_drops}
            lost = [Sample({"reason": reason}, count) for reason, count in drops.items()]
            yield Family("fabd_syslog_dropped_total", "counter", "Syslog messages that were lost.", lost)
            ended = {
                "connections": lines.refused,
                "source": lines.source_refused,
                "idle": lines.idle_ended,
                "unframed": lines.unframed,
            }
            closed = [Sample({"reason": reason}, count) for reason, count in ended.items()]
            yield Family("fabd_syslog_connections_closed_total", "counter", "TCP connections that were not kept.", closed)
            yield Family("fabd_syslog_connections", "gauge", "TCP connections open.", [Sample({}, lines.connected)])
        yield Family("fabd_events_waiting", "gauge", "Events that are not looked at yet.", [Sample({}, status.waiting)])
        yield Family("fabd_event_storms", "gauge", "Elements whose events are being lost.", [Sample({}, len(status.storms))])
        crowds = "Conditions that events claimed of elements that have too many, and that were left out."
        yield Family("fabd_event_conditions_refused_total", "counter", crowds, [Sample({}, self.crowds.total)])
        standing = list(status.notices.values())
        held = [Sample({"standing": name}, count) for name, count in _counted(standing).items()]
        yield Family("fabd_notification_subscriptions", "gauge", "Elements asked for notifications (RFC 5277).", held)

    def _recall(self, session: Session) -> None:
        """Before the first look, which alone reads the watch."""
        told = select(AlarmRow.element, AlarmRow.cause, AlarmRow.raised_at)
        standing = session.execute(told.where(AlarmRow.cleared_at.is_(None), AlarmRow.cause.in_([STORM, DISBELIEVED, CROWD]))).all()
        now = self.clock.monotonic()
        self.watch.recall(((row.element, row.cause, row.raised_at) for row in standing if row.cause != CROWD), now)
        self.crowds.recall((row.element for row in standing if row.cause == CROWD), now)

    def _losses(self) -> tuple[Counter[str], Counter[tuple[str, str]]]:
        """By source address; what is not known by one as `ANYBODY`."""
        lost, refused = self.desk.intake.take_lost(), Counter[tuple[str, str]]()
        kernel = 0
        for ear in (self.ears.traps, self.ears.syslog):
            if ear is not None:
                lost += ear.senders.take_lost()
                refused += ear.senders.take_refused()
                kernel += ear.stats.kernel_drops
        if kernel > self._kernel:
            lost[ANYBODY] += kernel - self._kernel
        self._kernel = kernel
        return lost, refused

    async def _answers(self, watchlist: Watchlist, claims: Sequence[Claim]) -> dict[Subject, Answer]:
        """By SNMP where that tells, otherwise by a collector of the element's."""
        answers = await self._objects(watchlist, claims)
        open_ = {claim.subject for claim in claims if claim.subject not in answers or not answers[claim.subject].tells}
        if self.ears.collectors is not None and open_:
            answers |= await self.ears.collectors.confirm(open_)
        return answers

    async def _objects(self, watchlist: Watchlist, claims: Sequence[Claim]) -> dict[Subject, Answer]:
        wanted: dict[str, dict[str, list[Claim]]] = {}
        for claim in claims:
            if claim.read_back:
                wanted.setdefault(claim.element, {}).setdefault(claim.read_back, []).append(claim)
        places = asyncio.Semaphore(READ_BACK_AT_ONCE)

        async def ask(name: str, objects: Mapping[str, Sequence[Claim]]) -> dict[Subject, Answer]:
            async with places:
                found = await self._read_back(watchlist, name, list(objects))
            return {claim.subject: found[each] for each, group in objects.items() for claim in group}

        groups = await asyncio.gather(*(ask(name, objects) for name, objects in wanted.items()))
        return {subject: answer for group in groups for subject, answer in group.items()}

    async def _read_back(self, watchlist: Watchlist, name: str, objects: Sequence[str]) -> dict[str, Answer]:
        """Every object has its answer."""
        element = watchlist.elements.get(name)
        reads = self.ears.objects
        if element is None or reads is None:
            return dict.fromkeys(objects, Answer(None, NO_ANSWER.format(reason="nothing reads objects here")))
        try:
            found = await reads(self.target(element), objects, READ_BACK_DEADLINE_S)
        except ElementError as error:
            return dict.fromkeys(objects, Answer(None, NO_ANSWER.format(reason=error.message)))
        except (LookupError, OSError, ValueError) as error:
            return dict.fromkeys(objects, Answer(None, NO_ANSWER.format(reason=f"credential: {error}")))
        return {each: _answer(each, found.get(each)) for each in objects}


def _counted(standing: Iterable[str]) -> dict[str, int]:
    counts = {"subscribed": 0, "waiting": 0, "unable": 0, "no-room": 0}
    for each in standing:
        counts[_STANDINGS.get(each, "no-room" if each.startswith(NOT_SUBSCRIBED) else "waiting")] += 1
    return counts


_STANDINGS = {LISTENING: "subscribed", UNABLE: "unable"}


def _answer(name: str, value: int | None) -> Answer:
    return Answer(None, NOT_KEPT.format(object=name)) if value is None else Answer(value)


def _take(session: Session, findings: Iterable[Finding], clock: Clock) -> None:
    for alarm in take(session, findings, clock.now()):
        log.info("events", alarm_id=alarm.id, element=alarm.element, cause=alarm.cause, text=alarm.text)


def _settle(session: Session, claims: Sequence[Claim], answers: Mapping[Subject, Answer], clock: Clock) -> None:
    for alarm in settle(session, claims, answers, clock.now()):
        log.info("claimed", alarm_id=alarm.id, element=alarm.element, cause=alarm.cause, qualifier=alarm.qualifier)
