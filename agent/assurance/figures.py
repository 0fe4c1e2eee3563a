"""What `/metrics` and `/metrics/elements` show of assurance: plain values, replaced as a whole, and their names."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.assurance.collection.meter import Meter
from agent.assurance.collection.poller import Visit
from agent.assurance.collection.tracks import Rule, Tracks, gaps
from agent.assurance.digest import Digested
from agent.assurance.findings import Source
from agent.assurance.topology.watchlist import Watchlist
from agent.metrics import Family, Sample, Written
from agent.shard import WHOLE, Shard
from drivers.snmp.traps import TrapStats

EXPIRY = 3
"""Intervals after which a value that was not read again is not shown any more."""


@dataclass(frozen=True, slots=True)
class Figures:
    tracks: Tracks = field(default_factory=Tracks)
    """All ports, as last polled."""
    fresh_since: float = 0.0
    """Unix seconds; what was read earlier is not shown any more."""
    service_ports: tuple[tuple[str, str, str], ...] = ()
    """Service, element and port, where octets are counted for the service."""
    rounds: int = 0
    """Poll rounds, targeted ones included."""
    element_polls: int = 0
    element_failures: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    last_cycle_s: float = 0.0
    """Of the last regular cycle; targeted rounds do not count."""
    counter_gaps: Mapping[str, int] = field(default_factory=dict)
    series_gaps: Mapping[str, int] = field(default_factory=dict)
    """By reason: counters of any port that could not be followed from one cycle to the next."""
    slow_ports: int = 0
    """Ports whose agents showed the same again in the last round, though traffic is to be expected."""
    samples_dropped: Mapping[str, int] = field(default_factory=dict)
    """By reason: ports that were asked for in vain, and readings of service ports that were not needed."""
    traps_processed: int = 0
    traps_dropped: Mapping[str, int] = field(default_factory=dict)
    """By reason, after reception: unknown source, no rule, no such port."""
    traps: TrapStats | None = None
    """The receiver's own counts; None when none listens."""
    unreachable: int = 0
    """Elements that are called silent."""
    ready: bool = False
    """The first cycle is done."""


class Gauge:
    """Collects the figures; written by one round at a time, read by anybody."""

    def __init__(self, interval_s: float, rules: Sequence[Rule] = ()) -> None:
        self._lifetime = EXPIRY * interval_s
        self.tracks = Tracks(rules)
        self._failures: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._in_vain: Counter[str] = Counter()
        self._figures = Figures()
        self._length = 0.0
        """Of the cycle so far, seconds."""
        self._guard = threading.Lock()

    def snapshot(self, now: float, traps: TrapStats | None = None) -> Figures:
        """`now`: Unix seconds; what is older than three intervals is left out."""
        return replace(self._figures, tracks=self.tracks, fresh_since=now - self._lifetime, traps=traps)

    def rounds(self, watchlist: Watchlist, visit: Visit, digested: Digested, meter: Meter) -> None:
        monitors = [monitor for group in watchlist.usage.values() for monitor in group]
        service_ports = tuple(sorted((monitor.service_id, monitor.element, monitor.port) for monitor in monitors))
        self.tracks.serve(
            {(group[0].element, group[0].port): group[0].service_id for group in watchlist.usage.values() if len(group) == 1}
        )
        with self._guard:
            self._failures.update(digested.reasons)
            self._in_vain["wrong-type"] += visit.batch.wrong_types
            self._in_vain.update(failure.reason.value for failure in visit.batch.failures if failure.if_index is not None)
            figures = self._figures
            if visit.source is Source.POLL:
                self._length += (visit.ended_at - visit.started_at).total_seconds()
            length = self._length
            if visit.is_thorough:
                self._length = 0.0
            self._figures = replace(
                figures,
                service_ports=service_ports,
                rounds=figures.rounds + 1,
                element_polls=figures.element_polls + len(visit.elements),
                element_failures=dict(self._failures),
                last_cycle_s=length if visit.is_thorough else figures.last_cycle_s,
                counter_gaps=dict(meter.gaps),
                series_gaps=gaps(self.tracks.outcomes),
                samples_dropped=dict(self._in_vain + Counter(meter.dropped)),
                slow_ports=self.tracks.slow,
            )

    def unreachable(self, elements: int) -> None:
        with self._guard:
            self._figures = replace(self._figures, unreachable=elements)

    def traps_processed(self, count: int) -> None:
        with self._guard:
            self._figures = replace(self._figures, traps_processed=self._figures.traps_processed + count)

    def trap_dropped(self, reason: str, count: int = 1) -> None:
        with self._guard:
            self._dropped[reason] += count
            self._figures = replace(self._figures, traps_dropped=dict(self._dropped))

    @property
    def is_ready(self) -> bool:
        return self._figures.ready

    def ready(self) -> None:
        with self._guard:
            self._figures = replace(self._figures, ready=True)


def daemon_families(figures: Figures) -> Iterator[Family]:
    """For `/metrics`; never labelled by element."""
    yield _total("fabd_polls", "Poll rounds, targeted ones included.", [Sample({}, figures.rounds)])
    yield _total("fabd_element_polls", "Elements asked.", [Sample({}, figures.element_polls)])
    failed = [Sample({"reason": reason}, count) for reason, count in sorted(figures.element_failures.items())]
    yield _total("fabd_element_poll_failures", "Elements that gave no answer.", failed)
    yield Family(
        "fabd_poll_duration_seconds",
        "gauge",
        "Time that the last cycle took, its turns added up.",
        [Sample({}, figures.last_cycle_s)],
    )
    yield Family("fabd_elements_unreachable", "gauge", "Elements that do not answer.", [Sample({}, figures.unreachable)])
    gaps = [Sample({"reason": reason}, count) for reason, count in sorted(figures.counter_gaps.items())]
    yield _total("fabd_counter_gaps", "Counters that could not be followed.", gaps)
    broken = [Sample({"reason": reason}, count) for reason, count in sorted(figures.series_gaps.items())]
    yield _total("fabd_series_gaps", "Counters of any port that broke between two polls.", broken)
    slow = [Sample({}, figures.slow_ports)]
    yield Family("fabd_ports_slow", "gauge", "Ports whose agents showed the same again in the last round.", slow)
    lost = [Sample({"reason": reason}, count) for reason, count in sorted(figures.samples_dropped.items())]
    yield _total("fabd_samples_dropped", "Readings of ports that failed or were not used.", lost)
    yield _total("fabd_traps_processed", "Events of all kinds that led to a read.", [Sample({}, figures.traps_processed)])
    dropped = dict(figures.traps_dropped)
    if (received := figures.traps) is not None:
        yield _total("fabd_traps_received", "Datagrams at the trap port.", [Sample({}, received.received)])
        dropped |= {
            "stranger": received.strangers,
            "stale": received.stale,
            "malformed": received.malformed,
            "queue": received.queue_drops,
            "rate": received.rate_drops,
            "kernel": received.kernel_drops,
        }
    drops = [Sample({"reason": reason}, count) for reason, count in sorted(dropped.items())]
    yield _total("fabd_traps_dropped", "Traps that were lost, and events of all kinds that led to nothing.", drops)


def element_families(figures: Figures, shard: Shard = WHOLE) -> Iterator[Family | Written]:
    """For `/metrics/elements`: cached values of the last poll."""
    yield Written(figures.tracks.lines(figures.fresh_since, shard))
    ports = (each for each in figures.service_ports if each[1] in shard)
    info = ({"service_id": service, "element": element, "port": port} for service, element, port in ports)
    text = "Ports that services are counted at (cached: as last polled)."
    yield Family("fabd_service_port_info", "gauge", text, (Sample(labels, 1) for labels in info))


def collector_families(drops: Mapping[str, int]) -> Iterator[Family]:
    """For `/metrics`: datagrams of the poller that led to nothing."""
    found = [Sample({"reason": reason}, count) for reason, count in sorted(drops.items())]
    yield _total("fabd_snmp_datagrams_dropped", "Answers to polls that were not used.", found)


def _total(name: str, text: str, samples: list[Sample]) -> Family:
    return Family(f"{name}_total", "counter", text, samples)
