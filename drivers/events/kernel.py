"""What the kernel dropped before a datagram reached its socket (proc(5), /proc/net/udp)."""

import contextlib
import os
import socket
from pathlib import Path

_INODE_COLUMN = 9
_FORCE = getattr(socket, "SO_RCVBUFFORCE", 33)
"""Linux: beyond net.core.rmem_max, for those with CAP_NET_ADMIN."""


def make_room(sock: socket.socket, octets: int) -> int:
    """Ask the kernel to hold so much for us; returns what it will. Without privileges net.core.rmem_max is the limit."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _FORCE, octets)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def kernel_drops(sock: socket.socket) -> int:
    """Since the socket was made; 0 where the kernel does not tell."""
    name = "udp6" if sock.family == socket.AF_INET6 else "udp"
    with contextlib.suppress(OSError):
        return drops_of(Path("/proc/net", name).read_text(encoding="ascii"), os.fstat(sock.fileno()).st_ino)
    return 0


def drops_of(table: str, inode: int) -> int:
    """The last column of the table for the socket of this inode; 0 where there is none."""
    rows = (line.split() for line in table.splitlines()[1:])
    return next((int(row[-1]) for row in rows if len(row) > _INODE_COLUMN and row[_INODE_COLUMN] == str(inode)), 0)
