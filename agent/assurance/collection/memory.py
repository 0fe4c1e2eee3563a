"""What the poller remembers between readings, and what it concludes from a new one. No I/O.

A port's or element's first good reading says nothing new; its first bad one does, because only what the inventory
links or a service uses is watched.

Which of two readings is the later one, the monotonic clock says: the time of day may be set back, and must neither hide what
happens then nor put a recovery before its outage. Instants of one object never run backwards.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.assurance.collection.counters import TICKS_PER_SECOND, UPTIME_MODULUS, WRAP_TOLERANCE
from agent.assurance.findings import Finding, FindingKind, Restart, Source, Transition, instant_of, last_change
from drivers.snmp.batch import PollBatch
from drivers.snmp.columns import Column

Rows = npt.NDArray[np.int64]

UP, UNKNOWN = 1, 4
"""ifOperStatus (RFC 2863); an agent that says "unknown" says nothing about the port."""
OPER_STATUS = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent", 7: "lowerLayerDown"}

AGAIN_S = 5.0
"""An element that has just fallen silent is asked once more before its hold is over: a burst of lost answers is nobody's ticket."""
BACKOFF = ((AGAIN_S, AGAIN_S), (300.0, 30.0), (12 * 3600.0, 300.0), (5 * 86400.0, 600.0))
"""Up to so many seconds after an element fell silent, it is asked again every so many seconds; after that, hourly."""
OFTEN_S = 300.0
"""For so long it is asked at least as often as others."""
HOURLY = 3600.0

CLOCKS_DIFFER_S = 1.0
"""A restart so close behind the last answer is not told from an element's clock that is fast."""

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

    @property
    def up_from(self) -> datetime | None:
        """Since when the port is up, by the element's own clock."""
        return last_change(instant_of(self.wall), self.uptime, self.last_change) if self.up else None

    def up_since(self, instant: datetime) -> bool:
        """Whether the element itself says that the port has been up all the time since then."""
        change = self.up_from
        return change is not None and change <= instant


@dataclass(slots=True)
class _Port:
    up: bool | None = None
    since: datetime | None = None
    """The latest reading with this state."""
    heard: float = -math.inf
    """The same, monotonic; an earlier process knows none."""


class PortStates:
    """The same of all ports, in columns: most readings say what the one before said, and are taken in together."""

    def __init__(self) -> None:
        self._row: dict[str, int] = {}
        self._up = np.zeros(0, np.int8)
        self._since = np.zeros(0)
        self._heard = np.zeros(0)

    def __getitem__(self, reference: str) -> _Port:
        row = self._row.get(reference)
        if row is None or not self._up[row]:
            return _Port()
        since = float(self._since[row])
        known = None if math.isnan(since) else instant_of(since)
        return _Port(bool(self._up[row] == _IS_UP), known, float(self._heard[row]))

    def __setitem__(self, reference: str, port: _Port) -> None:
        row = int(self._rows((reference,))[0])
        self._up[row] = 0 if port.up is None else _IS_UP if port.up else _IS_DOWN
        self._since[row] = math.nan if port.since is None else port.since.timestamp()
        self._heard[row] = port.heard

    def news(self, references: Sequence[str], batch: PollBatch) -> Rows:
        """Takes in what is as before; returns the rows of all that is not. `references`: element/port of each row."""
        rows = self._rows(references)
        oper, told = batch.column(Column.OPER_STATUS), batch.read & batch.has(Column.OPER_STATUS)
        up = np.where(oper == UP, _IS_UP, _IS_DOWN)
        told &= oper != UNKNOWN
        known = self._up[rows]
        quiet = told & (batch.monotonic > self._heard[rows]) & ((known == up) | ((known == 0) & (up == _IS_UP)))
        same = rows[quiet]
        self._up[same] = up[quiet]
        self._since[same] = np.fmax(self._since[same], batch.wall[quiet])
        self._heard[same] = batch.monotonic[quiet]
        return np.flatnonzero(told & ~quiet)

    def keep(self, references: AbstractSet[str]) -> None:
        """Forget the others."""
        if self._row.keys() <= references:
            return
        kept = {reference: row for reference, row in self._row.items() if reference in references}
        rows = np.fromiter(kept.values(), np.int64, len(kept))
        self._up, self._since, self._heard = self._up[rows], self._since[rows], self._heard[rows]
        self._row = {reference: row for row, reference in enumerate(kept)}

    def _rows(self, references: Sequence[str]) -> Rows:
        new = [reference for reference in references if reference not in self._row]
        if new:
            self._row |= {reference: len(self._row) + number for number, reference in enumerate(new)}
            self._up = np.append(self._up, np.zeros(len(new), np.int8))
            self._since = np.append(self._since, np.full(len(new), np.nan))
            self._heard = np.append(self._heard, np.full(len(new), -np.inf))
        return np.fromiter((self._row[reference] for reference in references), np.int64, len(references))


_IS_UP, _IS_DOWN = 1, -1


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
    uptime: int | None = None
    """Ticks, at the last answer; an earlier process knows none."""
    began: datetime | None = None
    """By its own clock, if it was while it was silent."""
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
    ports: PortStates = field(default_factory=PortStates)
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

    def answered(
        self, element: str, wall: float, monotonic: float, evidence: Evidence, uptime: int | None = None
    ) -> Finding | None:
        """`uptime`: in ticks, as it said."""
        known = self._element(element)
        if monotonic <= known.heard:
            return None
        known.began = _began(known, wall, monotonic, uptime) or known.began
        known.uptime = uptime
        before, good = known.last_bad, known.last_good
        seen = _not_before(instant_of(wall), good, before)
        known.successes, known.failures, known.last_good, known.heard = known.successes + 1, 0, seen, monotonic
        if not known.silent:
            known.first_bad = known.last_bad = known.began = None
            if good is None or seen - good <= self._blind_after:
                return None
            return evidence.finding(
                FindingKind.UNSEEN, element, "", Transition(good, good, seen), detail={"until": seen.isoformat()}
            )
        if known.successes < self.successes_to_up:
            return None
        restart = Restart(known.first_bad, known.began) if known.first_bad and known.began else None
        known.silent, known.first_bad, known.last_bad, known.began, known.next_visit = False, None, None, None, 0.0
        detail = {"restarted": restart.began.isoformat()} if restart else {}
        found = evidence.finding(FindingKind.REACHABLE, element, "", Transition.between(before, seen, None), detail=detail)
        return replace(found, restart=restart)

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

    def news(self, references: Sequence[str], batch: PollBatch) -> Rows:
        """Rows of the batch for which `port_read` may have something to say; the others are taken in."""
        return self.ports.news(references, batch)

    def port_read(self, element: str, name: str, status: PortStatus, evidence: Evidence) -> Finding | None:
        known = self.ports[f"{element}/{name}"]
        if status.up is None or status.monotonic <= known.heard:
            return None
        seen = _not_before(instant_of(status.wall), known.since)
        before, was = known.since, known.up
        self.ports[f"{element}/{name}"] = _Port(status.up, seen, status.monotonic)
        if was is status.up or (was is None and status.up):
            return None
        own = last_change(instant_of(status.wall), status.uptime, status.last_change)
        transition = Transition.between(before, seen, own)
        kind = FindingKind.LINK_UP if status.up else FindingKind.LINK_DOWN
        return evidence.finding(kind, element, name, transition, detail=_detail(status))

    def port_absent(self, element: str, name: str, at: datetime, monotonic: float, evidence: Evidence) -> Finding | None:
        """The element's own list of ports lacks it."""
        known = self.ports[f"{element}/{name}"]
        if monotonic <= known.heard:
            return None
        at = _not_before(at, known.since)
        before, was = known.since, known.up
        self.ports[f"{element}/{name}"] = _Port(up=False, since=at, heard=monotonic)
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

    def call(self, elements: Iterable[str], monotonic: float) -> None:
        """Something beside these has come back: if they are silent, it is their turn."""
        for known in (self.elements[name] for name in elements if self.silent(name)):
            known.next_visit = min(known.next_visit, monotonic)

    def put_off(self, elements: Iterable[str], monotonic: float) -> None:
        """Silent elements whose turn it was: until the next one, whatever comes of it (locked ones are not asked at all)."""
        for known in (self._element(name) for name in elements):
            known.next_visit = monotonic + self._pause(monotonic - known.silent_since)

    def keep(self, elements: Iterable[str], ports: Iterable[str]) -> None:
        """Forget what is not watched any more."""
        elements = set(elements)
        self.elements = {name: known for name, known in self.elements.items() if name in elements}
        self.ports.keep(set(ports))

    def _element(self, name: str) -> _Element:
        return self.elements.setdefault(name, _Element())

    @property
    def _blind_after(self) -> timedelta:
        return timedelta(seconds=max(BLIND_AT_LEAST_S, BLIND_INTERVALS * self.interval_s))

    def _pause(self, silent_for: float) -> float:
        step = next((step for until, step in BACKOFF if silent_for < until), HOURLY)
        return min(step, self.interval_s) if silent_for < OFTEN_S else step


def _began(known: _Element, wall: float, monotonic: float, uptime: int | None) -> datetime | None:
    """When it began anew by its own clock, if that was since its last answer. After 497 days its uptime begins anew by itself."""
    if uptime is None or known.uptime is None:
        return None
    elapsed = monotonic - known.heard
    wraps = known.uptime + elapsed * TICKS_PER_SECOND >= UPTIME_MODULUS - WRAP_TOLERANCE
    if wraps or uptime / TICKS_PER_SECOND + CLOCKS_DIFFER_S > elapsed:
        return None
    return instant_of(wall - uptime / TICKS_PER_SECOND)


def _not_before(instant: datetime, *known: datetime | None) -> datetime:
    return max([instant, *(each for each in known if each is not None)])


def _detail(status: PortStatus) -> dict[str, Any]:
    detail: dict[str, Any] = {"operStatus": OPER_STATUS.get(status.oper, str(status.oper)), "uptimeTicks": status.uptime}
    if status.admin is not None:
        detail["adminStatus"] = OPER_STATUS.get(status.admin, str(status.admin))
    if status.last_change is not None:
        detail["lastChangeTicks"] = status.last_change
    return detail
