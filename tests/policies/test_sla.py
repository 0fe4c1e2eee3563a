"""Availability against brute force by the second; tables for what contracts say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.calendar import ServiceHours
from policies.errors import InvalidPolicy
from policies.maintenance import Maintenance, MaintenanceTerms, admitted
from policies.sla import Sla, UnknownPolicy, availability, parse_sla, rounded_percent
from policies.values import Interval, total

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LENGTH = 300
PERIOD = Interval(START, START + timedelta(seconds=LENGTH))
AROUND_THE_CLOCK = ServiceHours()
GOLD = """
name: gold
availability: 99.9
service_hours: {time_zone: Europe/Berlin, weekly: [{days: [mon], from: 08:00, to: 18:00}]}
credits:
  - {below: 99.9, percent: 5}
  - {below: 99.5, percent: 15}
  - {below: 95, percent: 60}
cap_percent: 50
"""


def span(start: int, end: int) -> Interval:
    return Interval(START + timedelta(seconds=start), START + timedelta(seconds=end))


spans = st.lists(st.tuples(st.integers(-20, LENGTH + 20), st.integers(0, 90)).map(lambda s: span(s[0], s[0] + s[1])), max_size=6)


def holds(intervals: Sequence[Interval], second: int) -> bool:
    return any(START + timedelta(seconds=second) in each for each in intervals)


@given(down=spans, unknown=spans, excluded=spans, policy=st.sampled_from(["0", "1", "exclude"]))
def test_availability_is_the_count_of_seconds(
    down: list[Interval], unknown: list[Interval], excluded: list[Interval], policy: UnknownPolicy
) -> None:
    agreed = [second for second in range(LENGTH) if not holds(excluded, second)]
    bad = [second for second in agreed if holds(down, second)]
    dark = [second for second in agreed if holds(unknown, second) and not holds(down, second)]
    measured = availability(PERIOD, AROUND_THE_CLOCK, down=down, unknown=unknown, excluded=excluded, policy=policy)
    assert (measured.agreed, measured.down, measured.unknown) == tuple(timedelta(seconds=len(each)) for each in (agreed, bad, dark))
    counted = len(agreed) - (len(dark) if policy == "exclude" else 0)
    lost = len(bad) + (len(dark) if policy == "1" else 0)
    assert measured.ratio == (Fraction(counted - lost, counted) if counted else None)


@given(down=spans)
def test_a_longer_outage_never_gives_a_better_figure(down: list[Interval]) -> None:
    before = availability(PERIOD, AROUND_THE_CLOCK, down=down, policy="0").ratio
    after = availability(PERIOD, AROUND_THE_CLOCK, down=[*down, span(100, 101)], policy="0").ratio
    assert before is not None
    assert after is not None
    assert after <= before


def test_an_outage_outside_service_hours_costs_nothing() -> None:
    sla = parse_sla(GOLD, "gold.yaml")
    night = Interval(datetime(2026, 1, 5, 2, 0, tzinfo=UTC), datetime(2026, 1, 5, 7, 30, tzinfo=UTC))
    measured = availability(sla.period_at(START), sla.service_hours, down=[night], policy=sla.unknown)
    assert measured.down == timedelta(minutes=30)
    assert measured.agreed == timedelta(hours=40)
    assert measured.percent == Decimal("98.750000")


@pytest.mark.parametrize(
    ("ratio", "percent"),
    [("0.999", 0), ("0.9990001", 0), ("0.9989999", 5), ("0.995", 5), ("0.9949999", 15), ("0.95", 15), ("0.5", 50), ("0", 50)],
)
def test_the_deepest_tier_counts_up_to_the_cap(ratio: str, percent: int) -> None:
    assert parse_sla(GOLD, "gold.yaml").credit_percent(Fraction(ratio)) == percent


def test_a_missed_objective_is_never_rounded_into_a_kept_one() -> None:
    assert rounded_percent(Fraction(999_999_999, 1_000_000_000)) == Decimal("99.999999")
    assert rounded_percent(Fraction(1)) == 100
    assert rounded_percent(Fraction(2, 3)) == Decimal("66.666666")


def test_a_contract_changes_only_what_its_terms_name() -> None:
    terms: dict[str, Any] = {"period": "5 minutes", "service_hours": {"time_zone": "UTC"}, "unknown": 0}
    sla = parse_sla(GOLD, "gold.yaml").with_terms(terms)
    assert sla.period == timedelta(minutes=5)
    assert sla.service_hours.time_zone == "UTC"
    assert sla.service_hours.weekly == parse_sla(GOLD, "gold.yaml").service_hours.weekly
    assert (sla.unknown, sla.availability) == ("0", Decimal("99.9"))
    with pytest.raises(ValidationError, match="5 minutes"):
        parse_sla(GOLD, "gold.yaml").with_terms({"period": "quarter"})


def test_period_of_a_month_and_of_a_fixed_length() -> None:
    sla = parse_sla("name: x\navailability: 99\ntime_zone: Europe/Berlin", "x.yaml")
    assert sla.period_at(START) == Interval(datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC))
    assert sla.with_terms({"period": "5 minutes"}).period_at(START + timedelta(seconds=299)) == PERIOD


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: x\navailability: 100", 2, "99.99"),
        ("name: x\navailability: 99\ncredits:\n  - {below: 99.5, percent: 5}", 3, "while the objective"),
        ("name: x\navailability: high", 2, "availability"),
        ("name: x\navailability: 99\nperiod: monthly", 3, "5 minutes"),
        ("name: x\navailability: 99\nservice_hours:\n  time_zone: Mars", 4, "service_hours.time_zone"),
        ("name: x\navailabilty: 99", 2, "did you mean availability?"),
        ("name: x\nzzz: 99", 2, "check its spelling: there are"),
        ("name: x", 1, "is missing"),
        ("name: x\nname: y\navailability: 99", 2, "twice"),
        ("name: [x", 1, "not YAML"),
        ("- x", 1, "mapping"),
        ("name: x\navailability: 2026-02-30", 1, "not YAML"),
    ],
)
def test_mistakes_in_a_file_are_named_with_their_place(text: str, line: int, said: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse_sla(text, "x.yaml")
    assert line in [problem.line for problem in caught.value.problems if said in str(problem)]
    assert str(caught.value).startswith("x.yaml:")


def test_maintenance_counts_only_when_announced_and_within_the_allowance() -> None:
    terms = MaintenanceTerms.model_validate({"allowance": "90 seconds", "notice": "1 day"})
    in_time, too_late = START - timedelta(days=1), START - timedelta(hours=1)
    windows = [Maintenance(span(0, 60), too_late), Maintenance(span(60, 120), in_time), Maintenance(span(200, 260), in_time)]
    assert admitted(windows, terms, [PERIOD]) == [span(60, 120), span(200, 230)]


def test_maintenance_takes_nothing_from_a_contract_without_allowance() -> None:
    early = START - timedelta(days=30)
    assert admitted([Maintenance(PERIOD, early)], Sla(name="x", availability=Decimal(99)).maintenance, [PERIOD]) == []


@given(windows=spans, allowance=st.integers(0, 400))
def test_maintenance_never_exceeds_the_allowance(windows: list[Interval], allowance: int) -> None:
    terms = MaintenanceTerms(allowance=timedelta(seconds=allowance), notice=timedelta())
    taken = admitted([Maintenance(window, window.start) for window in windows], terms, [PERIOD])
    seconds = sum(holds(windows, second) for second in range(LENGTH))
    assert total(taken) == timedelta(seconds=min(allowance, seconds))
