"""Service level agreements: the objective, and exact arithmetic over intervals that says whether it was kept.

T is the agreed time (period ∩ service hours, without agreed maintenance), D the time down and U the time unknown within it.
Ratios are fractions of whole microseconds; they are rounded only where they are printed or stored, and then downwards.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from policies.burn import DEFAULT_RULES, MONTH, BurnRule, rules_that_can_fire
from policies.calendar import ServiceHours
from policies.document import Document, merged
from policies.errors import InvalidPolicy, Problem
from policies.intervals import common
from policies.maintenance import MaintenanceTerms
from policies.objectives import CaseObjective, Chronic, CreditTier, IndicatorObjective
from policies.periods import Periodic
from policies.quantities import Percent, Span
from policies.values import Interval, merge, subtract, total

PERCENT_DIGITS = 6
_TICK = timedelta(microseconds=1)
_KEY = re.compile(r"(\w+)(?:\[(\d+)\])?: ")

UnknownPolicy = Annotated[
    Literal["0", "1", "exclude"], BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)
]
"""What a second of unknown health counts as: up, down, or as no time at all."""


class Sla(Periodic):
    """What was promised, of each period. Written in YAML; every field but the name and the objective has a default."""

    name: str
    title: str = ""
    availability: Percent
    """The objective."""
    service_hours: ServiceHours = ServiceHours()
    unknown: UnknownPolicy = "exclude"
    maintenance: MaintenanceTerms = MaintenanceTerms()
    credits: tuple[CreditTier, ...] = ()
    indicators: tuple[IndicatorObjective, ...] = ()
    cases: tuple[CaseObjective, ...] = ()
    chronic: Chronic | None = None
    burn: tuple[BurnRule, ...] | None = None
    """When somebody is told that the budget goes fast; without a word of its own, those of the usual rules that can fire."""
    cap_percent: Percent = Decimal(100)
    """Of the recurring fee; no period gives more."""
    reopen_window: Span = timedelta(hours=24)
    close_after: Span = timedelta(days=5)
    first_response: Span = timedelta(minutes=30)
    target_repair: Span = timedelta(hours=4)

    @model_validator(mode="after")
    def _sound(self) -> "Sla":
        if self.availability >= 100:  # noqa: PLR2004  per cent
            raise ValueError("availability: 100 leaves no budget and is broken by one microsecond; write e.g. 99.99")
        for tier in self.credits:
            if tier.below > self.availability:
                kept = f"the objective of {self.availability} % is kept"
                raise ValueError(f"credits: a credit below {tier.below} % is given while {kept}")
        named = [*(each.rule for each in self.indicators), *(each.rule for each in self.cases)]
        if repeated := sorted({rule for rule in named if named.count(rule) > 1}):
            key = "indicators" if repeated[0] in {each.rule for each in self.indicators} else "cases"
            raise ValueError(f"{key}: more than one objective for {', '.join(repeated)}; keep the stricter one")
        for number, rule in enumerate(self.burn or ()):
            if flaw := rule.flaw(self.objective, self.length):
                raise ValueError(f"burn[{number}]: {flaw}; take a smaller budget or another window")
        return self

    @property
    def length(self) -> timedelta:
        """Of a period, for rates; a month counts thirty days."""
        return MONTH if self.period == "month" else self.period

    def burn_rules(self, objective: Fraction) -> tuple[BurnRule, ...]:
        """For one of its objectives over time."""
        return rules_that_can_fire(objective, self.length, DEFAULT_RULES if self.burn is None else self.burn)

    def indicator(self, metric: str) -> IndicatorObjective | None:
        return next((each for each in self.indicators if each.metric == metric), None)

    @property
    def objective(self) -> Fraction:
        return Fraction(self.availability) / 100

    def agreed(self, span: Interval, excluded: Iterable[Interval] = ()) -> list[Interval]:
        """The time within `span` that the objective speaks of."""
        return subtract(self.service_hours.within(span), excluded)

    def with_terms(self, terms: Mapping[str, Any]) -> "Sla":
        """This SLA as one contract has it; raises Pydantic's `ValidationError` on terms that do not fit."""
        return Sla.model_validate(merged(self.model_dump(by_alias=True), terms)) if terms else self

    def credit_percent(self, ratio: Fraction) -> Decimal:
        """The highest percentage among the tiers that the availability has fallen below, within the cap."""
        return self.tier_percent(self.credits, ratio)

    def tier_percent(self, tiers: Iterable[CreditTier], ratio: Fraction) -> Decimal:
        """The same for the tiers of any objective."""
        reached = [tier.percent for tier in tiers if ratio < Fraction(tier.below) / 100]
        return min(max(reached, default=Decimal(0)), self.cap_percent)


def parse_sla(text: str, file: str) -> Sla:
    """Raises `InvalidPolicy` with every mistake in the text."""
    document = Document(text, file)
    try:
        return document.check(Sla)
    except InvalidPolicy as error:
        raise InvalidPolicy([_placed(document, problem) for problem in error.problems]) from None


def _placed(document: Document, problem: Problem) -> Problem:
    """A mistake of the whole that names its key, as `burn[1]: …`, at that key."""
    found = None if problem.path else _KEY.match(problem.message)
    if found is None:
        return problem
    key, number = found[1], found[2]
    return document.problem((key, int(number)) if number else (key,), problem.message[found.end() :])


@dataclass(frozen=True, slots=True)
class Availability:
    """What was measured over one period. Unknown time stands beside every percentage, with what it counts as."""

    period: Interval
    agreed: timedelta
    down: timedelta
    unknown: timedelta
    policy: UnknownPolicy
    ratio: Fraction | None
    """None when no time counts: nothing was agreed, or all of it is unknown and excluded."""

    @property
    def percent(self) -> Decimal | None:
        """Rounded downwards, so that a missed objective never reads as a kept one."""
        return None if self.ratio is None else rounded_percent(self.ratio)

    def keeps(self, objective: Fraction) -> bool:
        """No time that counts breaks no promise."""
        return self.ratio is None or self.ratio >= objective


def availability(
    period: Interval,
    calendar: ServiceHours,
    *,
    down: Iterable[Interval],
    unknown: Iterable[Interval] = (),
    excluded: Iterable[Interval] = (),
    policy: UnknownPolicy,
) -> Availability:
    """`(T - D - u*U)/T`, or `(T - D - U)/(T - U)` where unknown time is excluded. Down wins over unknown."""
    agreed = subtract(calendar.within(period), excluded)
    down = merge(down)
    time = total(agreed)
    lost = total(common(agreed, down))
    dark = total(common(agreed, subtract(unknown, down)))
    return Availability(period, time, lost, dark, policy, _ratio(time // _TICK, lost // _TICK, dark // _TICK, policy))


def _ratio(time: int, down: int, unknown: int, policy: UnknownPolicy) -> Fraction | None:
    counted = time - unknown if policy == "exclude" else time
    bad = down + unknown if policy == "1" else down
    return Fraction(counted - bad, counted) if counted else None


def rounded_percent(ratio: Fraction) -> Decimal:
    """Downwards, to six digits after the point."""
    digits = ratio.numerator * 100 * 10**PERCENT_DIGITS // ratio.denominator
    return Decimal(digits).scaleb(-PERCENT_DIGITS)
