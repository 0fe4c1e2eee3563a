"""One NETCONF session: hello, then requests in order, with notifications in between (RFC 6241, RFC 5277)."""

import asyncio
import contextlib
from typing import Protocol

import asyncssh
from lxml import etree

from drivers.netconf import framing
from drivers.sim.errors import DisconnectedByFault
from drivers.sim.faults import ElementFaults
from drivers.sim.netconf import library, notify
from drivers.sim.netconf.errors import RpcErrors, protocol_refusal, refusal
from drivers.sim.netconf.filter import select
from drivers.sim.netconf.locks import Who
from drivers.sim.netconf.names import NC, NOTIFICATION, Element, elements, new, q, text_of
from drivers.sim.netconf.operations import Operations
from drivers.sim.sshd import Process, cut

HELLO_DEADLINE = 30.0
IDLE_DEADLINE = 3600.0
WRITE_DEADLINE = 60.0
GRACE = 0.5
"""Seconds that requests already sent may still take after the client has gone."""
MAX_WAITING = 256
"""Requests, and messages to send, that may wait in a session; a client beyond that is dropped."""


class Peers(Protocol):
    """The other sessions of the element."""

    def kill(self, session_id: int, by: Who) -> None: ...


class Session:
    def __init__(self, process: Process, who: Who, operations: Operations, faults: ElementFaults, peers: Peers) -> None:
        self.who = who
        self._process = process
        self._operations = operations
        self._faults = faults
        self._peers = peers
        self._decoder = framing.Decoder()
        self._chunked_out = False
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)
        self._subscribed = False
        self._wanted: Element | None = None
        self._closing = False

    async def run(self) -> bool:
        """Serve until either side ends it; True when the client closed it properly."""
        writer = asyncio.create_task(self._write_all())
        tasks = {writer}
        try:
            async with asyncio.timeout(HELLO_DEADLINE):
                await self._greet()
            reader, worker = asyncio.create_task(self._read_all()), asyncio.create_task(self._work())
            tasks |= {reader, worker}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                await asyncio.wait({worker}, timeout=GRACE)
            with contextlib.suppress(asyncio.QueueFull):
                self._outbox.put_nowait(None)
                await asyncio.wait({writer}, timeout=GRACE)
        except (TimeoutError, framing.FramingError, etree.XMLSyntaxError, OSError, asyncssh.Error):
            self.drop()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._closing

    def drop(self) -> None:
        """End the transport without another octet."""
        cut(self._process)

    # -- what operations and the server ask (`operations.Caller`)

    def subscribe(self, wanted: Element | None) -> None:
        if self._subscribed:
            raise protocol_refusal("operation-failed", "this session has a subscription already")
        self._subscribed, self._wanted = True, wanted

    def close_after_reply(self) -> None:
        self._closing = True

    def kill(self, session_id: int) -> None:
        self._peers.kill(session_id, self.who)

    def notify(self, event: Element) -> None:
        """Send an event if this session subscribed to it; a client that does not read is dropped."""
        if not self._subscribed:
            return
        content = new(q(NOTIFICATION, "notification"))
        content.append(event)
        for chosen in select(content, self._wanted):
            self._send(notify.envelope(chosen))

    # -- in

    async def _greet(self) -> None:
        self._send(library.hello(self.who.session_id))
        message = await self._read_message()
        hello = _parse(message or b"")
        offered = {text_of(c) for c in hello.iterfind(f"{q(NC, 'capabilities')}/{q(NC, 'capability')}")}
        bases = offered & {library.BASE_1_0, library.BASE_1_1}
        if hello.tag != q(NC, "hello") or not bases or hello.find(q(NC, "session-id")) is not None:
            raise framing.FramingError("the client's first message is no usable hello")
        self._decoder.chunked = self._chunked_out = library.BASE_1_1 in bases

    async def _read_all(self) -> None:
        with contextlib.suppress(framing.FramingError, OSError, asyncssh.Error, TimeoutError, asyncio.QueueFull):
            while (message := await self._read_message()) is not None:
                self._inbox.put_nowait(message)
        with contextlib.suppress(asyncio.QueueFull):
            self._inbox.put_nowait(None)

    async def _read_message(self) -> bytes | None:
        """The next message, None at the end of the stream."""
        while (message := self._decoder.next()) is None:
            async with asyncio.timeout(IDLE_DEADLINE):
                data = await self._process.stdin.read(65536)
            if not data:
                return None
            self._decoder.feed(data)
        return message

    async def _work(self) -> None:
        while not self._closing and (message := await self._inbox.get()) is not None:
            try:
                reply = await self._answer(message)
                await self._faults.reachable()
            except DisconnectedByFault:
                self.drop()
                return
            self._send(reply)

    async def _answer(self, message: bytes) -> Element:
        reply = new(q(NC, "rpc-reply"))
        try:
            rpc = _rpc(message)
            for name, value in rpc.attrib.items():
                reply.set(name, value)
            content = await self._operations.execute(_only_child(rpc), self)
        except RpcErrors as refused:
            reply.extend([error.render() for error in refused.errors])
        else:
            reply.extend(content or [new(q(NC, "ok"))])
        return reply

    # -- out

    def _send(self, message: Element) -> None:
        octets = etree.tostring(message, xml_declaration=True, encoding="UTF-8")
        try:
            self._outbox.put_nowait(framing.encode(octets, chunked=self._chunked_out))
        except asyncio.QueueFull:
            self.drop()

    async def _write_all(self) -> None:
        with contextlib.suppress(OSError, asyncssh.Error, TimeoutError):
            while (octets := await self._outbox.get()) is not None:
                await self._faults.reachable()
                async with asyncio.timeout(WRITE_DEADLINE):
                    self._process.stdout.write(octets)
                    await self._process.stdout.drain()


def _parse(message: bytes) -> Element:
    """No entities, no DTD, no network: a client must not make the server read anything else."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True)
    return etree.fromstring(message.strip(), parser)


def _rpc(message: bytes) -> Element:
    try:
        rpc = _parse(message)
    except etree.XMLSyntaxError as error:
        raise refusal("malformed-message", f"not well-formed XML: {error.msg}", type="rpc") from error
    if rpc.tag != q(NC, "rpc"):
        raise refusal("malformed-message", f"expected rpc, got {rpc.tag}", type="rpc")
    if rpc.get("message-id") is None:
        info = (("bad-attribute", "message-id"), ("bad-element", "rpc"))
        raise refusal("missing-attribute", "rpc has no message-id", type="rpc", info=info)
    return rpc


def _only_child(rpc: Element) -> Element:
    children = elements(rpc)
    if len(children) != 1:
        raise refusal("missing-element", "an rpc holds exactly one operation", type="rpc")
    return children[0]
