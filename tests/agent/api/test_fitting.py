"""What clients send fits the shape it is answered in, or is refused with its place."""

import pytest

from agent.api.errors import BadRequest
from agent.api.fitting import fitted
from agent.api.shapes import ANYTHING, TEXT, WHOLE, many, named, opened

SHAPE = named("Thing", opened(id=TEXT, name=TEXT, size=WHOLE, value=ANYTHING, parts=many(named("Part", opened(name=TEXT)))))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"name": "x", "own": {"a": None}}, {"name": "x", "own": {"a": None}}),
        ({"name": None, "size": 1}, {"size": 1}),
        ({"value": None}, {"value": None}),
        ({"parts": [{"name": None, "own": None}]}, {"parts": [{"own": None}]}),
    ],
)
def test_nulls_say_nothing_where_the_shape_knows_the_attribute(sent, kept):
    assert fitted(sent, SHAPE) == kept


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"name": 5}, "/name"),
        ({"size": "big"}, "/size"),
        ({"parts": {}}, "/parts"),
        ({"parts": [{"name": "a"}, {"name": 1}]}, "/parts/1/name"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(sent, place):
    with pytest.raises(BadRequest) as refused:
        fitted(sent, SHAPE)
    assert refused.value.pointer == place
