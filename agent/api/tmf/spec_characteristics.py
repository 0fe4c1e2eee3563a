"""The JSON Schema of a specification's characteristics in TMF633's words. Pure.

Only what TMF633 can say is said; the schema itself is at `targetEntitySchema`, and is what orders are checked against.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_ENDS = {"minimum": "valueFrom", "maximum": "valueTo"}


def spec_characteristics(schema: Schema) -> list[dict[str, Any]]:
    """Of the schema of an object: one CharacteristicSpecification per property."""
    required = schema.get("required", ())
    return [_characteristic(name, each, required=name in required) for name, each in schema.get("properties", {}).items()]


def _characteristic(name: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    kind = schema.get("type", "string")
    many = kind == "array"
    item = schema.get("items", {}) if many else schema
    found = {
        "name": name,
        "description": schema.get("description", name),
        "valueType": str(item.get("type", "string")),
        "configurable": True,
        "extensible": False,
        "isUnique": bool(schema.get("uniqueItems", False)),
        "minCardinality": (int(schema.get("minItems", 1)) if many else 1) if required else 0,
        "@type": "CharacteristicSpecification",
    }
    if not many or "maxItems" in schema:
        found["maxCardinality"] = int(schema["maxItems"]) if many else 1
    if "pattern" in item:
        found["regex"] = item["pattern"]
    values = [*_values(item)]
    return found | ({"characteristicValueSpecification": values} if values else {})


def _values(schema: Schema) -> Iterator[dict[str, Any]]:
    kind = {"valueType": str(schema.get("type", "string")), "@type": "CharacteristicValueSpecification"}
    default = schema.get("default")
    for value in schema.get("enum", ()):
        yield {"value": value, "isDefault": value == default, **kind}
    if default is not None and "enum" not in schema:
        yield {"value": default, "isDefault": True, **kind}
    ends = {
        name: schema[end] for end, name in (("minimum", "valueFrom"), ("maximum", "valueTo")) if isinstance(schema.get(end), int)
    }
    if ends:
        yield {**ends, "rangeInterval": "closed", "isDefault": False, **kind}
