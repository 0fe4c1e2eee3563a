"""An SSH connection that is read by whoever waits for an answer.

paramiko gives each connection a thread that reads for as long as the connection lives: it looks up ten times a second even when
nothing comes, and hands every packet over to the thread that waits for it. Here that thread is never started: who connects agrees
on keys and logs in by itself, who asks reads the answer, and what else arrives (new keys, a wider window, the end) is acted on in
passing. So an idle connection has no thread, an answer wakes one, and a deadline needs no timer. That the element is gone, the
kernel's keep-alives find out; when the element asks whether fabd is, `drivers.netconf.attendant` answers.

The attributes and methods of paramiko's that are named here are its own affair; tests of renewed keys, narrow windows and broken
connections watch over them.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
    cMSG_CHANNEL_WINDOW_ADJUST,
    cMSG_UNIMPLEMENTED,
)
from paramiko.message import Message
from paramiko.packet import NeedRekeyException
from paramiko.transport import ChannelMap

from drivers.netconf.buffered import BufferedSocket, Stalled, keep_alive
from drivers.netconf.packets import Packets

_KEY_EXCHANGE = range(30, 42)
_MOST_AT_ONCE = 1_000
_MOMENT = 1.0
"""Seconds that a packet whose beginning is there may take."""


class Line(paramiko.Transport):
    """Start it, authenticate, start a `subsystem`, then `attend` until something has come. Used by one thread at a time.

    Until there is a subsystem, all that is done waits until `deadline`; `wait_until` sets another one.
    """

    _handler_table: dict[int, Callable[[Message], None]]
    _channel_handler_table: dict[int, Callable[[paramiko.Channel, Message], None]]
    _expected_packet: tuple[int, ...]
    _check_banner: Callable[[], None]
    _enforce_strict_kex: Callable[[int], None]
    _expect_packet: Callable[[int], None]
    _send_kex_init: Callable[[], None]
    _parse_disconnect: Callable[[Message], None]
    _send_message: Callable[[Message], None]
    _channels: ChannelMap
    active: bool
    packetizer: Packets

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        keep_alive(connection)
        self._socket = BufferedSocket(connection, deadline)
        self._asking: _Asking | None = None
        self._opening = True
        self._carried = b""
        """The channel whose data go straight to the sink, as packets name it."""
        self._sink: Callable[[bytes], object] = bytes
        self.using = threading.Lock()
        """Held by who sends or reads."""
        super().__init__(self._socket, packetizer_class=Packets)  # type: ignore[arg-type]  # it has all that is used of a socket

    def start(self) -> None:
        """Where paramiko starts its thread: keys are agreed on here and now. `TimeoutError`, or what broke the connection."""
        try:
            self.packetizer.write_all(f"{self.local_version}\r\n".encode())
            self._check_banner()
            self._send_kex_init()
            self._expect_packet(MSG_KEXINIT)
        except (paramiko.SSHException, EOFError, OSError):
            self.close()
            raise
        self.attend_until(lambda: self.initial_kex_done)

    def _filter_algorithm(self, kind: str) -> tuple[str, ...]:
        """All that are preferred: none was disabled, and paramiko looks for those time and again."""
        preferred: tuple[str, ...] = getattr(self, f"_preferred_{kind}")
        return preferred

    @property
    def auth_handler(self) -> AuthHandler | None:
        """Who logs in."""
        return self._asking

    @auth_handler.setter
    def auth_handler(self, made: AuthHandler | None) -> None:
        self._asking = None if made is None else _Asking(self)  # paramiko's own waits for what another thread has read

    def subsystem(self, name: str, sink: Callable[[bytes], object]) -> paramiko.Channel:
        """It runs on the channel; what comes over that goes straight to `sink`."""
        channel = self.open_session()
        self._carried, self._sink = channel.get_id().to_bytes(4, "big"), sink
        channel.invoke_subsystem(name)
        self._opening = False
        channel.settimeout(0.0)  # what it has not got is waited for here
        return channel

    def widen(self, channel: paramiko.Channel, octets: int) -> None:
        """So many were read: the other side may send as many again. It is told when that has become worth a packet."""
        allowed: int = channel._check_add_window(octets)  # type: ignore[attr-defined]  # noqa: SLF001  as its `recv` does
        if allowed:
            message = Message()
            message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
            message.add_int(channel.remote_chanid)
            message.add_int(allowed)
            self._send_user_message(message)

    def wait_until(self, deadline: float) -> None:
        """Until when what is done next may wait for the other side."""
        self._socket.deadline = deadline

    def interrupt(self) -> None:
        """Wakes who waits for the other side in another thread: for it, the connection has ended."""
        self._socket.end()

    def attend(self, least: int = 1) -> None:
        """Wait for something to come (see `BufferedSocket.wait`) and act on it.

        `TimeoutError` when nothing came; otherwise what broke the connection (an `SSHException`, `EOFError` or `OSError`), which
        is closed then.
        """
        try:
            self._socket.wait(least)
        except TimeoutError:
            raise
        except OSError:
            self.close()
            raise
        self._heed_one()

    def attend_until(self, answered: Callable[[], object]) -> None:
        """Act on what comes until it was that, or the connection has ended. As of `attend`; a time-out breaks the connection."""
        while self.active and not answered():
            self._heed_one()

    def is_silent_until(self, instant: float) -> bool:
        """Whether nothing comes until then, on `time.monotonic()`; what comes is left to be read."""
        self.wait_until(instant)
        try:
            self._socket.wait()
        except TimeoutError:
            return True
        except OSError:  # as who reads will be told
            return False
        return False

    def heed(self) -> None:
        """Act on what has come meanwhile, without waiting; a connection that has ended is inactive then.

        One that goes on and on, or says each packet slowly, is left to be heard another time.
        """
        enough = time.monotonic() + _MOMENT
        with suppress(paramiko.SSHException, EOFError, OSError):
            for _ in range(_MOST_AT_ONCE):
                now = time.monotonic()
                if not (self.active and self._socket.ready) or now >= enough:
                    return
                self.wait_until(now + _MOMENT)
                self.attend()

    def _heed_one(self) -> None:
        try:
            self._act()
        except Stalled as error:
            self.close()
            raise TimeoutError from error
        except (paramiko.SSHException, EOFError, OSError):
            self.close()
            raise
        except Exception as error:
            self.close()
            raise paramiko.SSHException(f"what it sends cannot be read: {type(error).__name__} {error}".rstrip()) from error

    def _act(self) -> None:
        """One turn of what `paramiko.Transport.run` does: on what has come for the sink, or on one message."""
        if self.packetizer.need_rekey() and not self.in_kex:
            self._send_kex_init()
        try:
            packet = self.packetizer.read(None if self._expected_packet else self._carried, self._sink)
        except NeedRekeyException:
            return
        if packet is None:
            return
        kind, rest, number = packet
        if kind == MSG_CHANNEL_DATA and rest[:4] == self._carried and not self._expected_packet:
            self._sink(rest[8 : 8 + int.from_bytes(rest[4:8], "big")])
            return
        if kind in (MSG_IGNORE, MSG_DEBUG):
            self._enforce_strict_kex(kind)
            return
        message = Message(rest)
        message.seqno = number
        if kind == MSG_DISCONNECT:
            self._parse_disconnect(message)
            raise EOFError("the element disconnected")
        expected, self._expected_packet = self._expected_packet, ()
        if expected and kind not in expected:
            raise paramiko.SSHException(f"packet {kind} where one of {expected} was due")
        if expected and kind in _KEY_EXCHANGE and self.kex_engine is not None:
            self.kex_engine.parse_next(kind, message)
        else:
            self._dispatch(kind, message)

    def _dispatch(self, kind: int, message: Message) -> None:
        if kind in self._handler_table:
            self._handler_table[kind](message)
        elif kind in self._channel_handler_table:
            number = message.get_int()
            channel: paramiko.Channel | None = self._channels.get(number)
            if channel is not None:
                self._channel_handler_table[kind](channel, message)
            elif number not in self.channels_seen:
                raise paramiko.SSHException(f"packet {kind} for channel {number}, which there is not")
        elif self._asking is not None and not self.authenticated and self._asking.knows(kind):
            self._asking.heed(kind, message)
        elif kind != MSG_UNIMPLEMENTED:  # to answer that would go on for ever
            answer = Message()
            answer.add_byte(cMSG_UNIMPLEMENTED)
            answer.add_int(message.seqno)
            self._send_message(answer)

    def _send_user_message(self, data: Message) -> None:
        """While new keys are agreed on, nothing else may be sent."""
        while self.active and not self.clear_to_send.is_set():
            self.attend()
        if self.active:
            self._send_message(data)
            if self._opening:
                self._hear_about(data.asbytes()[0])

    def _hear_about(self, kind: int) -> None:
        """The answer, for which paramiko waits at an event that another thread would set."""
        if kind == MSG_CHANNEL_OPEN:
            self.attend_until(lambda: not self.channel_events)
        elif kind == MSG_CHANNEL_REQUEST:
            self.attend_until(lambda: all(channel.event.is_set() for channel in self._channels.values()))


class _Asking(AuthHandler):
    """Logs in: who waits for the answer reads it."""

    transport: Line
    _handler_table: dict[int, Callable[[Message], None]]

    def knows(self, kind: int) -> bool:
        return kind in self._handler_table

    def heed(self, kind: int, message: Message) -> None:
        self._handler_table[kind](message)

    def wait_for_response(self, event: threading.Event) -> list[str]:
        """As paramiko's: what is still to be proved, or what the element refused."""
        with suppress(EOFError):  # paramiko tells what it takes that for
            self.transport.attend_until(event.is_set)
        event.set()
        return super().wait_for_response(event)
