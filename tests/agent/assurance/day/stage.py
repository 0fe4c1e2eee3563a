"""The day as it is played: the steps of all faults at their seconds, the traps that follow, and fabd's jobs at their intervals."""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.handling import Word, acknowledge, shelve
from agent.assurance.tables import AlarmRow
from crm_bridge.exclusions import NewExclusion, exclude
from crm_bridge.maintenance import announce, cancel
from drivers.events.syslog import parse
from drivers.snmp import oids
from inventory.maintenance import NewMaintenance
from inventory.reach import Scope
from policies.values import Interval
from tests.agent.assurance.day.network import LENGTH, SERVICES, START, DayWorld
from tests.agent.assurance.day.plant import word_of
from tests.agent.assurance.day.script import Fault, Step, Window

TRAP_AFTER = 1
MINUTE = timedelta(minutes=1)
SETTLED = 600
"""Seconds after the day until its last periods are judged."""
TRAPS = {"linkDown": oids.LINK_DOWN, "linkUp": oids.LINK_UP, "coldStart": oids.COLD_START}


@dataclass
class Stage:
    world: DayWorld
    faults: Sequence[Fault]
    ended: dict[str, int] = field(default_factory=dict)
    """Service → the second at which it was given up."""
    excused: list[tuple[str, int, int]] = field(default_factory=list)
    stopped: bool = False
    _due: list[tuple[int, int, Callable[[], Any]]] = field(default_factory=list)
    _number: "count[int]" = field(default_factory=count)
    _announced: dict[str, str] = field(default_factory=dict)
    """Name of the fault → id of its last maintenance."""

    def play(self) -> None:
        for fault in self.faults:
            for window in fault.windows:
                self._plan(fault, window)
            for step in fault.steps:
                self._at(fault.second + step[0], self._step(fault, step))
        asyncio.run(self._live())

    async def _live(self) -> None:
        for second in range(LENGTH + SETTLED):
            while self._due and self._due[0][0] <= second:
                done = heapq.heappop(self._due)[2]()
                if done is not None:
                    await done
            if not self.stopped:
                for job in self.world.service.jobs():
                    # Cycles begin with the minute, whenever fabd was started: so the table can say when somebody is asked.
                    if not timedelta(seconds=second) % (MINUTE if job.name == "poll" else job.interval):
                        await job.work()
            self.world.clock.advance(1)

    def _at(self, second: int, act: Callable[[], Any]) -> None:
        heapq.heappush(self._due, (second, next(self._number), act))

    def _step(self, fault: Fault, step: Step) -> Callable[[], Any]:
        _, verb, name, *more = step
        act = getattr(self, f"_{verb.replace(' ', '_')}")

        def acted() -> Any:
            done = act(fault, fault.full(name), *more)
            self._follow(fault)
            return done

        return acted

    def _follow(self, fault: Fault) -> None:
        """Ports follow what was done, and those who see it say so."""
        for reference in self.world.plant.settle():
            if fault.told:
                self._tell(reference, word_of(self.world.plant.port(reference).oper == 1))

    def _tell(self, reference: str, oid: str) -> None:
        self._at(self.world.plant.second + TRAP_AFTER, lambda: self._hear(reference, oid))

    async def _hear(self, reference: str, oid: str, source: str = "") -> None:
        if not self.stopped and (source or self.world.plant.answers(reference.partition("/")[0])):
            await self.world.service.hearing.desk.handle([self.world.trap_of(reference, oid, source=source)])

    # -- the network

    def _cut(self, _fault: Fault, link: str) -> None:
        self.world.plant.cut.add(link)

    def _mend(self, _fault: Fault, link: str) -> None:
        self.world.plant.cut.remove(link)

    def _swallow(self, _fault: Fault, link: str) -> None:
        self.world.plant.swallowing.add(link)

    def _carry(self, _fault: Fault, link: str) -> None:
        self.world.plant.swallowing.remove(link)

    def _part(self, _fault: Fault, where: str) -> Any:
        return self._neighbours(where, parted=True)

    def _meet(self, _fault: Fault, where: str) -> Any:
        return self._neighbours(where, parted=False)

    async def _neighbours(self, where: str, *, parted: bool) -> None:
        """As OSPF's daemon of FRRouting says it; what cannot be sent to fabd is not told."""
        change = "Full -> Deleted (InactivityTimer)" if parted else "Loading -> Full (LoadingDone)"
        for port in self.world.plant.links.get(where, (where,)):
            element, _, name = port.partition("/")
            host = self.world.host(element)
            said = f"AdjChg: Nbr {element}-{name} on {name}:10.0.0.1: {change}"
            line = f"<29>1 {self.world.clock.now().isoformat()} {host} frr - - - {said}"
            if not self.stopped and self.world.plant.answers(element):
                self.world.plant.log.parted[port].append((self.world.plant.second, parted))
                await self.world.service.hearing.desk.handle([parse(line.encode(), self.world.clock.now(), host)])

    def _off(self, _fault: Fault, element: str) -> None:
        self.world.plant.off.add(element)

    def _boot(self, fault: Fault, element: str) -> None:
        self.world.plant.boot(element)
        if fault.told:
            self._tell(element, oids.COLD_START)

    def _hang(self, _fault: Fault, element: str) -> None:
        self.world.plant.hung.add(element)

    def _wake(self, _fault: Fault, element: str) -> None:
        self.world.plant.hung.remove(element)

    def _lose(self, _fault: Fault, element: str, answers: int) -> None:
        self.world.plant.lost[element] = answers

    def _shut(self, _fault: Fault, port: str) -> None:
        self.world.plant.shut.add(port)

    def _open(self, _fault: Fault, port: str) -> None:
        self.world.plant.shut.remove(port)

    def _renumber(self, _fault: Fault, element: str) -> None:
        for port in self.world.plant.elements[element].ports.values():
            port.index += 100

    def _vanish(self, _fault: Fault, port: str) -> None:
        self.world.plant.pull(port)

    def _appear(self, _fault: Fault, port: str) -> None:
        self.world.plant.plug(port)

    def _reset(self, _fault: Fault, port: str) -> None:
        self.world.plant.count_from(port, 0)

    def _discontinue(self, _fault: Fault, port: str) -> None:
        self.world.plant.count_from(port, 7_000_000_000)
        self.world.plant.port(port).discontinuity = self.world.plant.uptime(port.partition("/")[0])

    def _wrap(self, _fault: Fault, element: str, seconds: int) -> None:
        """By a start 497 days ago. Its ports have been up since a day after that."""
        whole = timedelta(seconds=2**32 / 100 - seconds)
        self.world.plant.elements[element].booted = self.world.clock.now() - whole
        for port in self.world.plant.elements[element].ports.values():
            port.changed = 8_640_000

    def _hurry(self, _fault: Fault, element: str, ppm: int) -> None:
        self.world.plant.fast[element] = (self.world.clock.now(), ppm)

    # -- what is said

    def _say(self, _fault: Fault, reference: str, said: tuple[str, str, int]) -> Any:
        """The trap, the address that it comes from ("" for the element's own), and how often."""
        trap, source, times = said

        async def spoken() -> None:
            for _ in range(times):
                await self._hear(reference, TRAPS[trap], source or self.world.host(reference.partition("/")[0]))

        return spoken()

    # -- people

    def _plan(self, fault: Fault, window: Window) -> None:
        at = fault.second + window.begin - window.notice
        if at < 0:
            self._write(fault, window, at)
        else:
            self._at(at, lambda: self._write(fault, window, at))

    def _write(self, fault: Fault, window: Window, at: int) -> None:
        begin, end = (_instant(fault.second + each) for each in (window.begin, window.end))
        new = NewMaintenance(begin, end, fault.name, (Scope(window.kind, fault.full(window.name)),))
        with self.world.database.write() as session:
            self._announced[fault.name] = announce(session, new, _instant(at), by="planner").id

    def _announce(self, fault: Fault, _name: str, window: Window) -> None:
        """Now, whenever it begins."""
        self._write(fault, window, self.world.plant.second)

    def _call_off(self, fault: Fault, _name: str) -> None:
        with self.world.database.write() as session:
            cancel(session, self._announced[fault.name], self.world.clock.now(), by="planner")

    def _excuse(self, fault: Fault, service: str, span: tuple[int, int]) -> None:
        begin, end = (fault.second + each for each in span)
        self.excused.append((service, begin, end))
        with self.world.database.write() as session:
            new = NewExclusion(service, "customerCaused", Interval(_instant(begin), _instant(end)), fault.name)
            exclude(session, new, self.world.clock.now(), by="planner")

    def _acknowledge(self, fault: Fault, _name: str) -> None:
        self._handle(fault, acknowledge)

    def _shelve(self, fault: Fault, _name: str) -> None:
        self._handle(fault, shelve)

    def _handle(self, fault: Fault, act: Callable[[Session, Iterable[str], Word, datetime], object]) -> None:
        with self.world.database.write() as session:
            standing = select(AlarmRow.id).where(AlarmRow.cleared_at.is_(None), AlarmRow.element.startswith(f"{fault.town}-"))
            act(session, list(session.scalars(standing)), Word("noc"), self.world.clock.now())

    def _end(self, _fault: Fault, service: str) -> Any:
        self.ended[service] = self.world.plant.second
        return asyncio.to_thread(self.world.delete, service, SERVICES[service].ends)

    # -- fabd

    def _stop(self, _fault: Fault, _name: str) -> None:
        self.stopped = True

    def _start(self, _fault: Fault, _name: str) -> None:
        self.world.restarted()
        self.stopped = False


def _instant(second: int) -> datetime:
    return START + timedelta(seconds=second)
