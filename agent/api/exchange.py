"""One usual request and its answer, as uvicorn's `RequestResponseCycle` but without h11's state machine."""

import asyncio
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus

import structlog
from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.flow_control import FlowControl

from agent.api.usual import Head

Fields = Iterable[tuple[bytes, bytes]]

_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_FIELDS = re.compile(rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]++: [\t -~\x80-\xff]*+\r\n)*+")
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_BROKEN = b"Internal Server Error"

log = structlog.get_logger(__name__)


class Exchange:
    """An ASGI application is given it, and what it answers is written. What uvicorn's connection asks of its own has its names."""

    def __init__(  # noqa: PLR0917  what uvicorn gives its own
        self,
        scope: Scope,
        head: Head,
        transport: asyncio.Transport,
        flow: FlowControl,
        default_fields: list[tuple[bytes, bytes]],
        on_response: Callable[[], None],
    ) -> None:
        self._scope, self._transport, self._flow, self._default_fields = scope, transport, flow, default_fields
        self._on_response = on_response
        self.awaited = head.length
        """Octets of the body that have not come yet."""
        self._body = bytearray()
        self.message_event = asyncio.Event()
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = False
        self._head: bytes | None = None
        """Of the answer, until it is sent: with the first piece of what it is followed by."""
        self._started = False
        self._left: int | None = None
        """Octets of the answer still to be sent as declared; None where they are sent in chunks."""

    def take(self, data: bytes, begin: int = 0) -> bytes:
        """More of the body, from `begin` on; gives what comes after it. Nobody reads what comes after the answer."""
        end = begin + self.awaited
        if not self.response_complete:
            self._body += data[begin:end]
        self.awaited = max(0, end - len(data))
        if not self.awaited:
            self.message_event.set()
        return data[end:]

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self.receive, self.send)
        except BaseException:
            log.exception("an answer broke off", path=self._scope["path"])
            await self._break_off()
        else:
            if not self.response_complete and not self.disconnected:
                log.error("an answer was not ended", path=self._scope["path"])
                await self._break_off()
        finally:
            self._on_response = _nothing  # nobody holds the connection by an exchange that is over

    async def receive(self) -> Message:
        """The whole body at once, then that the client has left."""
        if not self.disconnected and not self.response_complete:
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self._started else "http.response.start"
        if message["type"] != expected or self.response_complete:
            raise RuntimeError(f"{message['type']} instead of {expected}, or after the end of the answer")
        if self._started:
            self._go_on(message.get("body", b""), last=not message.get("more_body", False))
        else:
            self._begin(message["status"], message.get("headers", ()))

    def _begin(self, status: int, fields: Fields) -> None:
        said = [*self._default_fields]
        length, chunked = None, status not in _BODILESS
        for name, value in fields:
            kind = name.lower()
            if kind == b"content-length":
                length, chunked = int(value), False
            elif kind == b"transfer-encoding":
                continue  # how it travels is decided here
            elif kind == b"connection" and value.lower() == b"close":
                self.keep_alive = False
            said.append((name, value))
        if chunked:
            said.append((b"Transfer-Encoding", b"chunked"))
        block = b"".join([b"%b: %b\r\n" % field for field in said])
        if not _FIELDS.fullmatch(block) or block.count(b"\n") != len(said):
            raise RuntimeError("a header of the answer has characters that headers must not have")
        self._started, self._left = True, None if chunked else length or 0
        self._head = _STATUS_LINES[status] + block + b"\r\n"
        if chunked:
            self._write(b"")

    def _go_on(self, body: bytes, *, last: bool) -> None:
        if self._left is None:
            self._write((b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if last else b""))
        else:
            self._left -= len(body)
            if self._left < 0 or (last and self._left):
                raise RuntimeError("the answer is not as long as it says")
            self._write(body)
        if last:
            self._end()

    def _write(self, data: bytes) -> None:
        if self._head is not None:
            data, self._head = self._head + data, None
        self._transport.write(data)

    def _end(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self._transport.close()
        self._on_response()

    async def _break_off(self) -> None:
        """500 where nothing has been sent, else the connection's end: no client must take half an answer for a whole one."""
        if self._started or self.disconnected:
            self._transport.close()
            return
        fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": HTTPStatus.INTERNAL_SERVER_ERROR, "headers": fields})
        await self.send({"type": "http.response.body", "body": _BROKEN})


def _nothing() -> None:
    pass
