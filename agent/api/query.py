"""Lists the TM Forum way: `fields`, filters with operators, `sort`, `offset` and `limit`. Pure; shapes are JSON documents."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from agent.api.errors import BadRequest
from agent.api.pattern import compile_pattern, found

Document = Mapping[str, Any]

OPERATORS = ("gt", "gte", "lt", "lte", "ne", "eq", "regex")
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_FILTERS = 20
MAX_NAMES = 100
"""Of attributes, in `fields` or `sort`."""
MAX_STEPS = 50
"""Of a path; nothing that is kept is nested deeper."""
MAX_DIGITS = 12
MAX_OFFSET = 10**9
MAX_VALUE = 256
"""Characters of one filter value."""
_PART = re.compile(r"""(?:^|,)\s*("[^"]*"(?=\s*(?:,|$))|'[^']*'(?=\s*(?:,|$))|[^,]*)""")
"""One of the values of a filter; a comma inside quotes is part of it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`path` dotted, any of `values` may match (none may, for `ne`)."""

    path: tuple[str, ...]
    operator: str
    values: tuple[str, ...]
    pattern: re.Pattern[str] | None = None
    """Of `regex`."""

    def instants(self) -> list[datetime]:
        """Of an attribute that is a date-time. Raises `BadRequest` for a value that is none."""
        found = [(value, instant(value)) for value in self.values]
        for value, at in found:
            if at is None:
                message = f"{value[:40]!r} is no date-time of the calendar; write it as in 2026-11-22T09:00:00Z"
                raise BadRequest("invalidValue", f"filter {'.'.join(self.path)!r}: {message}")
        return [at for _, at in found if at is not None]

    def matches(self, document: Document) -> bool:
        values = [value for value in _reach(document, self.path) if not isinstance(value, dict | list)]
        if self.pattern is not None:
            return any(found(self.pattern, _text(value)) for value in values)
        if self.operator == "ne":
            return not any(_compare(value, "eq", wanted) for value in values for wanted in self.values)
        return any(_compare(value, self.operator, wanted) for value in values for wanted in self.values)


@dataclass(frozen=True, slots=True)
class Query:
    """What one request asks of a list."""

    fields: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[tuple[str, ...], bool], ...] = ()
    """(path, descending), most significant first."""
    offset: int = 0
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; `total` counts what the filters let through."""

    items: list[dict[str, Any]]
    total: int
    offset: int

    @property
    def partial(self) -> bool:
        return len(self.items) < self.total

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Result-Count": str(len(self.items)), "X-Total-Count": str(self.total)}


def parse_query(parameters: Iterable[tuple[str, str]]) -> Query:
    """Of the request's query parameters; raises `BadRequest` naming the parameter and the remedy."""
    fields: tuple[str, ...] = ()
    sort: tuple[tuple[tuple[str, ...], bool], ...] = ()
    offset, limit = 0, DEFAULT_LIMIT
    filters: list[Filter] = []
    for name, value in parameters:
        match name:
            case "fields":
                fields = _names(name, value)
            case "sort":
                sort = tuple(_sort_key(part) for part in _names(name, value))
            case "offset":
                offset = _number(name, value, least=0, most=MAX_OFFSET)
            case "limit":
                limit = _number(name, value, least=0, most=MAX_LIMIT)
            case _:
                filters.append(_filter(name, value))
    if len(filters) > MAX_FILTERS:
        raise BadRequest("tooManyFilters", f"{len(filters)} filters; at most {MAX_FILTERS} are taken")
    return Query(fields, tuple(filters), sort, offset, limit)


def page(documents: Iterable[Document], query: Query) -> Page:
    """Filter, sort, cut and select."""
    kept = [document for document in documents if all(rule.matches(document) for rule in query.filters)]
    for path, descending in reversed(query.sort):
        kept.sort(key=partial(_sort_value, path=path), reverse=descending)
    cut = kept[query.offset : query.offset + query.limit]
    return Page([select(document, query.fields) for document in cut], len(kept), query.offset)


def select(document: Document, fields: Sequence[str]) -> dict[str, Any]:
    """Exactly `id`, `href` and what was asked, by dotted paths; everything when nothing was."""
    if not fields:
        return dict(document)
    wanted: dict[str, Any] = {"id": {}, "href": {}}
    for field in fields:
        _want(wanted, field.split("."))
    chosen: dict[str, Any] = _chosen(document, wanted)
    return chosen


def has(document: Document, path: Sequence[str]) -> bool:
    """Whether the resource has something at the path."""
    return bool(_reach(document, path))


def _want(tree: dict[str, Any], path: Sequence[str]) -> None:
    """A branch that ends is wanted whole, whatever else is asked of it."""
    *way, last = path
    for step in way:
        if tree.get(step) == {}:
            return
        tree = tree.setdefault(step, {})
    tree[last] = {}


def _chosen(node: Any, wanted: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON is any
    if not wanted:
        return node
    if isinstance(node, list):
        return [_chosen(each, wanted) for each in node]
    if not isinstance(node, Mapping):
        return node
    return {key: _chosen(value, wanted[key]) for key, value in node.items() if key in wanted}


def _filter(name: str, value: str) -> Filter:
    *path, last = name.split(".")
    operator = "eq"
    if path and last in OPERATORS:
        operator = last
    else:
        path = [*path, last]
    if len(value) > MAX_VALUE:
        raise BadRequest(
            "filterTooLong", f"the value of filter {name!r} has {len(value)} characters; at most {MAX_VALUE} are taken"
        )
    if operator == "regex":
        return Filter(tuple(path), operator, (value,), _pattern(name, _unquoted(value)))
    return Filter(tuple(path), operator, tuple(_unquoted(part) for part in _parts(value)))


def _pattern(name: str, text: str) -> re.Pattern[str]:
    try:
        return compile_pattern(text)
    except ValueError as error:
        raise BadRequest("patternRefused", f"filter {name!r}: {error}") from None


def _parts(text: str) -> list[str]:
    """`a,"b,c"` → a and "b,c"."""
    return [match.group(1) for match in _PART.finditer(text)]


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _names(name: str, value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    if len(found) > MAX_NAMES or any(part.count(".") >= MAX_STEPS for part in found):
        message = f"{name} takes at most {MAX_NAMES} attributes, each of at most {MAX_STEPS} steps; ask for less"
        raise BadRequest("tooManyAttributes", message)
    return found


def _number(name: str, value: str, *, least: int, most: int) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > MAX_DIGITS or not least <= int(value) <= most:
        raise BadRequest("pagingInvalid", f"{name}={value[:40]!r} is not a whole number from {least} to {most}")
    return int(value)


def _sort_key(text: str) -> tuple[tuple[str, ...], bool]:
    return tuple(text.lstrip("+- ").split(".")), text.startswith("-")


def _sort_value(document: Document, path: tuple[str, ...]) -> tuple[int, float, str]:
    """Missing first, then numbers and instants, then text."""
    value = next(iter(_reach(document, path)), None)
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, bool | int | float):
        return 1, float(value), ""
    at = instant(str(value))
    return (1, at.timestamp(), "") if at else (2, 0.0, str(value))


def _reach(node: object, path: Sequence[str]) -> list[Any]:
    """Every value at the end of the path; lists along the way are entered."""
    if isinstance(node, list):
        return [value for item in node for value in _reach(item, path)]
    if not path:
        return [node]
    return _reach(node[path[0]], path[1:]) if isinstance(node, Mapping) and path[0] in node else []


def _compare(value: object, operator: str, wanted: str) -> bool:
    left, right = _comparable(value, wanted)
    match operator:
        case "gt":
            return bool(left > right)
        case "gte":
            return bool(left >= right)
        case "lt":
            return bool(left < right)
        case "lte":
            return bool(left <= right)
    return bool(left == right)


def _comparable(value: object, wanted: str) -> tuple[Any, Any]:
    """Both as numbers or instants when both can be, else both as text."""
    text = _text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value), float(wanted)
        except ValueError:
            return text, wanted
    left, right = instant(text), instant(wanted)
    return (left, right) if left and right else (text, wanted)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def instant(text: str) -> datetime | None:
    """An ISO 8601 date-time or date; without a zone it is UTC. A `+` that a query string turned into a space is forgiven."""
    if len(text) < len("2026-01-01") or not text[:4].isdigit() or text[4] != "-":
        return None
    try:
        at = datetime.fromisoformat(re.sub(r" (?=\d\d:\d\d$)", "+", text) if "T" in text else text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # a time zone can lead out of the calendar
        return None
