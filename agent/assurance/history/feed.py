"""What the poller measured, as values for the history."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import numpy as np

from agent.assurance.collection.rates import Rates
from agent.assurance.findings import instant_of
from agent.assurance.history.points import Resolution
from agent.assurance.history.store import SeriesKey

PORT = "port:"
"""Before element/port, in the name of what was measured."""


def values_of(rates: Iterable[Rates]) -> Iterator[tuple[datetime, Mapping[SeriesKey, float]]]:
    """By the minutes in which ports were read; what is not known is a gap."""
    for each in rates:
        minutes = each.wall // Resolution.MINUTE * Resolution.MINUTE
        for minute in np.unique(minutes).tolist():
            rows = np.flatnonzero(minutes == minute).tolist()
            yield (
                instant_of(minute),
                {
                    SeriesKey(f"{PORT}{each.ports[row]}", metric): float(values[row])
                    for metric, values in each.values.items()
                    for row in rows
                },
            )
