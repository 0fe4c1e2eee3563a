# ruff: noqa: ARG002  fakes take what the ports say and need little of it
"""Elements in memory behind the driver port, which fail on demand at every phase, and a plan's surroundings."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from agent.fulfillment.lifecycle import CounterReading, CounterReadings
from drivers.errors import EditRefused, ElementDisconnected, ElementError, ElementLocked, ElementTimeout, ElementUnreachable
from drivers.port import ChangeSet, Check, CheckOutcome, CheckResult, Commitment, PortState, Standing, Verification


class Killed(BaseException):
    """kill -9: nothing catches it, nothing is cleaned up after it."""


def lines(text: str) -> set[str]:
    return set(text.splitlines())


@dataclass
class FakeElement:
    """Configuration is a set of lines; a provisional commit remembers what was before it."""

    name: str
    commitment: Commitment = Commitment.CONFIRMED
    running: set[str] = field(default_factory=set)
    startup: set[str] = field(default_factory=set)
    ports_down: set[str] = field(default_factory=set)
    before: set[str] | None = None
    persist: str = ""
    locked_by: str = ""
    reachable: bool = True
    faults: list[tuple[str, str, BaseException]] = field(default_factory=list)
    """(phase, before or after, what is raised), each once."""
    checks: dict[str, CheckOutcome] = field(default_factory=dict)
    """Service tests that do not pass."""
    calls: list[str] = field(default_factory=list)
    sessions: int = 0
    frozen: bool = False
    """The daemon was killed without its connections being cut: sessions stay as they are."""

    def fail(self, phase: str, error: BaseException, *, when: str = "before", times: int = 1) -> None:
        self.faults += [(phase, when, error)] * times

    def expire(self) -> None:
        """The confirmation timeout ends."""
        if self.before is not None:
            self.running, self.before, self.persist = self.before, None, ""

    def reboot(self) -> None:
        self.running, self.before, self.persist, self.locked_by = set(self.startup), None, "", ""

    def play(self, phase: str, when: str) -> None:
        if when == "before":
            self.calls.append(phase)
        for fault in self.faults:
            if fault[:2] == (phase, when):
                self.faults.remove(fault)
                raise fault[2]
        if not self.reachable:
            raise ElementUnreachable(self.name, "no route to host")


class FakeSession:
    def __init__(self, element: FakeElement) -> None:
        element.sessions += 1
        self.element = element
        self.session_id = f"{element.name}-{element.sessions}"
        self.transcript = ""
        self.candidate: ChangeSet | None = None
        self.closed = False

    def lock(self, deadline: float) -> None:
        with self._phase("lock"):
            if self.element.locked_by not in ("", self.session_id):
                raise ElementLocked(
                    self.element.name, f"locked by session {self.element.locked_by}", session=self.element.locked_by
                )
            self.element.locked_by = self.session_id

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        with self._phase("stage"):
            assert self.element.locked_by == self.session_id
            self.candidate = change
            return change

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:
        with self._phase("commit"):
            assert self.candidate == change
            if self.element.commitment is Commitment.CONFIRMED:
                self.element.before, self.element.persist = set(self.element.running), persist
            self._turn(change)
            self.transcript = f"committed {change.forward}"

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        with self._phase("extend"):
            assert self.element.commitment is Commitment.CONFIRMED

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        with self._phase("verify"):
            running = self.element.running
            return Verification(
                missing=tuple(sorted(lines(change.after) - running)),
                leftover=tuple(sorted((lines(change.before) - lines(change.after)) & running)),
                ports=tuple(PortState(port, True, port not in self.element.ports_down) for port in change.ports),
            )

    def check(self, check: Check, deadline: float) -> CheckResult:
        with self._phase("check"):
            return CheckResult(check, self.element.checks.get(str(check), CheckOutcome.PASSED), "as the test wants it")

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        with self._phase("standing"):
            before, after, running = lines(change.before), lines(change.after), self.element.running
            if running & (before | after) == after:
                return Standing.AFTER
            return Standing.BEFORE if running & (before | after) == before else Standing.MIXED

    def confirm(self, persist: str, deadline: float) -> None:
        with self._phase("confirm"):
            if self.element.persist == persist:
                self.element.before, self.element.persist = None, ""

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:
        with self._phase("revert"):
            if persist and self.element.persist == persist:
                self.element.expire()
            else:
                self._turn(change.inverted())

    def save(self, deadline: float) -> None:
        with self._phase("save"):
            self.element.startup = set(self.element.running)

    def abort(self, deadline: float) -> None:
        with suppress(ElementError), self._phase("abort"):
            self._unlock()

    def close(self) -> None:
        self.closed = True
        if not self.element.frozen:
            self._unlock()

    def _turn(self, change: ChangeSet) -> None:
        self.element.running = self.element.running - lines(change.before) | lines(change.after)

    def _unlock(self) -> None:
        self.candidate = None
        if self.element.locked_by == self.session_id:
            self.element.locked_by = ""

    def _phase(self, name: str) -> "_Phase":
        assert not self.closed, "a closed session was used"
        return _Phase(self.element, name)


@dataclass
class _Phase:
    element: FakeElement
    name: str

    def __enter__(self) -> None:
        self.element.play(self.name, "before")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.element.play(self.name, "after")


class FakeDoors:
    """Doors straight to the elements."""

    def __init__(self, *elements: FakeElement) -> None:
        self.elements = {element.name: element for element in elements}

    def to(self, element: str) -> "FakeDoor":
        return FakeDoor(self.elements[element])

    def look_ahead(self, session, elements) -> None:
        pass


@dataclass
class FakeDoor:
    element: FakeElement

    def open(self, deadline: float) -> FakeSession:
        self.element.play("connect", "before")
        self.element.frozen = False
        return FakeSession(self.element)

    def end(self, session_id: str, deadline: float) -> None:
        self.element.play("end", "before")
        if self.element.locked_by == session_id:
            self.element.locked_by = ""


class FakeLifecycle:
    """Remembers what it was told; counters are the number of the reading."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.read: list[tuple[str, ...]] = []
        self.told: list[tuple[str, str, tuple[int, ...]]] = []
        self.new: list[set[str]] = []

    def look_ahead(self, session, ports) -> None:
        pass

    def read_counters(self, ports, deadline) -> CounterReadings:
        self.read.append(tuple(ports))
        number = len(self.read)
        return CounterReadings("pll-1", tuple(CounterReading(port, self.clock.now(), 1, 0, number, number) for port in ports))

    def all_activated(self, session, activated, at, *, new=frozenset()) -> None:
        self.new.append(set(new))
        for service, readings in activated:
            self.told.append(("activated", service.id, tuple(reading.octets_in for reading in readings.readings)))

    def modified(self, session, service, left, came, at) -> None:
        read = tuple(reading.octets_in for readings in (left, came) for reading in readings.readings)
        self.told.append(("modified", service.id, read))

    def suspended(self, session, service, readings, at) -> None:
        self.told.append(("suspended", service.id, tuple(reading.octets_in for reading in readings.readings)))

    def terminated(self, session, service, readings, at) -> None:
        self.told.append(("terminated", service.id, tuple(reading.octets_in for reading in readings.readings)))


FAULTS: dict[str, Callable[[str], ElementError]] = {
    "refused": lambda name: EditRefused(name, "% Invalid input"),
    "timeout": lambda name: ElementTimeout(name, "no answer in 30 s"),
    "disconnected": lambda name: ElementDisconnected(name, "connection reset by peer"),
}
