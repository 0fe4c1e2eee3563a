"""Numbers of the elements as Prometheus reads them, made from columns and sent in pieces: millions of series are never one string.

A line costs as much as turning its number into text: the name of the metric stands between the lines, and the labels are made once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import add

import numpy as np
import numpy.typing as npt

from agent.metrics import Kind, escaped

ROWS_AT_ONCE = 4096

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint64] | npt.NDArray[np.int64] | npt.NDArray[np.float64]


def port_labels(element: str, ports: Sequence[str], services: Mapping[tuple[str, str], str]) -> list[str]:
    """With the space behind them. `services`: (element, port) → the service whose port it is."""
    begin = f'{{element="{escaped(element, quote=True)}",port="'
    return [f'{begin}{escaped(port, quote=True)}"{_service(services.get((element, port)))}}} ' for port in ports]


def _service(service_id: str | None) -> str:
    return "" if service_id is None else f',service_id="{escaped(service_id, quote=True)}"'


@dataclass(frozen=True)
class Series:
    """One metric with all its series; `values` and `present` of the shape of its labels."""

    name: str
    kind: Kind
    help: str
    values: Numbers
    present: Flags


def text(series: Series, labels: Sequence[str]) -> Iterator[str]:
    """The text format 0.0.4. Counters stay exact: they are whole numbers and are written as such."""
    yield f"# HELP {series.name} {escaped(series.help)} (cached: as last polled).\n# TYPE {series.name} {series.kind}\n"
    between = f"\n{series.name}"
    for first in range(0, len(labels), ROWS_AT_ONCE):
        last = first + ROWS_AT_ONCE
        present, values = series.present[first:last], series.values[first:last]
        there: Sequence[str] = labels[first:last]
        if not present.all():
            values = values[present]
            there = list(compress(there, present.tolist()))
        if there:
            yield f"{series.name}{between.join(map(add, there, map(repr, values.tolist())))}\n"
