"""Periods of contracts: every instant lies in exactly one, whatever clocks and calendars do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.periods import Periodic, fixed_period, month_of
from policies.values import Interval

SECOND = timedelta(seconds=1)
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def periodic(**given: Any) -> Periodic:
    return Periodic.model_validate(given)


@pytest.mark.parametrize(
    ("instant", "zone", "day", "start", "end"),
    [
        ("2026-03-31T22:30", "Europe/Berlin", 1, "2026-03-31T22:00", "2026-04-30T22:00"),
        ("2026-03-15T12:00", "Europe/Berlin", 1, "2026-02-28T23:00", "2026-03-31T22:00"),  # an hour shorter
        ("2026-10-15T12:00", "Europe/Berlin", 1, "2026-09-30T22:00", "2026-10-31T23:00"),  # an hour longer
        ("2026-12-31T23:30", "UTC", 1, "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026-01-14T23:59", "UTC", 15, "2025-12-15T00:00", "2026-01-15T00:00"),
        ("2026-01-15T00:00", "UTC", 15, "2026-01-15T00:00", "2026-02-15T00:00"),
        ("2026-02-27T12:00", "UTC", 31, "2026-01-31T00:00", "2026-02-28T00:00"),
        ("2026-02-28T00:00", "UTC", 31, "2026-02-28T00:00", "2026-03-31T00:00"),
        ("2028-02-28T12:00", "UTC", 31, "2028-01-31T00:00", "2028-02-29T00:00"),  # a leap year
        ("2028-02-29T00:00", "UTC", 29, "2028-02-29T00:00", "2028-03-29T00:00"),
        ("2026-03-29T01:30", "Europe/Berlin", 29, "2026-03-28T23:00", "2026-04-28T22:00"),
        ("2009-11-01T02:31", "America/St_Johns", 1, "2009-11-01T02:30", "2009-12-01T03:30"),  # the wall shows October again
    ],
)
def test_a_month_is_the_month_on_the_wall(instant: str, zone: str, day: int, start: str, end: str) -> None:
    assert month_of(utc(instant), ZoneInfo(zone), day) == Interval(utc(start), utc(end))


zones = st.sampled_from(
    [BERLIN, *map(ZoneInfo, ("UTC", "America/St_Johns", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe"))]
)


@given(st.integers(0, 2 * 10**9), zones, st.integers(1, 31))
def test_months_tile_the_time(since: int, where: ZoneInfo, day: int) -> None:
    instant = utc("1970-02-01T00:00") + since * SECOND
    month = month_of(instant, where, day)
    assert instant in month
    assert month_of(month.end, where, day).start == month.end
    assert month_of(month.end - timedelta(microseconds=1), where, day) == month


@given(st.integers(-(10**9), 4 * 10**9), st.integers(1, 10**6), st.integers(-(10**9), 4 * 10**9))
def test_fixed_periods_tile_the_time(since: int, seconds: int, counted_from: int) -> None:
    epoch, length = utc("1970-01-01T00:00"), timedelta(seconds=seconds)
    instant, anchor = epoch + since * SECOND, epoch + counted_from * SECOND
    period = fixed_period(instant, length, anchor)
    assert instant in period
    assert (period.start - anchor) % length == timedelta()
    assert fixed_period(period.end, length, anchor).start == period.end
    assert fixed_period(period.start, length, anchor) == period


def test_periods_are_counted_from_their_anchor() -> None:
    assert periodic(period="30 days").period_at(utc("2026-01-20T00:00")).start == utc("2026-01-07T00:00")
    own = periodic(period="30 days", anchor="2026-01-15")
    assert own.period_at(utc("2026-01-20T00:00")) == Interval(utc("2026-01-15T00:00"), utc("2026-02-14T00:00"))
    assert own.period_at(utc("2026-01-14T23:59")) == Interval(utc("2025-12-16T00:00"), utc("2026-01-15T00:00"))
    exact = periodic(period="1 minute", anchor="2026-01-15T08:00:20+01:00")
    assert exact.period_at(utc("2026-01-15T07:00:19")).end == utc("2026-01-15T07:00:20")


def test_months_begin_on_the_billing_day() -> None:
    own = periodic(anchor_day=31, time_zone="Europe/Berlin")
    starts = [own.period_at(datetime(2026, month, 10, tzinfo=UTC)).end.astimezone(BERLIN) for month in range(1, 13)]
    assert [(each.month, each.day, each.hour) for each in starts] == [
        *((1, 31, 0), (2, 28, 0), (3, 31, 0), (4, 30, 0), (5, 31, 0), (6, 30, 0)),
        *((7, 31, 0), (8, 31, 0), (9, 30, 0), (10, 31, 0), (11, 30, 0), (12, 31, 0)),
    ]
    assert all(earlier < later for earlier, later in pairwise(starts))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"anchor": "2026-01-15"}, "write anchor_day"),
        ({"period": "30 days", "anchor_day": 15}, "write anchor"),
        ({"anchor_day": 0}, "greater than or equal to 1"),
        ({"anchor_day": 32}, "less than or equal to 31"),
        ({"period": "30 days", "anchor": "soon"}, "datetime"),
        ({"period": "30 days", "anchor": "2026-01-15T08:00:00"}, "timezone"),
        ({"period": "30 days", "anchor": "0001-01-01T00:00:00+14:00"}, "beyond the calendar"),
        ({"period": "0 days"}, "needs a length"),
        ({"period": "999999999 weeks"}, "hundred years"),
        ({"period": "900000 weeks"}, "hundred years"),
        ({"time_zone": "Mars/Base"}, "IANA"),
    ],
)
def test_periods_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        periodic(**given)
