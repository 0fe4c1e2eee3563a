"""Agreed maintenance: which windows a contract lets the operator take out of the agreed time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from policies.intervals import common
from policies.quantities import Span
from policies.values import Interval


class MaintenanceTerms(BaseModel):
    """How much, and how long before it has to be announced."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowance: Span = timedelta()
    """Per period; nothing by default, so that no contract loses time that it did not agree to."""
    notice: Span = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window as it was announced. Work that overruns it counts from its end."""

    window: Interval
    announced_at: datetime


def admitted(windows: Iterable[Maintenance], terms: MaintenanceTerms, hours: Iterable[Interval]) -> list[Interval]:
    """What the windows take out of the service hours of one period: announced in time, within the allowance, earliest first."""
    announced = [each.window for each in windows if each.announced_at + terms.notice <= each.window.start]
    left = terms.allowance
    taken: list[Interval] = []
    for piece in common(hours, announced):
        part = min(piece.duration, left)
        if part > timedelta():
            taken.append(Interval(piece.start, piece.start + part))
            left -= part
    return taken
