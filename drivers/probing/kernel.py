"""What the kernel tells of packets beside their octets: when they left and came (SO_TIMESTAMPING), and over how many hops.

A process that is busy stamps its packets late. The kernel's own stamps keep that out of what is measured.
"""

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

Ancillary = Sequence[tuple[int, int, bytes]]

SO_TIMESTAMPING = 37
_IP_RECVTTL = 12
_TX, _RX, _REPORT = 1 << 1, 1 << 3, 1 << 4
_TIMESPEC = struct.Struct("@qq")
_NUMBER = struct.Struct("@i")
SECOND = 10**9


def enable_timestamps(sock: socket.socket, *, sending: bool = True) -> bool:
    """Whether the kernel does; without it one goes by when octets were read."""
    flags = _RX | _REPORT | (_TX if sending else 0)
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
        return True
    return False


def arrival_of(ancillary: Ancillary) -> int:
    """Unix nanoseconds, or 0 when the kernel did not tell; of what was sent, when it left."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPING and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * SECOND + int(nanoseconds)
    return 0


def report_hops(sock: socket.socket) -> None:
    """Ask for the TTL or hop limit of what comes in."""
    with suppress(OSError):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)


def hops_of(ancillary: Ancillary) -> int:
    """What is left of the TTL; 0 when the kernel did not tell."""
    kinds = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}
    for level, kind, data in ancillary:
        if (level, kind) in kinds and len(data) >= _NUMBER.size:
            return int(_NUMBER.unpack_from(data)[0]) & 0xFF
    return 0
