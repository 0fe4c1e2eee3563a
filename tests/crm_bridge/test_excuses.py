"""What a contract does not count, against a count of seconds over the hours in which clocks are changed."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_bridge.excuses import excuses
from crm_bridge.tables import ExclusionRow
from inventory.maintenance import Window
from policies.sla import Sla, parse_sla
from policies.values import Interval
from policies.verdicts import Facts, verdicts

BERLIN = ZoneInfo("Europe/Berlin")
LENGTH = 3 * 3600
SPRING, AUTUMN = datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)
"""01:00 and 02:00 on the wall; the clock is changed an hour later."""
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
OPEN, SHUT = time(1, 30), time(3, 45)


def contract(policy: str, allowance: int) -> Sla:
    hours = '{time_zone: Europe/Berlin, weekly: [{days: [sun], from: "01:30", to: "03:45"}]}'
    return parse_sla(
        f"name: x\navailability: 99\nperiod: 3 hours\nunknown: {policy}\nservice_hours: {hours}\n"
        f"maintenance: {{allowance: {allowance} seconds, notice: 1 day}}",
        "x.yaml",
    )


spans = st.lists(st.tuples(st.integers(-600, LENGTH), st.integers(1, 3000)), max_size=4)
windows = st.lists(
    st.tuples(st.integers(-600, LENGTH), st.integers(1, 3000), st.sampled_from(["early", "late", "after"])), max_size=4
)


@settings(max_examples=60)
@given(
    start=st.sampled_from([SPRING, AUTUMN]),
    down=spans,
    unknown=spans,
    excused=spans,
    absent=spans,
    announced=windows,
    policy=st.sampled_from(["0", "1", "exclude"]),
    allowance=st.sampled_from([0, 600, 100_000]),
)
def test_availability_is_the_count_of_seconds_that_count(*, start, down, unknown, excused, absent, announced, policy, allowance):
    sla = contract(policy, allowance)
    period = sla.period_at(start)
    assert period == Interval(start, start + timedelta(seconds=LENGTH))

    def at(pairs):
        return [Interval(start + timedelta(seconds=first), start + timedelta(seconds=first + length)) for first, length in pairs]

    known = [window(start, *each) for each in announced]
    rows = [exclusion(span) for span in at(excused)]
    found = excuses(sla, period, known, rows, at(absent))
    verdict = verdicts(sla, period, Facts(down=at(down), unknown=at(unknown), excluded=found.spans))[0]

    admitted = [each.span for each, (_, _, when) in zip(known, announced, strict=True) if when == "early"]
    left, counted, lost, dark = allowance, 0, 0, 0
    for second in range(LENGTH):
        instant = start + timedelta(seconds=second)
        wall = instant.astimezone(BERLIN)
        if not OPEN <= wall.time() < SHUT or holds([*at(excused), *at(absent)], instant):
            continue
        if left and holds(admitted, instant):
            left -= 1
            continue
        counted += 1
        lost += holds(at(down), instant)
        dark += holds(at(unknown), instant) and not holds(at(down), instant)
    assert verdict.time is not None
    assert [span // timedelta(seconds=1) for span in (verdict.time.agreed, verdict.time.down, verdict.time.unknown)] == [
        counted,
        lost,
        dark,
    ]
    time_that_counts = counted - (dark if policy == "exclude" else 0)
    bad = lost + (dark if policy == "1" else 0)
    assert verdict.time.ratio == (Fraction(time_that_counts - bad, time_that_counts) if time_that_counts else None)


def window(start, first, length, when) -> Window:
    span = Interval(start + timedelta(seconds=first), start + timedelta(seconds=first + length))
    notice = span.start - timedelta(hours=1) if when == "late" else EARLY
    recorded = span.start + timedelta(seconds=1) if when == "after" else EARLY
    return Window(f"mnt-{first}-{length}-{when}", span, notice, recorded, "noc", "work", frozenset())


def exclusion(span) -> ExclusionRow:
    return ExclusionRow(
        id="exc-1", service_id="svc-1", kind="forceMajeure", start=span.start, end=span.end, reason="flood", author="noc"
    )


def holds(intervals, instant) -> bool:
    return any(instant in each for each in intervals)


@pytest.mark.parametrize(
    ("inside", "zone", "hours"),
    [
        (datetime(2028, 2, 29, 12, tzinfo=UTC), "UTC", 29 * 24),
        (datetime(2027, 2, 28, 12, tzinfo=UTC), "UTC", 28 * 24),
        (datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC), "Europe/Berlin", 31 * 24 - 1),
        (datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC), "Europe/Berlin", 31 * 24 + 1),
        (datetime(2026, 4, 15, tzinfo=UTC), "Australia/Lord_Howe", 30 * 24 + Fraction(1, 2)),
    ],
)
def test_the_budget_of_a_month_is_that_of_its_own_hours(inside, zone, hours):
    sla = parse_sla(f"name: x\navailability: 99\ntime_zone: {zone}", "x.yaml")
    period = sla.period_at(inside)
    verdict = verdicts(sla, period, Facts())[0]
    assert verdict.time is not None
    assert verdict.time.agreed == timedelta(seconds=int(hours * 3600))
    assert verdict.measured == Decimal(100)
