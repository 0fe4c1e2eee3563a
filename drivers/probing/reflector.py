"""The reflecting side of STAMP (RFC 8762 §4.3), stateful: each session has a sequence of its own.

One forged packet must not set two reflectors against each other. So what is itself a reflection is not answered, nor what comes
from a reflector's port, nor more from one address than measuring takes.
"""

import errno
import socket
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress

from drivers.probing.clock import SECOND, ErrorEstimate, ntp_of, own_estimate
from drivers.probing.errors import AddressUnusable, NotStamp
from drivers.probing.kernel import arrival_of, enable_timestamps, hops_of, report_hops
from drivers.probing.stamp import PORT, Reflected, is_reflection, octets_of, pack_reflected, unpack_sent

MOST_SESSIONS = 10_000
"""Remembered; those that were silent for the longest are forgotten first, and begin anew at 0."""
PACKETS_PER_SECOND = 1000
"""Of one address that are answered."""
LARGEST = 65_535
WAKE_S = 0.5
_REMEDIES = {
    errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; take another one",
    errno.EADDRINUSE: "stop who has it or take another port",
    errno.EADDRNOTAVAIL: "name an address that this machine has",
}

Source = tuple[str, int]
Instant = Callable[[], int]
"""Unix nanoseconds."""


class Reflections:
    """What is answered to whom. One thread."""

    def __init__(
        self,
        key: bytes = b"",
        *,
        port: int = PORT,
        now: Instant = time.time_ns,
        estimate: Callable[[], ErrorEstimate] = own_estimate,
        most: int = MOST_SESSIONS,
        per_second: int = PACKETS_PER_SECOND,
    ) -> None:
        """`port`: where it listens itself."""
        self._key, self._now, self._most = key, now, most
        self._reflectors = frozenset({port, PORT})
        self._error = estimate().pack()
        self._next: OrderedDict[tuple[Source, int], int] = OrderedDict()
        self._turnout = _Turnout(per_second, most)
        self.counts: Counter[str] = Counter()
        """reflected, refused, looped, crowded."""

    def answer(self, data: bytes, source: Source, received: int, ttl: int = 0) -> bytes | None:
        """`received`: Unix nanoseconds. None for what is not answered; an answer is never longer than what was asked."""
        try:
            sent = unpack_sent(data, self._key)
        except NotStamp:
            self.counts["refused"] += 1
            return None
        if source[1] in self._reflectors or is_reflection(data, sealed=bool(self._key)):
            self.counts["looped"] += 1
            return None
        if not self._turnout.admits(source[0], received):
            self.counts["crowded"] += 1
            return None
        self.counts["reflected"] += 1
        back = Reflected(
            sequence=self._following((source, sent.session)),
            stamp=ntp_of(self._now()),
            error=self._error,
            session=sent.session,
            received=ntp_of(received),
            sender_sequence=sent.sequence,
            sender_stamp=sent.stamp,
            sender_error=sent.error,
            ttl=ttl,
        )
        return pack_reflected(back, self._key, data[octets_of(self._key) :])

    def _following(self, session: tuple[Source, int]) -> int:
        sequence = self._next.pop(session, 0)
        self._next[session] = (sequence + 1) & 0xFFFFFFFF
        if len(self._next) > self._most:
            self._next.popitem(last=False)
        return sequence


class _Turnout:
    """How much each address has asked for in this second."""

    def __init__(self, per_second: int, most: int) -> None:
        self._per_second, self._most = per_second, most
        self._second = 0
        self._asked: Counter[str] = Counter()

    def admits(self, address: str, at: int) -> bool:
        """`at`: Unix nanoseconds."""
        second = at // SECOND
        if second != self._second or len(self._asked) > self._most:
            self._second = second
            self._asked.clear()
        self._asked[address] += 1
        return self._asked[address] <= self._per_second


class Reflector:
    """On a UDP socket, in a thread of its own or in the caller's (`serve`)."""

    def __init__(self, host: str, port: int, key: bytes = b"") -> None:
        """Raises `AddressUnusable`."""
        self._socket = _bound(host, port)
        enable_timestamps(self._socket, sending=False)
        report_hops(self._socket)
        self.reflections = Reflections(key, port=self.address[1])
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> Source:
        """Where it listens."""
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve, name="stamp-reflector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10 * WAKE_S)
        self._socket.close()

    def serve(self) -> None:
        """Until `stop`."""
        self._socket.settimeout(WAKE_S)
        while not self._stopping.is_set():
            with suppress(OSError):  # nobody asked meanwhile, or one who asked has gone
                data, ancillary, _, source = self._socket.recvmsg(LARGEST, 256)
                received = arrival_of(ancillary) or time.time_ns()
                if answer := self.reflections.answer(data, (source[0], source[1]), received, hops_of(ancillary)):
                    self._socket.sendto(answer, source)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressUnusable(f"{host}: no address to listen on: {error.strerror or error}") from error
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        message = f"cannot listen on {host} port {port}: {error.strerror}"
        raise AddressUnusable(f"{message}; {_REMEDIES.get(error.errno or 0, 'take another port')}") from error
    return made
