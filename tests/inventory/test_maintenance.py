"""The one calendar: what is in it, what it covers, and that what has been is not taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import InvalidMaintenance, MaintenanceOver, UnknownObject
from inventory.maintenance import Calendar, NewMaintenance, announce, cancel, holding, next_window, over, skip, union, windows
from inventory.reach import Scope
from inventory.recurrence import recurrence
from inventory.services import NewService, create_service
from policies.values import Interval
from tests.inventory.factory import add_element, add_link, port_id

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
PE1 = (Scope("element", "pe1"),)


def window(start=NOW + 24 * HOUR, hours=2, scopes=PE1, **more) -> NewMaintenance:
    return NewMaintenance(start, start + hours * HOUR, "new software", tuple(scopes), **more)


@pytest.fixture
def session(database):
    with database.write() as session:
        add_element(session, "pe1", customer=["ge-0/0/1"], core=["xe-0/0/0"])
        add_element(session, "pe2", customer=["ge-0/0/1"], core=["xe-0/0/0"])
        add_link(session, "pe1/xe-0/0/0", "pe2/xe-0/0/0")
        yield session


@pytest.fixture
def service(session):
    new = NewService("office", "internet-access", "1", "100007", {}, id="svc-1")
    return create_service(session, new, NOW, ports={port_id(session, "pe1/ge-0/0/1"): "endpoint"}).id


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (Scope("element", "pe1"), True),
        (Scope("element", "pe2"), False),
        (Scope("port", "pe1/ge-0/0/1"), True),
        (Scope("port", "pe1/xe-0/0/0"), False),
        (Scope("site", "lab"), True),
        (Scope("service", "svc-1"), True),
        (Scope("customer", "100007"), True),
        (Scope("customer", "100015"), False),
    ],
)
def test_a_window_holds_the_objects_and_services_that_it_is_about(session, service, scope, held):
    announce(session, window(scopes=[scope]), NOW, by="noc")
    at = NOW + 25 * HOUR
    assert bool(holding(session, "pe1", "ge-0/0/1", [service], at)) is held
    found = over(session, [service], Interval(at, at + HOUR))
    assert (service in found) is held


def test_a_window_over_a_port_does_not_hold_its_element(session):
    announce(session, window(scopes=[Scope("port", "pe1/ge-0/0/1")]), NOW, by="noc")
    calendar = Calendar(session, NOW + 25 * HOUR)
    assert calendar.holding("pe1", "ge-0/0/1")
    assert calendar.holding("pe1") == []


def test_a_window_is_half_open(session):
    announce(session, window(), NOW, by="noc")
    start, end = NOW + 24 * HOUR, NOW + 26 * HOUR
    instants = [start - timedelta(microseconds=1), start, end - timedelta(microseconds=1), end]
    assert [bool(holding(session, "pe1", "", [], at)) for at in instants] == [False, True, True, False]


def test_windows_that_overlap_count_once(session):
    announce(session, window(), NOW, by="noc")
    announce(session, window(start=NOW + 25 * HOUR), NOW, by="noc")
    found = windows(session, Interval(NOW, NOW + 48 * HOUR))
    assert union(found) == [Interval(NOW + 24 * HOUR, NOW + 27 * HOUR)]


@pytest.mark.parametrize(
    ("new", "where"),
    [
        (window(hours=0), ["/end"]),
        (window(hours=-1), ["/end"]),
        (window(hours=24 * 32), ["/end"]),
        (window(scopes=[]), ["/scopes"]),
        (window(notice_at=NOW + HOUR), ["/notice_at"]),
        (window(time_zone="Mars/Olympus"), ["/time_zone"]),
        (window(rule="FREQ=SECONDLY"), ["/rule"]),
        (window(rule="FREQ=DAILY;INTERVAL=0"), ["/rule"]),
        (window(hours=25, rule="FREQ=DAILY"), ["/rule"]),
        (window(hours=-1, scopes=[], notice_at=NOW + HOUR), ["/end", "/scopes", "/notice_at"]),
    ],
)
def test_what_cannot_be_meant_is_refused_with_every_mistake(session, new, where):
    with pytest.raises(InvalidMaintenance) as refused:
        announce(session, new, NOW, by="noc")
    assert [pointer for pointer, _ in refused.value.mistakes] == where


@pytest.mark.parametrize(
    "scope", [Scope("element", "pe9"), Scope("port", "pe1/x"), Scope("site", "moon"), Scope("service", "svc-9")]
)
def test_a_window_over_nothing_is_refused(session, scope):
    with pytest.raises(UnknownObject):
        announce(session, window(scopes=[scope]), NOW, by="noc")


def test_a_window_that_is_written_down_later_is_a_record_of_it(session):
    announce(session, window(start=NOW - HOUR), NOW, by="noc")
    (found,) = windows(session, Interval(NOW - HOUR, NOW))
    assert found.recorded_at > found.span.start
    assert holding(session, "pe1", "", [], NOW)


def test_what_is_cancelled_ends_and_what_was_before_stays(session):
    weekly = announce(session, window(rule="FREQ=WEEKLY"), NOW, by="noc")
    cancel(session, weekly.id, NOW + timedelta(days=8) + HOUR, by="boss", reason="enough")
    found = windows(session, Interval(NOW, NOW + timedelta(days=30)))
    first, second = NOW + 24 * HOUR, NOW + timedelta(days=8)
    assert [each.span for each in found] == [Interval(first, first + 2 * HOUR), Interval(second, second + HOUR)]
    with pytest.raises(MaintenanceOver, match="was cancelled at 2026-01-13T10:00:00"):
        cancel(session, weekly.id, NOW + timedelta(days=9), by="boss")


def test_one_occurrence_is_called_off_before_it_begins(session):
    weekly = announce(session, window(rule="FREQ=WEEKLY"), NOW, by="noc")
    second = NOW + timedelta(days=8)
    skip(session, weekly.id, second, NOW)
    assert [each.span.start for each in windows(session, Interval(NOW, NOW + timedelta(days=16)))] == [
        NOW + timedelta(days=1),
        NOW + timedelta(days=15),
    ]
    with pytest.raises(UnknownObject, match="the next one begins at 2026-01-20T09:00:00"):
        skip(session, weekly.id, second + HOUR, NOW)
    with pytest.raises(MaintenanceOver, match="what has begun is not called off"):
        skip(session, weekly.id, NOW + timedelta(days=1), NOW + timedelta(days=2))
    following = next_window(weekly, NOW + timedelta(days=2))
    assert following is not None
    assert following.start == NOW + timedelta(days=15)


def test_a_window_that_is_over_is_not_cancelled(session):
    row = announce(session, window(), NOW, by="noc")
    with pytest.raises(MaintenanceOver, match="ended at"):
        cancel(session, row.id, NOW + timedelta(days=3), by="noc")


BERLIN = Interval(datetime(2026, 3, 1, 1, 30, tzinfo=UTC), datetime(2026, 3, 1, 3, 30, tzinfo=UTC))
"""02:30 in Berlin, a Sunday."""


def test_a_rule_is_read_on_the_wall_clock_and_keeps_its_length():
    rule = recurrence(BERLIN, "FREQ=WEEKLY;BYDAY=SU", "Europe/Berlin")
    found = list(rule.within(Interval(datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 7, tzinfo=UTC))))
    # on 29 March the wall clock skips 02:30: read with the offset from before
    assert [f"{each.start:%d %H:%M}" for each in found] == ["22 01:30", "29 01:30", "05 00:30"]
    assert {each.duration for each in found} == {2 * HOUR}


def test_an_hour_that_comes_twice_is_taken_once():
    first = Interval(datetime(2026, 10, 4, 0, 30, tzinfo=UTC), datetime(2026, 10, 4, 1, tzinfo=UTC))  # 02:30 in Berlin
    found = list(
        recurrence(first, "FREQ=WEEKLY", "Europe/Berlin").within(Interval(BERLIN.start, BERLIN.start + timedelta(days=300)))
    )
    assert [f"{each.start:%m-%d %H:%M}" for each in found if each.start.month == 10] == [
        "10-04 00:30",
        "10-11 00:30",
        "10-18 00:30",
        "10-25 00:30",
    ]


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=MONTHLY;BYDAY=1SU;UNTIL=20260503", datetime(2026, 5, 3, 2, 30, tzinfo=UTC)),
        ("FREQ=MONTHLY;BYDAY=1SU;UNTIL=20260503T003000Z", datetime(2026, 5, 3, 2, 30, tzinfo=UTC)),
        ("FREQ=MONTHLY;BYDAY=1SU;UNTIL=20260503T002959Z", datetime(2026, 4, 5, 2, 30, tzinfo=UTC)),
        ("RRULE:freq=yearly;count=2", datetime(2027, 3, 1, 3, 30, tzinfo=UTC)),
        ("FREQ=WEEKLY", None),
    ],
)
def test_the_last_occurrence_is_known(rule, last):
    assert recurrence(BERLIN, rule, "Europe/Berlin").last == last


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=MONTHLY;BYDAY=1MO", "does not hold for its own start"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "does not hold for its own start"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR, which is not taken"),
        ("FREQ=HOURLY", "one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20300101", "leave one out"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0"),
        ("FREQ=DAILY;COUNT=99999999999", "between 1 and 10000"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL=SOON is no time"),
        ("FREQ=DAILY;BYDAY=XX", "invalid 'BYDAY'"),
        ("FREQ=MONTHLY;BYDAY=1SU;BYMONTHDAY=1", "use one of them"),
        ("", "needs FREQ"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_in_words(rule, said):
    with pytest.raises(ValueError, match=said):
        recurrence(BERLIN, rule, "Europe/Berlin")


@given(
    frequency=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    interval=st.integers(1, 5),
    offset=st.integers(0, 4000),
    days=st.integers(1, 90),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_a_question_about_a_part_is_answered_as_one_about_the_whole(frequency, interval, offset, days, zone):
    rule = recurrence(BERLIN, f"FREQ={frequency};INTERVAL={interval}", zone)
    start = BERLIN.start + timedelta(hours=offset)
    part = Interval(start, start + timedelta(days=days))
    whole = rule.within(Interval(BERLIN.start, part.end + timedelta(days=2)))
    assert list(rule.within(part)) == [each for each in whole if each.intersect(part)]
