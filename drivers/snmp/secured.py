"""Speaking to one SNMPv3 engine as a user, signed and encrypted (RFC 3412, RFC 3414).

The engine's identity and time are asked for first and kept; when it says that our idea of its time is wrong, that is set right and
the question asked again, without anybody noticing.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.port import Credential
from drivers.snmp import asking, ber
from drivers.snmp.asking import integer, tlv
from drivers.snmp.ber import V3Header
from drivers.snmp.bulk import Packet
from drivers.snmp.errors import BerError
from drivers.snmp.keys import Keys
from drivers.snmp.lockstep import Layout
from drivers.snmp.speech import Endpoint, Refused, Verdict, Wish

TIME_WINDOW = 150
MAX_ENGINE_OCTETS = 32
_MAX_SIZE = 65_507
_AUTHENTICATED, _ENCRYPTED, _REPORTABLE = 1, 2, 4
_USM = 3
_LATEST_BOOTS = 2**31 - 1

_STATS = "1.3.6.1.6.3.15.1.1"
_NOT_IN_TIME, _UNKNOWN_ENGINE = f"{_STATS}.2.0", f"{_STATS}.4.0"
_REFUSALS = {
    f"{_STATS}.1.0": "the user may not speak at this security level",
    f"{_STATS}.3.0": "the user is not known there",
    f"{_STATS}.5.0": "the authentication key is another one there",
    f"{_STATS}.6.0": "the encryption key is another one there",
}


@dataclass(slots=True)
class Engine:
    """What is known of an engine."""

    engine_id: bytes = b""
    boots: int = 0
    ahead: float = 0.0
    """Its time less our monotonic clock."""
    keys: Keys | None = None

    def time(self) -> int:
        return max(0, int(time.monotonic() + self.ahead))


@dataclass(slots=True)
class AsUser:
    endpoint: Endpoint
    credential: Credential
    layouts: Mapping[bool, Layout]
    engine: Engine = field(default_factory=Engine)
    secured: bool = True
    _salt: int = field(default_factory=lambda: secrets.randbits(64))

    def ports(self, request_id: int, indices: tuple[int, ...], *, narrow: bool) -> Packet:
        return self.wish(request_id, Wish(asking.GET, self.layouts[narrow].request(indices)))

    def wish(self, request_id: int, wish: Wish) -> Packet:
        """As long as the engine is not known, the question who it is."""
        engine = self.engine
        if engine.keys is None:
            return self._message(request_id, _scoped(b"", Wish(asking.GET, b""), request_id), keys=None)
        scoped = _scoped(engine.engine_id, wish, request_id)
        return self._message(request_id, scoped, keys=engine.keys)

    def open(self, datagram: bytes) -> "tuple[int, bytes | Verdict | Refused]":
        """The message id, and the PDU of an answer or what else came. Raises `BerError`."""
        header = ber.v3_header(datagram)
        if header.flags & _AUTHENTICATED and not self._genuine(header, datagram):
            return header.message_id, Verdict.FORGED
        if header.flags & _ENCRYPTED:
            keys = self.engine.keys
            if keys is None or not header.flags & _AUTHENTICATED:
                return header.message_id, Verdict.FORGED
            start, stop = header.content
            try:
                scoped = keys.decrypt(datagram[start:stop], header.boots, header.time, header.salt)
            except ValueError as error:
                raise BerError("an encrypted part that cannot be decrypted") from error
        else:
            scoped = datagram[header.content[0] : header.content[1]]
        pdu = ber.scoped_pdu(scoped)
        if pdu[:1] == bytes([ber.REPORT]):
            return header.message_id, self._reported(header, pdu)
        if not header.flags & _ENCRYPTED:
            return header.message_id, Verdict.FORGED
        return header.message_id, pdu if self._timely(header) else Verdict.FORGED

    def _message(self, request_id: int, scoped: bytes, keys: Keys | None) -> Packet:
        engine, engine_time = self.engine, self.engine.time()
        flags = _REPORTABLE if keys is None else _REPORTABLE | _AUTHENTICATED | _ENCRYPTED
        head = integer(3) + tlv(0x30, _four(request_id) + integer(_MAX_SIZE) + tlv(0x04, bytes([flags])) + integer(_USM))
        if keys is None:
            security = _security(Engine(), 0, b"", b"", b"")
            return _packet(tlv(0x30, head + tlv(0x04, security) + scoped), request_id)
        self._salt = (self._salt + 1) % 2**64
        # DES wants the boots in the salt (RFC 3414 §8.1.1.1); for AES any salt serves that does not come twice
        salt = engine.boots.to_bytes(4, "big") + (self._salt % 2**32).to_bytes(4, "big")
        if keys.priv_protocol != "des":
            salt = self._salt.to_bytes(8, "big")
        sealed = tlv(0x04, keys.encrypt(scoped, engine.boots, engine_time, salt))
        user = self.credential.username.encode()
        security = _security(engine, engine_time, user, bytes(keys.digest_octets), salt)
        whole = tlv(0x30, head + tlv(0x04, security) + sealed)
        at = len(whole) - len(sealed) - (len(salt) + 2) - keys.digest_octets
        return _packet(whole[:at] + keys.digest(whole) + whole[at + keys.digest_octets :], request_id)

    def _genuine(self, header: V3Header, datagram: bytes) -> bool:
        keys = self.engine.keys
        return keys is not None and header.engine_id == self.engine.engine_id and keys.signed(datagram, header.digest)

    def _timely(self, header: V3Header) -> bool:
        """RFC 3414 §3.2 step 7b; an authentic later time is taken over."""
        engine = self.engine
        if header.boots > engine.boots or (header.boots == engine.boots and header.time > engine.time()):
            self._set_time(header)
        return header.boots == engine.boots and header.time >= engine.time() - TIME_WINDOW and header.boots != _LATEST_BOOTS

    def _set_time(self, header: V3Header) -> None:
        self.engine.boots, self.engine.ahead = header.boots, header.time - time.monotonic()

    def _reported(self, header: V3Header, pdu: bytes) -> Verdict | Refused:
        told = {binding.oid for binding in ber.response_pdu(pdu).bindings}
        if _UNKNOWN_ENGINE in told:
            return self._meet(header)
        if _NOT_IN_TIME in told:
            # anybody could tell us a wrong time; who knows our key may
            if not header.flags & _AUTHENTICATED:
                return Verdict.FORGED
            self._set_time(header)
            return Verdict.AGAIN
        why = next((text for oid, text in _REFUSALS.items() if oid in told), "the engine reports something unknown")
        return Refused(why)

    def _meet(self, header: V3Header) -> Verdict | Refused:
        if not 0 < len(header.engine_id) <= MAX_ENGINE_OCTETS:
            return Refused("the engine does not say who it is")
        self.engine = Engine(header.engine_id, keys=Keys.of(self.credential, header.engine_id))
        self._set_time(header)
        return Verdict.AGAIN


def _scoped(engine_id: bytes, wish: Wish, request_id: int) -> bytes:
    body, at = asking.pdu(wish.kind, wish.bindings, wish.first, wish.second)
    body = body[:at] + request_id.to_bytes(4, "big") + body[at + 4 :]
    return tlv(0x30, tlv(0x04, engine_id) + tlv(0x04, b"") + body)


def _security(engine: Engine, engine_time: int, user: bytes, digest: bytes, salt: bytes) -> bytes:
    parts = (
        tlv(0x04, engine.engine_id),
        integer(engine.boots),
        integer(engine_time),
        tlv(0x04, user),
        tlv(0x04, digest),
        tlv(0x04, salt),
    )
    return tlv(0x30, b"".join(parts))


def _four(request_id: int) -> bytes:
    return tlv(0x02, request_id.to_bytes(4, "big"))


def _packet(whole: bytes, request_id: int) -> Packet:
    """The message id stands in clear, in the first eleven octets or so; what is written there is what stands there."""
    return Packet(whole, whole.index(_four(request_id)) + 2)
