"""Receiving syslog over UDP (RFC 5426) and TCP (RFC 6587: octet counting or lines, told apart by each connection's first octet).

What comes out is a bounded queue; what does not come out is counted by reason.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from drivers.events.errors import ListenerSetupError
from drivers.events.kernel import kernel_drops, make_room
from drivers.events.places import Places
from drivers.events.senders import Senders
from drivers.events.syslog import MAX_OCTETS, SyslogLine, parse
from policies.values import Clock

Address = tuple[str, int]
BURST_S = 5
FREE_PORTS_TRIED = 20
_LONGEST_COUNT = 6
_DIGITS = frozenset(b"0123456789")
_KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    host: str = "127.0.0.1"
    port: int = 10514
    tcp: bool = True
    """Listen on TCP at the same port, too."""
    queue_size: int = 10_000
    per_source_s: float = 1000.0
    """Messages a second that one address may send."""
    connections: int = 256
    """Open at the same time; further ones are closed at once, unless one has been silent."""
    connections_per_source: int = 32
    idle_s: float = 600.0
    """A connection without a message for so long gives up its place when all are taken."""
    receive_buffer: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SyslogStats:
    """Messages since the start; every one received is counted once more under what became of it."""

    received: int = 0
    accepted: int = 0
    empty: int = 0
    cut: int = 0
    """Longer than 64 KiB, accepted without what is behind; part of `accepted`."""
    queue_drops: int = 0
    rate_drops: int = 0
    kernel_drops: int = 0
    """Datagrams that the kernel dropped before we saw them; not part of `received`."""
    unframed: int = 0
    """TCP connections closed because what they said could not be taken apart."""
    refused: int = 0
    """TCP connections beyond the limit."""
    source_refused: int = 0
    """TCP connections beyond the limit of their source."""
    idle_ended: int = 0
    """TCP connections that were silent when others needed their places."""
    connected: int = 0
    """TCP connections open now."""


class SyslogListener:
    """Lives in one asyncio loop. Take lines from `queue`."""

    def __init__(self, settings: SyslogSettings, clock: Clock) -> None:
        self.queue: asyncio.Queue[SyslogLine] = asyncio.Queue(settings.queue_size)
        self.senders = Senders(settings.per_source_s, settings.per_source_s * BURST_S)
        self._settings, self._clock = settings, clock
        self._counts: Counter[str] = Counter()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._places = Places(settings.connections, settings.connections_per_source, settings.idle_s, self._count)

    @property
    def address(self) -> Address:
        """Where it listens, UDP and TCP (useful when the port was 0)."""
        if self._udp is None:
            raise ListenerSetupError("the syslog listener has not been started")
        name = self._udp.get_extra_info("sockname")
        return str(name[0]), int(name[1])

    @property
    def stats(self) -> SyslogStats:
        return SyslogStats(**self._counts, kernel_drops=self._kernel_drops(), connected=len(self._places.taken))

    async def start(self) -> None:
        """ListenerSetupError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        datagrams, stream = _sockets(self._settings)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        if stream is not None:
            self._tcp = await loop.create_server(lambda: _Stream(self), sock=stream)

    async def stop(self) -> None:
        """What is queued stays in the queue."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            for connection in list(self._places.taken):
                connection.end()
        self._udp = self._tcp = None
        await asyncio.sleep(0)

    def received(self, octets: bytes, source: str) -> None:
        """One message, without its framing."""
        self._counts["received"] += 1
        if not octets.strip(b"\x00\r\n "):
            self._counts["empty"] += 1
        elif not self.senders.allows(source, self._clock.monotonic()):
            self._drop("rate_drops", source)
        else:
            self._queue(parse(octets, self._clock.now(), source))

    def connected(self, stream: "_Stream") -> bool:
        """False: there is no place for it."""
        stream.heard = self._clock.monotonic()
        return self._places.take(stream, stream.heard)

    def disconnected(self, stream: "_Stream") -> None:
        self._places.leave(stream)

    def told(self, stream: "_Stream", messages: Iterable[bytes]) -> None:
        for message in messages:
            self.received(message, stream.source)
            stream.heard = self._clock.monotonic()

    def unframed(self) -> None:
        self._counts["unframed"] += 1

    def _count(self, what: str) -> None:
        self._counts[what] += 1

    def _queue(self, line: SyslogLine) -> None:
        try:
            self.queue.put_nowait(line)
        except asyncio.QueueFull:
            self._drop("queue_drops", line.source)
            return
        self._counts["accepted"] += 1
        if line.cut:
            self._counts["cut"] += 1

    def _drop(self, what: str, source: str) -> None:
        self._counts[what] += 1
        self.senders.lose(source)

    def _kernel_drops(self) -> int:
        sock = self._udp.get_extra_info("socket") if self._udp is not None else None
        return 0 if sock is None else kernel_drops(sock)


class Frames:
    """Takes a TCP stream apart into messages. Bounded: of a message that is too long, what is too much is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._counted: bool | None = None
        """Whether the sender counts octets; None before its first one."""
        self._skip = 0
        """Octets of a counted message that are not kept any more."""
        self._skipping = False
        """Whether the rest of a line is not kept any more."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. `ValueError` when it is no syslog."""
        self._buffer += data
        if self._counted is None and self._buffer:
            self._counted = self._buffer[0] in _DIGITS
        return self._by_count() if self._counted else self._by_line()

    def rest(self) -> bytes:
        """What was left when the sender closed: a last line may lack its end."""
        return b"" if self._counted or self._skipping else bytes(self._buffer)

    def _by_count(self) -> list[bytes]:
        messages: list[bytes] = []
        while True:
            if self._skip:
                gone = min(self._skip, len(self._buffer))
                del self._buffer[:gone]
                self._skip -= gone
                if self._skip:
                    return messages
            space = self._buffer.find(b" ", 0, _LONGEST_COUNT + 1)
            if space < 0:
                if len(self._buffer) > _LONGEST_COUNT:
                    raise ValueError("no count of octets where one belongs")
                return messages
            count = self._buffer[:space]
            if not count.isdigit():
                raise ValueError("no count of octets where one belongs")
            length, start = int(count), space + 1
            kept = min(length, MAX_OCTETS + 1)
            if len(self._buffer) < start + kept:
                return messages
            messages.append(bytes(self._buffer[start : start + kept]))
            del self._buffer[: start + kept]
            self._skip = length - kept

    def _by_line(self) -> list[bytes]:
        *whole, rest = bytes(self._buffer).split(b"\n")
        if self._skipping and whole:
            whole, self._skipping = whole[1:], False
        if len(rest) > MAX_OCTETS:
            whole += [] if self._skipping else [rest]
            rest, self._skipping = b"", True
        self._buffer = bytearray(rest if not self._skipping else b"")
        return whole


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listener: SyslogListener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._listener.received(data, str(addr[0]))


class _Stream(asyncio.Protocol):
    def __init__(self, listener: SyslogListener) -> None:
        self._listener, self._frames = listener, Frames()
        self._transport: asyncio.Transport | None = None
        self.source = ""
        self.heard = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is None:  # it has gone already, and uvloop asks the kernel only now
            self.end()
            return
        self.source = str(peer[0])
        _keep_alive(transport.get_extra_info("socket"))
        if not self._listener.connected(self):
            self.end()

    def data_received(self, data: bytes) -> None:
        try:
            self._listener.told(self, self._frames.feed(data))
        except ValueError:
            self._listener.unframed()
            self.end()

    def eof_received(self) -> None:
        if rest := self._frames.rest():
            self._listener.told(self, [rest])

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._listener.disconnected(self)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _keep_alive(sock: socket.socket) -> None:
    """A sender that is gone without a word is noticed after two minutes, and its place is free."""
    for level, option, value in _KEEP_ALIVE:
        with contextlib.suppress(OSError):  # it may be gone already
            sock.setsockopt(level, option, value)


def _sockets(settings: SyslogSettings) -> tuple[socket.socket, socket.socket | None]:
    """For UDP and TCP, at the same port; a free one may be free for one of the two only."""
    for left in reversed(range(1 if settings.port else FREE_PORTS_TRIED)):
        datagrams = _bound(settings, socket.SOCK_DGRAM, settings.port)
        try:
            return datagrams, _bound(settings, socket.SOCK_STREAM, datagrams.getsockname()[1]) if settings.tcp else None
        except ListenerSetupError:
            datagrams.close()
            if not left:
                raise
    raise AssertionError("at least one port is tried")


def _bound(settings: SyslogSettings, kind: socket.SocketKind, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_DGRAM:
            make_room(sock, settings.receive_buffer)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, port))
    except OSError as error:
        sock.close()
        name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
        raise ListenerSetupError(
            f"cannot listen for syslog on {settings.host} {name} port {port}: {error.strerror}; choose another port"
        ) from error
    return sock
