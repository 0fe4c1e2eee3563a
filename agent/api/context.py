"""Around every request: a correlation id, one line in the log, counters, and a last answer when the program made a mistake."""

import logging
import random
import re
import time
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.errors import BadRequest, NotAcceptable
from agent.api.forms import TMF_ROOT, error_answer
from agent.log import correlated
from agent.metrics import Metrics

HEADER = "X-Correlation-Id"
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_ZERO = re.compile(r"q\s*=\s*0(\.0{0,3})?")
_JSON = re.compile(r"application/[a-z0-9!#$&^_.+-]+\+json")
CLIENT_GONE = 499
"""In log and metrics, for a client that left before it had said everything; no such answer is ever sent."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_EVERYTHING = frozenset({"*/*", "application/json"})
_OWN = frozenset({b"x-correlation-id", b"x-content-type-options"})
_UNSTORED = (b"cache-control", b"no-store")
_UNGUESSED = (b"x-content-type-options", b"nosniff")

log = structlog.get_logger(__name__)
_stdlib = logging.getLogger(__name__)


class RequestContext:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation_id = correlation_of(Headers(scope=scope))
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        method = scope["method"]
        answer = _Answer(send, correlation_id, bodiless=method == "HEAD")
        if answer.bodiless:
            scope = {**scope, "method": "GET"}  # RFC 9110 §9.3.2: the same, without the content; the server's own remains HEAD
        begun = time.monotonic()
        with correlated(correlation_id):
            try:
                refuse_unkeepable(scope)
                forgive_slash(scope)
                refuse_unacceptable(scope)
                await self._app(scope, receive, answer)
            except (BadRequest, NotAcceptable) as error:
                await error_answer(scope, error)(scope, receive, answer)
            except ClientDisconnect:
                answer.status = CLIENT_GONE
            except Exception as error:
                log.exception("request failed", method=method, path=_path(scope))
                if answer.status:
                    raise
                await error_answer(scope, error)(scope, receive, answer)
            self._report(scope, method, answer.status, time.monotonic() - begun)

    def _report(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self._metrics.request(method, route, status, seconds)
        quiet = method in _READING and status < HTTPStatus.BAD_REQUEST
        if structlog.is_configured() and not _stdlib.isEnabledFor(logging.DEBUG if quiet else logging.INFO):
            return  # else the line would be put together before it is found that nobody wants it
        caller = scope["state"].get("caller")
        (log.debug if quiet else log.info)(
            "request",
            method=method,
            path=_path(scope),
            status=status,
            milliseconds=round(seconds * 1000, 1),
            caller=caller.name if caller else None,
        )


def refuse_unkeepable(scope: Scope) -> None:
    """A NUL in path or query: nothing is called so, and PostgreSQL takes offence even at the question."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise BadRequest("invalidValue", "the address has a NUL character (%00); leave it out")


def forgive_slash(scope: Scope) -> None:
    """`POST …/service/` means `POST …/service`: some of TM Forum's clients write it so, and a redirect would lose their body."""
    path: str = scope["path"]
    if path.startswith(TMF_ROOT) and path.endswith("/"):
        scope["path"] = path.rstrip("/")


def refuse_unacceptable(scope: Scope) -> None:
    """TM Forum's APIs speak JSON (RFC 9110 §12.5.1); who cannot read it had better learn so before anything is done."""
    accept = Headers(scope=scope).get("accept", "")
    if accept in _EVERYTHING:
        return
    if scope["path"].startswith(TMF_ROOT) and accept.strip() and not any(map(_is_json, accept.split(","))):
        raise NotAcceptable("notAcceptable", f"nothing here is answered as {accept[:100]!r}; accept application/json")


def _is_json(media_range: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
    refused = any(_ZERO.fullmatch(parameter) for parameter in parameters)
    return not refused and (kind in {"*/*", "application/*", "application/json"} or _JSON.fullmatch(kind) is not None)


def _path(scope: Scope) -> str:
    """As it was sent, percent signs and all: what a terminal would obey does not come through."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("ascii", "backslashreplace")


def correlation_of(headers: Headers) -> str:
    """The caller's own id, else the trace id of W3C Trace Context, else a new one."""
    given = headers.get(HEADER, "")
    if _ID.fullmatch(given):
        return given
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return trace.group(1) if trace else f"{random.getrandbits(128):032x}"


class _Answer:
    """Passes the answer on, with the headers that every answer has."""

    def __init__(self, send: Send, correlation_id: str, *, bodiless: bool) -> None:
        self.bodiless = bodiless
        self._send = send
        self._correlation = HEADER.lower().encode(), correlation_id.encode()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            fields = [field for field in message.get("headers", ()) if field[0] not in _OWN]
            fields += (self._correlation, _UNGUESSED)
            if not any(name == _UNSTORED[0] for name, _ in fields):
                fields.append(_UNSTORED)
            message = {**message, "headers": fields}
        elif self.bodiless:
            message = {**message, "body": b""}
        await self._send(message)
