"""A NETCONF session over a transport that is already trusted and authenticated, driven by whoever asks.

ncclient gives each session a thread that looks at its queue of requests only every `TICK` (0.1 s), which caps a session at ten
requests per second; a shorter tick costs CPU on idle sessions. Here the thread that asks sends, reads and parses by itself until
its replies are there (`drivers.netconf.line`): a request leaves at once, an idle session costs nothing and has no thread, and no
answer is handed from thread to thread.
"""

import time
from collections.abc import Callable, Iterable

import paramiko
from ncclient.transport.errors import SessionCloseError, TransportError

from drivers.netconf import hello
from drivers.netconf.attendant import Attendant
from drivers.netconf.framing import Decoder, FramingError, encode
from drivers.netconf.hello import Hello
from drivers.netconf.line import Line

_ATTENDANT = Attendant()


class DrivenSession:
    """`begin` with hellos, then requests and replies. Used by one thread at a time. ncclient's errors tell what broke it."""

    _channel: paramiko.Channel

    def __init__(self, transport: Line) -> None:
        self._transport = transport
        self._decoder = Decoder()
        self._unacknowledged = 0
        """Octets that came since the element was last told that it may send as many more."""

    def begin(self, deadline: float) -> Hello:
        """Start the `netconf` subsystem and exchange hellos: the element's. `TimeoutError`, or what broke the connection."""
        self._transport.wait_until(deadline)
        self._channel = self._transport.subsystem("netconf", self._take)
        self._send(encode(hello.ours(), chunked=False), deadline)
        while (said := hello.read(self._next(deadline))) is None:
            pass  # something else that nobody asked for
        self._decoder.chunked = hello.CHUNKED in said.capabilities
        _ATTENDANT.watch(self._transport)
        return said

    @property
    def usable(self) -> bool:
        """Whether neither side has ended it, as far as is known here."""
        return not self._channel.closed and not self._channel.eof_received

    def close(self) -> None:
        self._transport.close()
        _ATTENDANT.leave(self._transport)

    def interrupt(self) -> None:
        """Wakes who waits for the element in another thread; it is closed by that."""
        self._transport.interrupt()

    def heed(self) -> None:
        """Take note of what the element has sent meanwhile, its end above all."""
        if self.usable:
            with self._transport.using:
                self._transport.heed()

    def send_all(self, messages: Iterable[bytes], deadline: float) -> None:
        """`TimeoutError`, or what broke the connection."""
        with self._transport.using:
            self._send(b"".join(encode(message, chunked=self._decoder.chunked) for message in messages), deadline)

    def is_silent_until(self, instant: float) -> bool:
        """Whether nothing comes until then."""
        with self._transport.using:
            return not self._decoder.held and self._transport.is_silent_until(instant)

    def receive(self, deadline: float, due: Callable[[], int] | None = None) -> bytes:
        """The next message. `TimeoutError`, or what broke the connection.

        `due`: with those after it that are waited for, it comes to so many octets at least; asked when it must be waited for.
        """
        with self._transport.using:
            return self._next(deadline, due)

    def _next(self, deadline: float, due: Callable[[], int] | None = None) -> bytes:
        try:
            while (message := self._decoder.next()) is None:
                self._transport.wait_until(deadline)
                self._widen()
                if not self.usable:
                    raise SessionCloseError(b"")
                self._transport.attend(1 if due is None else max(due() - self._decoder.held, 1))
        except FramingError as error:
            raise TransportError(f"what it sends is not NETCONF: {error}") from error
        return message.strip()

    def _take(self, data: bytes) -> None:
        self._decoder.feed(data)
        self._unacknowledged += len(data)
        if self._unacknowledged > self._transport.default_window_size:  # as its channel was opened with
            raise paramiko.SSHException("it sends more than it may before that is read")

    def _widen(self) -> None:
        """Let the element send as much again as was read: only who reads does, so that nobody fills an idle session."""
        read, self._unacknowledged = self._unacknowledged, 0
        if read:
            self._transport.widen(self._channel, read)

    def _send(self, data: bytes, deadline: float) -> None:
        self._transport.wait_until(deadline)
        while data:
            try:
                sent: int = self._channel.send(data)
            except TimeoutError:  # the element takes no more for now
                self._transport.attend()
            except EOFError:
                if time.monotonic() >= deadline:
                    raise TimeoutError from None
                raise
            else:
                if not sent:
                    raise SessionCloseError(b"")
                data = data[sent:]
