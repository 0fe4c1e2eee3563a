"""One client's connection: HTTP/1.1, of which is believed what a server should, with a deadline for every wait.

httptools, which is to read all that may be sent, believes more, and gathers without end what never becomes whole.
"""

import asyncio
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.config import Config
from uvicorn.server import ServerState

from agent.api.door import Door
from agent.api.waiting import Waiting

HEAD_DEADLINE_S = 15.0
"""Longest wait for the whole head of a request, from its first byte, or from the connection's opening for the first."""
WRITE_DEADLINE_S = 60.0
"""A client that takes nothing of its answer for so long is gone."""
LONGEST_PIECE = 64 * 1024
"""Octets of a head, of a chunk's size or of trailers that may come before they are whole."""
MOST_AHEAD = 100
"""Requests that may be sent before the first of them is answered."""


class Connection(Waiting):
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
        super().__init__(config, server_state, app_state, _loop, head_s=HEAD_DEADLINE_S, write_s=WRITE_DEADLINE_S)
        self._door = door
        self._pending = 0
        """Octets that have come since the last of what they belong to was whole."""
        self._has_head = False
        """Of the request that is being read."""

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
