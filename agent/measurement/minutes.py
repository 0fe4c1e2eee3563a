"""Services that are measured all the time: who they are, and what each minute says of them."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from agent.measurement.aims import Aim, Aims
from agent.setbacks import Setbacks
from drivers.probing.errors import ProbingError
from drivers.probing.prober import MINUTE, Minute, Prober
from drivers.probing.tally import Figures, figures
from drivers.probing.target import ProbeTarget
from inventory.db import Database
from policies.values import Clock

log = structlog.get_logger(__name__)

ENOUGH = 0.5
"""A minute in which less of its packets were sent says nothing: measuring has just begun, or this machine was too busy."""
PERCENTILES = ("delay_p50_s", "delay_p95_s", "delay_p99_s")


@dataclass(frozen=True, slots=True)
class ServiceMinute:
    """One minute of one service; of its places the worst, metric by metric. None where nothing is known."""

    service_id: str
    start: datetime
    seconds: int = MINUTE
    loss_ratio: float | None = None
    delay_s: float | None = None
    """Mean of there and back."""
    jitter_s: float | None = None
    percentiles: Mapping[str, float] = field(default_factory=dict)
    """`delay_p50_s` and its like."""

    @property
    def is_known(self) -> bool:
        return self.loss_ratio is not None


class ServiceWatch:
    """Sends nothing, and has no thread or socket, as long as no service on the network wants to be measured.

    A prober that ends by itself is replaced, at once and then after growing pauses.
    """

    def __init__(self, database: Database, aims: Aims, make: Callable[[], Prober], clock: Clock) -> None:
        self._database, self._aims, self._make, self._clock = database, aims, make, clock
        self._prober: Prober | None = None
        self._before = Counts()
        """Of probers that have ended."""
        self._setbacks = Setbacks()
        self._wanted: Mapping[ProbeTarget, float] = {}
        self._owners: Mapping[ProbeTarget, frozenset[str]] = {}
        """Of what is wanted."""
        self._services: Mapping[ProbeTarget, frozenset[str]] = {}
        """Of what is measured: the same, unless it could not be begun."""
        self._told: frozenset[str] = frozenset()
        self._guard = threading.Lock()

    @property
    def services(self) -> int:
        """Measured now."""
        return len(frozenset[str]().union(*self._services.values()))

    @property
    def sessions(self) -> int:
        prober = self._prober
        return prober.sessions if prober else 0

    @property
    def failures(self) -> int:
        """How often a prober ended by itself."""
        return self._setbacks.total

    def fault(self) -> str:
        """Why services are not measured as they are to be; "" when they are."""
        ended = self._setbacks.text(self._clock.monotonic())
        return "; ".join(each for each in (ended, *sorted(self._told)) if each)

    def counts(self) -> "Counts":
        """Since the start."""
        with self._guard:
            return self._before + Counts.of(self._prober)

    def refresh(self) -> None:
        """Measure the services that are on the network now."""
        with self._database.read() as session:
            found = self._aims.standing(session)
        with self._guard:
            self._wanted, self._owners = merged(found)
            self._watch()

    def minutes(self) -> list[ServiceMinute]:
        """What the minutes that have ended since the last time say."""
        with self._guard:
            if self._prober is None:
                self._watch()
                return []
            told_ = [each for minute in self._prober.minutes() for each in told(minute, self._services)]
            self._bury(self._prober)
            return told_

    def stop(self) -> None:
        if self._prober is not None:
            self._prober.stop()

    def _watch(self) -> None:
        if self._prober is None:
            if not self._wanted or not self._setbacks.over(self._clock.monotonic()):
                return
            self._prober = self._begun()
        if self._prober is None:
            return
        try:
            refused = self._prober.watch(self._wanted)
        except ProbingError as error:
            self._complain({str(error)})
            return
        self._services = self._owners
        self._complain(set(refused.values()))

    def _begun(self) -> Prober | None:
        """None when its thread cannot be had now: it is tried again after a pause."""
        prober = self._make()
        try:
            prober.start()
        except RuntimeError as error:  # too many threads
            log.exception("what measures services could not be begun; it is tried again")
            self._setbacks.add(str(error), self._clock.monotonic())
            prober.stop()
            return None
        return prober

    def _bury(self, prober: Prober) -> None:
        """It is replaced by the look after the next pause."""
        if prober.failure is None:
            return
        log.error("what measures services ended by itself and is begun again", exc_info=prober.failure)
        self._setbacks.add(repr(prober.failure), self._clock.monotonic())
        self._before += Counts.of(prober)
        self._prober = None
        prober.stop()

    def _complain(self, reasons: set[str]) -> None:
        """Once for each reason."""
        for reason in sorted(reasons - self._told):
            log.error("services are not measured", reason=reason)
        self._told = frozenset(reasons)


@dataclass(frozen=True, slots=True)
class Counts:
    packets: int = 0
    strange: int = 0
    dropped_minutes: int = 0

    @classmethod
    def of(cls, prober: Prober | None) -> "Counts":
        return cls() if prober is None else cls(prober.packets, prober.strange, prober.dropped_minutes)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.packets + other.packets, self.strange + other.strange, self.dropped_minutes + other.dropped_minutes)


def merged(aims: Sequence[Aim]) -> tuple[dict[ProbeTarget, float], dict[ProbeTarget, frozenset[str]]]:
    """Each target once, as often as the most impatient wants it, and whose it is. Pure."""
    wanted: dict[ProbeTarget, float] = {}
    services: dict[ProbeTarget, set[str]] = defaultdict(set)
    for aim in aims:
        wanted[aim.target] = min(aim.probe.every_s, wanted.get(aim.target, aim.probe.every_s))
        services[aim.target].add(aim.service_id)
    return wanted, {target: frozenset(ids) for target, ids in services.items()}


def told(minute: Minute, services: Mapping[ProbeTarget, frozenset[str]]) -> Iterator[ServiceMinute]:
    """What a minute says of each service. Pure."""
    found: dict[str, list[Figures | None]] = defaultdict(list)
    for target, tally in minute.tallies.items():
        whole = tally.sent >= minute.expected.get(target, 0) * ENOUGH
        for service_id in services.get(target, ()):
            found[service_id].append(figures(tally) if whole else None)
    start = datetime.fromtimestamp(minute.start, UTC)
    for service_id, each in sorted(found.items()):
        known = [one for one in each if one is not None]
        if len(known) < len(each):
            yield ServiceMinute(service_id, start)
            continue
        yield ServiceMinute(
            service_id,
            start,
            loss_ratio=_worst(known, "loss_ratio"),
            delay_s=_worst(known, "delay_s"),
            jitter_s=_worst(known, "jitter_s"),
            percentiles={name: value for name in PERCENTILES if (value := _worst(known, name)) is not None},
        )


def _worst(known: Sequence[Figures], name: str) -> float | None:
    values: list[float] = [value for each in known if (value := getattr(each, name)) is not None]
    return max(values, default=None)
