"""The budget of one objective as it stands: how much is spent, how fast it goes, when it is gone, and how much is unknown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from policies.breach import Forecast, Health, forecast
from policies.burn import BLIND, GUARDS, Burn, blind_share, burns, guard_reached
from policies.intervals import common
from policies.sla import Sla
from policies.values import Interval

SOONEST, LATEST = timedelta(seconds=1), timedelta(minutes=15)
"""How long it takes at least, and at most, until a budget that is being watched is looked at again."""


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective over time."""

    rule: str
    percent: Decimal

    @property
    def objective(self) -> Fraction:
        return Fraction(self.percent) / 100


@dataclass(frozen=True, slots=True)
class Review:
    goal: Goal
    forecast: Forecast
    burns: tuple[Burn, ...]
    guard: int
    """50, 80 or 100 per cent of the budget are spent; 0 for less."""
    blind: Fraction
    """Share of the first rule's long window of which nothing is known."""
    next_look: timedelta | None
    """Nothing that anybody is told can change any sooner; None when nothing will before there is more downtime."""

    @property
    def firing(self) -> tuple[Burn, ...]:
        return tuple(burn for burn in self.burns if burn.fires)

    @property
    def is_blind(self) -> bool:
        return self.blind > BLIND


def review(sla: Sla, goal: Goal, agreed: Sequence[Interval], health: Health) -> Review:
    """`agreed`: the time that counts, from the longest window's beginning to the end of the period, disjoint and sorted."""
    now = health.now
    past = [Interval(min(each.start, now), min(each.end, now)) for each in agreed]
    unknown = common(past, health.unknown)
    bad = common(past, [*health.down, *(unknown if sla.unknown == "1" else ())])
    rules = sla.burn_rules(goal.objective)
    burning = tuple(burns(rules, goal.objective, sla.length, bad, now))
    view = forecast(sla, health, objective=goal.objective)
    blind = blind_share(unknown, rules[0].long, now) if rules else Fraction(0)
    guard = guard_reached(view.spent, view.budget)
    dark = bool(rules) and bool(common([Interval(now - rules[0].long, now)], unknown))
    return Review(goal, view, burning, guard, blind, _next(view, burning, is_down=health.is_down, dark=dark))


def _next(view: Forecast, burning: Sequence[Burn], *, is_down: bool, dark: bool) -> timedelta | None:
    """While it is up, only what fires can change, by ending. While it is down, a budget loses a second in a second at most.

    While something is unknown the budget itself shrinks, so that is not waited out.
    """
    waits = [burn.changes_in for burn in burning if burn.fires or is_down]
    if is_down:
        waits += [view.budget * guard / 100 - view.spent for guard in GUARDS if view.spent * 100 < view.budget * guard]
    if dark:
        waits.append(_MINUTE)
    return min(max(min(waits), SOONEST), LATEST) if waits else LATEST if is_down else None
