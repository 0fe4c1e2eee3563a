"""Lists as TMF630 has them: selection, filters with operators, sort, pages."""

import pytest

from agent.api.errors import BadRequest
from agent.api.query import page, parse_query, select

DOCUMENTS = [
    {
        "id": "1",
        "href": "/1",
        "state": "done",
        "priority": 3,
        "orderDate": "2026-01-05T09:00:00Z",
        "party": [{"id": "A", "role": "x"}],
    },
    {
        "id": "2",
        "href": "/2",
        "state": "open",
        "priority": 1,
        "orderDate": "2026-01-05T12:00:00Z",
        "party": [{"id": "B"}, {"id": "C"}],
    },
    {"id": "3", "href": "/3", "state": "open", "priority": 2, "flag": True, "note": {"text": "cut, at pole 7"}},
]


def ids(*parameters) -> list[str]:
    return [document["id"] for document in page(DOCUMENTS, parse_query(parameters)).items]


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("state", "open", ["2", "3"]),
        ("state", "open,done", ["1", "2", "3"]),
        ("state", '"open"', ["2", "3"]),
        ("state", "'done'", ["1"]),
        ("note.text", '"cut, at pole 7"', ["3"]),
        ("state.eq", "done", ["1"]),
        ("state.ne", "open", ["1"]),
        ("missing.ne", "x", ["1", "2", "3"]),
        ("state.ne", "open,done", []),
        ("party.id", "C", ["2"]),
        ("party.id", "A,B", ["1", "2"]),
        ("party", "A", []),
        ("flag", "true", ["3"]),
        ("priority", "2", ["3"]),
        ("priority.gt", "1", ["1", "3"]),
        ("priority.gte", "2", ["1", "3"]),
        ("priority.lt", "2", ["2"]),
        ("priority.lte", "2.0", ["2", "3"]),
        ("priority.gt", "many", []),
        ("orderDate", "2026-01-05T10:00:00+01:00", ["1"]),
        ("orderDate", "2026-01-05T10:00:00 01:00", ["1"]),
        ("orderDate.gt", '"2026-01-05T09:00:00Z"', ["2"]),
        ("orderDate.lt", "2026-01-06", ["1", "2"]),
        ("orderDate.gt", "yesterday", []),
        ("orderDate.lt", "9999-12-31T23:00:00-05:00", ["1", "2"]),
        ("orderDate.gt", "0001-01-01T00:00:00+05:00", ["1", "2"]),
        ("state.regex", "^o.*n$", ["2", "3"]),
        ("priority.regex", "[12]", ["2", "3"]),
        ("nothing", "x", []),
        ("state", "", []),
    ],
)
def test_a_filter_lets_through_what_fits(name, value, found):
    assert ids((name, value)) == found


def test_several_filters_must_all_fit():
    assert ids(("state", "open"), ("priority.gt", "1")) == ["3"]
    assert ids(("state", "open"), ("state", "done")) == []


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("priority", ["2", "3", "1"]),
        ("-priority", ["1", "3", "2"]),
        ("+state,-priority", ["1", "3", "2"]),
        ("orderDate", ["3", "1", "2"]),
        ("-orderDate", ["2", "1", "3"]),
        ("", ["1", "2", "3"]),
    ],
)
def test_sort_takes_several_keys_and_puts_what_is_missing_first(order, found):
    assert ids(("sort", order)) == found


def test_a_page_is_partial_only_when_it_is_cut():
    assert not page(DOCUMENTS, parse_query([("limit", "3")])).partial
    cut = page(DOCUMENTS, parse_query([("offset", "1"), ("limit", "1")]))
    assert ([document["id"] for document in cut.items], cut.total, cut.partial) == (["2"], 3, True)
    assert cut.headers == {"X-Result-Count": "1", "X-Total-Count": "3"}


def test_selection_keeps_id_and_href_and_nothing_else_that_was_not_asked():
    assert select(DOCUMENTS[2], ("note.text", "unknown")) == {"id": "3", "href": "/3", "note": {"text": "cut, at pole 7"}}
    assert select(DOCUMENTS[2], ()) == DOCUMENTS[2]


def test_selection_reaches_into_objects_and_lists():
    deep = {"id": "1", "href": "/1", "note": {"text": "t", "by": "b"}, "party": [{"id": "A", "role": "x"}, {"id": "B"}]}
    assert select(deep, ("party.id",))["party"] == [{"id": "A"}, {"id": "B"}]
    assert select(deep, ("note.text", "note"))["note"] == select(deep, ("note", "note.text"))["note"] == deep["note"]
    assert select(deep, ("note.text.inside", "note.by"))["note"] == {"text": "t", "by": "b"}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ([("limit", "-1")], "pagingInvalid"),
        ([("limit", "1001")], "pagingInvalid"),
        ([("limit", "1e3")], "pagingInvalid"),
        ([("offset", "9" * 5000)], "pagingInvalid"),
        ([("offset", "٣")], "pagingInvalid"),
        ([("offset", "0" * 12 + "9" * 30)], "pagingInvalid"),
        ([("state", "x" * 257)], "filterTooLong"),
        ([(f"a{number}", "x") for number in range(21)], "tooManyFilters"),
        ([("fields", "a," * 101)], "tooManyAttributes"),
        ([("sort", "a," * 101)], "tooManyAttributes"),
        ([("fields", ".".join("a" * 2000))], "tooManyAttributes"),
        ([("sort", ".".join("a" * 2000))], "tooManyAttributes"),
        ([("state.regex", "(a+)+$")], "patternRefused"),
        ([("state.regex", "[")], "patternRefused"),
    ],
)
def test_what_cannot_be_asked_is_refused(parameters, code):
    with pytest.raises(BadRequest) as caught:
        parse_query(parameters)
    assert caught.value.code == code
