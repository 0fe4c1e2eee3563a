"""Receiving traps and informs (v1, v2c, v3 authPriv) on one UDP port.

A notification is evidence, never state. What comes out is a bounded queue; what does not come out is counted by reason.
"""

import asyncio
import contextlib
import hashlib
import socket
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from drivers.events.kernel import kernel_drops, make_room
from drivers.events.senders import Senders
from drivers.port import Credential
from drivers.snmp import ber, credentials
from drivers.snmp.ber import Notification, V3Header, Value, Version
from drivers.snmp.engine import NotificationEngine
from drivers.snmp.errors import BerError, TrapSetupError
from drivers.snmp.unsealing import opened
from drivers.snmp.usm import TOO_OLD, Gate, User, Verdict
from policies.values import Clock

Address = tuple[str, int]
MAX_PENDING = 1024
"""SNMPv3 messages waiting for pysnmp; each takes a millisecond, and one is handled per turn of the loop."""
BURST_S = 5
"""A source may send what it may in so many seconds all at once."""


@dataclass(frozen=True, slots=True)
class Trap:
    """`varbinds` are without sysUpTime.0 and snmpTrapOID.0. `source` is who sent the datagram, `agent_address` whom it is about."""

    received_at: datetime
    source: str
    version: Version
    trap_oid: str
    uptime: int | None
    """sysUpTime of the sender, hundredths of a second; None when it was left out."""
    varbinds: tuple[tuple[str, Value], ...]
    agent_address: str = ""
    inform: bool = False

    def value(self, column: str) -> Value:
        """The first value under this object, whatever its instance; None when there is none."""
        return next((value for oid, value in self.varbinds if oid == column or oid.startswith(f"{column}.")), None)


@dataclass(frozen=True, slots=True)
class TrapSettings:
    host: str = "127.0.0.1"
    port: int = 10162
    communities: frozenset[str] = field(default_factory=frozenset, repr=False)
    """Accepted for v1 and v2c; none means that only v3 is heard."""
    users: tuple[Credential, ...] = ()
    """SNMPv3, authPriv. A credential with an engine id serves that engine alone."""
    queue_size: int = 10_000
    receive_buffer: int = 16 * 1024 * 1024
    """Octets the kernel is asked to hold for us."""
    per_source_s: float = 1000.0
    """Traps a second that one address may send."""
    engine_id: bytes = b""
    """Ours, to which informs are addressed; made from the host name when empty."""


@dataclass(frozen=True, slots=True)
class TrapStats:
    """Datagrams since the start; every one received is counted once more under what became of it."""

    received: int = 0
    accepted: int = 0
    strangers: int = 0
    """Unknown community or user, wrong digest, or less than authPriv."""
    stale: int = 0
    """Authentic SNMPv3 outside the time window: replayed, or from an element whose clock stepped back."""
    malformed: int = 0
    reports: int = 0
    """SNMPv3 messages answered with a report: engines asking for our id or time before they send an inform."""
    queue_drops: int = 0
    """Nobody took them out in time; informs among them are not acknowledged and come again."""
    rate_drops: int = 0
    """More than one address may send; informs among them are not acknowledged and come again."""
    kernel_drops: int = 0
    """Dropped by the kernel before we saw them; not part of `received`."""


class TrapReceiver:
    """Lives in one asyncio loop. Take traps from `queue`."""

    def __init__(self, settings: TrapSettings, clock: Clock) -> None:
        self.queue: asyncio.Queue[Trap] = asyncio.Queue(settings.queue_size)
        self._settings = settings
        self._clock = clock
        self.senders = Senders(settings.per_source_s, settings.per_source_s * BURST_S)
        self._counts: Counter[str] = Counter()
        self._communities = frozenset(community.encode() for community in settings.communities)
        self._credentials = tuple(_checked(settings.users))
        self._users = [User.of(credential) for credential in self._credentials]
        self._engine_id = settings.engine_id or default_engine_id()
        self._gate = Gate(self._users, self._engine_id)
        self._engine: NotificationEngine | None = None
        self._pending: deque[tuple[bytes, Address, User | None, bytes]] = deque()
        self._current: Address = ("", 0)
        self._outcome = ""
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> Address:
        """Where it listens (useful when the port was 0)."""
        if self._transport is None:
            raise TrapSetupError("the trap receiver has not been started")
        name = self._transport.get_extra_info("sockname")
        return str(name[0]), int(name[1])

    @property
    def stats(self) -> TrapStats:
        return TrapStats(**self._counts, kernel_drops=self._kernel_drops())

    def trust(self, communities: frozenset[str], users: tuple[Credential, ...]) -> None:
        """Hear these from now on; raises `TrapSetupError` for a user that cannot be one. Call it in the receiver's loop.

        What is the same as before is left alone: new time windows of SNMPv3 would let old messages in once more.
        """
        checked = tuple(_checked(users))
        self._communities = frozenset(community.encode() for community in communities)
        if checked == self._credentials:
            return
        self._credentials = checked
        self._users = [User.of(credential) for credential in checked]
        self._gate = Gate(self._users, self._engine_id)
        self._pending.clear()
        self._make_engine()

    def _make_engine(self) -> None:
        self._engine = NotificationEngine(self._engine_id, self._users, self._answer_v3, self._take_v3) if self._users else None

    async def start(self) -> None:
        """TrapSetupError when the port cannot be had."""
        sock = _bound(self._settings)
        self._make_engine()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), sock=sock)

    async def stop(self) -> None:
        """What is queued stays in the queue."""
        self._pending.clear()
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.close()
            await asyncio.sleep(0)

    def received(self, datagram: bytes, source: Address) -> None:
        self._count("received")
        try:
            if ber.version(datagram) == "v3":
                self._received_v3(datagram, source, ber.v3_header(datagram))
            else:
                self._received_community(datagram, source)
        except BerError:
            self._count("malformed")

    def _received_community(self, datagram: bytes, source: Address) -> None:
        found = ber.notification(datagram)
        if found.community not in self._communities:
            self._refuse(source, "unknown community")
        elif self._within_limit(source):
            self._take(found, source)

    def _received_v3(self, datagram: bytes, source: Address, header: V3Header) -> None:
        verdict, user = self._gate.judge(header, datagram)
        if verdict is Verdict.STRANGER or self._engine is None:
            self._refuse(source, self._gate.why(header))
        elif verdict is Verdict.STALE:
            self._count("stale")
            self.senders.refuse(source[0], TOO_OLD)
        elif self._within_limit(source):
            found = None if user is None or header.engine_id == self._engine_id else opened(datagram, header, user)
            if found is not None:
                self._take(found, source)
            else:
                self._put_in_line(datagram, source, user, header.engine_id)

    def _refuse(self, source: Address, reason: str) -> None:
        self._count("strangers")
        self.senders.refuse(source[0], reason)

    def _within_limit(self, source: Address) -> bool:
        if self.senders.allows(source[0], self._clock.monotonic()):
            return True
        self._drop("rate_drops", source)
        return False

    def _drop(self, what: str, source: Address) -> None:
        self._count(what)
        self.senders.lose(source[0])

    def _take(self, found: Notification, source: Address) -> None:
        trap = Trap(
            self._clock.now(),
            source[0],
            found.version,
            found.trap_oid,
            found.uptime,
            found.varbinds,
            found.agent_address,
            inform=found.acknowledgement is not None,
        )
        if not self._queue(trap):
            self._drop("queue_drops", source)
            return
        self._count("accepted")
        if found.acknowledgement is not None:
            self._send(found.acknowledgement, source)

    def _put_in_line(self, datagram: bytes, source: Address, user: User | None, engine_id: bytes) -> None:
        if len(self._pending) >= MAX_PENDING:
            self._drop("queue_drops", source)
            return
        self._pending.append((datagram, source, user, engine_id))
        if len(self._pending) == 1:
            asyncio.get_running_loop().call_soon(self._next_v3)

    def _next_v3(self) -> None:
        """One message per turn, so that a flood of expensive ones leaves the loop to others."""
        if not self._pending or self._engine is None:
            return
        datagram, source, user, engine_id = self._pending[0]
        self._current, self._outcome = source, "malformed"
        # pysnmp and pyasn1 raise at will on odd content; none of it may end the receiver
        with contextlib.suppress(Exception):
            self._engine.receive(datagram, source, user, engine_id)
        self._count(self._outcome)
        self._pending.popleft()
        if self._pending:
            asyncio.get_running_loop().call_soon(self._next_v3)

    def _take_v3(self, varbinds: Iterator[tuple[str, Value]], inform: bool) -> bool:
        trap_oid, uptime, agent, rest = ber.sort_out(varbinds)
        taken = self._queue(Trap(self._clock.now(), self._current[0], "v3", trap_oid, uptime, rest, agent, inform))
        self._outcome = "accepted" if taken else "queue_drops"
        if not taken:
            self.senders.lose(self._current[0])
        return taken

    def _answer_v3(self, datagram: bytes, destination: Address) -> None:
        """An acknowledgement of what was taken, or a report instead of it."""
        if self._outcome == "malformed":
            self._outcome = "reports"
        self._send(datagram, destination)

    def _queue(self, trap: Trap) -> bool:
        try:
            self.queue.put_nowait(trap)
        except asyncio.QueueFull:
            return False
        return True

    def _send(self, datagram: bytes, destination: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(datagram, destination)

    def _count(self, what: str) -> None:
        self._counts[what] += 1

    def _kernel_drops(self) -> int:
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        return 0 if sock is None else kernel_drops(sock)


def default_engine_id() -> bytes:
    """RFC 3411 §5, format 5 under the enterprise number kept for documentation (RFC 5612); the same on every start of a host."""
    host = hashlib.sha256(socket.gethostname().encode()).digest()[:8]
    return bytes.fromhex("80007ed905") + host


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, receiver: TrapReceiver) -> None:
        self._receiver = receiver

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._receiver.received(data, cast("Address", addr[:2]))


def _checked(users: tuple[Credential, ...]) -> Iterator[Credential]:
    for credential in users:
        why = credentials.fault(replace(credential, community=""))
        if why:
            raise TrapSetupError(f"traps: {why}")
        yield credential


def _bound(settings: TrapSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        make_room(sock, settings.receive_buffer)
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        where = f"{settings.host} port {settings.port}"
        raise TrapSetupError(
            f"cannot listen for traps on {where}: {error.strerror}; choose another port or free this one"
        ) from error
    return sock
