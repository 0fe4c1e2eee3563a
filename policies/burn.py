"""Burn rates: how fast the budget of an objective is spent, over a long and a short window at once.

`burn(w) = (bad time in w / w) / (1 - objective)`. A rule speaks of a share of the budget spent within its long window, which is
the factor `share * period / long`; it fires while both windows reach it, so that it is sure (long) and over soon after (short).
Bad time is agreed time; what no objective counts is good. (Beyer et al., The Site Reliability Workbook, chapter 5.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from policies.intervals import common
from policies.quantities import Percent, Span
from policies.values import Interval, total

MONTH = timedelta(days=30)
"""How long a calendar month counts for factors."""
SHORT = 12
"""The short window is the long one by this, unless it is given."""
GUARDS = (50, 80, 100)
"""Per cent of the budget at which somebody hears of it, however slowly it was spent."""
BLIND = Fraction(1, 10)
"""Of the long window: when more of it is unknown, a rule that does not fire says nothing."""

Action = Literal["page", "ticket"]


class BurnRule(BaseModel):
    """`{budget: 2, long: 1 hour, action: page}`: two per cent of the budget within an hour."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: Percent
    """Share of the period's budget, in per cent."""
    long: Span
    short: Span | None = None
    action: Action = "ticket"

    @model_validator(mode="after")
    def _sound(self) -> "BurnRule":
        if self.long <= timedelta() or self.shorter <= timedelta():
            raise ValueError("both windows need a length; write e.g. long: 1 hour, short: 5 minutes")
        if self.shorter >= self.long:
            raise ValueError("the short window has to be shorter than the long one")
        if self.budget <= 0:
            raise ValueError("budget: 0 would fire always; write the share of the budget in per cent, e.g. 2")
        return self

    @property
    def shorter(self) -> timedelta:
        return self.long / SHORT if self.short is None else self.short

    def factor(self, period: timedelta) -> Fraction:
        return Fraction(self.budget) / 100 * Fraction(period // _TICK, self.long // _TICK)

    def threshold(self, objective: Fraction, period: timedelta) -> Fraction:
        """The bad share of a window from which on it fires; 1 and more is never reached."""
        return self.factor(period) * (1 - objective)

    def flaw(self, objective: Fraction, period: timedelta) -> str:
        """Why the rule can never fire, or would fire on the budget being kept; "" when it is sound."""
        if self.long > period:
            return f"its long window of {self.long} is longer than the period of {period}"
        share = self.threshold(objective, period)
        if share >= 1:
            kept, factor = f"{float(objective * 100):g}", f"{float(self.factor(period)):g}"
            return f"burning {factor} times as fast as {kept} % allows is not possible even when nothing works: it can never fire"
        return ""


DEFAULT_RULES: tuple[BurnRule, ...] = (
    BurnRule(budget=Decimal(2), long=timedelta(hours=1), action="page"),
    BurnRule(budget=Decimal(5), long=timedelta(hours=6), action="page"),
    BurnRule(budget=Decimal(10), long=timedelta(days=1), action="ticket"),
    BurnRule(budget=Decimal(10), long=timedelta(days=3), action="ticket"),
)


def rules_that_can_fire(objective: Fraction, period: timedelta, rules: Iterable[BurnRule] = DEFAULT_RULES) -> tuple[BurnRule, ...]:
    return tuple(rule for rule in rules if not rule.flaw(objective, period))


@dataclass(frozen=True, slots=True)
class Burn:
    """One rule at one instant. Spans are of agreed time."""

    rule: BurnRule
    fires: bool
    long_rate: Fraction
    """burn(long): 1 spends the budget exactly in one period."""
    changes_in: timedelta
    """Nothing can change this any sooner, for no more than a second of downtime passes in a second."""


def burns(rules: Sequence[BurnRule], objective: Fraction, period: timedelta, bad: Sequence[Interval], now: datetime) -> list[Burn]:
    """`bad`: agreed time that was lost up to now, disjoint and sorted; it reaches back as far as the longest window."""
    return [_burn(rule, objective, period, bad, now) for rule in rules]


def guard_reached(spent: timedelta, budget: timedelta) -> int:
    """The highest guard that has been reached, 0 for none."""
    return max((guard for guard in GUARDS if budget and spent * 100 >= budget * guard), default=0)


def blind_share(unknown: Sequence[Interval], window: timedelta, now: datetime) -> Fraction:
    """Of the window before now."""
    return Fraction(total(common([Interval(now - window, now)], unknown)) // _TICK, window // _TICK)


def _burn(rule: BurnRule, objective: Fraction, period: timedelta, bad: Sequence[Interval], now: datetime) -> Burn:
    share = rule.threshold(objective, period)
    lost = {window: total(common([Interval(now - window, now)], bad)) // _TICK for window in (rule.long, rule.shorter)}
    gaps = [share * (window // _TICK) - ticks for window, ticks in lost.items()]
    fires = all(gap <= 0 for gap in gaps)
    # it comes when the last window is full, and goes when the first one is not
    wait = -max(gaps) if fires else max(gaps)
    rate = Fraction(lost[rule.long], rule.long // _TICK) / (1 - objective)
    return Burn(rule, fires, rate, _TICK * max(0, wait.numerator // wait.denominator))


_TICK = timedelta(microseconds=1)
