"""What is kept of measured values, on both databases, through restarts and hours."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import func, select

from agent.assurance.errors import NoHistory
from agent.assurance.history.points import Resolution
from agent.assurance.history.store import History, Retention, SeriesKey, fitting, read, read_all, series_of
from agent.assurance.history.tables import HistoryRow
from policies.values import Interval

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
IN = SeriesKey("port:pe1/ge-0/0/1", "in_bps")
DELAY = SeriesKey("service:svc-1", "delay_s")


@pytest.fixture
def history(database):
    return History(database)


def seen(database, key, start, end, resolution=Resolution.MINUTE):
    with database.read() as session:
        return read(session, key, Interval(start, end), resolution)


def fed(history, start, count, value=float):
    for minute in range(count):
        history.take(start + minute * MINUTE, {IN: value(minute), DELAY: 0.01})


def test_minutes_are_kept_and_gaps_stay_gaps(database, history):
    history.take(NOON, {IN: 5.0})
    history.take(NOON + 2 * MINUTE, {IN: 7.0, DELAY: math.nan})
    history.write(NOON + 3 * MINUTE)
    found = seen(database, IN, NOON, NOON + 4 * MINUTE)
    assert found.mean.tolist()[::2] == [5.0, 7.0]
    assert np.isnan(found.mean[[1, 3]]).all()
    with database.read() as session:
        assert series_of(session) == [IN]


def test_several_values_of_one_minute_are_one_with_their_extremes(database, history):
    for second, value in enumerate((1.0, 2.0, 9.0)):
        history.take(NOON + timedelta(seconds=second), {IN: value})
    history.write(NOON + MINUTE)
    found = seen(database, IN, NOON, NOON + MINUTE)
    assert (found.mean[0], found.low[0], found.high[0], found.count[0]) == (4.0, 1.0, 9.0, 1)


def test_an_hour_that_has_ended_is_rolled_up_once_and_for_all(database, history):
    fed(history, NOON, 60)
    history.write(NOON + 30 * MINUTE)
    history.write(NOON + HOUR + MINUTE)
    five = seen(database, IN, NOON, NOON + HOUR, Resolution.FIVE_MINUTES)
    assert five.mean.tolist() == [5 * place + 2.0 for place in range(12)]
    assert (five.low.tolist()[:2], five.high.tolist()[:2], five.coverage) == ([0.0, 5.0], [4.0, 9.0], 1.0)
    hour = seen(database, IN, NOON, NOON + HOUR, Resolution.HOUR)
    assert (hour.mean[0], hour.count[0]) == (29.5, 60)
    history.take(NOON + 59 * MINUTE, {IN: 1e9})  # late
    history.write(NOON + HOUR + 2 * MINUTE)
    assert seen(database, IN, NOON, NOON + HOUR, Resolution.HOUR).mean[0] == 29.5


def test_a_successor_goes_on_with_the_hour_of_a_daemon_that_died(database, history):
    fed(history, NOON, 10)
    history.write(NOON + 10 * MINUTE)
    fed(history, NOON + 10 * MINUTE, 5)  # not written: lost
    successor = History(database)
    fed(successor, NOON + 20 * MINUTE, 10)
    successor.write(NOON + 30 * MINUTE)
    found = seen(database, IN, NOON, NOON + 30 * MINUTE)
    assert found.count.tolist() == [1] * 10 + [0] * 10 + [1] * 10


def test_hours_that_a_dead_daemon_left_are_rolled_up_by_its_successor(database, history):
    fed(history, NOON, 60)
    history.write(NOON + HOUR - MINUTE / 2)
    successor = History(database)
    successor.write(NOON + 3 * HOUR)
    assert seen(database, IN, NOON, NOON + HOUR, Resolution.HOUR).mean[0] == 29.5


def test_days_and_months_are_read_over_the_borders_of_blocks(database, history):
    start = NOON - timedelta(hours=13)
    for hour in range(4):
        fed(history, start + hour * HOUR, 60, lambda _, hour=hour: float(hour))
        history.write(start + (hour + 1) * HOUR)
    found = seen(database, IN, start, start + 4 * HOUR, Resolution.HOUR)
    assert found.mean.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert len(seen(database, IN, start, start + 4 * HOUR, Resolution.FIVE_MINUTES).mean) == 48


def test_the_present_hour_is_seen_before_it_is_rolled_up(database, history):
    fed(history, NOON - HOUR, 80)
    history.write(NOON + 20 * MINUTE)
    found = seen(database, IN, NOON - 10 * MINUTE, NOON + 20 * MINUTE, Resolution.FIVE_MINUTES)
    assert found.mean.tolist() == [52.0, 57.0, 62.0, 67.0, 72.0, 77.0]
    hour = seen(database, IN, NOON - HOUR, NOON + HOUR, Resolution.HOUR)
    assert hour.count.tolist() == [60, 20]


def test_many_series_of_one_metric_are_read_at_once(database, history):
    other = SeriesKey("port:pe2/ge-0/0/1", "in_bps")
    history.take(NOON, {IN: 1.0, other: 2.0, DELAY: 3.0})
    history.write(NOON + MINUTE)
    with database.read() as session:
        span = Interval(NOON, NOON + MINUTE)
        found = read_all(session, "in_bps", span, Resolution.MINUTE)
        some = read_all(session, "in_bps", span, Resolution.MINUTE, subjects=[other.subject, "port:none"])
    assert {subject: stretch.mean[0] for subject, stretch in found.items()} == {IN.subject: 1.0, other.subject: 2.0}
    assert list(some) == [other.subject]


def test_what_is_older_than_it_is_kept_goes_and_the_rest_stays(database, history):
    fed(history, NOON, 60)
    history.write(NOON + HOUR)
    kept = Retention(minutes=DAY, five_minutes=10 * DAY, hours=1000 * DAY)
    assert history.tidy(NOON + 2 * DAY, kept) == 2
    assert np.isnan(seen(database, IN, NOON, NOON + HOUR).mean).all()
    assert seen(database, IN, NOON, NOON + HOUR, Resolution.HOUR).count[0] == 60
    history.tidy(NOON + 5000 * DAY, kept)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(HistoryRow)) == 0


def test_what_was_never_measured_is_said_so(database):
    with pytest.raises(NoHistory, match="fabd history list"):
        seen(database, IN, NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("span", "resolution"),
    [(HOUR, Resolution.MINUTE), (3 * DAY, Resolution.FIVE_MINUTES), (30 * DAY, Resolution.HOUR), (3000 * DAY, Resolution.HOUR)],
)
def test_the_finest_resolution_that_fits_is_taken(span, resolution):
    assert fitting(span) is resolution
