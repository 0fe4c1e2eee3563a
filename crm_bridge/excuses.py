"""What of a period a contract does not count: maintenance that it admits, time that somebody excused, time without the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crm_bridge.maintenance import for_contracts
from crm_bridge.tables import ExclusionRow
from inventory.maintenance import Window
from policies.maintenance import Counted, account
from policies.sla import Sla
from policies.values import Interval, merge, subtract


@dataclass(frozen=True, slots=True)
class Excused:
    """By somebody's word."""

    id: str
    kind: str
    span: Interval
    reason: str
    author: str

    @classmethod
    def of(cls, row: ExclusionRow) -> "Excused":
        return cls(row.id, row.kind, Interval(row.start, row.end), row.reason, row.author)


@dataclass(frozen=True, slots=True)
class Excuses:
    maintenance: tuple[Counted, ...] = ()
    """Every window that touched the service, counted or not and why."""
    exclusions: tuple[Excused, ...] = ()
    absent: tuple[Interval, ...] = ()
    """Time before the service began, after it ended, or in which it was suspended."""

    @property
    def spans(self) -> list[Interval]:
        taken = (part for each in self.maintenance for part in each.taken)
        return merge([*taken, *(each.span for each in self.exclusions), *self.absent])

    def as_evidence(self) -> dict[str, Any]:
        """As a violation keeps it."""
        return {
            "maintenance": [
                {"start": part.start.isoformat(), "end": part.end.isoformat(), "id": each.maintenance.id}
                for each in self.maintenance
                for part in each.taken
            ],
            "exclusions": [
                {
                    "id": each.id,
                    "kind": each.kind,
                    "start": each.span.start.isoformat(),
                    "end": each.span.end.isoformat(),
                    "reason": each.reason,
                    "author": each.author,
                }
                for each in self.exclusions
            ],
        }


def excuses(
    sla: Sla, period: Interval, windows: Iterable[Window], exclusions: Iterable[ExclusionRow], absent: Sequence[Interval]
) -> Excuses:
    """Of one period. Maintenance at a time that is excused anyway takes nothing from the allowance."""
    excused = tuple(Excused.of(row) for row in exclusions if period.intersect(Interval(row.start, row.end)))
    hours = subtract(sla.service_hours.within(period), [*(each.span for each in excused), *absent])
    touching = [window for window in windows if window.span.intersect(period)]
    return Excuses(tuple(account(for_contracts(touching), sla.maintenance, hours)), excused, tuple(absent))
