"""Collectors at work: whose turn it is, threads that ask, and what is made of the replies, many of them in one transaction.

Asking takes one session of an element's pool at a time and threads of its own, so that no plan waits for it. What is answered
becomes states (alarms, by what changed) and values (the history).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from agent.assurance.alarms.conditions import take
from agent.assurance.alarms.handling import close_conditions
from agent.assurance.collectors.asking import Asking, Reply
from agent.assurance.collectors.roster import Assignment, Roster, load_roster
from agent.assurance.collectors.standings import Standings
from agent.assurance.collectors.turns import Turns
from agent.assurance.errors import NotCollected
from agent.assurance.events.claims import Answer, Subject
from agent.assurance.history.feed import PORT
from agent.assurance.history.store import History, SeriesKey
from agent.assurance.topology.portnames import is_short_for
from agent.config import CollectorSettings
from agent.metrics import Family, Sample
from inventory.db import Database
from inventory.topology import Topology
from policies.collecting.collector import Collector
from policies.collecting.meaning import Collected, Standing, Value
from policies.values import Clock

log = structlog.get_logger(__name__)

RENEW_S = 30.0
"""How soon an element that was imported, locked or moved is known."""
AGAIN_S = 5.0
"""From what was found bad to the second look."""
STUCK_S = 60.0
"""Beyond its deadline."""
NAMED = 3
"""Elements in a text; of more, their number is told."""
CONFIRM_S = 5.0
"""Of what an event asks for."""

Stores = Callable[[Callable[[Session], object]], Awaitable[None]]
"""Carries work out in one transaction, when nobody else of assurance writes."""


@dataclass(frozen=True, slots=True)
class CollectingParts:
    collectors: Sequence[Collector]
    ask: Asking
    settings: CollectorSettings


@dataclass
class _Counts:
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Collector and outcome (ok, refused, failed, mistake) → runs."""
    seconds: float = 0.0
    values: int = 0
    unknown_ports: int = 0


@dataclass(frozen=True, slots=True)
class Last:
    """How the last run of one collector on one element ended."""

    at: datetime
    seconds: float
    failure: str
    states: int
    values: int


class Collecting:
    """Lives in one asyncio loop. `turn` is called often and never waits for an element."""

    def __init__(  # noqa: PLR0917  one place builds it
        self,
        parts: CollectingParts,
        database: Database,
        clock: Clock,
        history: History,
        store: Stores,
        topology: Callable[[], Awaitable[Topology]],
        silent: Callable[[str], bool],
    ) -> None:
        """`silent`: whether an element is known to give no reply to polls; it is not asked then."""
        self.collectors = {collector.name: collector for collector in parts.collectors}
        self.last: dict[tuple[str, str], Last] = {}
        """By element and collector."""
        self._settings, self._ask = parts.settings, parts.ask
        self._database, self._clock, self._history = database, clock, history
        self._store, self._topology, self._silent = store, topology, silent
        self._threads = ThreadPoolExecutor(parts.settings.at_once, "collector")
        self._turns = Turns(parts.settings.interval_s)
        self._standings, self._recalled = Standings(), False
        self._roster: Roster = {}
        self._assigned: frozenset[tuple[str, str]] = frozenset()
        """Elements and collectors that ask them, or would if they were not locked."""
        self._mistakes: dict[tuple[str, str], str] = {}
        """By element and collector: what kept fabd itself from asking, the last time."""
        self._renewed: float | None = None
        self._busy: dict[tuple[str, str], float] = {}
        """Since when (monotonic)."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: list[Reply] = []
        self._counts = _Counts()

    async def turn(self) -> None:
        """Begin what is due, as far as there is room, and store what has come since the last time."""
        if not self._settings.enabled:
            return
        now = self._clock.monotonic()
        if self._renewed is None or now - self._renewed >= RENEW_S:
            await self._renew(now)
        await self.settle()
        for assignment, collectors in self._turns.take(self._roster, now, self._free):
            key = (assignment.place.element, assignment.place.protocol)
            self._busy[key] = now
            task = asyncio.create_task(self._run(assignment, collectors), name=f"collect {key[0]}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Store what was answered."""
        replies, self._answers = self._answers, []
        if not replies:
            return
        topology = await self._topology()
        await self._write(lambda session: self._digest(session, replies, topology.elements))
        for reply in replies:
            if reply.found is not None:
                self._keep(topology, reply, reply.found)
        again, self._standings.again = self._standings.again, set()
        for element, name in again:
            self._turns.soon((element, self.collectors[name].ask.protocol), name, self._clock.monotonic() + AGAIN_S)

    async def run(self, name: str, element: str) -> Reply:
        """One collector on one element, now; what it finds counts. Raises `NotCollected`."""
        collector = self.collectors.get(name)
        if collector is None:
            raise NotCollected(f"there is no collector {name!r}; there are {', '.join(self.collectors) or 'none'}")
        await self._renew(self._clock.monotonic())
        if element not in (await self._topology()).elements:
            raise NotCollected(f"there is no element {element!r} in the inventory; check the name with `fabd inventory show`")
        assignment = self._roster.get((element, collector.ask.protocol))
        if assignment is None or collector not in assignment.collectors:
            raise NotCollected(
                f"{name} does not ask {element}: that takes an unlocked element of platform {' or '.join(collector.platforms)} "
                f"with an endpoint for {collector.ask.protocol} whose attribute `collectors` does not say otherwise"
            )
        (reply,) = await self._asked(assignment, [collector], self._settings.deadline_s)
        self._note([reply])
        await self.settle()
        return reply

    async def confirm(self, wanted: Iterable[Subject]) -> Mapping[Subject, Answer]:
        """What collectors say of what events claim; nothing for what none of them tells of."""
        if not self._settings.enabled:
            return {}
        await self._known()
        groups: dict[tuple[str, str], list[Subject]] = {}
        for subject in wanted:
            if (key := self._tells(subject[0], subject[2])) is not None:
                groups.setdefault(key, []).append(subject)
        found = await asyncio.gather(*(self._confirmed(key, subjects) for key, subjects in groups.items()))
        return {subject: each for group in found for subject, each in group.items()}

    def roster(self) -> Roster:
        return self._roster

    def fault(self) -> str:
        """What keeps fabd itself from asking; "" when nothing does."""
        told = [f"{text} (first of {len(self._mistakes)})" for _, text in sorted(self._mistakes.items())[:1]]
        now, allowed = self._clock.monotonic(), self._settings.deadline_s + STUCK_S
        stuck = sorted(element for (element, _), since in self._busy.items() if now - since > allowed)
        if stuck:
            told.append(
                f"asking {', '.join(stuck[:NAMED])} does not end; {len(stuck)} of {self._settings.at_once} threads are held by it"
            )
        return "; ".join(told)

    def interval_of(self, collector: Collector) -> float:
        """Seconds."""
        return float(collector.interval_s or self._settings.interval_s)

    async def finished(self) -> None:
        """When those that are being asked have answered, and that is stored."""
        await asyncio.gather(*self._tasks)
        await self.settle()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def families(self) -> Iterator[Family]:
        """For `/metrics`."""
        counts = self._counts
        runs = [Sample({"collector": name, "outcome": outcome}, count) for (name, outcome), count in sorted(counts.runs.items())]
        yield Family("fabd_collector_runs_total", "counter", "Elements asked by collectors, by how it ended.", runs)
        yield Family("fabd_collector_seconds_total", "counter", "Time spent asking.", [Sample({}, counts.seconds)])
        yield Family("fabd_collector_values_total", "counter", "Values that collectors brought.", [Sample({}, counts.values)])
        late = max(0.0, self._turns.lateness(self._clock.monotonic(), self._silent))
        yield Family("fabd_collector_lateness_seconds", "gauge", "How late the next to be asked is.", [Sample({}, late)])
        bad = sum(known.standing == Standing.BAD for known in self._standings.known.values())
        yield Family(
            "fabd_collected_states",
            "gauge",
            "What collectors know the state of.",
            [
                Sample({"standing": "bad"}, bad),
                Sample({"standing": "well"}, len(self._standings.known) - bad),
            ],
        )

    def _free(self, key: tuple[str, str]) -> bool:
        return key not in self._busy and len(self._busy) < self._settings.at_once and not self._silent(key[0])

    async def _known(self) -> None:
        if self._renewed is None:
            await self._renew(self._clock.monotonic())

    async def _renew(self, now: float) -> None:
        everybody = await asyncio.to_thread(self._load)
        self._roster = {key: assignment for key, assignment in everybody.items() if not assignment.locked}
        self._renewed = now
        self._turns.keep(self._roster, now)
        self._assigned = _pairs(everybody)
        asked = _pairs(self._roster)
        self.last = {key: last for key, last in self.last.items() if key in asked}
        self._mistakes = {key: text for key, text in self._mistakes.items() if key in asked}
        if not self._recalled or self._standings.unasked(self._assigned):
            await self._write(self._let_go)

    def _load(self) -> Roster:
        with self._database.read() as session:
            return load_roster(session, list(self.collectors.values()))

    async def _run(self, assignment: Assignment, collectors: Sequence[Collector]) -> None:
        key = (assignment.place.element, assignment.place.protocol)
        try:
            replies = await self._asked(assignment, collectors, self._settings.deadline_s)
            self._turns.done(key, self._clock.monotonic(), reached=any(each.reached for each in replies))
            self._note(replies)
        finally:
            self._busy.pop(key, None)

    async def _asked(self, assignment: Assignment, collectors: Sequence[Collector], seconds: float) -> list[Reply]:
        loop, place = asyncio.get_running_loop(), assignment.place
        try:
            return await loop.run_in_executor(self._threads, self._ask, place, collectors, seconds)
        except Exception as error:
            log.exception("fabd could not ask an element", element=place.element, protocol=place.protocol)
            why = f"fabd made a mistake ({error!r}); its log tells more"
            now = self._clock.now()
            return [Reply(place.element, each, now, 0.0, None, why, reached=False, mistake=True) for each in collectors]

    def _note(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            name, found = reply.collector.name, reply.found
            outcome = _outcome(reply)
            self._mistakes.pop((reply.element, name), None)
            if reply.mistake:
                self._mistakes[reply.element, name] = reply.failure
            known = self.last.get((reply.element, name))
            if reply.failure and (known is None or known.failure != reply.failure):
                log.warning("not collected", element=reply.element, collector=name, reason=reply.failure)
            counts = (len(found.states), len(found.values)) if found else (0, 0)
            self.last[reply.element, name] = Last(reply.at, reply.seconds, reply.failure, *counts)
            self._counts.runs[name, outcome] += 1
            self._counts.seconds += reply.seconds
        self._answers += [reply for reply in replies if reply.found is not None]

    def _digest(self, session: Session, replies: Sequence[Reply], elements: Collection[str]) -> None:
        """`elements`: of the inventory; of others nothing is known any more. Who was let go of meanwhile says nothing."""
        self._standings.keep(session, elements)
        counting = [reply for reply in replies if (reply.element, reply.collector.name) in self._assigned]
        for alarm in take(session, self._standings.digest(session, counting), self._clock.now()):
            log.info("collected", alarm_id=alarm.id, element=alarm.element, cause=alarm.cause, qualifier=alarm.qualifier)

    def _let_go(self, session: Session) -> None:
        gone = self._standings.let_go(session, self._standings.unasked(self._assigned))
        reasons = {subject: self._why_not(subject[0], collector) for subject, collector in gone.items()}
        for alarm in close_conditions(session, reasons, self._clock.now()):
            log.info("not collected any more", alarm_id=alarm.id, element=alarm.element, cause=alarm.cause)

    def _why_not(self, element: str, name: str) -> str:
        if name not in self.collectors:
            return f"there is no collector {name} any more"
        return f"the collector {name} does not ask {element} any more"

    async def _write(self, work: Callable[[Session], object]) -> None:
        """With what is known in memory as it is in the database."""

        def done(session: Session) -> None:
            if not self._recalled:
                self._standings.recall(session)
                self._recalled = True
            work(session)

        try:
            await self._store(done)
        except BaseException:
            self._recalled = False
            raise

    def _keep(self, topology: Topology, reply: Reply, found: Collected) -> None:
        """Values of ports that are in the inventory, under the name that they have there."""
        if not found.values or reply.element not in topology.elements:
            return
        names = [port.name for port in topology.ports_of(reply.element)]
        kept = {
            SeriesKey(f"{PORT}{reply.element}/{name}", value.metric): value.value
            for value in found.values
            if (name := _port(value, names)) is not None
        }
        self._history.take(reply.at, kept)
        self._counts.values += len(kept)
        self._counts.unknown_ports += len(found.values) - len(kept)

    def _tells(self, element: str, cause: str) -> tuple[str, str] | None:
        """Element and protocol, when a collector tells of this there."""
        for collector in self.collectors.values():
            key = element, collector.ask.protocol
            if cause in collector.causes and key in self._roster and collector in self._roster[key].collectors:
                return key
        return None

    async def _confirmed(self, key: tuple[str, str], subjects: Sequence[Subject]) -> Mapping[Subject, Answer]:
        assignment, causes = self._roster[key], {subject[2] for subject in subjects}
        collectors = [each for each in assignment.collectors if each.causes & causes]
        began = time.monotonic()
        try:
            async with asyncio.timeout(CONFIRM_S):
                replies = await self._asked(assignment, collectors, CONFIRM_S)
        except TimeoutError:
            late = f"no answer in {time.monotonic() - began:.0f} s"
            return {subject: Answer(None, f"the element could not be asked: {late}") for subject in subjects}
        self._note(replies)
        for element, _, cause, name in subjects:
            self._standings.heard(element, cause, name)
        return {subject: confirmation(subject, replies) for subject in subjects}


def _pairs(roster: Roster) -> frozenset[tuple[str, str]]:
    """Elements and collectors."""
    return frozenset((element, each.name) for (element, _), assignment in roster.items() for each in assignment.collectors)


def _outcome(reply: Reply) -> str:
    if reply.found is not None:
        return "ok"
    return "mistake" if reply.mistake else "refused" if reply.reached else "failed"


def confirmation(subject: Subject, replies: Iterable[Reply]) -> Answer:
    """What one element's replies say of what an event claims."""
    _, _, cause, name = subject
    for reply in (each for each in replies if cause in each.collector.causes):
        by = reply.collector.name
        if reply.found is None:
            return Answer(None, f"{by} could not ask: {reply.failure}")
        state = reply.found.state(cause, name)
        if state is not None:
            if state.standing is Standing.PASSING:
                return Answer(None, f"{by} finds it {state.shown}, neither well nor not", qualifier=state.qualifier)
            return Answer(None, stands=state.standing is Standing.BAD, shown=f"{by}: {state.shown}", qualifier=state.qualifier)
        if any(rule.cause == cause and rule.absent == "bad" for rule in reply.collector.states):
            return Answer(None, stands=True, shown=f"{by}: not listed")
        return Answer(None, f"{by} lists no such thing")
    return Answer(None, "no collector tells of it")


def _port(value: Value, names: Sequence[str]) -> str | None:
    """IOS shows Gi0/1 where it configures GigabitEthernet0/1."""
    if value.port in names:
        return value.port
    alike = [name for name in names if is_short_for(name, value.port)]
    return alike[0] if len(alike) == 1 else None
