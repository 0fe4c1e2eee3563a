"""One client's connection: HTTP/1.1 with a deadline for every wait and a bound on how many there may be.

uvicorn waits without end for a client that connects and says nothing, or half of a request's head, or does not read its answer.

A request that is written as usual (`usual`) is read and answered here (`exchange`), for a fraction of what h11 takes; every other
one, and what comes before the answer to a usual one is sent, is h11's.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import h11
import structlog
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from agent.api.exchange import Exchange
from agent.api.usual import Head, read_head

HEAD_DEADLINE_S = 15.0
"""Longest wait for the whole head of a request, from its first byte, or from the connection's opening for the first."""
WRITE_DEADLINE_S = 60.0
"""A client that takes nothing of its answer for so long is gone."""
COMPLAIN_EVERY_S = 60.0

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


class Connection(H11Protocol):
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
        self._exchange: Exchange | None = None
        """Whose answer, or body, has not come to its end."""
        self._early = b""
        """What came meanwhile."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if self._door.lets_in(len(self.connections)):
            self._watch_head()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._exchange is not None:
            self._unset_keepalive_if_required()
            data = self._go_on(self._exchange, data)
        if data:
            head = read_head(data) if self._rests() else None
            if head is None:
                super().data_received(data)
            else:
                self._begin(head, data)
        self._watch_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._exchange is not None and not self._exchange.awaited:
            self._exchange, early, self._early = None, self._early, b""
            if early and not self.transport.is_closing():
                super().data_received(early)
                self._watch_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking.begin(self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking.end()

    def timeout_keep_alive_handler(self) -> None:
        """Closing waits for what is not sent yet."""
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._taking.begin(self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.end()
        self._taking.end()
        super().connection_lost(exc)

    def _rests(self) -> bool:
        """Nothing is being answered, and nothing of a request has come."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        answered = cycle is None or cycle.response_complete
        return answered and self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0] and not self.transport.is_closing()

    def _begin(self, head: Head, data: bytes) -> None:
        self._unset_keepalive_if_required()
        exchange = Exchange(
            self._scope(head), head, self.transport, self.flow, self.server_state.default_headers, self.on_response_complete
        )
        self._exchange = exchange
        self.cycle = exchange  # type: ignore[assignment]  # it has all that is asked of one
        self._early = exchange.take(data, head.end)
        if self._early:
            self.flow.pause_reading()
        task = self.loop.create_task(exchange.run(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _go_on(self, exchange: Exchange, data: bytes) -> bytes:
        """What comes while a usual request is answered, or after that of its body; gives what is to be read now."""
        data = exchange.take(data)
        if not exchange.response_complete:
            self._early += data
            if data:
                self.flow.pause_reading()
            return b""
        if not exchange.awaited:
            self._exchange = None
        return data

    def _scope(self, head: Head) -> Scope:
        path, _, query = head.target.partition(b"?")
        text = path.decode()
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": head.method,
            "root_path": self.root_path,
            "path": self.root_path + (unquote(text) if "%" in text else text),
            "raw_path": self.root_path.encode() + path,
            "query_string": query,
            "headers": head.fields,
            "state": self.app_state.copy(),
        }

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
