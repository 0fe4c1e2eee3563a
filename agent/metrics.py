"""The daemon's own numbers for Prometheus, and a writer for those of the elements, which are too many to hold as one text.

Names: prefix `fabd_`, base units, `_total` for counters. `/metrics` speaks of the daemon and is never labelled by element.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.shard import Shard

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CHUNK = 64 * 1024
"""Characters sent at once."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter that nobody reads

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its series; `samples` may be made while they are written."""

    name: str
    kind: Kind
    help: str
    samples: Iterable[Sample]


@dataclass(frozen=True, slots=True)
class Written:
    """Metrics that are text already, made piece by piece while they are sent."""

    pieces: Iterable[str]


Families = Callable[[], Iterable[Family]]
ElementFamilies = Callable[[Shard], Iterable[Family | Written]]


def no_families(_shard: Shard) -> Iterable[Family | Written]:
    return ()


class Metrics:
    """A registry of its own: two daemons in one process, as in tests, do not share numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        Gauge("fabd_build_info", "Version of this daemon.", ["version"], registry=self.registry).labels(version("fabd")).set(1)
        self._requests = Counter(
            "fabd_http_requests_total", "HTTP requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "fabd_http_request_duration_seconds", "Time to answer an HTTP request.", ["method", "route"], registry=self.registry
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        """Looked up already."""

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is the template, not the path: as many series as there are routes."""
        known = method if method in METHODS else "other"
        counters = self._known.get((known, route, status))
        if counters is None:
            counters = self._known[known, route, status] = (
                self._requests.labels(known, route, str(status)),
                self._seconds.labels(known, route),
            )
        counters[0].inc()
        counters[1].observe(seconds)

    def add(self, families: Families) -> None:
        """Numbers that are read when Prometheus asks."""
        self.registry.register(_OnDemand(families))

    def text(self) -> bytes:
        return generate_latest(self.registry)


def write(families: Iterable[Family | Written]) -> Iterator[str]:
    """The text format 0.0.4, in chunks."""
    lines: list[str] = []
    size = 0
    for line in (line for family in families for line in (family.pieces if isinstance(family, Written) else _lines(family))):
        lines.append(line)
        size += len(line)
        if size >= CHUNK:
            yield "".join(lines)
            lines, size = [], 0
    yield "".join(lines)


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {escaped(family.help)}\n# TYPE {family.name} {family.kind}\n"
    for sample in family.samples:
        labels = ",".join(f'{name}="{escaped(value, quote=True)}"' for name, value in sample.labels.items())
        yield f"{family.name}{{{labels}}} {_number(sample.value)}\n" if labels else f"{family.name} {_number(sample.value)}\n"


def escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


def _number(value: float) -> str:
    """Counters stay exact: an octet counter outgrows what a float's text keeps."""
    return str(value) if isinstance(value, int) else repr(value)


class _OnDemand(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families():
            labels: list[str] | None = None
            metric: CounterMetricFamily | GaugeMetricFamily | None = None
            for sample in family.samples:
                if metric is None:
                    labels = list(sample.labels)
                    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
                    metric = kind(family.name, family.help, labels=labels)
                metric.add_metric(list(sample.labels.values()), sample.value)
            if metric is not None:
                yield metric
