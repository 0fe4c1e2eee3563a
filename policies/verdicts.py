"""What one period was, objective by objective, and what follows from it: kept or missed, and how much is credited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from policies.intervals import common
from policies.objectives import CaseObjective, Chronic, CreditTier, IndicatorObjective
from policies.sla import Availability, Sla, availability, rounded_percent
from policies.values import Interval, merge, total

AVAILABILITY, CHRONIC = "availability", "chronic"


@dataclass(frozen=True, slots=True)
class Case:
    """An order, a repair or a first response that had to be done by some time."""

    id: str
    due: datetime
    """What period it belongs to, too."""
    in_time: bool


@dataclass(frozen=True, slots=True)
class Minutes:
    """Time in which an indicator was bad, and in which nothing is known of it."""

    bad: Sequence[Interval] = ()
    unknown: Sequence[Interval] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one service and period. Intervals may overlap and reach beyond the period."""

    down: Sequence[Interval] = ()
    unknown: Sequence[Interval] = ()
    excluded: Sequence[Interval] = ()
    """Admitted maintenance, excused time, and time in which there was nothing to promise."""
    indicators: Mapping[str, Minutes] = field(default_factory=lambda: MappingProxyType({}))
    """By metric."""
    cases: Mapping[str, Sequence[Case]] = field(default_factory=lambda: MappingProxyType({}))
    """By rule; those that were due in the period."""
    counted_outages: Sequence[Interval] = ()
    """Each as long as it counts, as far back as the chronic clause looks; see `chronic_outages`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One objective in one period."""

    rule: str
    objective: Decimal
    """Per cent; for the chronic clause the number of outages from which on it holds."""
    measured: Decimal | None
    """In the same unit, rounded downwards; None when nothing counted."""
    kept: bool
    percent: Decimal
    """Of the recurring fee, to be credited; within the cap."""
    reason: str
    """For the customer; says what is measured even where it is kept."""
    time: Availability | None = None
    """Of objectives over time."""
    in_time: int = 0
    cases: int = 0
    """Of objectives over cases."""
    outages: tuple[Interval, ...] = ()
    """Of the chronic clause."""


def verdicts(sla: Sla, period: Interval, facts: Facts) -> list[Verdict]:
    """Availability first; then what else was promised, in the order of the SLA."""
    found = [_availability(sla, period, facts)]
    found += [_indicator(sla, each, period, facts) for each in sla.indicators]
    found += [_cases(sla, each, facts.cases.get(each.rule, ())) for each in sla.cases]
    if sla.chronic is not None:
        found.append(_chronic(sla, sla.chronic, period, facts.counted_outages))
    return found


def chronic_outages(clause: Chronic, agreed: Sequence[Interval], down: Sequence[Interval], until: datetime) -> list[Interval]:
    """The outages that the clause counts: long enough within agreed time, and ended within its reach."""
    return [
        outage
        for outage in merge(down)
        if until - clause.within < outage.end <= until and total(common([outage], agreed)) >= clause.of
    ]


def _availability(sla: Sla, period: Interval, facts: Facts) -> Verdict:
    time = availability(
        period, sla.service_hours, down=facts.down, unknown=facts.unknown, excluded=facts.excluded, policy=sla.unknown
    )
    return _of_time(sla, AVAILABILITY, sla.availability, sla.credits, time)


def _indicator(sla: Sla, goal: IndicatorObjective, period: Interval, facts: Facts) -> Verdict:
    minutes = facts.indicators.get(goal.metric, Minutes(unknown=(period,)))
    time = availability(
        period, sla.service_hours, down=minutes.bad, unknown=minutes.unknown, excluded=facts.excluded, policy=sla.unknown
    )
    return _of_time(sla, goal.rule, goal.of_time, goal.credits, time)


def _of_time(sla: Sla, rule: str, objective: Decimal, tiers: Sequence[CreditTier], time: Availability) -> Verdict:
    percent = Decimal(0) if time.ratio is None else sla.tier_percent(tiers, time.ratio)
    reason = f"{rule.capitalize()} {_plain(time.percent)} %, agreed {_plain(objective)} %"
    return Verdict(rule, objective, time.percent, time.keeps(Fraction(objective) / 100), percent, reason, time=time)


def _cases(sla: Sla, goal: CaseObjective, cases: Sequence[Case]) -> Verdict:
    """Without a case nothing was missed."""
    in_time = sum(case.in_time for case in cases)
    ratio = Fraction(in_time, len(cases)) if cases else None
    measured = None if ratio is None else rounded_percent(ratio)
    kept = ratio is None or ratio * 100 >= Fraction(goal.of_cases)
    percent = Decimal(0) if ratio is None else sla.tier_percent(goal.credits, ratio)
    reason = f"{in_time} of {len(cases)} in time ({goal.rule}), agreed {_plain(goal.of_cases)} %"
    return Verdict(goal.rule, goal.of_cases, measured, kept, percent, reason, in_time=in_time, cases=len(cases))


def _chronic(sla: Sla, clause: Chronic, period: Interval, outages: Sequence[Interval]) -> Verdict:
    """Holds for a period in which another outage came to those before: the same outages alone are not credited twice."""
    recent = [outage for outage in outages if period.start < outage.end]
    missed = len(outages) >= clause.outages and bool(recent)
    reason = (
        f"{len(outages)} outages of {_minutes(clause.of)} or more within {clause.within.days} days, {clause.outages} are credited"
    )
    percent = min(clause.percent, sla.cap_percent) if missed else Decimal(0)
    return Verdict(CHRONIC, Decimal(clause.outages), Decimal(len(outages)), not missed, percent, reason, outages=tuple(outages))


def _plain(number: Decimal | None) -> str:
    return "unknown" if number is None else f"{number.normalize():f}"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} minutes"
