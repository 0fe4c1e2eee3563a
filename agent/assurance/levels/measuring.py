"""What active measurement says of services, as indicators of objectives and as values of the history."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from agent.assurance.alarms.alarm import OF_SERVICE
from agent.assurance.levels.indicators import Reading
from agent.measurement.minutes import ServiceMinute

METRICS = {"loss": "loss_ratio", "delay": "delay_s", "jitter": "jitter_s"}
"""Name of the objective's metric → of the history's, which is that of the minute's, too."""


def readings_of(minutes: Iterable[ServiceMinute]) -> list[Reading]:
    """A minute in which nothing came back has a loss, and a delay that is missing."""
    return [
        Reading(minute.service_id, metric, minute.start, minute.seconds, getattr(minute, name))
        for minute in minutes
        for metric, name in METRICS.items()
    ]


def series_of(minutes: Sequence[ServiceMinute]) -> Iterator[tuple[datetime, dict[tuple[str, str], float]]]:
    """By minutes: subject and metric → value, percentiles included; what is not known is a gap."""
    for start in sorted({minute.start for minute in minutes}):
        values: dict[tuple[str, str], float] = {}
        for minute in minutes:
            if minute.start == start:
                found = {name: getattr(minute, name) for name in METRICS.values()} | dict(minute.percentiles)
                values |= {(f"{OF_SERVICE}{minute.service_id}", name): value for name, value in found.items() if value is not None}
        yield start, values
