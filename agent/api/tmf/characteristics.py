"""Characteristics as TM Forum writes them: a list of names with values. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

VALUE_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def characteristic(name: str, value: object) -> dict[str, Any]:
    return {"name": name, "valueType": VALUE_TYPES.get(type(value), "string"), "value": value, "@type": "Characteristic"}


def characteristics(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [characteristic(name, value) for name, value in values.items()]


def values_of(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in given}


def overlaid(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A service's own values with the client's partial set over them; a value of null takes one away."""
    return {name: value for name, value in {**own, **given}.items() if value is not None}
