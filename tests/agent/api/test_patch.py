"""Merge patches as RFC 7396 has them, and what of a resource a client may change."""

import pytest

from agent.api.errors import BadRequest, Conflict, TooLarge
from agent.api.patch import PatchRules, merged, patched

RULES = PatchRules(
    server_set=frozenset({"madeAt"}), transitions={"open": ("done",), "done": ()}, required=frozenset({"name", "state"})
)
THING = {"id": "1", "href": "/1", "name": "a", "state": "open", "madeAt": "then", "x-own": {"a": 1, "b": 2}, "list": [1, 2]}


@pytest.mark.parametrize(  # RFC 7396, appendix A
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_is_merged(target, patch, result):
    assert merged(target, patch) == result


def test_what_is_not_named_stays_as_it_was():
    assert patched(THING, {"x-own": {"a": 9}, "new": True}, RULES) == THING | {"x-own": {"a": 9, "b": 2}, "new": True}


@pytest.mark.parametrize("patch", [{"id": "2"}, {"href": "/2"}, {"madeAt": "now"}, {"id": "1"}, {"name": None}, {"state": None}])
def test_what_the_server_sets_and_what_must_stay_is_refused_by_its_place(patch):
    with pytest.raises(BadRequest) as refused:
        patched(THING, patch, RULES)
    assert refused.value.pointer == f"/{next(iter(patch))}"


def test_every_mistake_is_named_at_once():
    with pytest.raises(BadRequest) as refused:
        patched(THING, {"id": "2", "madeAt": "now", "name": None}, RULES)
    assert [detail.pointer for detail in refused.value.details] == ["/id", "/madeAt", "/name"]


def test_a_state_moves_along_its_machine_only():
    assert patched(THING, {"state": "done"}, RULES)["state"] == "done"
    assert patched(THING, {"state": "open"}, RULES)["state"] == "open"
    with pytest.raises(Conflict, match="cannot become open; it can become nothing any more"):
        patched(THING | {"state": "done"}, {"state": "open"}, RULES)
    for nothing in ("closed", 7, ["open"], {}):
        with pytest.raises(BadRequest, match="done, open"):
            patched(THING, {"state": nothing}, RULES)


def test_a_resource_does_not_grow_without_end():
    grown = THING
    for number in range(10):
        grown = patched(grown, {f"x{number}": "a" * 100_000}, RULES)
    with pytest.raises(TooLarge, match="larger than"):
        patched(grown, {"x10": "a" * 100_000}, RULES)


def test_a_state_that_is_not_the_clients_is_refused():
    with pytest.raises(BadRequest, match="'state' is set by fabd"):
        patched(THING, {"state": "done"}, PatchRules())
