"""One element in one cycle: what to ask it next, how much of it at once, and when to give up."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from drivers.errors import AuthenticationRefused, ElementError, ElementTimeout, ElementUnreachable
from drivers.port import Target
from drivers.snmp.batch import BatchBuilder, Plan, PollFailure, PollJob, PortRef, Reason
from drivers.snmp.sizing import GetSize
from drivers.snmp.speech import Speech


@dataclass(slots=True)
class Memory:
    """What is remembered of an element between cycles; losing it costs speed, never correctness."""

    size: GetSize
    silent: bool = False
    plan: Plan | None = None
    narrow: set[PortRef] = field(default_factory=set)
    """Ports that count octets in 32 bits only; asked anew for 64 after the element was silent, for it may have been upgraded."""
    target: Target | None = None
    speech: Speech | None = None

    def plan_of(self, ports: tuple[PortRef, ...]) -> Plan:
        plan = self.plan
        if plan is None or plan.ports is not ports:
            plan = self.plan = Plan(ports)
        return plan

    def heard(self, heard: bool) -> None:
        """A cycle is over."""
        self.silent = not heard
        if self.silent:
            self.narrow.clear()


@dataclass(frozen=True, slots=True)
class Part:
    """Ports that are asked for together."""

    positions: Sequence[int]
    """In the job."""
    blames: int = 0
    """The size of the request whose answer lacked them; 0 when they are asked for the first time."""
    narrow: bool = False
    """Their octets are counted in 32 bits."""


@dataclass(slots=True)
class Visit:
    """Passive: told what happened, asked what is next."""

    job: PollJob
    element: int
    """Index of the job."""
    builder: BatchBuilder
    memory: Memory
    speech: Speech
    indices: tuple[int, ...]
    attempts: int
    deadline: float = math.inf
    """Monotonic; set when its turn comes."""
    heard: bool = False
    waiting: bool = True
    """For its turn or for an answer."""
    unread: int = 0
    """Answers that have come and are not read yet."""
    _begun: bool = False
    _wide: Sequence[int] = ()
    _next: int = 0
    _again: deque[Part] = field(default_factory=deque)
    _failed: list[int] = field(default_factory=list)
    """Sizes of the requests that failed since the last that did not."""
    _over: bool = False

    def __post_init__(self) -> None:
        """Narrow ports are asked for last, apart from the others."""
        self._wide = range(len(self.indices))
        if narrow := self.memory.narrow:
            ports = self.job.ports
            self._wide = tuple(place for place, port in enumerate(ports) if port not in narrow)
            apart = tuple(place for place, port in enumerate(ports) if port in narrow)
            if apart:
                self._again.append(Part(apart, narrow=True))

    def part(self) -> Part | None:
        """What to ask for now; None when there is nothing left to ask."""
        if self._over:
            return None
        size = self.memory.size.size
        if self._again:
            part = self._again.popleft()
            self._begun = True
            if len(part.positions) > size:
                self._again.appendleft(replace(part, positions=part.positions[size:]))
                part = replace(part, positions=part.positions[:size])
            return part
        first, self._next = self._next, min(self._next + size, len(self._wide))
        if first == self._next and self._begun:
            return None
        self._begun = True
        return Part(self._wide[first : self._next])

    @property
    def over(self) -> bool:
        """Nothing left to ask or read."""
        asked = self._begun and not self._again and self._next >= len(self._wide)
        return not self.unread and (self._over or asked)

    def indices_of(self, part: Part) -> tuple[int, ...]:
        positions = part.positions
        if isinstance(positions, range):
            return self.indices[positions.start : positions.stop]
        return tuple(self.indices[position] for position in positions)

    def answered(self, now: float) -> None:
        """Something has come that looks like an answer; it is read later, together with others."""
        self.unread += 1
        if not self._failed:
            self.memory.size.succeeded(now)

    def read(self, now: float) -> None:
        """It was read and is one to what was asked."""
        self.heard = True
        for blamed in self._failed:
            self.memory.size.blame(blamed, now)
        self._failed.clear()

    def missed(self, part: Part, missing: Sequence[int], now: float) -> None:
        """The answer lacked these positions. Some agents cut long answers short instead of refusing; so a port is absent only if
        it is so in a PDU that found none.
        """
        found = len(part.positions) - len(missing)
        if found and part.blames:
            self.memory.size.cut_short(part.blames, now)
        if not missing:
            return
        if found:
            self._again.append(Part(tuple(missing), len(part.positions), part.narrow))
            return
        for position in missing:
            detail = "the element has no such port; read its ports again"
            self._fail(Reason.NO_SUCH_INSTANCE, detail, self.indices[position])

    def failed(self, part: Part, reason: Reason, detail: str) -> None:
        """No answer, or none that can be used: ask for less, or give up."""
        self._failed.append(len(part.positions))
        self._again.appendleft(part)
        if self._hopeless(reason):
            self.give_up(reason, detail)
        else:
            self.memory.size.halve()

    def _hopeless(self, reason: Reason) -> bool:
        """Refused; or silent from the start; or failing even port by port."""
        if reason in {Reason.AUTHENTICATION, Reason.UNREACHABLE}:
            return True
        spent = len(self._failed) >= self.attempts
        return spent and (self._failed[-1] <= 1 or (not self.heard and reason is Reason.TIMEOUT))

    def give_up(self, reason: Reason, detail: str) -> None:
        """One failure for a silent element, one per port not read for an element that broke off."""
        self._over = True
        detail = str(described(self.job.target, reason, detail))
        if not self.heard:
            self._fail(reason, detail)
            return
        left = [position for part in self._again for position in part.positions]
        for position in sorted((*left, *self._wide[self._next :])):
            self._fail(reason, detail, self.indices[position])

    def out_of_time(self, part: Part) -> None:
        self._again.appendleft(part)
        self.give_up(Reason.TIMEOUT, "")

    def _fail(self, reason: Reason, detail: str, if_index: int | None = None) -> None:
        self.builder.failed(PollFailure(self.job.target.element, reason, detail, if_index))


def described(target: Target, reason: Reason, detail: str) -> ElementError:
    """What went wrong, as an error of the drivers' tree; without a secret in it."""
    where, reference = f"SNMP agent at {target.host} port {target.port}", target.credential.reference
    match reason:
        case Reason.TIMEOUT:
            return ElementTimeout(target.element, f"{where} did not answer in time (credential {reference})")
        case Reason.AUTHENTICATION:
            told = f" ({detail})" if detail else ""
            return AuthenticationRefused(target.element, f"{where} refused credential {reference}; check user and keys{told}")
        case _:
            return ElementUnreachable(target.element, f"{where}: {detail}")
