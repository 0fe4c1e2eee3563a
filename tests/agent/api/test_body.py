"""Only JSON objects that can be kept are taken."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from agent.api.body import MAX_DEPTH, Instant, parse_object, read_model
from agent.api.errors import BadRequest


@pytest.mark.parametrize(
    "data", [{}, {"a": [1, 2.5, None, True, "é", "𝄞"]}, {"deep": json.loads("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))}]
)
def test_objects_are_taken(data):
    assert parse_object(json.dumps(data, ensure_ascii=False).encode()).data == data
    assert parse_object(json.dumps(data).encode()).data == data


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,}', "line 1, column 9"),
        (b"[1]", "a JSON array"),
        (b'"x"', "a JSON string"),
        (b"3", "a JSON number"),
        (b"null", "a JSON null"),
        (b"true", "a JSON boolean"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1e400}', "1e400 is not a number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not a number that can be kept"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'{"a": ["\\ud800"]}', "half of a surrogate pair"),
        (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "nested deeper than 50"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_such_object_is_refused_with_the_place(raw, said):
    with pytest.raises(BadRequest) as caught:
        parse_object(raw)
    assert caught.value.code == "malformedJson"
    assert said in str(caught.value)


class Dated(BaseModel):
    at: Instant
    names: tuple[str, ...] = ()


@pytest.mark.parametrize("written", ["2027-01-03T09:00:00Z", "2027-01-03T10:00:00+01:00", "2027-01-03T09:00Z"])
def test_a_date_is_read_with_its_time_zone(written):
    assert read_model(Dated, {"at": written}).at == datetime(2027, 1, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", [1798966800, 1798966800.5, "1798966800", "-1798966800", True, None, "2027-01-03", "2027-01-03T09:00:00", "soon", []]
)
def test_what_is_no_date_with_a_time_zone_is_refused(written):
    with pytest.raises(BadRequest) as caught:
        read_model(Dated, {"at": written})
    assert caught.value.pointer == "/at"


def test_mistakes_are_told_in_the_terms_of_json():
    with pytest.raises(BadRequest) as caught:
        read_model(Dated, {"at": 5, "names": "x"})
    assert [detail.message.partition(";")[0] for detail in caught.value.details] == [
        "write the date as in 2026-11-22T09:00:00Z",
        "Input should be a list",
    ]
