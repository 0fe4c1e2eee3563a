"""Service hours against the definition, second by second."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.calendar import DAYS, ServiceHours, constant_offsets
from policies.values import Interval, total

OFFICE = {"time_zone": "Europe/Berlin", "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"}]}
SECOND = timedelta(seconds=1)


def hours(**given: Any) -> ServiceHours:
    return ServiceHours.model_validate(given)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def by_the_second(calendar: ServiceHours, span: Interval) -> int:
    """Looks at the clock on the wall once a second."""
    where = ZoneInfo(calendar.time_zone)
    count, instant = 0, span.start
    while instant < span.end:
        wall = instant.astimezone(where)
        second = wall.hour * 3600 + wall.minute * 60 + wall.second
        open_now = not calendar.weekly or any(
            DAYS[wall.weekday()] in window.days and window.start * 60 <= second < window.end * 60 for window in calendar.weekly
        )
        count += open_now and wall.date() not in calendar.closed
        instant += SECOND
    return count


CHANGES = [
    utc("2026-03-29T01:00"),
    utc("2026-10-25T01:00"),
    utc("2026-06-10T12:00"),
    utc("2026-10-04T15:00"),
    utc("2026-04-04T15:30"),
]
ZONES = ["Europe/Berlin", "Australia/Lord_Howe", "UTC", "America/New_York", "Asia/Kathmandu"]


@settings(max_examples=60, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    where=st.sampled_from(ZONES),
    bounds=st.tuples(st.integers(0, 5400), st.integers(1, 5400)),
    windows=st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 300)), max_size=3),
    closed=st.booleans(),
)
def test_the_hours_are_what_the_clock_on_the_wall_shows(
    change: datetime, where: str, bounds: tuple[int, int], windows: list[tuple[int, int]], closed: bool
) -> None:
    span = Interval(change - bounds[0] * SECOND, change + bounds[1] * SECOND)
    calendar = ServiceHours.model_validate(
        {
            "time_zone": where,
            "weekly": [{"days": list(DAYS), "from": start, "to": min(start + length, 1440)} for start, length in windows],
            "closed": [span.start.date()] if closed else [],
        }
    )
    assert total(calendar.within(span)) == by_the_second(calendar, span) * SECOND


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-29", timedelta(hours=23)), ("2026-10-25", timedelta(hours=25)), ("2026-06-01", timedelta(hours=24))],
)
def test_a_day_is_as_long_as_its_zone_makes_it(day: str, expected: timedelta) -> None:
    calendar = hours(time_zone="Europe/Berlin", weekly=[{"days": ["sun", "mon"], "from": "00:00", "to": "24:00"}])
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    following = (midnight + timedelta(days=1)).replace(fold=0)
    closed_around = hours(time_zone="Europe/Berlin", closed=[])
    span = Interval(midnight.astimezone(UTC), following.astimezone(UTC))
    assert total(calendar.within(span)) == total(closed_around.within(span)) == expected


def test_office_hours_move_with_summer_time() -> None:
    calendar = hours(**OFFICE)
    winter = calendar.within(Interval(utc("2026-03-27T00:00"), utc("2026-03-28T00:00")))
    summer = calendar.within(Interval(utc("2026-03-30T00:00"), utc("2026-03-31T00:00")))
    assert winter == [Interval(utc("2026-03-27T07:00"), utc("2026-03-27T17:00"))]
    assert summer == [Interval(utc("2026-03-30T06:00"), utc("2026-03-30T16:00"))]


def test_a_closed_day_has_no_hours() -> None:
    calendar = hours(**OFFICE, closed=["2026-03-27"])
    assert calendar.within(Interval(utc("2026-03-27T00:00"), utc("2026-03-28T00:00"))) == []


def test_an_unquoted_yaml_time_is_read_as_the_time_it_says() -> None:
    assert ServiceHours.model_validate({"weekly": [{"days": ["mon"], "from": 480, "to": 18 * 60}]}).weekly[0].end == 1080


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"time_zone": "Mars/Base"}, "IANA"),
        ({"time_zone": "../etc/passwd"}, "IANA"),
        ({"weekly": [{"days": ["mon"], "from": "18:00", "to": "08:00"}]}, "two windows"),
        ({"weekly": [{"days": ["mon"], "from": "08:00", "to": "24:01"}]}, "24:00"),
        ({"weekly": [{"days": ["mon"], "from": "8 o'clock", "to": "24:00"}]}, "08:30"),
        ({"weekly": [{"days": [], "from": "08:00", "to": "24:00"}]}, "at least 1"),
        ({"wekly": []}, "Extra"),
    ],
)
def test_hours_that_make_no_sense_are_refused_with_a_remedy(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ServiceHours.model_validate(given)


def test_offsets_are_cut_exactly_at_the_change() -> None:
    parts = list(constant_offsets(Interval(utc("2026-03-28T12:30:00.5"), utc("2026-03-30T00:00")), ZoneInfo("Europe/Berlin")))
    assert utc("2026-03-29T01:00") in [part.end for part, _ in parts]
    assert {offset for _, offset in parts} == {timedelta(hours=1), timedelta(hours=2)}
