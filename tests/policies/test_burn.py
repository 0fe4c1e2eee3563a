"""Burn rates against a count of seconds, and rules that cannot fire."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.burn import DEFAULT_RULES, MONTH, BurnRule, blind_share, burns, guard_reached, rules_that_can_fire
from policies.errors import InvalidPolicy
from policies.sla import parse_sla
from policies.values import Interval, merge

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
THREE_NINES = Fraction(999, 1000)
RULE = BurnRule(budget=Decimal(10), long=timedelta(seconds=240), short=timedelta(seconds=20))
PERIOD = timedelta(seconds=2400)


def ago(start: float, end: float) -> Interval:
    return Interval(NOW - timedelta(seconds=start), NOW - timedelta(seconds=end))


outages = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 60)), max_size=6).map(
    lambda pairs: merge(ago(start, max(0, start - length)) for start, length in pairs)
)


def bad_seconds(bad: list[Interval], window: int) -> int:
    return sum(any(NOW - timedelta(seconds=second) in each for each in bad) for second in range(1, window + 1))


def test_the_usual_rules_have_the_factors_of_the_book():
    assert [float(rule.factor(MONTH)) for rule in DEFAULT_RULES] == [14.4, 6, 3, 1]
    assert [rule.shorter for rule in DEFAULT_RULES] == [timedelta(minutes=minutes) for minutes in (5, 30, 120, 360)]


@given(bad=outages)
def test_a_rule_fires_when_both_windows_have_lost_enough_seconds(bad):
    objective = Fraction(9, 10)
    (burn,) = burns([RULE], objective, PERIOD, bad, NOW)
    long, short = bad_seconds(bad, 240), bad_seconds(bad, 20)
    assert burn.long_rate == Fraction(long, 240) * 10
    assert burn.fires == (burn.long_rate >= RULE.factor(PERIOD) and Fraction(short, 20) * 10 >= RULE.factor(PERIOD))


@given(bad=outages, more=st.integers(0, 60), down=st.booleans())
def test_nothing_changes_before_it_is_said_to(bad, more, down):
    objective = Fraction(9, 10)
    (before,) = burns([RULE], objective, PERIOD, bad, NOW)
    later = NOW + timedelta(seconds=more)
    (after,) = burns([RULE], objective, PERIOD, merge([*bad, *([Interval(NOW, later)] if down and more else [])]), later)
    if timedelta(seconds=more) < before.changes_in:
        assert after.fires == before.fires


def test_a_total_outage_of_three_nines_pages_within_52_seconds():
    rules = rules_that_can_fire(THREE_NINES, MONTH)

    def fires(seconds: float) -> bool:
        return any(burn.fires and burn.rule.action == "page" for burn in burns(rules, THREE_NINES, MONTH, [ago(seconds, 0)], NOW))

    assert not fires(51.8)
    assert fires(52)


def test_an_outage_that_is_over_stops_firing_with_its_short_window():
    rules = rules_that_can_fire(THREE_NINES, MONTH)[:1]
    assert burns(rules, THREE_NINES, MONTH, [ago(299 + 60, 299)], NOW)[0].fires is False
    assert burns(rules, THREE_NINES, MONTH, [ago(290 + 60, 290)], NOW)[0].fires is True


@pytest.mark.parametrize(
    ("objective", "period", "left"),
    [
        ("0.999", MONTH, 4),
        ("0.95", MONTH, 4),
        ("0.9", MONTH, 3),
        ("0.999", timedelta(minutes=5), 0),
        ("0.999", timedelta(days=1), 3),
    ],
)
def test_of_the_usual_rules_those_that_cannot_fire_are_left_out(objective, period, left):
    assert len(rules_that_can_fire(Fraction(objective), period)) == left


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("{budget: 2, long: 1 hour}", 4, "never fire"),
        ("{budget: 2, long: 60 days}", 4, "longer than the period"),
        ("{budget: 0, long: 1 hour}", 4, "fire always"),
        ("{budget: 2, long: 1 hour, short: 2 hours}", 4, "shorter than the long one"),
        ("{budget: 2, long: 1 hour, action: shout}", 4, "'page' or 'ticket'"),
    ],
)
def test_a_rule_that_says_nothing_is_refused_at_its_line(written, line, said):
    with pytest.raises(InvalidPolicy) as caught:
        parse_sla(f"name: bronze\navailability: 80\nburn:\n  - {written}", "bronze.yaml")
    assert [(problem.line, said in problem.message) for problem in caught.value.problems] == [(line, True)]


def test_guards_are_reached_at_their_share_of_the_budget():
    budget = timedelta(seconds=100)
    reached = [guard_reached(timedelta(seconds=spent), budget) for spent in (0, 49, 50, 79, 80, 99, 100, 500)]
    assert reached == [0, 0, 50, 50, 80, 80, 100, 100]
    assert guard_reached(timedelta(seconds=5), timedelta()) == 0


def test_blindness_is_the_unknown_share_of_the_window():
    assert blind_share([ago(60, 0), ago(10_000, 5000)], timedelta(minutes=10), NOW) == Fraction(1, 10)
