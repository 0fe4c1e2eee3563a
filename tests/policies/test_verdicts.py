"""Verdicts of a period: cases, indicators and the chronic clause; and maintenance window by window."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.maintenance import Maintenance, MaintenanceTerms, account, admitted
from policies.sla import parse_sla
from policies.values import Interval, merge, total
from policies.verdicts import Case, Facts, Minutes, chronic_outages, verdicts

START = datetime(2026, 2, 1, tzinfo=UTC)
SLA = """
name: gold
availability: 99
time_zone: UTC
credits: [{below: 99, percent: 10}]
indicators:
  - {metric: delay, at_most: 30 ms, of_time: 99.5, credits: [{below: 99.5, percent: 5}]}
  - {metric: loss, at_most: 1 %, of_time: 99}
cases:
  - {rule: repairOnTime, of_cases: 90, credits: [{below: 90, percent: 7}]}
chronic: {outages: 3, of: 10 minutes, within: 60 days, percent: 50}
cap_percent: 40
"""
GOLD = parse_sla(SLA, "gold.yaml")
FEBRUARY = GOLD.period_at(START)


def at(day: int, minute: float, length: float) -> Interval:
    """`length` in minutes; days before the month are negative."""
    start = START + timedelta(days=day, minutes=minute)
    return Interval(start, start + timedelta(minutes=length))


def judged(**facts):
    return {verdict.rule: verdict for verdict in verdicts(GOLD, FEBRUARY, Facts(**facts))}


def test_each_objective_is_judged_by_what_is_its_own():
    found = judged(
        down=[at(1, 0, 600)],
        indicators={"delay": Minutes(bad=[at(2, 0, 60)]), "loss": Minutes(bad=[at(2, 0, 60)], unknown=[at(3, 0, 1440)])},
        cases={"repairOnTime": [Case("tkt-1", START, in_time=True), Case("tkt-2", START, in_time=False)]},
    )
    assert list(found) == ["availability", "delay", "loss", "repairOnTime", "chronic"]
    minutes = 28 * 24 * 60
    assert found["availability"].measured == (Decimal(minutes - 600) * 100 / minutes).quantize(Decimal("0.000001"), "ROUND_FLOOR")
    assert [(rule, verdict.kept, verdict.percent) for rule, verdict in found.items()] == [
        ("availability", False, 10),
        ("delay", True, 0),
        ("loss", True, 0),
        ("repairOnTime", False, 7),
        ("chronic", True, 0),
    ]
    assert found["loss"].time.unknown == timedelta(days=1)
    assert found["repairOnTime"].reason == "1 of 2 in time (repairOnTime), agreed 90 %"


def test_what_was_never_measured_is_unknown_and_breaks_nothing():
    delay = judged()["delay"]
    assert (delay.measured, delay.kept, delay.time.unknown) == (None, True, timedelta(days=28))


def test_no_case_is_no_case_out_of_time():
    repair = judged()["repairOnTime"]
    assert (repair.measured, repair.kept, repair.cases) == (None, True, 0)


@pytest.mark.parametrize(
    ("outages", "kept"),
    [
        ([at(1, 0, 10), at(2, 0, 10), at(3, 0, 10)], True),
        ([at(1, 0, 10), at(2, 0, 10), at(3, 0, 10), at(4, 0, 10)], True),
        ([at(-20, 0, 10), at(-10, 0, 10), at(3, 0, 10)], True),
        ([at(-20, 0, 10), at(-10, 0, 10), at(-3, 0, 10)], False),
        ([at(-40, 0, 10), at(-10, 0, 10), at(3, 0, 10)], False),
        ([at(1, 0, 9), at(2, 0, 10), at(3, 0, 10)], False),
        ([at(1, 0, 10), at(1, 10, 10), at(3, 0, 10)], False),
    ],
)
def test_the_chronic_clause_counts_outages_of_its_length_within_its_reach(outages, kept):
    """`kept` says that it is missed here: the last case joins two outages that touch."""
    counted = chronic_outages(GOLD.chronic, [Interval(START - timedelta(days=90), FEBRUARY.end)], outages, FEBRUARY.end)
    verdict = judged(counted_outages=counted)["chronic"]
    assert verdict.kept is not kept
    assert verdict.percent == (40 if kept else 0)


spans = st.lists(st.tuples(st.integers(0, 290), st.integers(1, 60)), max_size=6).map(
    lambda pairs: [Interval(START + timedelta(seconds=a), START + timedelta(seconds=a + b)) for a, b in pairs]
)


@given(windows=spans, late=st.lists(st.booleans(), min_size=6, max_size=6), allowance=st.integers(0, 200))
def test_the_shares_of_the_windows_are_what_is_admitted(windows, late, allowance):
    terms = MaintenanceTerms(allowance=timedelta(seconds=allowance), notice=timedelta(hours=1))
    known = [
        Maintenance(window, window.start - (timedelta() if is_late else timedelta(hours=1)), None, f"mnt-{number}")
        for number, (window, is_late) in enumerate(zip(windows, late, strict=False))
    ]
    hours = [Interval(START, START + timedelta(seconds=200))]
    shares = account(known, terms, hours)
    parts = [part for each in shares for part in each.taken]
    assert merge(parts) == merge(admitted(known, terms, hours))
    assert sum((part.duration for part in parts), timedelta()) == total(parts)
    refused = {each.maintenance.id for each in shares if not each.taken and total([each.maintenance.window]) and each.because}
    assert {each.id for each in known if each.refusal(terms)} <= refused


def test_a_window_says_why_it_does_not_count():
    terms = MaintenanceTerms(allowance=timedelta(minutes=30), notice=timedelta(days=5))
    early, begun = START - timedelta(days=30), START + timedelta(seconds=1)
    known = [
        Maintenance(at(0, 0, 10), early, begun),
        Maintenance(at(1, 0, 10), START - timedelta(days=3), early),
        Maintenance(at(2, 0, 20), early, early),
        Maintenance(at(3, 0, 20), early, early),
    ]
    said = [each.because for each in account(known, terms, [FEBRUARY])]
    assert said == [
        "written down after it had begun",
        "notice of 4 days instead of 5 days",
        "",
        "10 minutes of it are beyond the allowance of 30 minutes, or another window's",
    ]
