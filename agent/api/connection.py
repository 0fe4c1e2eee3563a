"""One client's connection: HTTP/1.1 with a deadline for every wait and a bound on how many there may be.

uvicorn waits without end for a client that connects and says nothing, or half of a request's head, or does not read its answer;
and httptools, which is to read all that may be sent, believes more than a server should.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

HEAD_DEADLINE_S = 15.0
"""Longest wait for the whole head of a request, from its first byte, or from the connection's opening for the first."""
WRITE_DEADLINE_S = 60.0
"""A client that takes nothing of its answer for so long is gone."""
LONGEST_PIECE = 64 * 1024
"""Octets of a head, of a chunk's size or of trailers that may come before they are whole."""
MOST_AHEAD = 100
"""Requests that may be sent before the first of them is answered."""
COMPLAIN_EVERY_S = 60.0

_NO_HTTP = "Invalid HTTP request received."

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Door:
    """How many may be connected at the same time. Further ones are cut off: reading what they want would cost what is short."""

    most: int
    refused: int = 0
    _said_at: float | None = None

    def lets_in(self, connected: int) -> bool:
        """`connected` counts the newcomer."""
        if connected <= self.most:
            return True
        self.refused += 1
        now = time.monotonic()
        if self._said_at is None or now - self._said_at >= COMPLAIN_EVERY_S:
            log.warning("connections are refused: api.max_connections are open", most=self.most, refused=self.refused)
            self._said_at = now
        return False


class Connection(HttpToolsProtocol):
    """What uvicorn makes for every client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: Door,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = door
        self._head = _Deadline(self.loop, HEAD_DEADLINE_S)
        self._taking = _Deadline(self.loop, WRITE_DEADLINE_S)
        self._pending = 0
        """Octets that have come since the last of what they belong to was whole."""
        self._has_head = False
        """Of the request that is being read."""
        self._is_bad = False
        """What was read last was no HTTP: nothing more of it is read."""
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the one that came last."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if self._door.lets_in(len(self.connections)):
            self._watch_head()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._is_bad or self.transport.is_closing():  # TLS hands over what it kept even then; nobody could be answered
            return
        self._unset_keepalive_if_required()
        self._pending += len(data)
        try:
            self._read(data)
        except HttpParserError:
            self._refuse()
        if self._pending > LONGEST_PIECE and not self._is_bad:
            self._refuse()
        self._watch_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_head = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are nobody's: what is trusted in a head is not to come after the body."""
        if not self._has_head:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        self._has_head, self._pending = True, 0
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            raise HttpParserError("RFC 9112 section 3.2 wants one Host")
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            raise HttpParserError("nobody here undoes another coding")
        if len(self.pipeline) >= MOST_AHEAD:
            raise HttpParserError("too many before the first is answered")
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _read(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                self.parser.feed_data(rest)
            except HttpParserUpgrade as asked:
                rest = rest[asked.args[0] :]
                self._forget_the_wish()
            else:
                return

    def _forget_the_wish(self) -> None:
        """To go on in another protocol, which nobody has to (RFC 9110 section 7.8): for the parser the request ends with its head,
        so that its body is read after the same head without the wish, by another one.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise HttpParserError("no proxy")
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, fields))

    def _refuse(self) -> None:
        """What was asked before it is answered; a request that went wrong in its body is not."""
        self._is_bad = True
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request, whatever uvicorn declares
        if cycle is None or cycle.response_complete:
            self.send_400_response(_NO_HTTP)
        elif not cycle.more_body:
            cycle.keep_alive = False
        elif self.pipeline and self._answered is not None:
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else self._answered
            last.keep_alive = False
        elif cycle.response_started:
            self.transport.close()
        else:
            self.send_400_response(_NO_HTTP)
        self._watch_leaving()

    def shutdown(self) -> None:
        """What is being answered still is; what waits behind it is not begun any more."""
        self.pipeline.clear()
        if self._answered is None or self._answered.response_complete:
            self.transport.close()
        else:
            self._answered.keep_alive = False
        self._watch_leaving()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking.begin(self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking.end()
        self._watch_leaving()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_leaving()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_leaving()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.end()
        self._taking.end()
        self.pipeline.clear()
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _watch_leaving(self) -> None:
        """Closing waits for what is not sent yet."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._taking.begin(self.transport.abort)

    def _watch_head(self) -> None:
        """While nothing is being answered: what comes then is a head, or the rest of a body that nobody reads."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request, whatever uvicorn declares
        if cycle is not None and not cycle.response_complete:
            self._head.end()
        else:
            self._head.begin(self.transport.abort)


class _Deadline:
    """At most one timer: to begin again does not move it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop, self._seconds = loop, seconds
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, action: Callable[[], None]) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, action)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
