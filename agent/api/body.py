"""Request bodies: JSON objects, no larger than allowed, read within a deadline."""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

from agent.api.errors import BadRequest, BodyTimeout, Detail, TooLarge, UnsupportedMediaType

Model = TypeVar("Model", bound=BaseModel)

READ_DEADLINE_S = 30.0
"""Longest wait for a whole body."""
JSON_PATCH = "application/json-patch+json"
MAX_DEPTH = 50
MAX_DIGITS = 40
"""Of a whole number; twice what any counter or address needs."""
DRAIN_FACTOR = 8
"""A body that is refused is still read up to so many times the limit, and thrown away: a client that is busy sending would
otherwise see a broken connection instead of the answer."""


def _written(value: object) -> object:
    """Pydantic would take a number, or a text of digits, for seconds since 1970; date-times here are RFC 3339's."""
    if "-" not in str(value)[1:]:
        raise ValueError("write the date as in 2026-11-22T09:00:00Z")
    return value


def _sane(at: datetime) -> datetime:
    if not 2000 <= at.year <= 2200:  # noqa: PLR2004  beyond it is a typing mistake, and time zones overflow the calendar
        raise ValueError("the year must lie between 2000 and 2200")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_sane)]
"""With a time zone; UTC from here on."""


def _echoable(text: str) -> str:
    if not _RFC3339.fullmatch(text):
        raise ValueError("write the date as in 2026-11-22T09:00:00Z")
    _sane(datetime.fromisoformat(text.upper()))
    return text


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
InstantText = Annotated[str, AfterValidator(_echoable)]
"""A date-time that is kept and given back in the client's own words."""


@dataclass(frozen=True, slots=True)
class JsonBody:
    raw: bytes
    data: dict[str, Any]


async def json_body(request: Request) -> JsonBody:
    """The request's JSON object. Raises `UnsupportedMediaType`, `TooLarge`, `BodyTimeout` or `BadRequest`."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent == JSON_PATCH:
        raise UnsupportedMediaType(
            "unsupportedMediaType", f"{JSON_PATCH} is not taken; send a merge patch (RFC 7396): the new values"
        )
    if sent != "application/json" and not (sent.startswith("application/") and sent.endswith("+json")):
        raise UnsupportedMediaType(
            "unsupportedMediaType", f"the body is {sent or 'of no declared type'}; send it with Content-Type: application/json"
        )
    return parse_object(await _read(request, request.app.state.parts.settings.max_body_bytes))


BodyOf = Annotated[JsonBody, Depends(json_body)]


def parse_object(raw: bytes) -> JsonBody:
    """Strict: UTF-8, no duplicate keys, no NaN or infinity, no text that a database cannot keep, not nested without end."""
    try:
        data = _parsed(raw)
    except UnicodeDecodeError as error:
        raise BadRequest("malformedJson", f"the body is not UTF-8 at byte {error.start}; send JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest("malformedJson", f"the body is not JSON at {where}: {error.msg}; correct it and send it again") from None
    except (RecursionError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequest("malformedJson", f"the body cannot be taken: {reason}") from None
    if not isinstance(data, dict):
        raise BadRequest("malformedJson", f"the body is a JSON {_kind(data)}; send an object")
    return JsonBody(raw, data)


def read_model(
    model: type[Model], data: Mapping[str, Any], remedy: Callable[[str], str] = lambda _: "see /docs for its form"
) -> Model:
    """The object in the shape of `model`. Raises `BadRequest` with the place of every mistake; `remedy` is given the attribute."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise BadRequest.of([_detail(found, remedy) for found in error.errors(include_url=False)]) from None


_WORDS = {
    "model_type": "Input should be an object",
    "tuple_type": "Input should be a list",
    "timezone_aware": "the date-time names no timezone: write it as in 2026-11-22T09:00:00Z",
}
"""In JSON's terms, where Pydantic speaks of Python's."""


def _detail(found: ErrorDetails, remedy: Callable[[str], str]) -> Detail:
    location = found["loc"]
    attribute = location[-1] if location and isinstance(location[-1], str) else ""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)  # RFC 6901 §3
    message = _WORDS.get(found["type"]) or found["msg"].removeprefix("Value error, ")
    return Detail("invalidValue", pointer, f"{message}; {remedy(attribute)}")


async def _read(request: Request, limit: int) -> bytes:
    try:
        async with asyncio.timeout(READ_DEADLINE_S):
            return await _read_within(request, limit)
    except TimeoutError:
        raise BodyTimeout("bodyTimeout", f"the body did not arrive within {READ_DEADLINE_S:.0f} s; send it again") from None


async def _read_within(request: Request, limit: int) -> bytes:
    too_large = TooLarge("bodyTooLarge", f"the body is larger than {limit} bytes; send less, or raise api.max_body_bytes")
    declared = request.headers.get("content-length", "")
    asks_first = request.headers.get("expect", "").lower() == "100-continue"
    if asks_first and declared.isdigit() and int(declared) > limit:
        raise too_large  # nothing has been sent yet, and now nothing will
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit * DRAIN_FACTOR:
            break
        else:
            chunks.clear()
    if size > limit:
        raise too_large
    return b"".join(chunks)


def _parsed(raw: bytes) -> object:
    text = raw.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark; leave it out")
    data: object = _JSON.decode(text)
    if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:  # else there is nothing to be found
        _check(data)
    return data


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; keep one")
    return found


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a number that can be kept")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:MAX_DIGITS]}… is not a number that can be kept")
    return int(text)


_JSON = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_number, parse_float=_number, parse_int=_integer)


def _check(data: object) -> None:
    waiting = [(data, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, str):
            _check_text(node)
        elif isinstance(node, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels; flatten it")
            inner = [*node, *node.values()] if isinstance(node, dict) else node
            waiting += [(value, depth + 1) for value in inner]


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text has a NUL character, which cannot be kept; leave it out")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text has half of a surrogate pair; send whole characters")


def _kind(data: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(data), "number")
