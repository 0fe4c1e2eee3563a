"""A YAML text as a checked model, every mistake named with its file, line and path."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.errors import InvalidPolicy, Problem

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[str | int, ...]


class Document:
    """What a YAML text holds, and on which line each part of it stands."""

    def __init__(self, text: str, file: str) -> None:
        """Raises `InvalidPolicy` when the text is not YAML, is no mapping or names a key twice."""
        self.file = file
        node, self.data = _read(text, file)
        self._lines: dict[Path, int] = {}
        repeated = list(_walk(node, (), self._lines, set()))
        if repeated:
            raise InvalidPolicy([self.problem(path, "the key stands here twice; remove one") for path in repeated])

    def problem(self, path: Path, message: str) -> Problem:
        """At the nearest line that the text has for `path`."""
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        return Problem(self.file, self._lines.get(known, 1), written(path), message)

    def check(self, model: type[Model], data: object = None) -> Model:
        """The text (or `data` in its place) as `model`; raises `InvalidPolicy` with all that does not fit."""
        whole = self.data if data is None else data
        try:
            return model.model_validate(whole)
        except ValidationError as error:
            found = error.errors(include_url=False)
            problems = [(_located(e["loc"], whole), _said(e, model)) for e in found if not _follows(e, found)]
            raise InvalidPolicy([self.problem(path, message) for path, message in problems]) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """What it may have been meant to be ("; did you mean linkDown?"), else all that is known."""
    words = sorted(known)
    return _close(word, words) or (f"; there are {', '.join(words)}" if words else "")


def _close(word: str, known: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415  only when something is wrong

    found = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `over` says differently; mappings inside are merged, everything else is replaced."""
    return {
        **base,
        **{
            key: merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), Mapping) else value
            for key, value in over.items()
        },
    }


def written(path: Path) -> str:
    """The path as people write it: customers[2].agreements[0].sla."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _read(text: str, file: str) -> tuple[yaml.MappingNode, dict[str, Any]]:
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _unreadable(file, mark.line + 1 if mark else 1, f"not YAML: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # a date such as 2026-02-30, a nesting without end
        raise _unreadable(file, 1, f"not YAML that can be read: {error}") from None
    if not isinstance(node, yaml.MappingNode) or not isinstance(data, dict):
        raise _unreadable(file, 1, "a mapping of keys and values is expected")
    return node, data


def _unreadable(file: str, line: int, message: str) -> InvalidPolicy:
    return InvalidPolicy([Problem(file, line, "", message)])


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], seen: set[int]) -> Iterator[Path]:
    """Notes the line of every part; yields the keys that stand twice in their mapping. An alias is not entered again."""
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner in lines:
                yield inner
            lines[inner] = key.start_mark.line + 1
            yield from _walk(value, inner, lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _walk(item, (*path, position), lines, seen)


def _located(location: Path, data: object) -> Path:
    """Without the names that Pydantic puts in for the alternatives of a union: keys on the way that the text has not."""
    path: Path = ()
    for left, part in enumerate(location, start=1 - len(location)):
        inner = _part(data, part)
        if inner is None and left and isinstance(part, str):
            continue
        path, data = (*path, part), inner
    return path


def _part(data: object, part: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(part)
    return data[part] if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data) else None


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """A list is also called too short when its items are wrong."""
    place = error["loc"]
    return error["type"] == "too_short" and any(len(e["loc"]) > len(place) and e["loc"][: len(place)] == place for e in errors)


def _said(error: ErrorDetails, model: type[BaseModel]) -> str:
    kind, message = error["type"], error["msg"]
    if kind == "extra_forbidden":
        known = _keys(model, error["loc"][:-1])
        others = f": there are {', '.join(known)}" if known else ""
        return f"no such key{_close(str(error['loc'][-1]), known) or f'; check its spelling{others}'}"
    if kind == "missing":
        return "is missing"
    message = message.removeprefix("Value error, ").replace("Input should be", "should be")
    if kind in {"enum", "literal_error"}:
        message += _close(str(error["input"]), re.findall(r"'([^']*)'", message))
    return message


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    """What the part of the model at the path may have; nothing where that cannot be told, as in a union."""
    for step in path:
        if isinstance(step, int):
            continue
        field = next((each for name, each in model.model_fields.items() if step in {name, each.alias}), None)
        inner = None if field is None else _model(field.annotation)
        if inner is None:
            return []
        model = inner
    return [each.alias or name for name, each in model.model_fields.items()]


def _model(annotation: object) -> type[BaseModel] | None:
    """The one model that is somewhere in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = {inner for part in get_args(annotation) if (inner := _model(part)) is not None}
    return found.pop() if len(found) == 1 else None
