"""An SSH connection that is read by whoever waits for an answer, once its subsystem runs.

paramiko gives each connection a thread that reads for as long as the connection lives: it looks up ten times a second even when
nothing comes, and hands every packet over to the thread that waits for it. Here that thread ends when the subsystem has
started; who asks reads the answer by itself, and what else arrives (new keys, a wider window, the end) is acted on in passing.
So an idle connection has no thread, and an answer wakes one. That the element is gone, the kernel's keep-alives find out; when the
element asks whether fabd is, `drivers.netconf.attendant` answers.

The attributes and methods of paramiko's that are named here are its own affair; tests of renewed keys, narrow windows and broken
connections watch over them.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import paramiko
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_SUCCESS,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_UNIMPLEMENTED,
    cMSG_CHANNEL_WINDOW_ADJUST,
    cMSG_UNIMPLEMENTED,
)
from paramiko.message import Message
from paramiko.packet import NeedRekeyException
from paramiko.transport import ChannelMap, _active_threads  # type: ignore[attr-defined]  # whom paramiko stops when the program ends

from drivers.netconf.buffered import BufferedSocket, Stalled, keep_alive
from drivers.netconf.packets import HandedOver, Packets

_KEY_EXCHANGE = range(30, 42)
_MOST_AT_ONCE = 1_000
_MOMENT = 1.0
"""Seconds that a packet whose beginning is there may take."""


class Line(paramiko.Transport):
    """`take_over` when the subsystem runs, then `attend` until something has come. Then used by one thread at a time."""

    _handler_table: dict[int, Callable[[Message], None]]
    _channel_handler_table: dict[int, Callable[[paramiko.Channel, Message], None]]
    _expected_packet: tuple[int, ...]
    _send_kex_init: Callable[[], None]
    _parse_disconnect: Callable[[Message], None]
    _send_message: Callable[[Message], None]
    _channels: ChannelMap
    active: bool
    packetizer: Packets

    def __init__(self, connection: socket.socket) -> None:
        keep_alive(connection)
        self._socket = BufferedSocket(connection)
        self._driven = False
        self._carried = b""
        """The channel whose data go straight to the sink, as packets name it."""
        self._sink: Callable[[bytes], object] = bytes
        self.using = threading.Lock()
        """Held by who sends or reads."""
        super().__init__(self._socket, packetizer_class=Packets)  # type: ignore[arg-type]  # it has all that is used of a socket
        self._channel_handler_table = {**self._channel_handler_table, MSG_CHANNEL_SUCCESS: self._subsystem_runs}

    def run(self) -> None:
        with suppress(HandedOver):
            super().run()
            return
        _active_threads.remove(self)

    def take_over(self, deadline: float) -> None:
        """Wait for paramiko's thread to end, as it does once the subsystem has started. `TimeoutError`."""
        self.join(max(deadline - time.monotonic(), 0.0))
        if self.is_alive():
            raise TimeoutError
        self.packetizer.leaving = False
        self.packetizer.driven = self._driven = True

    def carry(self, channel: paramiko.Channel, sink: Callable[[bytes], object]) -> None:
        """What comes over this channel goes straight to `sink`: there is no other thread that would wait for it at the channel."""
        self._carried, self._sink = channel.get_id().to_bytes(4, "big"), sink

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
        """Wait for something to come (see `BufferedSocket.wait`) and act on one message.

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
        """Act on what has come meanwhile, without waiting; a connection that has ended is inactive then."""
        with suppress(paramiko.SSHException, EOFError, OSError):
            for _ in range(_MOST_AT_ONCE):
                if not (self.active and self._socket.ready):
                    return
                self.wait_until(time.monotonic() + _MOMENT)
                self.attend()

    def _act(self) -> None:
        """One turn of what `paramiko.Transport.run` does."""
        if self.packetizer.need_rekey() and not self.in_kex:
            self._send_kex_init()
        try:
            kind, rest, number = self.packetizer.read()
        except NeedRekeyException:
            return
        if kind == MSG_CHANNEL_DATA and rest[:4] == self._carried and not self._expected_packet:
            self._sink(rest[8 : 8 + int.from_bytes(rest[4:8], "big")])
            return
        if kind in (MSG_IGNORE, MSG_DEBUG):
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
        elif kind != MSG_UNIMPLEMENTED:  # to answer that would go on for ever
            answer = Message()
            answer.add_byte(cMSG_UNIMPLEMENTED)
            answer.add_int(message.seqno)
            self._send_message(answer)

    def _subsystem_runs(self, channel: paramiko.Channel, message: Message) -> None:
        self.packetizer.leaving = True
        channel._request_success(message)  # type: ignore[attr-defined]  # noqa: SLF001  what paramiko does with it

    def _send_user_message(self, data: Message) -> None:
        """While new keys are agreed on, nothing else may be sent."""
        if not self._driven:
            super()._send_user_message(data)  # type: ignore[misc]  # see above
            return
        while self.active and not self.clear_to_send.is_set():
            self.attend()
        if self.active:
            self._send_message(data)
