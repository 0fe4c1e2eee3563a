"""Whether characteristics fit a JSON Schema for sure, worked out once from a plain one. Pure.

The validator looks through a schema word by word for every order, and nearly all orders fit. Who does not fit for sure is for it to
judge, and to say why: so here a schema need not be understood whole.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

Fits = Callable[[object], bool]
"""False: it may not fit."""

_SAYS_NOTHING = frozenset({"description", "title", "default", "examples"})
_NONE = frozenset[str]()
_FOREVER = float("inf")


def fitting(schema: object) -> Fits:
    return _fitting(schema) if isinstance(schema, Mapping) else _perhaps


def _fitting(schema: Mapping[str, Any]) -> Fits:
    said = {word: value for word, value in schema.items() if word not in _SAYS_NOTHING}
    match said:
        case {"enum": [*choices], **rest} if not rest and all(isinstance(choice, str) for choice in choices):
            return _one_of(frozenset(choices))
        case {"type": "boolean", **rest} if not rest:
            return lambda value: type(value) is bool
        case {"type": "integer", **rest} if rest.keys() <= {"minimum", "maximum"}:
            return _whole(rest.get("minimum", -_FOREVER), rest.get("maximum", _FOREVER))
        case {"type": "string", **rest} if rest.keys() <= {"pattern", "minLength", "maxLength"}:
            return _text(rest.get("pattern", ""), rest.get("minLength", 0), rest.get("maxLength", _FOREVER))
        case {"type": "object", "properties": dict(properties), "additionalProperties": False, **rest}:
            return _object(properties, rest)
    return _perhaps


def _perhaps(_value: object) -> bool:
    return False


def _one_of(choices: frozenset[str]) -> Fits:
    return lambda value: type(value) is str and value in choices


def _whole(least: float, most: float) -> Fits:
    return lambda value: type(value) is int and least <= value <= most


def _text(pattern: str, least: float, most: float) -> Fits:
    found = re.compile(pattern).search
    return lambda value: type(value) is str and least <= len(value) <= most and found(value) is not None


def _object(properties: Mapping[str, Any], rest: Mapping[str, Any]) -> Fits:
    ways = _ways(rest)
    if ways is None:
        return _perhaps
    inner = {name: fitting(schema) for name, schema in properties.items()}

    def fits(value: object) -> bool:
        if type(value) is not dict or not any(way <= value.keys() for way in ways):
            return False
        return all(name in inner and inner[name](each) for name, each in value.items())

    return fits


def _ways(rest: Mapping[str, Any]) -> list[frozenset[str]] | None:
    """What has to be there: one of these together. None when more is asked."""
    match rest:
        case {"required": [*names], **others} if not others:
            return [frozenset(names)]
        case {"anyOf": [*branches], **others} if not others and all(_only_requires(branch) for branch in branches):
            return [frozenset(branch["required"]) for branch in branches if _only_requires(branch)]
    return None if rest else [_NONE]


def _only_requires(branch: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(branch, Mapping) and branch.keys() == {"required"}
