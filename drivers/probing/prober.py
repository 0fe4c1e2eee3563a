"""Sends test packets to many targets at their intervals and counts what comes back: one thread, one socket for each kind.

Nothing waits for a packet. Every tick sends what is due, then reads what the kernel has kept with its own time of arrival, so
that neither the tick nor a busy process shows in the delays.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drivers.probing.allowance import Allowance
from drivers.probing.channel import Answer, Channel
from drivers.probing.clock import ntp_of, own_estimate, unix_of
from drivers.probing.errors import NoProbeSocket, ProberStopped, TooMuch
from drivers.probing.tally import Tally
from drivers.probing.target import Kind, ProbeTarget

TICK_S = 0.02
MINUTE = 60
MOST_MINUTES = 10
"""Finished minutes that are kept until somebody takes them; older ones are dropped and counted."""
SECOND = 10**9
CLOCK_SLACK_S = 0.005
ROUNDING = 1e-9
GOLDEN = 0.6180339887498949
"""Its multiples spread over an interval, however many there are."""


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    packets_per_second: int = 2000
    """Of a prober that shares no `Allowance` with others."""
    sessions: int = 10_000
    timeout_s: float = 2.0
    """Answers that take longer count as lost."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What became of the packets of one minute of the clock, by target."""

    start: int
    """Unix seconds."""
    tallies: Mapping[ProbeTarget, Tally]
    expected: Mapping[ProbeTarget, float]
    """Packets that a whole minute would have had."""


@dataclass(slots=True)
class _Session:
    target: ProbeTarget
    interval: float
    channel: Channel
    tally: Tally = field(default_factory=Tally)
    left: int | None = None
    """Packets still to be sent; None: for as long as it is wanted."""
    size: int = 0
    sequence: int = 0
    newest: int = -1
    """Highest sequence of ours that was answered."""
    over: bool = False


@dataclass(slots=True)
class _Packet:
    session: _Session
    tally: Tally
    sequence: int
    left_at: int
    """Unix nanoseconds; the kernel's as soon as it has told."""
    due: float
    """Monotonic: later answers are too late."""
    answered: bool = False


class Prober:
    """`start`, `watch` and `minutes` for what is measured all the time; `measure` for once. `stop` ends its thread."""

    def __init__(self, limits: ProbeLimits = ProbeLimits(), allowance: Allowance | None = None, *, span_s: int = MINUTE) -> None:
        """`allowance`: what it shares with other probers; `span_s`: what a minute lasts."""
        self.limits, self._span = limits, span_s
        self._allowance = allowance or Allowance(limits.packets_per_second)
        self.failure: Exception | None = None
        """What ended its thread; it has to be replaced by another one then."""
        self.packets = 0
        """Sent since the start."""
        self.dropped_minutes = 0
        self._guard = threading.Lock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._channels: dict[tuple[Kind, int], Channel] = {}
        self._sessions: dict[ProbeTarget, _Session] = {}
        self._due: list[tuple[float, int, _Session]] = []
        self._count = 0
        self._flying: dict[int, _Packet] = {}
        self._minute = 0
        self._closing: deque[tuple[float, Minute]] = deque()
        self._minutes: deque[Minute] = deque()
        self._last_stamp = 0
        self._error, self._trusted = 0, False
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)
        for channel in self._channels.values():
            channel.close()

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    @property
    def strange(self) -> int:
        """Packets that came to our sockets and were no answer to anything of ours."""
        return sum(channel.strange for channel in self._channels.values())

    def watch(self, wanted: Mapping[ProbeTarget, float]) -> dict[ProbeTarget, str]:
        """Measure exactly these from now on, each so many seconds after the last; what cannot be, and why.

        Raises `TooMuch` when all of them together are more than may be sent; then nothing changes.
        """
        rate = sum(1 / interval for interval in wanted.values())
        if len(wanted) > self.limits.sessions:
            raise TooMuch(
                f"{len(wanted)} targets to measure are more than {self.limits.sessions}; raise the limit or measure fewer"
            )
        self._allowance.watch(rate)
        refused: dict[ProbeTarget, str] = {}
        with self._guard:
            for target, session in list(self._sessions.items()):
                if wanted.get(target) != session.interval:
                    session.over = True
                    del self._sessions[target]
            for target, interval in wanted.items():
                if target not in self._sessions:
                    try:
                        self._sessions[target] = self._begin(target, interval, None, 0)
                    except NoProbeSocket as error:
                        refused[target] = str(error)
        self._wake.set()
        return refused

    def minutes(self) -> list[Minute]:
        """Minutes that are over and done with since the last time."""
        with self._guard:
            found, self._minutes = list(self._minutes), deque()
        return found

    def measure(
        self, targets: Sequence[ProbeTarget], *, packets: int, interval_s: float, deadline: float, size: int = 0
    ) -> dict[ProbeTarget, Tally]:
        """Once, and wait for it: all targets at the same time.

        `deadline`: on the monotonic clock; what is not back by then is lost, what was not sent by then is not counted.
        Raises `TooMuch`, `NoProbeSocket` or `ProberStopped`.
        """
        if len(targets) / interval_s > self._allowance.per_second * (1 + ROUNDING):
            raise TooMuch(
                f"{len(targets)} targets each {interval_s:g} s are more than {self._allowance.per_second:g} packets per second; "
                "send them at longer intervals"
            )
        with self._guard:
            sessions = [self._begin(target, interval_s, packets, size) for target in dict.fromkeys(targets)]
        self._wake.set()
        while time.monotonic() < deadline and not self._stopping.is_set():
            self._require()
            with self._guard:
                flying = any(packet.session in sessions and not packet.answered for packet in self._flying.values())
                if not flying and all(session.left == 0 for session in sessions):
                    break
            time.sleep(TICK_S)
        with self._guard:
            for session in sessions:
                session.over = True
            return {session.target: session.tally for session in sessions}

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  whoever made the prober has to know, whatever it is
            self.failure = error

    def _require(self) -> None:
        if self.failure is not None:
            raise ProberStopped(f"what sends test packets ended by itself: {self.failure!r}") from self.failure

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._guard:
                self._turn_minute()
                self._send_due()
                self._read()
                self._land()
                pause = self._pause()
            self._wake.wait(pause)
            self._wake.clear()

    def _pause(self) -> float | None:
        """A tick while something is under way; else until the next packet is due, or somebody wakes us."""
        if self._flying or self._closing:
            return TICK_S
        return max(TICK_S, self._due[0][0] - time.monotonic()) if self._due else None

    def _begin(self, target: ProbeTarget, interval: float, packets: int | None, size: int) -> _Session:
        session = _Session(target, interval, self._channel(target), left=packets, size=size)
        self._count += 1
        offset = 0.0 if packets is not None else self._count * GOLDEN % 1 * interval
        heapq.heappush(self._due, (time.monotonic() + offset, self._count, session))
        return session

    def _channel(self, target: ProbeTarget) -> Channel:
        key = target.kind, target.version
        if key not in self._channels:
            self._channels[key] = Channel(*key)
        return self._channels[key]

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due, number, session = self._due[0]
            if session.over:
                heapq.heappop(self._due)
                continue
            if not self._allowance.take():
                return
            heapq.heappop(self._due)
            self._send(session, now)
            if session.left is not None:
                session.left -= 1
            if session.left != 0:
                following = due + session.interval
                heapq.heappush(self._due, (following if following > now else now + session.interval, number, session))

    def _send(self, session: _Session, now: float) -> None:
        wall = time.time_ns()
        stamp = self._last_stamp = max(ntp_of(wall), self._last_stamp + 1)
        problem = session.channel.send(session.target, session.sequence, stamp, self._error, session.size)
        if problem:
            session.tally.problem = problem
            return  # what never left this machine says nothing of the other
        session.tally.sent += 1
        self._flying[stamp] = _Packet(session, session.tally, session.sequence, wall, now + self.limits.timeout_s)
        session.sequence += 1
        self.packets += 1

    def _read(self) -> None:
        for channel in self._channels.values():
            for departure in channel.departures():
                if packet := self._flying.get(departure.stamp):
                    packet.left_at = departure.at
            for answer in channel.answers(self._key):
                self._take(channel, answer, answer.at or time.time_ns())

    def _key(self, stamp: int) -> bytes | None:
        """Of the packet that left with that stamp."""
        packet = self._flying.get(stamp)
        return None if packet is None else packet.session.target.key

    def _take(self, channel: Channel, answer: Answer, at: int) -> None:
        packet = self._flying.get(answer.stamp)
        target = packet.session.target if packet else None
        if packet is None or target is None or (answer.source, answer.port) != (target.host, target.port):
            channel.strange += 1
            return
        tally = packet.tally
        if packet.answered:
            tally.duplicates += 1
            return
        packet.answered = True
        spent = (at - packet.left_at) / SECOND
        elapsed = time.monotonic() - packet.due + self.limits.timeout_s
        if not -CLOCK_SLACK_S <= spent <= elapsed + CLOCK_SLACK_S:
            tally.sent -= 1  # somebody set the clock meanwhile: the packet tells nothing
        elif spent > self.limits.timeout_s:
            tally.late += 1
        else:
            self._count_in(packet, answer, at, spent)

    def _count_in(self, packet: _Packet, answer: Answer, at: int, spent: float) -> None:
        tally, session, back = packet.tally, packet.session, answer.back
        if packet.sequence < session.newest:
            tally.reordered += 1
        session.newest = max(session.newest, packet.sequence)
        if back is None:
            tally.delays.append(max(0.0, spent))
            return
        came, went = unix_of(back.received, at), unix_of(back.stamp, at)
        tally.delays.append(max(0.0, spent - max(0, went - came) / SECOND))
        if self._trusted and back.estimate.synchronised:
            tally.forward.append((came - packet.left_at) / SECOND)
            tally.backward.append((at - went) / SECOND)
        if tally.first_back is None:
            tally.first_back, tally.first_asked = back.sequence, packet.sequence
        tally.last_back, tally.last_asked = back.sequence, packet.sequence

    def _land(self) -> None:
        """Forget packets whose time is over; a minute is done when the last of its packets is."""
        now = time.monotonic()
        while self._flying:
            stamp, packet = next(iter(self._flying.items()))
            if packet.due > now:
                break
            del self._flying[stamp]
        while self._closing and self._closing[0][0] <= now:
            self._minutes.append(self._closing.popleft()[1])
            if len(self._minutes) > MOST_MINUTES:
                self._minutes.popleft()
                self.dropped_minutes += 1

    def _turn_minute(self) -> None:
        minute = int(time.time()) // self._span * self._span
        if minute == self._minute:
            return
        estimate = own_estimate()
        self._error, self._trusted = estimate.pack(), estimate.synchronised
        began, self._minute = self._minute, minute
        sessions = list(self._sessions.values())
        tallies = {session.target: session.tally for session in sessions if session.tally.sent or session.tally.problem}
        if began and tallies:
            expected = {session.target: self._span / session.interval for session in sessions}
            done = time.monotonic() + self.limits.timeout_s + 2 * TICK_S
            self._closing.append((done, Minute(began, tallies, expected)))
        for session in sessions:
            session.tally = Tally()
