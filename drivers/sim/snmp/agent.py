"""The SNMP agent of an element: v2c and v3 authPriv over UDP, and the traps it sends."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Literal

from drivers.sim.credentials import SimCredentials
from drivers.sim.errors import DisconnectedByFault, PortInUse, RefusedByFault
from drivers.sim.faults import ElementFaults, Phase
from drivers.sim.snmp.ber import Reader
from drivers.sim.snmp.bridge import bridge_objects
from drivers.sim.snmp.errors import AgentError, ErrorStatus, MalformedMessage, NotAuthentic
from drivers.sim.snmp.interfaces import interface_objects
from drivers.sim.snmp.keys import UserKeys
from drivers.sim.snmp.lldp import lldp_objects
from drivers.sim.snmp.message import REQUESTS, V2C, V3, Pdu, PduKind, read_community, write_community
from drivers.sim.snmp.mib import MibView
from drivers.sim.snmp.responder import respond
from drivers.sim.snmp.system import engine_objects, system_objects
from drivers.sim.snmp.traps import notification
from drivers.sim.snmp.usm import ReportDue, Request, UsmEngine
from drivers.sim.state import ElementState, EventKind, SimPort

Target = tuple[str, int]
TrapVersion = Literal["v2c", "v3"]

MAX_RESPONSE = 4000
"""Octets of a whole answer; several clients read no more than 4096."""
_WRAPPING = 200
"""Octets that a message adds around its PDU, at most (community or engine and user names are short)."""
_MAX_WAITING = 64
"""Requests held back by faults; more are dropped, as a full socket buffer would."""


class SnmpAgent(asyncio.DatagramProtocol):
    """`async start(host, port)`, `async stop()`; `port` is the bound port once started.

    Traps leave from the agent's own socket, so `host` should be the element's own address.
    """

    def __init__(
        self,
        state: ElementState,
        faults: ElementFaults,
        credentials: SimCredentials,
        trap_targets: Sequence[Target] = (),
        *,
        trap_version: TrapVersion = "v2c",
        trap_community: str | None = None,
    ) -> None:
        self.port = 0
        self.dropped = 0
        """Datagrams that were no request of a known user or community."""
        self._state = state
        self._faults = faults
        self._community = credentials.community.encode()
        self._trap_targets = tuple(trap_targets)
        self._trap_version = trap_version
        self._trap_community = (trap_community or credentials.community).encode()
        self._engine = _engine(state, credentials)
        self._view = _view(state, self._engine)
        self._ids = itertools.count(1)
        self._waiting: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str, port: int) -> None:
        """Serves, and sends coldStart: an element that starts has booted."""
        try:
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(host, port))
        except OSError as error:
            raise PortInUse(
                f"cannot listen on {host} port {port}: {error.strerror}; "
                "stop the other process or choose another port in the network file"
            ) from error
        self.port = self._transport.get_extra_info("sockname")[1]
        self._state.listeners.append(self._on_event)
        self._trap("coldStart", None)

    async def stop(self) -> None:
        if self._transport is None:
            return
        self._state.listeners.remove(self._on_event)
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        self._transport.close()
        self._transport = None

    # -- requests

    def datagram_received(self, data: bytes, addr: Target) -> None:
        if self._faults.snmp_silent:
            return
        try:
            self._dispatch(data, addr)
        except ReportDue as report:
            self._send(report.answer, addr)
        except AgentError:
            self.dropped += 1

    def _dispatch(self, data: bytes, addr: Target) -> None:
        reader = Reader(data).enter()
        version = reader.integer()
        if version == V2C:
            community, pdu = read_community(reader)
            if community != self._community:
                raise NotAuthentic("unknown community")
            self._serve(pdu, None, addr)
        elif version == V3:
            request = self._engine.open(data, reader)
            self._serve(request.pdu, request, addr)
        else:
            raise MalformedMessage(f"SNMP version {version} is not spoken here")

    def _serve(self, pdu: Pdu, request: Request | None, addr: Target) -> None:
        """At once when no fault is armed, so that the usual poll costs no task."""
        if pdu.kind not in REQUESTS:
            raise MalformedMessage("an agent serves requests only")
        if not self._faults.armed():
            self._reply(self._carry_out(pdu, request), request, addr)
        elif len(self._waiting) < _MAX_WAITING:
            task = asyncio.get_running_loop().create_task(self._serve_with_faults(pdu, request, addr))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _serve_with_faults(self, pdu: Pdu, request: Request | None, addr: Target) -> None:
        """A refusal is genErr, a disconnect an answer that never comes (before or after the SET took effect)."""
        phases = (Phase.EDIT, Phase.COMMIT) if pdu.kind is PduKind.SET else (Phase.READ,)
        try:
            for phase in phases:
                await self._faults.before(phase)
            answer = self._carry_out(pdu, request)
            if pdu.kind is PduKind.SET:
                await self._faults.before(Phase.AFTER_COMMIT)
        except RefusedByFault:
            answer = pdu.failure(ErrorStatus.GEN_ERR, 1)
        except DisconnectedByFault:
            return
        if not self._faults.snmp_silent:
            self._reply(answer, request, addr)

    def _carry_out(self, pdu: Pdu, request: Request | None) -> Pdu:
        room = min(MAX_RESPONSE, request.max_size if request else MAX_RESPONSE) - _WRAPPING
        self._state.count()
        answer = respond(pdu, self._view, room)
        if pdu.kind is PduKind.SET and answer.status == ErrorStatus.NO_ERROR:
            if self._state.platform == "qbridge":
                self._state.save()  # its tables are nonVolatile (RFC 4363); the others save by their own command
            self._state.changed()
        return answer

    def _reply(self, answer: Pdu, request: Request | None, addr: Target) -> None:
        if request is None:
            self._send(write_community(self._community, answer), addr)
        else:
            self._send(self._engine.answer(request, answer), addr)

    def _send(self, message: bytes | None, addr: Target) -> None:
        if message is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(message, addr)

    # -- events

    def _on_event(self, state: ElementState, event: EventKind, port: SimPort | None) -> None:  # noqa: ARG002 - a listener
        if event == "coldStart":
            self._engine.boots += 1
        self._trap(event, port)

    def _trap(self, event: EventKind, port: SimPort | None) -> None:
        if event == "config" or self._faults.snmp_silent:
            return
        identifier = next(self._ids)
        pdu = notification(self._state, event, port, identifier)
        for target in self._trap_targets:
            self._send(self._sealed(pdu, identifier), target)

    def _sealed(self, pdu: Pdu, identifier: int) -> bytes:
        if self._trap_version == "v3":
            return self._engine.notify(pdu, identifier)
        return write_community(self._trap_community, pdu)


def engine_id(state: ElementState) -> bytes:
    """Text format (RFC 3411, SnmpEngineID): the enterprise of the examples and the element's name."""
    return (0x80000000 | 32473).to_bytes(4, "big") + b"\x04" + state.name.encode()[:27]


def _engine(state: ElementState, credentials: SimCredentials) -> UsmEngine:
    identity = engine_id(state)
    keys = UserKeys(credentials.v3_auth, credentials.v3_priv, identity)
    # Engine boots must never repeat over restarts of this process, which keeps nothing: seconds of the calendar do.
    boots = int(time.time()) % 2**31
    return UsmEngine(identity, credentials.v3_user, keys, lambda: int(time.monotonic() - state.booted_at), boots)


def _view(state: ElementState, engine: UsmEngine) -> MibView:
    return MibView(
        state,
        system_objects(),
        engine_objects(engine.engine_id, lambda: engine.boots, engine.clock, MAX_RESPONSE),
        interface_objects(),
        bridge_objects(),
        lldp_objects(),
    )
