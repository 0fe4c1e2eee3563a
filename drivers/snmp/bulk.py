"""A UDP socket that moves many datagrams with one system call (sendmmsg(2), recvmmsg(2)), laid out in arrays.

What comes in stays where the kernel put it: slot n of `arena` holds a datagram of `lengths[n]` octets from `sources[n]`. So
nothing is made in Python per datagram, and whole batches are matched and read at once. Linux on 64 bits, as the rest of fabd.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SLOT_OCTETS = 4096
"""Longer answers are cut off by the kernel, and count as malformed."""
SLOTS = 2048
PADDING = 64
"""Behind the last slot, so that words that begin in a datagram may end behind it."""
AT_ONCE = 256
SOURCE_OCTETS = 32
"""A socket address (28 octets at most) with zeros behind."""
BUFFER_OCTETS = 8 * 1024 * 1024
OCTETS_EACH = 4096
"""What the kernel books for an answer of the usual size against the receive buffer."""

_SO_RCVBUFFORCE, _SO_MEMINFO = 33, 55
_MEMINFO = struct.Struct("9I")
_MEMINFO_DROPS = 8
_HEADER = np.dtype(
    {
        "names": ["name", "name_len", "iov", "iov_len", "flags", "length"],
        "formats": ["u8", "u4", "u8", "u8", "i4", "u4"],
        "offsets": [0, 8, 16, 24, 48, 56],
        "itemsize": 64,
    }
)
"""struct mmsghdr."""
_PIECE = np.dtype([("base", "u8"), ("length", "u8")])
"""struct iovec."""
_PIECES = 3

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


class Packet:
    """A request that may be sent many times: its octets, with room for a request-id of four octets at `id_at`."""

    __slots__ = ("address", "id_at", "length", "octets")

    def __init__(self, octets: bytes, id_at: int) -> None:
        self.octets, self.id_at, self.length = octets, id_at, len(octets)
        self.address = ctypes.cast(ctypes.c_char_p(octets), ctypes.c_void_p).value or 0


class BulkSocket:
    """Unconnected and non-blocking. Used by one thread at a time."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.room = _make_room(self._socket)
        """Answers that the kernel can hold for us."""
        self.arena: Octets = np.zeros(SLOTS * SLOT_OCTETS + PADDING, np.uint8)
        self.sources: Octets = np.zeros((SLOTS, SOURCE_OCTETS), np.uint8)
        self._headers = np.zeros(SLOTS, _HEADER)
        pieces = np.zeros(SLOTS, _PIECE)
        slots = np.arange(SLOTS, dtype=np.uint64)
        pieces["base"] = self.arena.ctypes.data + slots * SLOT_OCTETS
        pieces["length"] = SLOT_OCTETS
        self._incoming_pieces = pieces
        self._headers["iov"] = pieces.ctypes.data + slots * _PIECE.itemsize
        self._headers["iov_len"] = 1
        self._headers["name"] = self.sources.ctypes.data + slots * SOURCE_OCTETS
        self._used = 0

    @property
    def full(self) -> bool:
        return self._used >= SLOTS

    @property
    def kernel_drops(self) -> int:
        """Datagrams for us that the kernel had no room for."""
        return int(_MEMINFO.unpack(self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_MEMINFO_DROPS])

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def empty(self) -> None:
        """The slots may be used again."""
        self._used = 0

    def receive(self) -> tuple[int, int]:
        """The slots `[first, last)` that were filled now; none when nothing is there or all slots are used."""
        first = self._used
        room = min(AT_ONCE, SLOTS - first)
        if not room:
            return first, first
        self._headers["name_len"][first : first + room] = SOURCE_OCTETS
        while True:
            count = _recvmmsg(self.fileno(), self._headers.ctypes.data + first * _HEADER.itemsize, room, socket.MSG_DONTWAIT, None)
            if count >= 0:
                break
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EWOULDBLOCK):
                return first, first
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number))
        self._used += count
        return first, self._used

    def lengths(self, first: int, last: int) -> Counts:
        """0 for what was cut off."""
        found = self._headers["length"][first:last].astype(np.int64)
        found[self._headers["flags"][first:last] & socket.MSG_TRUNC != 0] = 0
        return found

    def send(self, packets: Sequence[Packet], ids: npt.NDArray[np.uint32], addresses: Octets) -> int:
        """How many went out, in order, until the kernel took no more. `addresses`: shape (packets, SOURCE_OCTETS).

        Raises `OSError` when the very first one cannot be sent.
        """
        count = len(packets)
        names = np.ascontiguousarray(addresses)
        wire_ids = ids.astype(">u4")
        base = np.array([packet.address for packet in packets], np.uint64)
        cut = np.array([packet.id_at for packet in packets], np.uint64)
        whole = np.array([packet.length for packet in packets], np.uint64)
        pieces = np.zeros((count, _PIECES), _PIECE)
        pieces["base"][:, 0], pieces["length"][:, 0] = base, cut
        pieces["base"][:, 1], pieces["length"][:, 1] = wire_ids.ctypes.data + np.arange(count, dtype=np.uint64) * 4, 4
        pieces["base"][:, 2], pieces["length"][:, 2] = base + cut + 4, whole - cut - 4
        headers = np.zeros(count, _HEADER)
        order = np.arange(count, dtype=np.uint64)
        headers["name"] = names.ctypes.data + order * SOURCE_OCTETS
        headers["name_len"] = 16 if self._socket.family == socket.AF_INET else 28
        headers["iov"] = pieces.ctypes.data + order * (_PIECE.itemsize * _PIECES)
        headers["iov_len"] = _PIECES
        sent = 0
        while sent < count:
            taken = _sendmmsg(self.fileno(), headers.ctypes.data + sent * _HEADER.itemsize, count - sent, 0)
            if taken >= 0:
                sent += taken
                continue
            number = ctypes.get_errno()
            if number == errno.EINTR:
                continue
            if sent or number in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS):
                break
            raise OSError(number, os.strerror(number))
        return sent


def address_of(host: str, port: int) -> tuple[socket.AddressFamily, bytes]:
    """The socket address of a numeric host, padded to SOURCE_OCTETS; raises `OSError` for a name."""
    if ":" in host:
        address, _, scope = host.partition("%")
        packed = socket.inet_pton(socket.AF_INET6, address)
        number = socket.if_nametoindex(scope) if scope else 0
        octets = struct.pack("=H", socket.AF_INET6) + struct.pack(">HI", port, 0) + packed + struct.pack("=I", number)
        return socket.AF_INET6, octets.ljust(SOURCE_OCTETS, b"\0")
    octets = struct.pack("=H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_pton(socket.AF_INET, host)
    return socket.AF_INET, octets.ljust(SOURCE_OCTETS, b"\0")


def host_of(address: bytes) -> str:
    """For messages."""
    if int.from_bytes(address[:2], "little") == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, address[4:8])
    return socket.inet_ntop(socket.AF_INET6, address[8:24])


def _make_room(sock: socket.socket) -> int:
    """As much as is allowed: beyond net.core.rmem_max only root gets it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_OCTETS)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
    return max(1, sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // OCTETS_EACH)
