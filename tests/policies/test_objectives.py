"""Objectives beside availability, as files say them."""

from decimal import Decimal

import pytest

from policies.errors import InvalidPolicy
from policies.sla import Sla, parse_sla

HEAD = "name: x\navailability: 99\n"


def indicator(written: str) -> Sla:
    return parse_sla(f"{HEAD}indicators:\n  - {written}", "x.yaml")


@pytest.mark.parametrize(
    ("written", "good", "bad", "said"),
    [
        ("{metric: loss, at_most: 0.5 %, of_time: 99.5}", 0.005, 0.0051, "loss at most 0.5 % in 99.5 % of the time"),
        ("{metric: loss, at_most: 0 %, of_time: 99}", 0.0, 0.0001, "loss at most 0 % in 99 % of the time"),
        ("{metric: delay, at_most: 30 ms, of_time: 99}", 0.03, 0.0301, "delay at most 0.03 s in 99 % of the time"),
        ("{metric: jitter, at_most: 250 us, of_time: 99}", 0.00025, 0.00026, "jitter at most 0.00025 s in 99 % of the time"),
        (
            "{metric: throughput, at_least: 90 Mbit/s, of_time: 99}",
            90e6,
            89.9e6,
            "throughput at least 90000000 bit/s in 99 % of the time",
        ),
    ],
)
def test_a_limit_is_kept_at_its_very_value(written, good, bad, said):
    (objective,) = indicator(written).indicators
    assert objective.is_good(good)
    assert not objective.is_good(bad)
    assert str(objective) == said


def test_terms_of_a_contract_keep_what_they_do_not_name():
    sla = indicator("{metric: delay, at_most: 30 ms, of_time: 99}").with_terms({"availability": "99.5"})
    assert sla.availability == Decimal("99.5")
    assert sla.indicators[0].limit == Decimal("0.030")


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("indicators:\n  - {metric: delay, at_most: 30, of_time: 99}", 4, "with its unit (s, ms, us)"),
        ("indicators:\n  - {metric: delay, at_most: 30 km, of_time: 99}", 4, "no delay"),
        ("indicators:\n  - {metric: delay, at_least: 30 ms, of_time: 99}", 4, "limited by at_most"),
        ("indicators:\n  - {metric: throughput, at_most: 30 Mbit/s, of_time: 99}", 4, "limited by at_least"),
        ("indicators:\n  - {metric: loss, at_most: 100 %, of_time: 99}", 4, "always kept"),
        ("indicators:\n  - {metric: throughput, at_least: 0 bit/s, of_time: 99}", 4, "more than nothing"),
        ("indicators:\n  - {metric: delay, at_most: 30 ms, of_time: 100}", 4, "no budget"),
        ("indicators:\n  - {metric: delay, at_most: 30 ms, of_time: 0}", 4, "always kept"),
        ("indicators:\n  - {metric: delay, at_most: 1 s, of_time: 99, credits: [{below: 99.5, percent: 5}]}", 4, "is kept"),
        ("indicators:\n  - {metric: smell, at_most: 1 s, of_time: 99}", 4, "'loss'"),
        (
            "indicators:\n  - {metric: delay, at_most: 1 s, of_time: 99}\n  - {metric: delay, at_most: 2 s, of_time: 90}",
            3,
            "keep the stricter",
        ),
        ("cases:\n  - {rule: repairOnTime, of_cases: 0}", 4, "always kept"),
        ("cases:\n  - {rule: repairInStyle, of_cases: 90}", 4, "'repairOnTime'"),
        ("chronic: {outages: 3, of: 10 days, within: 20 days, percent: 50}", 3, "never hold"),
        ("chronic: {outages: 1, of: 10 minutes, within: 20 days, percent: 50}", 3, "greater than or equal to 2"),
        ("chronic: {outages: 3, of: 10 minutes, within: 20 days, percent: 0}", 3, "credits nothing"),
    ],
)
def test_what_cannot_be_missed_or_kept_is_refused_at_its_line(written, line, said):
    with pytest.raises(InvalidPolicy) as caught:
        parse_sla(HEAD + written, "x.yaml")
    assert [problem.line for problem in caught.value.problems if said in problem.message] == [line]
