"""From an element's answer to rows of named fields: JSON and XML by paths, text by a TextFSM template."""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

import textfsm
from lxml import etree

from policies.collecting.collector import VALUE, Part, Reading
from policies.errors import UnreadableAnswer

Row = Mapping[str, str]
LONGEST_ANSWER = 8_000_000
"""Characters."""
MOST_ROWS = 5_000
LONGEST_FIELD = 200
_SHOWN = 80
_WHOLE = etree.XMLParser(resolve_entities=False, no_network=True)

_Found = Iterator[tuple[dict[str, str], object]]
"""What was captured on the way, and what stands there."""


def rows_of(reading: Reading, answer: str) -> tuple[Row, ...]:
    """Raises `UnreadableAnswer` when it is not what the collector reads."""
    if len(answer) > LONGEST_ANSWER:
        raise UnreadableAnswer(f"the answer has {len(answer):,} characters, which is more than any list of neighbours or ports has")
    if has_none(reading, answer):
        return ()
    if reading.expect and re.search(reading.expect, answer) is None:
        raise UnreadableAnswer(f"the answer lacks {reading.expect!r}: {_beginning(answer)}")
    if reading.textfsm:
        return _bounded(_by_template(reading.textfsm, answer))
    if reading.as_json:
        return _bounded(_by_paths(reading, _json(answer), _in_json))
    return _bounded(_by_paths(reading, _xml(answer), _walk_xml(reading.namespaces)))


def has_none(reading: Reading, answer: str) -> bool:
    """Whether the element says that it has nothing of what it was asked for."""
    return bool(reading.none) and re.search(reading.none, answer) is not None


def check_template(template: str) -> str:
    """Why it cannot be used; "" when it can."""
    try:
        _compiled(template)
    except textfsm.TextFSMTemplateError as error:
        return f"not a TextFSM template: {error}"
    return ""


def _bounded(rows: Iterable[Row]) -> tuple[Row, ...]:
    found = tuple({name: value[:LONGEST_FIELD] for name, value in row.items()} for row in islice(rows, MOST_ROWS + 1))
    if len(found) > MOST_ROWS:
        raise UnreadableAnswer(f"the answer has more than {MOST_ROWS:,} rows")
    return found


@lru_cache(maxsize=256)
def _compiled(template: str) -> textfsm.TextFSM:
    return textfsm.TextFSM(io.StringIO(template))


def _by_template(template: str, answer: str) -> Iterator[Row]:
    machine = textfsm.TextFSM(io.StringIO(template))
    try:
        found = machine.ParseText(answer)
    except textfsm.TextFSMError as error:
        raise UnreadableAnswer(f"the template does not know what it reads: {' '.join(str(error).split())[:300]}") from None
    names = [str(name).lower() for name in machine.header]
    for values in found:
        texts = (value if isinstance(value, str) else " ".join(map(str, value)) for value in values)
        yield dict(zip(names, texts, strict=True))


def _by_paths(reading: Reading, whole: object, walk: Callable[[object, str], _Found]) -> Iterator[Row]:
    for path in reading.paths:
        for captured, row in walk(whole, path):
            plain = captured | {name: _field(part, row, walk) for name, part in reading.fields.items() if part.at}
            yield plain | {name: _matched(part, part.of.format_map(plain)) for name, part in reading.fields.items() if part.of}


def _field(part: Part, row: object, walk: Callable[[object, str], _Found]) -> str:
    """Of the first path that leads to something that is no container."""
    texts = (text for path in part.at for _, there in walk(row, path) if (text := _text(there)) is not None)
    return _matched(part, next(texts, ""))


def _matched(part: Part, text: str) -> str:
    if not part.match:
        return text
    found = re.search(part.match, text)
    return "" if found is None else found[VALUE] or ""


def _text(value: object) -> str | None:
    if isinstance(value, etree._Element):  # noqa: SLF001  lxml has no public name for its element type
        return None if len(value) else (value.text or "").strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _json(answer: str) -> object:
    """What stands before the first brace is the element's chatter."""
    start = next((place for place, letter in enumerate(answer) if letter in "{["), None)
    try:
        found: object = json.loads(answer[start:] if start is not None else answer)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnreadableAnswer(f"the answer is no JSON ({error}): {_beginning(answer)}") from None
    return found


def _in_json(value: object, path: str) -> _Found:
    found: list[tuple[dict[str, str], object]] = [({}, value)]
    for step in path.split("/"):
        found = [(captured | more, there) for captured, at in found for more, there in _json_step(at, step)]
    return iter(found)


def _json_step(value: object, step: str) -> Iterator[tuple[dict[str, str], object]]:
    items: Iterable[tuple[str, object]]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = ((str(place), item) for place, item in enumerate(value))
    else:
        return
    if step == "*":
        yield from (({}, item) for _, item in items)
    elif (name := _capture(step)) is not None:
        yield from (({name: key}, item) for key, item in items)
    else:
        yield from (({}, item) for key, item in items if key == step)


def _xml(answer: str) -> object:
    """Several trees, as a `<data>` holds them, stand below one root."""
    try:
        return etree.fromstring(f"<data>{answer}</data>", _WHOLE)
    except etree.XMLSyntaxError as error:
        raise UnreadableAnswer(f"the answer is no XML ({error}): {_beginning(answer)}") from None


def _walk_xml(namespaces: Mapping[str, str]) -> Callable[[object, str], _Found]:
    def step_into(node: object, step: str) -> Iterator[tuple[dict[str, str], object]]:
        if not isinstance(node, etree._Element):  # noqa: SLF001  see above
            return
        children = node.iterchildren("{*}*")
        if step == "*":
            yield from (({}, child) for child in children)
        elif (name := _capture(step)) is not None:
            yield from (({name: etree.QName(child).localname}, child) for child in children)
        else:
            wanted = _clark(step, namespaces)
            yield from (({}, child) for child in node.iterchildren(wanted))

    def walk(node: object, path: str) -> _Found:
        found: list[tuple[dict[str, str], object]] = [({}, node)]
        for step in path.split("/"):
            found = [(captured | more, there) for captured, at in found for more, there in step_into(at, step)]
        return iter(found)

    return walk


def _clark(step: str, namespaces: Mapping[str, str]) -> str:
    prefix, colon, name = step.partition(":")
    return f"{{{namespaces[prefix]}}}{name}" if colon else f"{{*}}{step}"


def _capture(step: str) -> str | None:
    return step[1:-1] if step.startswith("{") and step.endswith("}") else None


def _beginning(answer: str) -> str:
    text = " ".join(answer.split())
    return f"it begins {text[:_SHOWN]!r}" if text else "it is empty"
