"""A socket as paramiko uses one, which reads all that has come at once and knows until when it may wait."""

import errno
import math
import os
import select
import socket
import struct
import time
from contextlib import suppress

from drivers.netconf import promptly

READ_BYTES, AT_HAND_BYTES = 64 * 1024, 8 * 1024
"""Of one call that waits, and of one that takes what more has come meanwhile."""
SILENT_S, PROBE_S, PROBES = 30, 10, 3
"""After how long without a word the kernel asks whether the other side is still there, how often, and how many times in vain."""
TICK_S = 1.0
"""So long the kernel waits at once: while a deadline is farther than that, it need not be told another one."""
GATHERING_S = 0.05
"""So long who waits for many octets is not woken for fewer: they may be fewer than was reckoned, or something else."""
_TIMEVAL = struct.Struct("@ll")


def keep_alive(connection: socket.socket) -> None:
    """The kernel finds out that the other side of a TCP connection is gone; reading it ends with an error then."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)


class Stalled(Exception):
    """The other side stopped in the middle of a packet. No `OSError`: paramiko would go on waiting."""


class BufferedSocket:
    """The kernel does the waiting (`SO_RCVTIMEO`): one call for each wait, where a time-out of Python's takes three."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        connection.settimeout(None)
        self._socket = connection
        self.held, self.at = b"", 0
        """What was read, and how much of it was given out."""
        self._tick = 0.0
        """How long the kernel waits, as it was last told; 0: for ever."""
        self._least = 1
        """How many octets the kernel waits for, as it was last told."""
        self._more = False
        """Something came since we last sent: more of it may be there."""
        self.deadline = deadline
        """Until when to wait, on `time.monotonic()`."""

    @property
    def _closed(self) -> bool:  # paramiko asks a socket for it when it stops
        return self._socket.fileno() < 0

    def settimeout(self, seconds: float | None) -> None:
        """So often a thread of paramiko's would look up: there is none."""

    def getpeername(self) -> object:
        return self._socket.getpeername()

    def recv(self, count: int) -> bytes:
        """At most so many; b"" at the end."""
        if self.at == len(self.held):
            try:
                self.wait()
            except TimeoutError as error:
                raise Stalled from error
        given = self.held[self.at : self.at + count]
        self.at += len(given)
        return given

    def have(self, count: int) -> None:
        """Wait until so many are at hand. `EOFError` at the end."""
        while len(self.held) - self.at < count:
            try:
                more = self._read(1)
            except TimeoutError as error:
                raise Stalled from error
            if not more:
                raise EOFError
            self.held, self.at = self.held[self.at :] + more, 0

    def send(self, data: bytes) -> int:
        self._more = False
        while True:
            try:
                return promptly.send(self._socket, data)
            except BlockingIOError:
                self._wait_to_send(self.deadline)

    def end(self) -> None:
        """Whoever reads it, in whatever thread, finds the end. It is still to be closed."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Also wakes who waits for it in another thread."""
        self.end()
        self._socket.close()

    def wait(self, least: int = 1) -> None:
        """Until something is there to be read, or the end. `TimeoutError`, without harm.

        `least`: so many octets should come; to be woken for fewer is no use. Where they do not come within `GATHERING_S` what is
        there is read.
        """
        if self.at < len(self.held):
            return
        self.held, self.at = self._read(least), 0
        self._more = True

    @property
    def ready(self) -> bool:
        """Whether reading would not wait."""
        if self.at < len(self.held) or self._closed:
            return self.at < len(self.held)
        return promptly.readable(self._socket)

    def _read(self, least: int) -> bytes:
        if self._more:
            self._left(self.deadline)  # one that never stops talking is not heard out
            with suppress(BlockingIOError):
                return promptly.receive(self._socket, AT_HAND_BYTES)
        if least > 1:
            self._gather(least, self.deadline)
            with suppress(BlockingIOError):
                return promptly.receive(self._socket, AT_HAND_BYTES)
        while True:
            self._let_the_kernel_wait(self.deadline)
            with suppress(BlockingIOError):
                return self._socket.recv(READ_BYTES)

    def _gather(self, least: int, deadline: float) -> None:
        """Until so many octets are there, or `GATHERING_S` have passed.

        Not in `recv`: what it finds it takes at once, and then the kernel wakes it when `least` more have come.
        """
        self._count_on(least)
        self._poll(select.POLLIN, min(self._left(deadline), GATHERING_S))

    def _count_on(self, least: int) -> None:
        if least != self._least:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)
            self._least = least

    def _let_the_kernel_wait(self, deadline: float) -> None:
        self._count_on(1)
        tick = min(self._left(deadline), TICK_S)
        if tick != self._tick:
            microseconds = math.ceil(tick * 1_000_000)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(*divmod(microseconds, 1_000_000)))
            self._tick = tick

    @staticmethod
    def _left(deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _wait_to_send(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Stalled
        self._poll(select.POLLOUT, left)

    def _poll(self, event: int, seconds: float) -> None:
        number = self._socket.fileno()
        if number < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        poll = select.poll()
        poll.register(number, event)
        poll.poll(math.ceil(seconds * 1000))
