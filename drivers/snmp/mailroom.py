"""One thread that sends what all cycles ask and sorts what comes back, as long as there is anything to do.

Requests go out as fast as their answers find room in the kernel's buffer (the window). A question that is older than some round
trips holds no place in the window any more, so dead elements delay nobody; those that were silent last time have a small window of
their own. Answers of many elements are read together (`lockstep`), and only what does not fit there one by one.
"""

import asyncio
import contextlib
import math
import os
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drivers.snmp import reading
from drivers.snmp.batch import Reason
from drivers.snmp.bulk import SLOTS, Packet
from drivers.snmp.exchange import Arrival, Exchange
from drivers.snmp.lockstep import Layout
from drivers.snmp.reading import Answers
from drivers.snmp.speech import Refused, Speech, Verdict, Wish
from drivers.snmp.visit import Part, Visit
from policies.values import Clock

LINGER_S = 0.5
"""Answers that come late are still counted as such for so long."""
LONGEST_WAIT_S = 0.25
SOON_S = 0.005
"""How long visits wait at most for the window, or for the kernel, to have room again."""
READ_TOGETHER = SLOTS // 2
NOTHING = Part(())

STATUS = {1: "tooBig", 2: "noSuchName", 5: "genErr", 6: "noAccess", 13: "resourceUnavailable", 16: "authorizationError"}
"""Error-status (RFC 3416) that a GET may get."""
REFUSALS = {6, 16}


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why there is no answer."""

    reason: Reason
    detail: str


@dataclass(slots=True)
class Ask:
    """One question under way: of a visit, or one that stands alone."""

    speech: Speech
    address: bytes
    visit: Visit | None = None
    part: Part = NOTHING
    wish: Wish | None = None
    timeout: float = 1.0
    done: Callable[[bytes | Wrong], None] | None = None
    """Called in the mailroom's thread, with the answer's PDU or with what was wrong."""

    @property
    def secured(self) -> bool:
        return self.speech.secured

    def packet(self, request_id: int) -> Packet:
        if self.visit is not None:
            return self.speech.ports(request_id, self.visit.indices_of(self.part), narrow=self.part.narrow)
        assert self.wish is not None  # noqa: S101
        return self.speech.wish(request_id, self.wish)

    def open(self, datagram: bytes) -> tuple[int, bytes | Verdict | Refused]:
        return self.speech.open(datagram)


@dataclass(slots=True, eq=False)
class Cycle:
    """Visits that fill one builder."""

    visits: Sequence[Visit]
    done: Callable[[], object]
    """Called in the mailroom's thread when all are over."""
    left: int = 0


Work = Cycle | Ask


def tell(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """In the loop's own thread; nobody listens there any more when it is closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what)


class Mailroom:
    """Any thread may hand in work; it is done in a thread of its own, which ends when there is none."""

    def __init__(self, clock: Clock, layouts: Mapping[bool, Layout], *, window: int, suspects: int, attempt: float) -> None:
        self.clock, self.layouts, self.attempt = clock, layouts, attempt
        self.window, self.suspects = window, suspects
        self.drops: Counter[str] = Counter()
        """Reason → datagrams that came and were not used."""
        self._guard = threading.Lock()
        self._work: list[Work] = []
        self._wake: int | None = None

    def hand_in(self, work: Work) -> None:
        """Raises `OSError` or `RuntimeError` when no thread is to be had; then the work is not handed in."""
        with self._guard:
            if self._wake is None:
                self._wake = self._begin_shift()
            else:
                os.eventfd_write(self._wake, 1)
            self._work.append(work)

    def _begin_shift(self) -> int:
        wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            threading.Thread(target=_Shift(self, wake).run, name="snmp", daemon=True).start()
        except BaseException:
            os.close(wake)
            raise
        os.eventfd_write(wake, 1)
        return wake

    def take_work(self) -> list[Work]:
        with self._guard:
            work, self._work = self._work, []
        return work

    def go_home(self, *, anyway: bool = False) -> bool:
        """Whether the shift may end."""
        with self._guard:
            if self._work and not anyway:
                return False
            if self._wake is not None:
                os.close(self._wake)
                self._wake = None
            return True


@dataclass
class _Lane:
    """Visits with something to ask."""

    window: int
    suspect: bool
    ready: deque[Visit] = field(default_factory=deque)


class _Shift:
    """The thread and its state, from the first work to the last."""

    def __init__(self, room: Mailroom, wake: int) -> None:
        self._room, self._wake = room, wake
        self._exchanges: dict[socket.AddressFamily, Exchange[Ask]] = {}
        self._lanes = {False: _Lane(room.window, suspect=False), True: _Lane(room.suspects, suspect=True)}
        self._cycle_of: dict[int, Cycle] = {}
        self._alone: deque[Ask] = deque()
        self._under_way = 0
        """Questions that stand alone."""
        self._poll = select.poll()
        self._unread: dict[socket.AddressFamily, list[Answers]] = {}

    def run(self) -> None:
        self._poll.register(self._wake, select.POLLIN)
        idle_since = time.monotonic()
        try:
            while True:
                self._turn()
                now = time.monotonic()
                if self._cycle_of or self._under_way:
                    idle_since = now
                elif now - idle_since >= LINGER_S and self._room.go_home():
                    return
        except Exception as error:
            self._room.go_home(anyway=True)
            self._abandon(f"fabd itself failed: {error!r}")
            raise
        finally:
            for exchange in self._exchanges.values():
                exchange.close()

    def _abandon(self, why: str) -> None:
        """Nobody may wait for ever."""
        for work in self._room.take_work():
            self._begin(work)
        wrong = Wrong(Reason.PROTOCOL, why)
        for visit in [visit for cycle in set(self._cycle_of.values()) for visit in cycle.visits]:
            visit.unread = 0
            visit.give_up(wrong.reason, wrong.detail)
            self._close_if_over(visit)
        for ask in (*self._alone, *(ask for exchange in self._exchanges.values() for ask in exchange.outstanding())):
            if ask.done is not None:
                ask.done(wrong)

    def _turn(self) -> None:
        for work in self._room.take_work():
            self._begin(work)
        self._expire()
        self._send()
        self._wait()
        for family, exchange in self._exchanges.items():
            arrival = exchange.receive(time.monotonic())
            if arrival is not None:
                self._sort(family, arrival)
            refused, exchange.refused = exchange.refused, []
            for ask, why in refused:
                self._failed(ask, Wrong(Reason.AUTHENTICATION, why))
            waiting = sum(len(answers.asked) for answers in self._unread[family])
            if waiting and (arrival is None or waiting >= READ_TOGETHER or exchange.socket.full):
                self._read(family)
            if not self._unread[family]:
                exchange.socket.empty()

    def _begin(self, work: Work) -> None:
        if isinstance(work, Ask):
            self._under_way += 1
            self._alone.append(work)
            return
        work.left = len(work.visits)
        for visit in work.visits:
            self._cycle_of[id(visit)] = work
            self._lanes[visit.memory.silent].ready.append(visit)
        if not work.visits:
            work.done()

    def _exchange(self, family: socket.AddressFamily) -> Exchange[Ask]:
        """Raises `OSError`: this host may know no IPv6, or have no file descriptor left."""
        if family not in self._exchanges:
            self._exchanges[family] = Exchange(family, self._room.drops)
            self._unread[family] = []
            self._poll.register(self._exchanges[family].socket.fileno(), select.POLLIN)
        return self._exchanges[family]

    # -- asking

    def _send(self) -> None:
        now = time.monotonic()
        while self._alone:
            ask = self._alone.popleft()
            try:
                exchange = self._exchange(ask.speech.endpoint.family)
            except OSError as error:
                self._failed(ask, Wrong(Reason.UNREACHABLE, _no_socket(error)))
            else:
                exchange.ask(ask, ask.timeout, suspect=False)
        for lane in self._lanes.values():
            self._fill(lane, now)
        for exchange in self._exchanges.values():
            for ask, why in exchange.flush():
                self._failed(ask, Wrong(Reason.UNREACHABLE, f"cannot be sent to: {why.strerror}"))

    def _fill(self, lane: _Lane, now: float) -> None:
        """As many questions as the window bears."""
        while lane.ready:
            try:
                exchange = self._exchange(lane.ready[0].speech.endpoint.family)
            except OSError as error:
                visit = lane.ready.popleft()
                visit.give_up(Reason.UNREACHABLE, _no_socket(error))
                self._close_if_over(visit)
                continue
            room = min(lane.window, exchange.socket.room) - exchange.fresh(now, lane.suspect)
            count = min(room, exchange.room, len(lane.ready))
            if count <= 0:
                return
            for _ in range(count):
                self._ask(lane.ready.popleft(), now)

    def _ask(self, visit: Visit, now: float) -> None:
        if visit.deadline == math.inf:
            visit.deadline = now + visit.job.timeout
        part = visit.part()
        if part is None:
            visit.waiting = False
            self._close_if_over(visit)
            return
        left = visit.deadline - now
        if left <= 0:
            visit.out_of_time(part)
            self._go_on(visit)
            return
        endpoint = visit.speech.endpoint
        ask = Ask(visit.speech, endpoint.address, visit, part)
        self._exchange(endpoint.family).ask(ask, min(self._room.attempt, left), suspect=visit.memory.silent)

    # -- what became of it

    def _expire(self) -> None:
        now = time.monotonic()
        for exchange in self._exchanges.values():
            for ask, misread in exchange.expired(now):
                if misread:
                    self._failed(ask, Wrong(Reason.PROTOCOL, misread))
                else:
                    self._failed(ask, Wrong(Reason.TIMEOUT, ""))

    def _failed(self, ask: Ask, wrong: Wrong) -> None:
        if ask.visit is not None:
            ask.visit.failed(ask.part, wrong.reason, wrong.detail)
            self._go_on(ask.visit)
        elif ask.done is not None:
            self._under_way -= 1
            ask.done(wrong)

    def _go_on(self, visit: Visit) -> None:
        """Those that have begun go first, so that they are soon over and few are under way at the same time."""
        if visit.over:
            self._close_if_over(visit)
        else:
            visit.waiting = True
            self._lanes[visit.memory.silent].ready.appendleft(visit)

    def _close_if_over(self, visit: Visit) -> None:
        if not visit.over:
            return
        cycle = self._cycle_of.pop(id(visit), None)
        if cycle is None:
            return
        visit.memory.heard(visit.heard)
        cycle.left -= 1
        if not cycle.left:
            cycle.done()

    # -- receiving

    def _wait(self) -> None:
        """Until something comes, is handed in or expires; not at all while there are answers to be read."""
        if any(self._unread.values()):
            timeout = 0.0
        else:
            soonest = min((exchange.next_expiry() for exchange in self._exchanges.values()), default=math.inf)
            timeout = min(max(soonest - time.monotonic(), 0.0), LONGEST_WAIT_S)
            if any(lane.ready for lane in self._lanes.values()) or any(each.unsent for each in self._exchanges.values()):
                timeout = min(timeout, SOON_S)
        for descriptor, _ in self._poll.poll(math.ceil(timeout * 1000)):
            if descriptor == self._wake:
                os.eventfd_read(self._wake)

    def _sort(self, family: socket.AddressFamily, arrival: Arrival[Ask]) -> None:
        """Answers to visits wait to be read together; what else there is goes to who asked."""
        wall, monotonic, now = self._room.clock.now().timestamp(), self._room.clock.monotonic(), time.monotonic()
        heads = arrival.heads
        columnar: list[int] = []
        asked: list[tuple[Visit, Part]] = []
        for row, (ask, status) in enumerate(zip(arrival.asked, heads.status.tolist(), strict=True)):
            if status:
                self._refused(ask, status)
            elif ask.visit is not None:
                columnar.append(row)
                asked.append((ask.visit, ask.part))
                ask.visit.answered(now)
                self._go_on(ask.visit)
            elif ask.done is not None:
                self._under_way -= 1
                ask.done(arrival.words.octets(int(heads.pdu[row]), int(heads.end[row])))
        if columnar:
            rows = np.array(columnar)
            stamps = np.full(len(rows), wall), np.full(len(rows), monotonic)
            self._unread[family].append(Answers(asked, heads.pdu[rows], heads.bindings[rows], heads.end[rows], *stamps))

    def _refused(self, ask: Ask, status: int) -> None:
        reason = Reason.AUTHENTICATION if status in REFUSALS else Reason.PROTOCOL
        self._failed(ask, Wrong(reason, f"the agent answers with error-status {status} ({STATUS.get(status, 'unknown')})"))

    def _read(self, family: socket.AddressFamily) -> None:
        parts, self._unread[family] = self._unread[family], []
        now = time.monotonic()
        for answers in Answers.of(parts).by_cycle():
            reading.read(self._exchanges[family].words, self._room.layouts, answers, now)
            for visit, _ in answers.asked:
                visit.unread -= 1
                if not visit.waiting:
                    self._go_on(visit)


def _no_socket(error: OSError) -> str:
    return f"no socket to ask it from: {error.strerror}"
