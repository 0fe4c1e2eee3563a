"""One socket for all targets of one kind and version of IP: octets out, answers in, each with the kernel's time."""

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from drivers.probing.errors import NoProbeSocket, NotStamp
from drivers.probing.icmp import REPLY_V6, Echo, pack_echo, stamp_of_echo, unpack_reply
from drivers.probing.kernel import arrival_of, enable_timestamps
from drivers.probing.stamp import Reflected, Sent, asked_by, pack_sent, stamp_of_sent, unpack_reflected
from drivers.probing.target import Kind, ProbeTarget

GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")
BUFFER = 4 * 1024 * 1024
LARGEST = 2048
_ICMP_FILTER, _ICMP6_FILTER = 1, 1
_RAW_LEVEL = 255
_ONLY_REPLIES_V4 = struct.pack("=I", 0xFFFFFFFF ^ 1)
_ONLY_REPLIES_V6 = ((1 << 256) - 1 ^ 1 << REPLY_V6).to_bytes(32, "little")
_REMEDY = (
    "ICMP echo is not allowed to this process: let its group ping (sysctl net.ipv4.ping_group_range), "
    "or give it CAP_NET_RAW (AmbientCapabilities=CAP_NET_RAW in the unit of systemd)"
)


KeyOf = Callable[[int], bytes | None]
"""The key of the packet that left with that stamp; b"" for none, None where no such packet is under way."""


class Answer(NamedTuple):
    """What came back, and when it came (Unix nanoseconds)."""

    stamp: int
    """Ours, as we sent it."""
    source: str
    port: int
    at: int
    sequence: int
    back: Reflected | None = None


class Departure(NamedTuple):
    """When the packet of that stamp left (Unix nanoseconds)."""

    stamp: int
    at: int


class Channel:
    """Used by one thread; never blocks."""

    def __init__(self, kind: Kind, version: int) -> None:
        """Raises `NoProbeSocket`."""
        self.kind, self.version, self.raw = kind, version, False
        family = socket.AF_INET6 if version == 6 else socket.AF_INET  # noqa: PLR2004  version of IP
        self._socket = self._udp(family) if kind == "stamp" else self._icmp(family)
        self._socket.setblocking(False)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.stamped = enable_timestamps(self._socket)
        self.strange = 0
        """Packets that were no answer to anything of ours."""
        self._identifier = int.from_bytes(os.urandom(2))
        self._shapes: set[tuple[int, bool]] = set()
        """Lengths of what was sent, and whether it was sealed: few, whatever the targets."""

    def close(self) -> None:
        self._socket.close()

    def send(self, target: ProbeTarget, sequence: int, stamp: int, error: int, size: int = 0) -> str:
        """Why it could not be sent; "" when it left."""
        if self.kind == "stamp":
            octets = pack_sent(Sent(sequence & 0xFFFFFFFF, stamp, error), target.key, size)
        else:
            octets = pack_echo(Echo(self._identifier, sequence & 0xFFFFFFFF, stamp), version=self.version, size=size)
        self._shapes.add((len(octets), bool(target.key)))
        try:
            self._socket.sendto(octets, (target.address, target.port))
        except OSError as error_:
            return error_.strerror or str(error_)
        return ""

    def departures(self) -> Iterator[Departure]:
        """What the kernel has told since the last time of when packets left."""
        while self.stamped:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(LARGEST, 256, socket.MSG_ERRQUEUE)
            except OSError:
                return
            if at := arrival_of(ancillary):
                yield from (Departure(stamp, at) for stamp in self._own_stamps(data))

    def answers(self, key_of: KeyOf) -> Iterator[Answer]:
        """What has come since the last time. What is no answer is counted and left out."""
        while True:
            try:
                data, ancillary, _, source = self._socket.recvmsg(LARGEST, 256)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error about a packet of ours: it counts as lost in its time
                continue
            answer = self._answer(data, str(source[0]).partition("%")[0], int(source[1]), arrival_of(ancillary), key_of)
            if answer is None:
                self.strange += 1
            else:
                yield answer

    def _answer(self, data: bytes, host: str, port: int, at: int, key_of: KeyOf) -> Answer | None:
        if self.kind == "echo":
            echo = unpack_reply(data, version=self.version, raw=self.raw)
            if echo is None or (self.raw and echo.identifier != self._identifier):
                return None
            return Answer(echo.stamp, host, 0, at, echo.sequence)
        back = _reflected(data, key_of)
        return None if back is None else Answer(back.sender_stamp, host, port, at, back.sender_sequence, back)

    def _own_stamps(self, data: bytes) -> Iterator[int]:
        """The kernel gives back the packet behind all headers of its way; ours is its end, of one of the lengths that we send."""
        for size, sealed in self._shapes:
            if len(data) >= size:
                ours = data[-size:]
                yield stamp_of_echo(ours) if self.kind == "echo" else stamp_of_sent(ours, sealed=sealed)

    @staticmethod
    def _udp(family: int) -> socket.socket:
        try:
            return socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise NoProbeSocket(f"no UDP socket: {error.strerror}") from error

    def _icmp(self, family: int) -> socket.socket:
        protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
        try:
            return socket.socket(family, socket.SOCK_DGRAM, protocol)
        except PermissionError:
            pass
        except OSError as error:
            raise NoProbeSocket(f"no ICMP socket: {error.strerror}") from error
        try:
            made = socket.socket(family, socket.SOCK_RAW, protocol)
        except PermissionError as error:
            raise NoProbeSocket(_REMEDY) from error
        except OSError as error:
            raise NoProbeSocket(f"no ICMP socket: {error.strerror}") from error
        self.raw = True
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, _ONLY_REPLIES_V6)
        else:
            made.setsockopt(_RAW_LEVEL, _ICMP_FILTER, _ONLY_REPLIES_V4)
        return made


def _reflected(data: bytes, key_of: KeyOf) -> Reflected | None:
    """By the key of the packet that it says it answers: several services may measure one reflector, each with a key of its own."""
    for sealed in (False, True):
        stamp = asked_by(data, sealed=sealed)
        key = None if stamp is None else key_of(stamp)
        if key is not None and bool(key) is sealed:
            with suppress(NotStamp):
                return unpack_reflected(data, key)
    return None
