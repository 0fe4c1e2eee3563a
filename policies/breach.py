"""Time to breach: when the budget of a period will be spent, if what is seen goes on.

The budget is B = (1 - objective) * T over the whole period. While the service is down, service hours are walked forward until what
is left of it is spent. While it is up, it is spent at the worst rate of the last day, the last seven days and the period so far.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from policies.intervals import common
from policies.sla import Sla
from policies.values import Interval, merge, subtract, total

RATE_WINDOWS = (timedelta(days=1), timedelta(days=7))
_TICK = timedelta(microseconds=1)
_FORESEEN = timedelta(days=62)


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one service up to `now`. For the rates, `down` reaches back seven days where it can."""

    now: datetime
    is_down: bool
    down: tuple[Interval, ...]
    unknown: tuple[Interval, ...] = ()
    excluded: tuple[Interval, ...] = ()
    """Admitted maintenance, past and to come."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The state of a budget. Spans are of agreed time, exact to the microsecond."""

    period: Interval
    budget: timedelta
    spent: timedelta
    breach_at: datetime | None
    """From this instant on the objective is missed; in the past when it already is, None when it will not be in this period."""

    @property
    def remaining(self) -> timedelta:
        """Never negative."""
        return max(self.budget - self.spent, timedelta())

    @property
    def remaining_share(self) -> Fraction:
        """0..1 of the budget; what a ticket's priority is made from."""
        return Fraction(self.remaining // _TICK, self.budget // _TICK) if self.budget else Fraction(0)


def forecast(sla: Sla, health: Health, *, objective: Fraction | None = None) -> Forecast:
    """The budget of the period that holds `health.now`, and when it will be spent; of availability, or of another objective."""
    objective = sla.objective if objective is None else objective
    period = sla.period_at(health.now)
    agreed = sla.agreed(period, health.excluded)
    bad = _bad(sla, health)
    counted = total(agreed) - (total(common(agreed, _unknown(health))) if sla.unknown == "exclude" else timedelta())
    budget = _spans((1 - objective) * (counted // _TICK))
    spent = total(common(agreed, bad))
    if counted <= timedelta():
        return Forecast(period, timedelta(), timedelta(), None)
    if spent > budget or (spent == budget and health.is_down):
        return Forecast(period, budget, spent, walk(common(agreed, bad), budget))
    left = subtract(agreed, [Interval(period.start, health.now)])
    pace = Fraction(1) if health.is_down else _rate(sla, health, period, bad)
    breach_at = walk(left, _spans(((budget - spent) // _TICK) / pace)) if pace else None
    return Forecast(period, budget, spent, breach_at)


def breach_instant(sla: Sla, health: Health) -> datetime | None:
    """When the objective of the present period is missed from, or None."""
    return forecast(sla, health).breach_at


def repair_due(sla: Sla, breach_at: datetime | None, now: datetime) -> datetime | None:
    """When a repair has to begin at the latest for its target time to end before the breach: now, where that has passed."""
    return None if breach_at is None else max(now, breach_at - sla.target_repair)


def repair_expected(sla: Sla, breach_at: datetime | None, now: datetime) -> datetime:
    """When what begins to be repaired now is to be up again: within the target, and before the breach where there is still time.

    The target counts service hours; where there are too few in two months, those of the calendar.
    """
    within = walk(sla.service_hours.within(Interval(now, now + _FORESEEN)), sla.target_repair) or now + sla.target_repair
    return within if breach_at is None or breach_at <= now else min(within, breach_at)


def walk(through: Iterable[Interval], span: timedelta) -> datetime | None:
    """The instant at which `span` of the intervals has gone by; None when they are shorter."""
    for interval in merge(through):
        if span <= interval.duration:
            return interval.start + span
        span -= interval.duration
    return None


def _bad(sla: Sla, health: Health) -> list[Interval]:
    """What spends the budget, none of it in the future."""
    seen = [*health.down, *(_unknown(health) if sla.unknown == "1" else ())]
    return [Interval(each.start, min(each.end, health.now)) for each in merge(seen) if each.start < health.now]


def _unknown(health: Health) -> list[Interval]:
    return subtract(health.unknown, health.down)


def _rate(sla: Sla, health: Health, period: Interval, bad: list[Interval]) -> Fraction:
    """Agreed time lost per agreed time, the worst of the windows."""
    starts = [period.start, *(health.now - window for window in RATE_WINDOWS)]
    return max(_lost(sla, Interval(start, health.now), health, bad) for start in starts)


def _lost(sla: Sla, window: Interval, health: Health, bad: list[Interval]) -> Fraction:
    agreed = sla.agreed(window, health.excluded)
    time = total(agreed) // _TICK
    return Fraction(total(common(agreed, bad)) // _TICK, time) if time else Fraction(0)


def _spans(ticks: Fraction) -> timedelta:
    """Rounded down: a warning may come a microsecond early, never late."""
    return timedelta(microseconds=ticks.numerator // ticks.denominator)
