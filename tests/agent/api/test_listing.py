"""What the database filters, sorts and cuts is what would be filtered, sorted and cut in memory."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.api import listing
from agent.api.errors import BadRequest
from agent.api.listing import Listing
from agent.api.query import page, parse_query
from crm_bridge.tables import CustomerRow

START = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("active", "blocked", "")


def render(_session, rows):
    return [
        {
            "id": row.account_number,
            "href": f"/{row.account_number}",
            "status": row.status,
            "external": row.external_id,
            "since": row.created_at.isoformat(),
            "name": row.name,
        }
        for row in rows
    ]


CUSTOMERS = Listing(
    CustomerRow,
    render,
    texts={"id": CustomerRow.account_number, "status": CustomerRow.status, "external": CustomerRow.external_id},
    instants={"since": CustomerRow.created_at},
    order=(CustomerRow.account_number,),
    key=CustomerRow.account_number,
)
IN_MEMORY = Listing(CustomerRow, render, texts={}, instants={}, order=CUSTOMERS.order, key=CUSTOMERS.key)


@pytest.fixture
def customers(database):
    with database.write() as session:
        session.add_all(
            CustomerRow(
                id=f"cus-{number}",
                account_number=f"{number:03}",
                external_id=f"x{number}" if number % 3 else None,
                name=f"Customer {number}",
                status=STATES[number % 3],
                created_at=START + timedelta(hours=number % 5),
            )
            for number in range(20)
        )
    return database


DATES = ["2026-01-01T02:00:00Z", "2026-01-01T03:00:00+01:00", "2026-01-01"]
OPERATORS = st.sampled_from(["", ".eq", ".ne", ".gt", ".gte", ".lt", ".lte"])


def filters_by(names: list[str], operators: st.SearchStrategy[str], values: list[str]) -> st.SearchStrategy[tuple[str, str]]:
    asked = st.tuples(st.sampled_from(names), operators).map("".join)
    return st.tuples(asked, st.lists(st.sampled_from(values), min_size=1, max_size=2).map(",".join))


ANY = [*STATES, "x1", "x4", "007", *DATES, "yesterday", "Customer 7"]
filters = st.one_of(
    filters_by(["id", "status", "external", "name", "nothing"], OPERATORS, ANY),
    filters_by(["since"], OPERATORS, DATES),
    filters_by(["id", "status", "external", "since", "name", "nothing"], st.just(".regex"), ANY),
)
sorts = st.lists(st.sampled_from(["since", "-since", "status", "-name", "external"]), max_size=2).map(",".join)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(filters, max_size=3), sorts, st.integers(0, 5), st.integers(0, 20))
def test_the_database_and_the_memory_agree(customers, parameters, order, offset, limit):
    query = parse_query([*parameters, ("sort", order), ("offset", str(offset)), ("limit", str(limit))])
    with customers.read() as session:
        assert CUSTOMERS.fetch(session, query) == IN_MEMORY.fetch(session, query)
        assert IN_MEMORY.fetch(session, query) == page(IN_MEMORY._scan(session, ()), query)


def test_a_date_is_not_compared_with_what_is_none(customers):
    for parameter in (("since", "yesterday"), ("since.gt", "2026-13-01"), ("since.ne", "2026-01-01,soon"), ("since.lte", "")):
        with customers.read() as session, pytest.raises(BadRequest) as caught:
            CUSTOMERS.fetch(session, parse_query([parameter]))
        assert caught.value.code == "invalidValue"
        assert "filter 'since'" in str(caught.value)


def test_what_only_memory_can_answer_is_bounded(customers, monkeypatch):
    monkeypatch.setattr(listing, "SCAN_LIMIT", 5)
    with customers.read() as session:
        assert CUSTOMERS.fetch(session, parse_query([("status", "blocked")])).total == 7
        with pytest.raises(BadRequest) as caught:
            CUSTOMERS.fetch(session, parse_query([("name.regex", "7")]))
    assert caught.value.code == "queryTooBroad"
    assert "narrow it by external, id, since, status" in str(caught.value)


def test_what_takes_memory_too_long_is_given_up(customers, monkeypatch):
    monkeypatch.setattr(listing, "SCAN_SECONDS", -1.0)
    with customers.read() as session, pytest.raises(BadRequest) as caught:
        CUSTOMERS.fetch(session, parse_query([("name.regex", "7")]))
    assert caught.value.code == "queryTooCostly"


def test_one_is_found_by_its_key(customers):
    with customers.read() as session:
        assert CUSTOMERS.find(session, "007")["name"] == "Customer 7"
        assert CUSTOMERS.find(session, "cus-7") is None
