"""Only JSON objects that can be kept are taken."""

import json

import pytest

from agent.api.body import MAX_DEPTH, parse_object
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
