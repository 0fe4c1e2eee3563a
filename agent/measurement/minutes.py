"""Services that are measured all the time: who they are, and what each minute says of them."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from agent.measurement.aims import Aim, Aims
from drivers.probing.errors import ProbingError
from drivers.probing.prober import MINUTE, Minute, Prober
from drivers.probing.tally import Figures, figures
from drivers.probing.target import ProbeTarget
from inventory.db import Database

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


Take = Callable[[Sequence[ServiceMinute]], None]


class ServiceWatch:
    """Sends nothing, and has no thread or socket, as long as no service on the network wants to be measured."""

    def __init__(self, database: Database, aims: Aims, make: Callable[[], Prober]) -> None:
        self._database, self._aims, self._make = database, aims, make
        self._prober: Prober | None = None
        self._services: Mapping[ProbeTarget, frozenset[str]] = {}
        self._told: frozenset[str] = frozenset()
        self._guard = threading.Lock()

    @property
    def prober(self) -> Prober | None:
        return self._prober

    @property
    def services(self) -> int:
        """Measured now."""
        return len(frozenset[str]().union(*self._services.values()))

    def refresh(self) -> None:
        """Measure the services that are on the network now."""
        with self._database.read() as session:
            found = self._aims.standing(session)
        with self._guard:
            self._watch(found)

    def minutes(self) -> list[ServiceMinute]:
        """What the minutes that have ended since the last time say."""
        with self._guard:
            if self._prober is None:
                return []
            return [each for minute in self._prober.minutes() for each in told(minute, self._services)]

    def stop(self) -> None:
        if self._prober is not None:
            self._prober.stop()

    def _watch(self, aims: Sequence[Aim]) -> None:
        if self._prober is None:
            if not aims:
                return
            self._prober = self._make()
            self._prober.start()
        wanted, services = merged(aims)
        try:
            refused = self._prober.watch(wanted)
        except ProbingError as error:
            self._complain({str(error)})
            return
        self._services = services
        self._complain(set(refused.values()))

    def _complain(self, reasons: set[str]) -> None:
        """Once for each reason."""
        for reason in sorted(reasons - self._told):
            log.error("services are not measured", reason=reason)
        self._told = frozenset(reasons)


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
