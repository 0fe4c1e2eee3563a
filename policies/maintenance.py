"""Agreed maintenance: which windows a contract lets the operator take out of the agreed time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from policies.intervals import common
from policies.quantities import Span
from policies.values import Interval, merge, subtract, total


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
    recorded_at: datetime | None = None
    """When it was written down, where that is known; a window that had begun by then excuses nothing."""
    id: str = ""

    def refusal(self, terms: MaintenanceTerms) -> str:
        """Why the contract does not let it count; "" when it does, as far as the allowance reaches."""
        if self.recorded_at is not None and self.recorded_at > self.window.start:
            return "written down after it had begun"
        given = self.window.start - self.announced_at
        return f"notice of {_said(given)} instead of {_said(terms.notice)}" if given < terms.notice else ""


@dataclass(frozen=True, slots=True)
class Counted:
    """One window, what of the service hours it takes out of the agreed time, and why not more."""

    maintenance: Maintenance
    taken: tuple[Interval, ...]
    because: str = ""


def admitted(windows: Iterable[Maintenance], terms: MaintenanceTerms, hours: Iterable[Interval]) -> list[Interval]:
    """What the windows take out of the service hours of one period: announced in time, within the allowance, earliest first."""
    announced = [each.window for each in windows if not each.refusal(terms)]
    left = terms.allowance
    taken: list[Interval] = []
    for piece in common(hours, announced):
        part = min(piece.duration, left)
        if part > timedelta():
            taken.append(Interval(piece.start, piece.start + part))
            left -= part
    return taken


def account(windows: Iterable[Maintenance], terms: MaintenanceTerms, hours: Sequence[Interval]) -> list[Counted]:
    """Every window with its share of what is `admitted`: where windows overlap, the time is the earlier one's."""
    known = sorted(windows, key=lambda each: (each.window, each.id))
    left = admitted(known, terms, hours)
    return [_share(each, terms, hours, left) for each in known]


def _share(each: Maintenance, terms: MaintenanceTerms, hours: Sequence[Interval], left: list[Interval]) -> Counted:
    """Takes its part out of `left`."""
    if refusal := each.refusal(terms):
        return Counted(each, (), refusal)
    mine = common([each.window], left)
    left[:] = subtract(left, mine)
    wanted = common([each.window], hours)
    return Counted(each, tuple(mine), "" if total(mine) == total(wanted) else _short(mine, wanted, terms))


def _short(mine: Sequence[Interval], wanted: Sequence[Interval], terms: MaintenanceTerms) -> str:
    missing = total(subtract(merge(wanted), mine))
    return f"{_said(missing)} of it are beyond the allowance of {_said(terms.allowance)}, or another window's"


def _said(span: timedelta) -> str:
    """In the largest whole unit: 5 days, 36 hours, 90 minutes."""
    seconds = round(span.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}{'' if abs(seconds // size) == 1 else 's'}"
    return f"{seconds} seconds"
