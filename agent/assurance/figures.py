"""What `/metrics` and `/metrics/elements` show of assurance: plain values, replaced as a whole, and their names."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agent.assurance.digest import Digested
from agent.assurance.findings import Source
from agent.assurance.meter import Meter
from agent.assurance.poller import Visit
from agent.assurance.watchlist import Watchlist
from agent.metrics import Family, Kind, Sample
from drivers.snmp.columns import Column
from drivers.snmp.traps import TrapStats

EXPIRY = 3
"""Intervals after which a value that was not read again is not shown any more."""


@dataclass(frozen=True, slots=True)
class PortFigures:
    """The last values of one service's port."""

    element: str
    port: str
    service_id: str
    octets_in: int | None
    """ifHCInOctets."""
    octets_out: int | None
    oper_status: int | None
    """ifOperStatus (RFC 2863): 1 is up."""
    polled_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Figures:
    ports: tuple[PortFigures, ...] = ()
    rounds: int = 0
    """Poll rounds, targeted ones included."""
    element_polls: int = 0
    element_failures: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    last_cycle_s: float = 0.0
    """Of the last regular cycle; targeted rounds do not count."""
    counter_gaps: Mapping[str, int] = field(default_factory=dict)
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

    def __init__(self, interval_s: float) -> None:
        self._lifetime = EXPIRY * interval_s
        self._ports: dict[tuple[str, str], PortFigures] = {}
        self._failures: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._in_vain: Counter[str] = Counter()
        self._figures = Figures()
        self._guard = threading.Lock()

    def snapshot(self, now: float, traps: TrapStats | None = None) -> Figures:
        """`now`: Unix seconds; what is older than three intervals is left out."""
        figures = self._figures
        fresh = tuple(port for port in figures.ports if now - port.polled_at <= self._lifetime)
        return replace(figures, ports=fresh, traps=traps)

    def rounds(self, watchlist: Watchlist, visit: Visit, digested: Digested, meter: Meter) -> None:
        wanted = {(monitor.service_id, monitor.port_id) for group in watchlist.usage.values() for monitor in group}
        self._ports = {key: port for key, port in self._ports.items() if key in wanted}
        for row, port in enumerate(visit.ports):
            if not visit.batch.read[row]:
                continue
            for monitor in watchlist.usage.get(port.port_id, ()):
                self._ports[monitor.service_id, port.port_id] = PortFigures(
                    element=port.element,
                    port=port.name,
                    service_id=monitor.service_id,
                    octets_in=_value(visit, row, Column.IN_OCTETS),
                    octets_out=_value(visit, row, Column.OUT_OCTETS),
                    oper_status=_value(visit, row, Column.OPER_STATUS),
                    polled_at=float(visit.batch.wall[row]),
                )
        with self._guard:
            self._failures.update(digested.reasons)
            self._in_vain.update(failure.reason.value for failure in visit.batch.failures if failure.if_index is not None)
            figures = self._figures
            length = (visit.ended_at - visit.started_at).total_seconds()
            self._figures = replace(
                figures,
                ports=tuple(self._ports[key] for key in sorted(self._ports)),
                rounds=figures.rounds + 1,
                element_polls=figures.element_polls + len(visit.elements),
                element_failures=dict(self._failures),
                last_cycle_s=length if visit.source is Source.POLL else figures.last_cycle_s,
                counter_gaps=dict(meter.gaps),
                samples_dropped=dict(self._in_vain + Counter(meter.dropped)),
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
    yield Family("fabd_poll_duration_seconds", "gauge", "Length of the last cycle.", [Sample({}, figures.last_cycle_s)])
    yield Family("fabd_elements_unreachable", "gauge", "Elements that do not answer.", [Sample({}, figures.unreachable)])
    gaps = [Sample({"reason": reason}, count) for reason, count in sorted(figures.counter_gaps.items())]
    yield _total("fabd_counter_gaps", "Counters that could not be followed.", gaps)
    lost = [Sample({"reason": reason}, count) for reason, count in sorted(figures.samples_dropped.items())]
    yield _total("fabd_samples_dropped", "Readings of ports that failed or were not used.", lost)
    yield _total("fabd_traps_processed", "Traps that led to a read.", [Sample({}, figures.traps_processed)])
    dropped = dict(figures.traps_dropped)
    if (received := figures.traps) is not None:
        yield _total("fabd_traps_received", "Datagrams at the trap port.", [Sample({}, received.received)])
        dropped |= {
            "stranger": received.strangers,
            "stale": received.stale,
            "malformed": received.malformed,
            "queue": received.queue_drops,
            "kernel": received.kernel_drops,
        }
    drops = [Sample({"reason": reason}, count) for reason, count in sorted(dropped.items())]
    yield _total("fabd_traps_dropped", "Traps that led to nothing.", drops)


def element_families(figures: Figures) -> Iterator[Family]:
    """For `/metrics/elements`: cached values of the last poll."""
    for name, kind, text, value in _PORT_METRICS:
        samples = (Sample(_labels(port), found) for port in figures.ports if (found := value(port)) is not None)
        yield Family(name, kind, f"{text} (cached: as last polled).", samples)


_PORT_METRICS: tuple[tuple[str, Kind, str, Callable[[PortFigures], float | None]], ...] = (
    ("fabd_port_receive_octets_total", "counter", "Octets received by the port", lambda port: port.octets_in),
    ("fabd_port_transmit_octets_total", "counter", "Octets sent by the port", lambda port: port.octets_out),
    ("fabd_port_oper_status", "gauge", "The port's ifOperStatus, 1 is up", lambda port: port.oper_status),
    ("fabd_port_last_poll_timestamp_seconds", "gauge", "When the port was read", lambda port: port.polled_at),
)


def _total(name: str, text: str, samples: list[Sample]) -> Family:
    return Family(f"{name}_total", "counter", text, samples)


def _labels(port: PortFigures) -> dict[str, str]:
    return {"element": port.element, "port": port.port, "service_id": port.service_id}


def _value(visit: Visit, row: int, column: Column) -> int | None:
    return int(visit.batch.values[column, row]) if visit.batch.present[column, row] else None
