"""Time to breach against brute force by the second."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.breach import Forecast, Health, breach_instant, forecast, repair_due, repair_expected
from policies.sla import Sla
from policies.values import Interval

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LENGTH = 600
SLA = Sla.model_validate({"name": "x", "availability": 90, "period": "10 minutes", "unknown": "0", "target_repair": "30 seconds"})
BUDGET = 60


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def span(start: int, end: int) -> Interval:
    return Interval(at(start), at(end))


@given(
    now=st.integers(0, LENGTH - 1),
    outages=st.lists(st.tuples(st.integers(0, LENGTH), st.integers(1, 60)), max_size=5),
    excluded=st.lists(st.tuples(st.integers(0, LENGTH), st.integers(1, 60)), max_size=3),
)
def test_a_service_that_stays_down_breaches_at_the_second_brute_force_finds(
    now: int, outages: list[tuple[int, int]], excluded: list[tuple[int, int]]
) -> None:
    removed = {s for start, length in excluded for s in range(start, start + length)}
    agreed = [second for second in range(LENGTH) if second not in removed]
    down = {s for start, length in outages for s in range(start, start + length) if s < now}
    budget = Decimal(len(agreed)) / 10
    spent, expected = Decimal(0), None
    for second in agreed:
        if second in down or second >= now:
            if spent + 1 > budget:
                expected = at(float(second + budget - spent))
                break
            spent += 1
    health = Health(at(now), True, tuple(span(s, s + n) for s, n in outages), excluded=tuple(span(s, s + n) for s, n in excluded))
    found = breach_instant(SLA, health)
    if expected is None:
        # spent exactly at the end of the period, or nothing agreed
        assert found is None or spent == budget
    else:
        assert found is not None
        # the budget may be spent exactly at the end of a stretch: both ends of the gap are the same breach
        assert found <= expected
        assert sum(1 for s in agreed if (s in down or s >= now) and at(s) < found) == ceil(budget)


@pytest.mark.parametrize(
    ("down", "now", "is_down", "expected"),
    [
        ([], 100, False, None),
        ([(0, 30)], 100, True, 130),
        ([(0, 30)], 300, False, 600),  # 10 % of the time so far: the other 30 s last exactly to the end
        ([(0, 30)], 200, False, 400),  # 15 %: 30 s more take 200 s
        ([(0, 30)], 400, False, None),
        ([(0, 60)], 60, True, 60),
        ([(10, 100)], 200, False, 70),  # in the past
    ],
)
def test_the_instant_of_breach(down: list[tuple[int, int]], now: int, is_down: bool, expected: int | None) -> None:
    health = Health(at(now), is_down, tuple(span(*each) for each in down))
    assert breach_instant(SLA, health) == (None if expected is None else at(expected))


def test_an_outage_of_yesterday_sets_the_pace_of_a_fresh_period() -> None:
    yesterday = Interval(START - timedelta(hours=12), START)
    found = breach_instant(SLA, Health(at(0), False, (yesterday,)))
    assert found == at(120)  # half of the last day was lost: 60 s of budget last 120 s


def test_unknown_time_spends_the_budget_only_where_it_counts_as_down() -> None:
    dark = (span(0, 100),)
    strict = SLA.with_terms({"unknown": 1})
    assert forecast(strict, Health(at(200), False, (), unknown=dark)).spent == timedelta(seconds=100)
    assert forecast(SLA, Health(at(200), False, (), unknown=dark)).spent == timedelta()
    assert forecast(SLA.with_terms({"unknown": "exclude"}), Health(at(200), False, (), unknown=dark)).budget == timedelta(
        seconds=50
    )


def test_the_share_that_is_left() -> None:
    seen = forecast(SLA, Health(at(200), False, (span(0, 15),)))
    assert (seen.remaining_share, seen.remaining) == (Fraction(3, 4), timedelta(seconds=45))
    assert Forecast(span(0, 1), timedelta(), timedelta(), None).remaining_share == 0


def test_a_repair_is_due_its_target_time_before_the_breach() -> None:
    assert repair_due(SLA, at(100), at(0)) == at(70)
    assert repair_due(SLA, at(100), at(90)) == at(90)
    assert repair_due(SLA, None, at(0)) is None


def test_a_repair_is_expected_within_its_target_and_before_the_breach_that_can_still_be_avoided() -> None:
    assert repair_expected(SLA, None, at(0)) == at(30)
    assert repair_expected(SLA, at(20), at(0)) == at(20)
    assert repair_expected(SLA, at(100), at(0)) == at(30)
    assert repair_expected(SLA, at(0), at(10)) == at(40)
