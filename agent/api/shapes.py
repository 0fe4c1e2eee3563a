"""The shapes of answers, as JSON Schema: derived from what is answered, so that the description cannot lag behind."""

from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter

from inventory.db import Base

Shape = dict[str, Any]

COMPONENTS = "#/components/schemas/"
"""Where the document keeps shapes that have a name."""

TEXT: Shape = {"type": "string"}
NUMBER: Shape = {"type": "number"}
WHOLE: Shape = {"type": "integer"}
TRUTH: Shape = {"type": "boolean"}
INSTANT: Shape = {"type": "string", "format": "date-time"}
ANYTHING: Shape = {}
OPTIONAL_TEXT: Shape = {"type": ["string", "null"]}
OPTIONAL_INSTANT: Shape = {"type": ["string", "null"], "format": "date-time"}
TEXTS: Shape = {"type": "array", "items": TEXT}


def named(name: str, shape: Shape) -> Shape:
    """A reference to `shape`, which goes into the document's components."""
    return {"$ref": f"{COMPONENTS}{name}", "$defs": {name: shape}}


def many(shape: Shape) -> Shape:
    return {"type": "array", "items": shape}


def optional(shape: Shape) -> Shape:
    return {"anyOf": [shape, {"type": "null"}]}


def closed(**properties: Shape) -> Shape:
    """An object with these attributes and no others; with `?fields=` some are left out, but never the id."""
    required = {"required": ["id"]} if "id" in properties else {}
    return {"type": "object", "properties": properties, "additionalProperties": False} | required


def opened(**properties: Shape) -> Shape:
    """An object that may have more, and need not have all: what a client sent is echoed."""
    return {"type": "object", "properties": properties}


def says(shape: Shape, path: Sequence[str]) -> bool:
    """Whether a resource of this shape is said to have something at the path; a shape that says nothing of its inside may."""
    inner = _inside(shape)
    if not path or inner == ANYTHING or (inner.get("type") == "object" and "properties" not in inner):
        return True
    inside = inner.get("properties", {})
    return path[0] in inside and says(inside[path[0]], path[1:])


def is_instant(shape: Shape, path: Sequence[str]) -> bool:
    """Whether what a resource of this shape has at the path is a date-time."""
    inner = _inside(shape)
    if not path:
        return bool(inner.get("format") == INSTANT["format"])
    inside = inner.get("properties", {})
    return path[0] in inside and is_instant(inside[path[0]], path[1:])


def is_closed(shape: Shape) -> bool:
    """Whether a resource of this shape has what is said and nothing else."""
    return _inside(shape).get("additionalProperties") is False


def names(shape: Shape) -> list[str]:
    return list(_inside(shape).get("properties", {}))


def _inside(shape: Shape) -> Shape:
    """What stands behind names, lists and "or null"."""
    if "$ref" in shape and "$defs" in shape:
        return _inside(shape["$defs"][shape["$ref"].removeprefix(COMPONENTS)])
    if shape.get("type") == "array":
        return _inside(shape.get("items", {}))
    if "anyOf" in shape:
        return next((_inside(each) for each in shape["anyOf"] if each.get("type") != "null"), {})
    return shape


def row(kind: type[Base], *left_out: str, **more: Shape) -> Shape:
    """Of `native.plain.columns` of a row, and what is answered beside them."""
    hints = get_type_hints(kind)
    names = [column.name for column in kind.__table__.columns if column.name not in left_out]
    return closed(**{name: _of(get_args(hints[name])[0]) for name in names} | more)


def value(kind: type) -> Shape:
    """Of `native.plain.plain` of a dataclass."""
    return _of(kind)


def body(model: type[BaseModel]) -> Shape:
    """Of what a client sends."""
    return TypeAdapter(model).json_schema(ref_template=COMPONENTS + "{model}")


def hoisted(node: object, found: Shape) -> Any:  # noqa: ANN401  JSON is any
    """The same without `$defs`, which go into `found`. Raises `TypeError` for two shapes of one name."""
    if isinstance(node, list):
        return [hoisted(each, found) for each in node]
    if not isinstance(node, dict):
        return node
    for name, shape in node.get("$defs", {}).items():
        plain = hoisted(shape, found)
        if found.setdefault(name, plain) != plain:
            raise TypeError(f"two shapes are called {name!r}; rename one")
    return {key: hoisted(each, found) for key, each in node.items() if key != "$defs"}


def _of(kind: Any) -> Shape:  # noqa: ANN401  annotations are of many kinds
    return TypeAdapter(kind).json_schema(mode="serialization", ref_template=COMPONENTS + "{model}")
