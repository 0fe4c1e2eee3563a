"""The page that describes every setting, made from the model."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from agent.config import PREFIX, Settings

_HEAD = f"""# Configuration

fabd reads `fabd.toml` in the working directory (or the file named by `--config` or `FABD_CONFIG`), then environment variables, then
flags; the later wins. `fabd config check` names every mistake with its source, key and remedy; `fabd config show` prints what is in
force. A key `a.b` is key `b` in the TOML table `[a]` and the environment variable `{PREFIX}A__B`; lists are given there as JSON.

This page is made from the settings model: `make docs`.
"""
_NAMES: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    type(None): "nothing",
}


def settings_reference() -> str:
    """Markdown: a table per section."""
    own = {name: field for name, field in Settings.model_fields.items() if _section(field) is None}
    lines = [_HEAD, *_table("General", own, "")]
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is not None:
            lines += _table(f"`[{name}]`", section.model_fields, f"{name}.")
    return "\n".join(lines)


def _table(title: str, fields: dict[str, FieldInfo], prefix: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| key | type | default | environment | meaning |"
    yield "|---|---|---|---|---|"
    items: list[tuple[str, type[BaseModel]]] = []
    for name, field in fields.items():
        variable = PREFIX + f"{prefix}{name}".replace(".", "__").upper()
        cells = [f"`{prefix}{name}`", _type(field), _default(field), f"`{variable}`", field.description or ""]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        if item := _item_model(field):
            items.append((f"{prefix}{name}", item))
    yield ""
    for name, model in items:
        yield from _items(name, model)


def _items(name: str, model: type[BaseModel]) -> Iterator[str]:
    """The keys of a list's tables."""
    yield f"Each `[[{name}]]` has:\n"
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in model.model_fields.items():
        yield f"| `{key}` | {_type(field)} | {_default(field)} | {field.description or ''} |"
    yield ""


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _item_model(field: FieldInfo) -> type[BaseModel] | None:
    for item in get_args(field.annotation):
        if isinstance(item, type) and issubclass(item, BaseModel):
            return item
    return None


def _type(field: FieldInfo) -> str:
    return f"{_named(field.annotation)}{_bounds(field)}"


def _named(kind: Any) -> str:  # noqa: ANN401  annotations are of many kinds
    origin = get_origin(kind)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if origin is list:
        return f"list of {_plural(get_args(kind)[0])}"
    if origin in (Union, types.UnionType):
        return " or ".join(_named(each) for each in get_args(kind) if each is not type(None))
    return _NAMES.get(kind, "table")


def _plural(kind: object) -> str:
    return {"path": "paths", "text": "texts", "whole number": "whole numbers"}.get(_named(kind), "tables")


def _bounds(field: FieldInfo) -> str:
    said = []
    for rule in field.metadata:
        match rule:
            case Gt():
                said.append(f"above {rule.gt}")
            case Ge():
                said.append(f"at least {rule.ge}")
            case Le():
                said.append(f"at most {rule.le}")
    return f", {', '.join(said)}" if said else ""


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    match value:
        case None | "":
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case []:
            return "`[]`"
    return f"`{value}`"
