"""What the poller remembers between readings, and what it concludes from a new one. No I/O.

A port's or element's first good reading says nothing new; its first bad one does, because only what the inventory
links or a service uses is watched.

Which of two readings is the later one, the monotonic clock says: the time of day may be set back, and must neither hide what
happens then nor put a recovery before its outage. Instants of one object never run backwards.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from agent.assurance.findings import Finding, FindingKind, Source, Transition, instant_of, last_change

UP, UNKNOWN = 1, 4
"""ifOperStatus (RFC 2863); an agent that says "unknown" says nothing about the port."""
OPER_STATUS = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent", 7: "lowerLayerDown"}

BACKOFF = ((300.0, 30.0), (12 * 3600.0, 300.0), (5 * 86400.0, 600.0))
"""Up to so many seconds after an element fell silent, it is asked again every so many seconds; after that, hourly."""
HOURLY = 3600.0

BLIND_INTERVALS = 3
BLIND_AT_LEAST_S = 30.0
"""Without a reading for longer than both, a poller was not late but blind."""


@dataclass(frozen=True, slots=True)
class PortStatus:
    """What one PDU says about a port."""

    wall: float
    monotonic: float
    uptime: int
    oper: int
    admin: int | None
    last_change: int | None

    @property
    def up(self) -> bool | None:
        return None if self.oper == UNKNOWN else self.oper == UP

    def up_since(self, instant: datetime) -> bool:
        """Whether the element itself says that the port has been up all the time since then."""
        change = last_change(instant_of(self.wall), self.uptime, self.last_change)
        return self.up is True and change is not None and change <= instant


@dataclass(slots=True)
class _Port:
    up: bool | None = None
    since: datetime | None = None
    """The latest reading with this state."""
    heard: float = -math.inf
    """The same, monotonic; an earlier process knows none."""


@dataclass(slots=True)
class _Element:
    silent: bool = False
    failures: int = 0
    successes: int = 0
    last_good: datetime | None = None
    heard: float = -math.inf
    """Of the last answer, monotonic."""
    first_bad: datetime | None = None
    last_bad: datetime | None = None
    silent_since: float = 0.0
    """Monotonic."""
    next_visit: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a reading comes from."""

    source: Source
    poll_id: str

    def finding(
        self,
        kind: FindingKind,
        element: str,
        port: str,
        transition: Transition,
        *,
        detail: Mapping[str, Any] = MappingProxyType({}),
        hold_from: datetime | None = None,
    ) -> Finding:
        return Finding(kind, element, port, transition, self.source, detail, self.poll_id, hold_from)


@dataclass
class Memory:
    failures_to_down: int
    successes_to_up: int
    interval_s: float
    elements: dict[str, _Element] = field(default_factory=dict)
    ports: dict[str, _Port] = field(default_factory=dict)
    """By element/port."""

    def recall(
        self, silent: Mapping[str, datetime], down: Mapping[str, datetime], seen: Mapping[str, datetime], monotonic: float
    ) -> None:
        """Take over what the open alarms say, with the instant of their last evidence, and when elements were last polled."""
        self.elements |= {name: _Element(last_good=at) for name, at in seen.items()}
        for name, at in silent.items():
            self.elements[name] = _Element(True, failures=self.failures_to_down, last_bad=at, first_bad=at, silent_since=monotonic)
        for reference, at in down.items():
            self.ports[reference] = _Port(up=False, since=at)

    def answered(self, element: str, wall: float, monotonic: float, evidence: Evidence) -> Finding | None:
        known = self._element(element)
        if monotonic <= known.heard:
            return None
        before, good = known.last_bad, known.last_good
        seen = _not_before(instant_of(wall), good, before)
        known.successes, known.failures, known.last_good, known.heard = known.successes + 1, 0, seen, monotonic
        if not known.silent:
            known.first_bad = known.last_bad = None
            if good is None or seen - good <= self._blind_after:
                return None
            return evidence.finding(
                FindingKind.UNSEEN, element, "", Transition(good, good, seen), detail={"until": seen.isoformat()}
            )
        if known.successes < self.successes_to_up:
            return None
        known.silent, known.first_bad, known.last_bad, known.next_visit = False, None, None, 0.0
        return evidence.finding(FindingKind.REACHABLE, element, "", Transition.between(before, seen, None))

    def failed(self, element: str, at: datetime, monotonic: float, evidence: Evidence, detail: Mapping[str, Any]) -> Finding | None:
        """`at`, `monotonic`: when the failure was known."""
        known = self._element(element)
        if monotonic <= known.heard:
            return None
        at = _not_before(at, known.last_good, known.last_bad)
        known.failures, known.successes, known.last_bad = known.failures + 1, 0, at
        known.first_bad = known.first_bad or at
        if known.silent:
            known.next_visit = monotonic + self._pause(monotonic - known.silent_since)
            return None
        if known.failures < self.failures_to_down:
            return None
        known.silent, known.silent_since = True, monotonic
        known.next_visit = monotonic + self._pause(0.0)
        # knowledge of the element ends with its last answer
        ended = known.last_good or known.first_bad
        transition = Transition(ended, ended, known.first_bad)
        return evidence.finding(FindingKind.UNREACHABLE, element, "", transition, detail=detail, hold_from=known.first_bad)

    def port_read(self, element: str, name: str, status: PortStatus, evidence: Evidence) -> Finding | None:
        known = self.ports.setdefault(f"{element}/{name}", _Port())
        if status.up is None or status.monotonic <= known.heard:
            return None
        seen = _not_before(instant_of(status.wall), known.since)
        before, was, known.up, known.since, known.heard = known.since, known.up, status.up, seen, status.monotonic
        if was is status.up or (was is None and status.up):
            return None
        own = last_change(instant_of(status.wall), status.uptime, status.last_change)
        transition = Transition.between(before, seen, own)
        kind = FindingKind.LINK_UP if status.up else FindingKind.LINK_DOWN
        return evidence.finding(kind, element, name, transition, detail=_detail(status))

    def port_absent(self, element: str, name: str, at: datetime, monotonic: float, evidence: Evidence) -> Finding | None:
        """The element's own list of ports lacks it."""
        known = self.ports.setdefault(f"{element}/{name}", _Port())
        if monotonic <= known.heard:
            return None
        at = _not_before(at, known.since)
        before, was, known.up, known.since, known.heard = known.since, known.up, False, at, monotonic
        if was is False:
            return None
        transition = Transition.between(before, at, None)
        return evidence.finding(FindingKind.LINK_DOWN, element, name, transition, detail={"operStatus": OPER_STATUS[6]})

    def silent(self, element: str) -> bool:
        return element in self.elements and self.elements[element].silent

    def suspects(self) -> frozenset[str]:
        """Elements that failed lately but not often enough to be called silent."""
        return frozenset(name for name, known in self.elements.items() if known.failures and not known.silent)

    def talking(self, elements: Iterable[str]) -> frozenset[str]:
        """Those that are not silent."""
        return frozenset(name for name in elements if not self.silent(name))

    def silent_due(self, monotonic: float) -> frozenset[str]:
        return frozenset(name for name, known in self.elements.items() if known.silent and known.next_visit <= monotonic)

    def put_off(self, elements: Iterable[str], monotonic: float) -> None:
        """Silent elements whose turn it was: until the next one, whatever comes of it (locked ones are not asked at all)."""
        for known in (self._element(name) for name in elements):
            known.next_visit = monotonic + self._pause(monotonic - known.silent_since)

    def keep(self, elements: Iterable[str], ports: Iterable[str]) -> None:
        """Forget what is not watched any more."""
        elements, ports = set(elements), set(ports)
        self.elements = {name: known for name, known in self.elements.items() if name in elements}
        self.ports = {reference: known for reference, known in self.ports.items() if reference in ports}

    def _element(self, name: str) -> _Element:
        return self.elements.setdefault(name, _Element())

    @property
    def _blind_after(self) -> timedelta:
        return timedelta(seconds=max(BLIND_AT_LEAST_S, BLIND_INTERVALS * self.interval_s))

    def _pause(self, silent_for: float) -> float:
        step = next((step for until, step in BACKOFF if silent_for < until), HOURLY)
        return min(step, self.interval_s) if silent_for < BACKOFF[0][0] else step


def _not_before(instant: datetime, *known: datetime | None) -> datetime:
    return max([instant, *(each for each in known if each is not None)])


def _detail(status: PortStatus) -> dict[str, Any]:
    detail: dict[str, Any] = {"operStatus": OPER_STATUS.get(status.oper, str(status.oper)), "uptimeTicks": status.uptime}
    if status.admin is not None:
        detail["adminStatus"] = OPER_STATUS.get(status.admin, str(status.admin))
    if status.last_change is not None:
        detail["lastChangeTicks"] = status.last_change
    return detail
