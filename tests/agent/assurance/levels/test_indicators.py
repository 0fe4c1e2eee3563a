"""Minutes of indicators: kept once, judged at once, and folded into spans."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from agent.assurance.levels.indicators import Reading, prune, record
from agent.assurance.tables import IndicatorRow, IndicatorSpanRow
from crm_bridge.promises import Promises
from policies.sla import parse_sla
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import party

BEGAN = datetime(2026, 2, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLA = "name: gold\navailability: 99.9\nindicators:\n  - {metric: delay, at_most: 30 ms, of_time: 99}"
GOOD, BAD = 0.01, 0.1


@pytest.fixture
def promises(database):
    with database.write() as session:
        party(session, BEGAN)
    return Promises(Book(slas={"gold": parse_sla(SLA, "gold.yaml")}))


def readings(values, first=0, metric="delay"):
    return [Reading("svc-acme", metric, BEGAN + (first + number) * MINUTE, 60, value) for number, value in enumerate(values)]


def spans(session):
    rows = session.scalars(select(IndicatorSpanRow).order_by(IndicatorSpanRow.start))
    return [((row.start - BEGAN) // MINUTE, (row.end - BEGAN) // MINUTE, row.good) for row in rows]


def test_minutes_in_a_row_are_one_span_over_many_calls(database, promises):
    for minute, value in enumerate([GOOD, GOOD, BAD, BAD, None, GOOD]):
        with database.write() as session:
            assert record(session, promises, readings([value], minute), BEGAN + minute * MINUTE) == 1
    with database.read() as session:
        assert spans(session) == [(0, 2, True), (2, 4, False), (5, 6, True)]


def test_the_same_minute_again_changes_nothing(database, promises):
    with database.write() as session:
        assert record(session, promises, readings([GOOD, BAD]), BEGAN) == 2
        assert record(session, promises, readings([BAD, BAD]), BEGAN) == 0
        assert spans(session) == [(0, 1, True), (1, 2, False)]


def test_what_was_not_promised_is_kept_and_not_judged(database, promises):
    with database.write() as session:
        assert record(session, promises, readings([0.5], metric="loss"), BEGAN) == 1
        assert spans(session) == []


def test_old_minutes_are_forgotten_and_their_spans_stay(database, promises):
    with database.write() as session:
        record(session, promises, readings([GOOD, BAD]), BEGAN)
        assert prune(session, BEGAN + MINUTE) == 1
        assert session.scalars(select(IndicatorRow.start)).all() == [BEGAN + MINUTE]
        assert len(spans(session)) == 2


def test_many_old_minutes_are_forgotten_in_pieces(database, promises):
    with database.write() as session:
        record(session, promises, readings([GOOD] * 25), BEGAN)
        forgotten = [prune(session, BEGAN + 24 * MINUTE) for _ in range(4)]
        assert forgotten == [10, 10, 4, 0]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.sampled_from([GOOD, BAD, None]), min_size=1, max_size=20), cut=st.integers(0, 20))
def test_spans_say_of_every_minute_what_was_measured(database, promises, values, cut):
    with database.write() as session:
        session.execute(delete(IndicatorRow))
        session.execute(delete(IndicatorSpanRow))
        session.expunge_all()
        record(session, promises, readings(values[:cut]), BEGAN)
        record(session, promises, readings(values[cut:], len(values[:cut])), BEGAN)
        found = spans(session)
        said = [next((good for start, end, good in found if start <= minute < end), None) for minute in range(len(values))]
        assert said == [None if value is None else value == GOOD for value in values]
        assert len(found) == sum(
            value is not None and (number == 0 or values[number - 1] != value) for number, value in enumerate(values)
        )
