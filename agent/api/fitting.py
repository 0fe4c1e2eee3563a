"""What a client sends, made to fit the shape in which it will be answered; attributes of the client's own are let through. Pure."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from agent.api.errors import BadRequest, Detail
from agent.api.patch import pointer
from agent.api.shapes import Shape, hoisted

MOST_MISTAKES = 20


def fitted(document: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Without nulls, which say nothing (RFC 7396 §1), where the shape knows the attribute. `BadRequest` names what does not fit."""
    found: Shape = {}
    schema: Shape = hoisted(shape, found)
    whole: Shape = schema | {"components": {"schemas": found}}
    said: dict[str, Any] = _said(document, schema, found)
    errors = sorted(Draft202012Validator(whole).iter_errors(said), key=lambda error: [*map(str, error.absolute_path)])
    details = [
        Detail(
            "invalidValue", "".join(f"/{pointer(str(step))}" for step in error.absolute_path), f"{error.message[:200]}; correct it"
        )
        for error in errors[:MOST_MISTAKES]
        if error.validator != "required"  # such as an id, which the server gives
    ]
    if details:
        raise BadRequest.of(details)
    return said


def _said(node: Any, shape: Shape, known: Shape) -> Any:  # noqa: ANN401  JSON is any
    if "$ref" in shape:
        return _said(node, known[shape["$ref"].rpartition("/")[2]], known)
    if isinstance(node, list) and "items" in shape:
        return [_said(each, shape["items"], known) for each in node]
    if isinstance(node, Mapping) and (properties := shape.get("properties")):
        return {
            name: _said(value, properties[name], known) if name in properties else value
            for name, value in node.items()
            if value is not None or name not in properties or not properties[name]
        }
    return node
