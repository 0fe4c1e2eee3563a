"""What ports did since they were read before, per second: of deltas of counters, in columns. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from agent.assurance.collection.deltas import Deltas
from drivers.snmp.columns import Column

Flags = npt.NDArray[np.bool_]
Seconds = npt.NDArray[np.float64]
Unsigned = npt.NDArray[np.uint64]

UTILISATION, IN, OUT = "utilisation_ratio", "in_bps", "out_bps"
ERRORS, DISCARDS = "errors_per_second", "discards_per_second"
METRICS: Mapping[str, str] = MappingProxyType(
    {
        UTILISATION: "share of the port's speed, of the busier direction",
        IN: "bit/s received",
        OUT: "bit/s sent",
        ERRORS: "packets with errors a second, both directions",
        DISCARDS: "packets thrown away a second, both directions",
    }
)
_BITS = 8
_TICKS = 100


@dataclass(frozen=True)
class Rates:
    """Of some ports; arrays of shape (ports,), NaN for what is not known."""

    ports: tuple[str, ...]
    """As element/port."""
    wall: Seconds
    """When they were read, Unix seconds."""
    values: Mapping[str, Seconds]
    """By the names of `METRICS`."""


def rates_of(ports: Sequence[str], wall: Seconds, deltas: Deltas, speed: Unsigned, order: Sequence[Column]) -> Rates:
    """`order`: the counters of the deltas, row by row; `speed`: bit/s, 0 where nobody knows it."""
    known = deltas.known
    second = np.where(known, deltas.values / (np.maximum(deltas.ticks, 1) / _TICKS), np.nan)
    row = {column: second[number] for number, column in enumerate(order)}
    received, sent = row[Column.IN_OCTETS] * _BITS, row[Column.OUT_OCTETS] * _BITS
    utilisation = np.where(speed > 0, np.fmax(received, sent) / np.maximum(speed, np.uint64(1)), np.nan)
    return Rates(
        tuple(ports),
        wall,
        {
            UTILISATION: utilisation,
            IN: received,
            OUT: sent,
            ERRORS: _sum(row[Column.IN_ERRORS], row[Column.OUT_ERRORS]),
            DISCARDS: _sum(row[Column.IN_DISCARDS], row[Column.OUT_DISCARDS]),
        },
    )


def _sum(one: Seconds, other: Seconds) -> Seconds:
    """Of what is known of both."""
    total: Seconds = np.where(np.isnan(one) & np.isnan(other), np.nan, np.nan_to_num(one) + np.nan_to_num(other))
    return total
