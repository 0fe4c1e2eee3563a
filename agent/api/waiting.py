"""How long a connection waits for its client, and how it ends.

uvicorn waits without end for a client that connects and says nothing, or half of a request's head, or does not read its answer.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

_NO_HTTP = "Invalid HTTP request received."


class Waiting(HttpToolsProtocol):
    """Who reads calls `_watch_head` when a client is let in and after what was read, and `_refuse` for what is no HTTP."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        head_s: float,
        write_s: float,
    ) -> None:
        """Seconds: the longest wait for a whole head, and for a client that takes nothing of its answer."""
        super().__init__(config, server_state, app_state, _loop)
        self._head = _Deadline(self.loop, head_s)
        self._taking = _Deadline(self.loop, write_s)
        self._is_bad = False
        """What was read last was no HTTP: nothing more of it is read."""
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the one that came last."""

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

    def _watch_head(self) -> None:
        """While nothing is being answered: what comes then is a head, or the rest of a body that nobody reads."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request, whatever uvicorn declares
        if cycle is not None and not cycle.response_complete:
            self._head.end()
        else:
            self._head.begin(self.transport.abort)

    def _watch_leaving(self) -> None:
        """Closing waits for what is not sent yet."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._taking.begin(self.transport.abort)


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
