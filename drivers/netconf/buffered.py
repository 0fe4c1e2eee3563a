"""A socket as paramiko uses one, which reads all that has come at once and knows until when it may wait."""

import select
import socket
import time
from contextlib import suppress

READ_BYTES = 64 * 1024
SILENT_S, PROBE_S, PROBES = 30, 10, 3
"""After how long without a word the kernel asks whether the other side is still there, how often, and how many times in vain."""


def keep_alive(connection: socket.socket) -> None:
    """The kernel finds out that the other side of a TCP connection is gone; reading it ends with an error then."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)


class Stalled(Exception):
    """The other side stopped in the middle of a packet. No `OSError`: paramiko would go on waiting."""


class BufferedSocket:
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._held = b""
        self.deadline: float | None = None
        """Until when to wait, on `time.monotonic()`; None: as `settimeout` says."""

    @property
    def _closed(self) -> bool:  # paramiko asks a socket for it when it stops
        return self._socket.fileno() < 0

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def getpeername(self) -> object:
        return self._socket.getpeername()

    def recv(self, count: int) -> bytes:
        if not self._held:
            try:
                self.wait()
            except TimeoutError as error:
                if self.deadline is None:
                    raise
                raise Stalled from error
        given, self._held = self._held[:count], self._held[count:]
        return given

    def send(self, data: bytes) -> int:
        if self.deadline is not None:
            self._socket.settimeout(max(self.deadline - time.monotonic(), 0.001))
        try:
            return self._socket.send(data)
        except TimeoutError as error:
            if self.deadline is None:
                raise
            raise Stalled from error

    def close(self) -> None:
        """Also wakes who waits for it in another thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def wait(self) -> None:
        """Until something is there to be read, or the end. `TimeoutError`, without harm."""
        if self._held:
            return
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
        self._held = self._socket.recv(READ_BYTES)

    @property
    def ready(self) -> bool:
        """Whether reading would not wait."""
        if self._held or self._closed:
            return bool(self._held)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))
