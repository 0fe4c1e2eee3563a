"""The states of a trouble ticket (TMF621), and its clocks as a fold over the status log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from policies.calendar import ServiceHours
from policies.values import Interval, total


class TicketStatus(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    HELD = "held"
    """Waiting for us: the clocks run."""
    PENDING = "pending"
    """Waiting for the customer: the clocks stand still."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


_S = TicketStatus
STEPS: dict[TicketStatus, tuple[TicketStatus, ...]] = {
    _S.ACKNOWLEDGED: (_S.IN_PROGRESS, _S.REJECTED, _S.CANCELLED),
    _S.IN_PROGRESS: (_S.HELD, _S.PENDING, _S.RESOLVED, _S.CANCELLED),
    _S.HELD: (_S.IN_PROGRESS,),
    _S.PENDING: (_S.IN_PROGRESS, _S.CANCELLED),
    _S.RESOLVED: (_S.CLOSED, _S.IN_PROGRESS),
    _S.CLOSED: (),
    _S.REJECTED: (),
    _S.CANCELLED: (),
}
ENDED = frozenset(status for status, steps in STEPS.items() if not steps)
WORKED_ON = frozenset({_S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.HELD, _S.PENDING})
_CLOCK_RUNS = frozenset({_S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.HELD})

LEVELS = (50, 75, 100, 120)
"""Per cent of the target at which a ticket is escalated."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    at: datetime
    status: TicketStatus


@dataclass(frozen=True, slots=True)
class Clocks:
    """Elapsed time inside the contract's calendar."""

    first_response: timedelta
    """From the opening to the first step beyond acknowledged, or so far."""
    resolution: timedelta
    """Without the time in which the customer was waited for or the ticket was resolved."""
    responded: bool
    running: bool


def clocks(log: Sequence[StatusChange], hours: ServiceHours, now: datetime) -> Clocks:
    """Derived from the log each time: another calendar gives other clocks, and nothing is kept that could disagree.

    `log` is in order and begins with the opening.
    """
    last = log[-1]
    spans = [*((change.status, Interval(change.at, later.at)) for change, later in pairwise(log))]
    spans.append((last.status, Interval(last.at, max(now, last.at))))
    answered = next((change.at for change in log if change.status is not _S.ACKNOWLEDGED), None)
    waiting = Interval(log[0].at, max(log[0].at, answered or now))
    return Clocks(
        first_response=_elapsed([waiting], hours),
        resolution=_elapsed([span for status, span in spans if status in _CLOCK_RUNS], hours),
        responded=answered is not None,
        running=last.status in _CLOCK_RUNS,
    )


def level(elapsed: timedelta, target: timedelta) -> int:
    """The highest escalation level that has been reached, 0 for none."""
    return max((each for each in LEVELS if elapsed * 100 >= target * each), default=0)


def _elapsed(spans: Iterable[Interval], hours: ServiceHours) -> timedelta:
    return sum((total(hours.within(span)) for span in spans), timedelta())
