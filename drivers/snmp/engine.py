"""pysnmp's engine behind a socket that is not its own: decrypts SNMPv3 notifications and acknowledges informs."""

import time
from collections.abc import Callable, Iterator, Sequence

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.carrier.base import AbstractTransportDispatcher
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.proto import rfc1902, rfc1905, rfc3411
from pysnmp.proto.api import v2c

from drivers.snmp import mibs
from drivers.snmp.ber import Value
from drivers.snmp.credentials import PYSNMP_AUTH, PYSNMP_PRIV
from drivers.snmp.keys import MAX_ENGINES
from drivers.snmp.manager import plain
from drivers.snmp.usm import User

Varbinds = Iterator[tuple[str, Value]]
Sink = Callable[[Varbinds, bool], bool]
"""Takes the bindings and whether it is an inform; False: not taken, so an inform is not acknowledged and comes again."""
Address = tuple[str, int]
_AUTH_PRIV = 3
_BOOTS_EPOCH = 1_700_000_000


class NotificationEngine:
    def __init__(self, engine_id: bytes, users: Sequence[User], send: Callable[[bytes, Address], None], sink: Sink) -> None:
        self._engine = mibs.engine()
        self._wire = _Wire(send)
        self._engine.register_transport_dispatcher(self._wire)
        self._sink = sink
        self._known: dict[tuple[bytes, bytes], None] = {}
        self._identify(engine_id)
        for user in users:
            self._introduce(user, engine_id)
        self._types = (v2c.SNMPv2TrapPDU.tagSet, v2c.InformRequestPDU.tagSet)
        self._engine.message_dispatcher.register_context_engine_id(b"", self._types, self._process)

    def receive(self, datagram: bytes, source: Address, user: User | None, engine_id: bytes) -> None:
        """A message that was found genuine, or a discovery (no user). May raise whatever pysnmp raises on bad content."""
        if user is not None:
            self._introduce(user, engine_id)
        self._wire.handle_timer_tick(time.time())
        domain = udp6.DOMAIN_NAME if ":" in source[0] else udp.DOMAIN_NAME
        address = (udp6.Udp6TransportAddress if ":" in source[0] else udp.UdpTransportAddress)(source)
        self._engine.message_dispatcher.receive_message(self._engine, domain, address, datagram)

    def _identify(self, engine_id: bytes) -> None:
        """Boots must rise with every start (RFC 3414 §2.3), or senders take us for a replay; the clock does that without a file."""
        builder = self._engine.get_mib_builder()
        own, boots = builder.import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots")
        own.syntax = own.syntax.clone(engine_id)
        boots.syntax = boots.syntax.clone(int(time.time()) - _BOOTS_EPOCH)
        self._engine.snmpEngineID = own.syntax

    def _introduce(self, user: User, engine_id: bytes) -> None:
        """Pysnmp knows a user per engine; told when an authentic message of a new engine comes, and bounded."""
        if (user.name, engine_id) in self._known:
            return
        if len(self._known) >= MAX_ENGINES:
            name, engine = next(iter(self._known))
            self._known.pop((name, engine))
            config.delete_v3_user(self._engine, name.decode(), rfc1902.OctetString(engine))
        config.add_v3_user(
            self._engine,
            user.credential.username,
            PYSNMP_AUTH[user.credential.auth_protocol],
            user.auth_master,
            PYSNMP_PRIV[user.credential.priv_protocol],
            user.priv_master,
            securityEngineId=rfc1902.OctetString(engine_id),
            authKeyType=config.USM_KEY_TYPE_MASTER,
            privKeyType=config.USM_KEY_TYPE_MASTER,
        )
        self._known[user.name, engine_id] = None

    def _process(  # noqa: PLR0917 - pysnmp calls this by position
        self,
        engine: SnmpEngine,
        message_model: int,
        security_model: int,
        security_name: str,
        security_level: int,
        context_engine_id: bytes,
        context_name: bytes,
        pdu_version: int,
        pdu: object,
        max_size: int,
        state: int,
    ) -> None:
        """RFC 3413 §3.4; anything below authPriv is not for us."""
        if security_level != _AUTH_PRIV:
            return
        inform = pdu.tagSet in rfc3411.CONFIRMED_CLASS_PDUS  # type: ignore[attr-defined] # pyasn1's objects are untyped
        varbinds = v2c.apiPDU.get_varbinds(pdu)
        if not self._sink(((str(name), plain(value)) for name, value in varbinds), inform) or not inform:
            return
        response = v2c.apiPDU.get_response(pdu)
        v2c.apiPDU.set_error_status(response, rfc1905.errorStatus.clone(0))
        v2c.apiPDU.set_error_index(response, 0)
        v2c.apiPDU.set_varbinds(response, varbinds)
        engine.message_dispatcher.return_response_pdu(
            engine,
            message_model,
            security_model,
            security_name,
            security_level,
            context_engine_id,
            context_name,
            pdu_version,
            response,
            max_size,
            state,
            {},
        )


class _Wire(AbstractTransportDispatcher):  # type: ignore[misc] # pysnmp is untyped
    """Where pysnmp would own sockets, it is given ours to send with."""

    def __init__(self, send: Callable[[bytes, Address], None]) -> None:
        super().__init__()
        self._send = send

    def send_message(self, outgoingMessage: bytes, transportDomain: object, transportAddress: Address) -> None:  # noqa: ARG002, N803 - pysnmp's names
        self._send(bytes(outgoingMessage), (transportAddress[0], transportAddress[1]))
