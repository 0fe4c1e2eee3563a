"""A reader for SNMPv1 and v2c notifications (BER, RFC 1157 and RFC 3416), and for the clear part of SNMPv3 messages.

Written for hostile input: every length is checked against what encloses it before anything is read, nesting is fixed by
the format, sizes are bounded, and whatever is wrong raises `BerError` and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from drivers.snmp import oids
from drivers.snmp.errors import BerError

Value = int | bytes | str | None
"""Integers, counters and ticks; octets and opaque; object identifiers and IP addresses, both dotted; null."""
Version = Literal["v1", "v2c", "v3"]

MAX_DATAGRAM = 65_535
MAX_VARBINDS = 512
MAX_ARCS = 128
"""Sub-identifiers of an object identifier (RFC 2578 §3.5)."""

_SEQUENCE, _INTEGER, _OCTETS, _OID = 0x30, 0x02, 0x04, 0x06
_IP_ADDRESS, _TICKS = 0x40, 0x43
RESPONSE, REPORT = 0xA2, 0xA8
_TRAP_V1, _INFORM, _TRAP_V2 = 0xA4, 0xA6, 0xA7
_INTEGERS = frozenset({_INTEGER, 0x41, 0x42, _TICKS, 0x46})
_BYTES = frozenset({_OCTETS, 0x44, 0x45})
_NOTHING = frozenset({0x05, 0x80, 0x81, 0x82})
_MAX_LENGTH_OCTETS = 4
_MAX_INTEGER_OCTETS = 9
_MAX_OID_OCTETS = MAX_ARCS * 5
_IPV4_OCTETS = 4
_LONG_FORM, _CONTINUES = 0x80, 0x80
_MAX_ARC = 2**32 - 1
_TICKS_RANGE = 2**32
_ENTERPRISE_SPECIFIC = 6
_USM = 3
_ENCRYPTED = 2
_MAX_ENGINE_TIME = _MAX_MESSAGE_ID = 2**31 - 1

Span = tuple[int, int]
"""Where content lies in the datagram, `[start, stop)`."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A trap or inform. `varbinds` are without sysUpTime.0 and snmpTrapOID.0, which have fields of their own."""

    version: Version
    community: bytes
    trap_oid: str
    uptime: int | None
    """Hundredths of a second; None when the sender left it out."""
    agent_address: str
    """v1's agent-addr or snmpTrapAddress.0: who it is about when a proxy forwards; "" when not said."""
    varbinds: tuple[tuple[str, Value], ...]
    acknowledgement: bytes | None
    """For an inform: the Response to send back."""


@dataclass(frozen=True, slots=True)
class V3Header:
    """Unauthenticated until the digest at `digest` has been checked."""

    flags: int
    """1 authenticated, 2 encrypted, 4 wants a report."""
    engine_id: bytes
    boots: int
    time: int
    """Seconds since the engine's last boot."""
    user: bytes
    digest: Span
    message_id: int
    salt: bytes
    content: Span
    """The scoped PDU: in clear a sequence, encrypted the content of an octet string."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One variable binding of an answer."""

    oid: str
    tag: int
    value: Value
    octets: int
    """That the value takes."""


@dataclass(frozen=True, slots=True)
class Response:
    """An agent's answer (RFC 3416). `request_id` is as in the request when it is the answer to it."""

    tag: int
    """RESPONSE or REPORT."""
    request_id: int
    status: int
    bindings: tuple[Binding, ...]


def version(datagram: bytes) -> Version:
    """Of any SNMP message."""
    start, _ = _message(datagram)
    return _version(datagram, start)[0]


def notification(datagram: bytes) -> Notification:
    """Decode a v1 or v2c trap or a v2c inform."""
    position, end = _message(datagram)
    spoken, position = _version(datagram, position)
    start, stop = _expect(datagram, position, end, _OCTETS)
    community = datagram[start:stop]
    tag, body, after = _element(datagram, stop, end)
    if after != end:
        raise BerError(f"octet {after}: something follows the PDU")
    if spoken == "v1" and tag == _TRAP_V1:
        return _trap_v1(datagram, (body, after), community)
    if spoken == "v2c" and tag in (_TRAP_V2, _INFORM):
        return _trap_v2(datagram, (body, after), community, stop if tag == _INFORM else None)
    raise BerError(f"octet {stop}: PDU of type {tag:#x} is no notification of {spoken}")


def response(datagram: bytes) -> Response:
    """Decode a v2c answer."""
    position, end = _message(datagram)
    if end != len(datagram):
        raise BerError(f"octet {end}: something follows the message")
    spoken, position = _version(datagram, position)
    if spoken != "v2c":
        raise BerError(f"an answer of {spoken} to a question of v2c")
    _, position = _expect(datagram, position, end, _OCTETS)
    return response_pdu(datagram[position:end])


def response_pdu(data: bytes) -> Response:
    """Decode the PDU of an answer, or of a report to an SNMPv3 message."""
    tag, position, end = _element(data, 0, len(data))
    if tag not in {RESPONSE, REPORT}:
        raise BerError(f"octet 0: PDU of type {tag:#x} is no answer")
    if end != len(data):
        raise BerError(f"octet {end}: something follows the PDU")
    request_id, position = _integer(data, position, end)
    status, position = _integer(data, position, end)
    _, position = _integer(data, position, end)
    return Response(tag, request_id, status, tuple(_bindings(data, position, end)))


def v3_header(datagram: bytes) -> V3Header:
    """What stands in clear in an SNMPv3 message under the user-based security model (RFC 3412 §6, RFC 3414 §2.4)."""
    position, end = _message(datagram)
    spoken, position = _version(datagram, position)
    if spoken != "v3":
        raise BerError(f"a message of {spoken} has no user")
    message_id, flags, position = _global_data(datagram, position, end)
    position, after = _expect(datagram, position, end, _OCTETS)
    content = _content(datagram, after, end, encrypted=bool(flags & _ENCRYPTED))
    position, end = _expect(datagram, position, after, _SEQUENCE)
    engine, position = _expect(datagram, position, end, _OCTETS)
    engine_id = datagram[engine:position]
    boots, position = _integer(datagram, position, end)
    time, position = _integer(datagram, position, end)
    if not (0 <= boots <= _MAX_ENGINE_TIME and 0 <= time <= _MAX_ENGINE_TIME):
        raise BerError(f"octet {position}: no engine has booted so often or been up so long")
    name, position = _expect(datagram, position, end, _OCTETS)
    user = datagram[name:position]
    digest = _expect(datagram, position, end, _OCTETS)
    salt, position = _expect(datagram, digest[1], end, _OCTETS)
    return V3Header(flags, engine_id, boots, time, user, digest, message_id, datagram[salt:position], content)


def scoped_pdu(data: bytes) -> bytes:
    """The PDU inside a scoped PDU; what decryption left behind it is no part of it."""
    position, end = _expect(data, 0, len(data), _SEQUENCE)
    for _ in ("contextEngineID", "contextName"):
        _, position = _expect(data, position, end, _OCTETS)
    return data[position:end]


def _content(data: bytes, position: int, end: int, *, encrypted: bool) -> Span:
    if encrypted:
        return _expect(data, position, end, _OCTETS)
    _, stop = _expect(data, position, end, _SEQUENCE)
    return position, stop


def v3_sealed(datagram: bytes, header: V3Header) -> tuple[bytes, bytes]:
    """Salt and encrypted scoped PDU of a message whose header has been read (RFC 3412 §6, RFC 3414 §2.4)."""
    end = len(datagram)
    start, position = _expect(datagram, header.digest[1], end, _OCTETS)
    salt = datagram[start:position]
    start, position = _expect(datagram, position, end, _OCTETS)
    if position != end:
        raise BerError(f"octet {position}: something follows the encrypted PDU")
    return salt, datagram[start:position]


def scoped_trap(data: bytes) -> Notification | None:
    """The trap in a decrypted scoped PDU (RFC 3412 §6.8); None for an inform, which has to be answered."""
    position, end = _expect(data, 0, len(data), _SEQUENCE)
    for _ in ("contextEngineID", "contextName"):
        _, position = _expect(data, position, end, _OCTETS)
    tag, body, after = _element(data, position, end)
    if tag == _INFORM:
        return None
    if tag != _TRAP_V2 or after != end:
        raise BerError(f"octet {position}: PDU of type {tag:#x} is no notification of v3")
    return replace(_trap_v2(data, (body, after), b"", None), version="v3")


def _global_data(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """MsgID, msgFlags and where msgSecurityParameters begin."""
    position, after = _expect(data, position, end, _SEQUENCE)
    message_id, position = _integer(data, position, after)
    _, position = _integer(data, position, after)
    start, position = _expect(data, position, after, _OCTETS)
    model, _ = _integer(data, position, after)
    if not 0 <= message_id <= _MAX_MESSAGE_ID:
        raise BerError(f"octet {start}: no message has the id {message_id}")
    if position - start != 1 or model != _USM:
        raise BerError(f"octet {start}: no flags octet, or security model {model} instead of {_USM}")
    return message_id, data[start], after


def _trap_v1(data: bytes, body: Span, community: bytes) -> Notification:
    position, end = body
    start, position = _expect(data, position, end, _OID)
    enterprise = _oid(data[start:position])
    start, position = _expect(data, position, end, _IP_ADDRESS)
    agent = _value(data, _IP_ADDRESS, start, position)
    generic, position = _integer(data, position, end)
    specific, position = _integer(data, position, end)
    start, position = _expect(data, position, end, _TICKS)
    uptime = _number(data, start, position)
    varbinds = tuple(_varbinds(data, position, end))
    return Notification("v1", community, _v1_oid(enterprise, generic, specific), _ticks(uptime), str(agent), varbinds, None)


def _v1_oid(enterprise: str, generic: int, specific: int) -> str:
    """RFC 3584 §3.1."""
    if 0 <= generic < _ENTERPRISE_SPECIFIC:
        return f"{oids.SNMP_TRAPS}.{generic + 1}"
    if generic == _ENTERPRISE_SPECIFIC and specific >= 0:
        return f"{enterprise}.0.{specific}"
    raise BerError(f"no such generic trap: {generic}")


def _trap_v2(data: bytes, body: Span, community: bytes, inform_tag: int | None) -> Notification:
    position, end = body
    for _ in ("request-id", "error-status", "error-index"):
        _, position = _integer(data, position, end)
    trap_oid, uptime, agent, rest = sort_out(_varbinds(data, position, end))
    reply = None if inform_tag is None else data[:inform_tag] + bytes([RESPONSE]) + data[inform_tag + 1 :]
    return Notification("v2c", community, trap_oid, uptime, agent, rest, reply)


def sort_out(varbinds: Iterator[tuple[str, Value]]) -> tuple[str, int | None, str, tuple[tuple[str, Value], ...]]:
    """snmpTrapOID, sysUpTime, snmpTrapAddress and the rest; agents do not all keep RFC 3416's order."""
    trap_oid: Value = None
    uptime: Value = None
    agent, rest = "", []
    for oid, value in varbinds:
        if oid == oids.SNMP_TRAP_OID:
            trap_oid = value
        elif oid == oids.SYS_UPTIME:
            uptime = value
        else:
            agent = value if oid == oids.SNMP_TRAP_ADDRESS and isinstance(value, str) else agent
            rest.append((oid, value))
    if not isinstance(trap_oid, str):
        raise BerError("a notification without snmpTrapOID.0")
    return trap_oid, _ticks(uptime), agent, tuple(rest)


def _varbinds(data: bytes, position: int, end: int) -> Iterator[tuple[str, Value]]:
    return ((binding.oid, binding.value) for binding in _bindings(data, position, end))


def _bindings(data: bytes, position: int, end: int) -> Iterator[Binding]:
    position, stop = _expect(data, position, end, _SEQUENCE)
    if stop != end:
        raise BerError(f"octet {stop}: something follows the variable bindings")
    for _ in range(MAX_VARBINDS):
        if position == stop:
            return
        start, after = _expect(data, position, stop, _SEQUENCE)
        name, middle = _expect(data, start, after, _OID)
        tag, value, last = _element(data, middle, after)
        if last != after:
            raise BerError(f"octet {last}: something follows the value of a binding")
        yield Binding(_oid(data[name:middle]), tag, _value(data, tag, value, last), last - value)
        position = after
    raise BerError(f"more than {MAX_VARBINDS} variable bindings")


def _value(data: bytes, tag: int, start: int, stop: int) -> Value:
    if tag in _INTEGERS:
        return _number(data, start, stop)
    if tag in _BYTES:
        return data[start:stop]
    if tag == _OID:
        return _oid(data[start:stop])
    if tag == _IP_ADDRESS and stop - start == _IPV4_OCTETS:
        return ".".join(map(str, data[start:stop]))
    if tag in _NOTHING and start == stop:
        return None
    raise BerError(f"octet {start}: no SNMP value has type {tag:#x} and {stop - start} octets")


def _message(data: bytes) -> Span:
    if len(data) > MAX_DATAGRAM:
        raise BerError(f"{len(data)} octets are more than a datagram holds")
    return _expect(data, 0, len(data), _SEQUENCE)


def _version(data: bytes, position: int) -> tuple[Version, int]:
    number, position = _integer(data, position, len(data))
    names: dict[int, Version] = {0: "v1", 1: "v2c", 3: "v3"}
    if number not in names:
        raise BerError(f"no SNMP version has number {number}")
    return names[number], position


def _element(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Tag, start and stop of the content of the element at `position`, which must lie whole before `end`."""
    start = position + 2
    if start > end:
        raise BerError(f"octet {position}: cut off")
    tag, length = data[position], data[position + 1]
    if length >= _LONG_FORM:
        octets = length - _LONG_FORM
        if not 0 < octets <= _MAX_LENGTH_OCTETS or start + octets > end:
            raise BerError(f"octet {position + 1}: a length of {octets} octets")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if length > end - start:
        raise BerError(f"octet {position}: {length} octets announced, {end - start} there")
    return tag, start, start + length


def _expect(data: bytes, position: int, end: int, tag: int) -> Span:
    found, start, stop = _element(data, position, end)
    if found != tag:
        raise BerError(f"octet {position}: type {found:#x} where {tag:#x} belongs")
    return start, stop


def _integer(data: bytes, position: int, end: int) -> tuple[int, int]:
    start, stop = _expect(data, position, end, _INTEGER)
    return _number(data, start, stop), stop


def _number(data: bytes, start: int, stop: int) -> int:
    if not 0 < stop - start <= _MAX_INTEGER_OCTETS:
        raise BerError(f"octet {start}: an integer of {stop - start} octets")
    return int.from_bytes(data[start:stop], "big", signed=True)


def _ticks(value: Value) -> int | None:
    """Some agents encode TimeTicks without the leading zero octet, so that they read as negative."""
    return value % _TICKS_RANGE if isinstance(value, int) else None


@lru_cache(maxsize=4096)
def _oid(octets: bytes) -> str:
    if not 0 < len(octets) <= _MAX_OID_OCTETS or octets[-1] >= _CONTINUES:
        raise BerError(f"an object identifier of {len(octets)} octets that does not end")
    arcs: list[int] = []
    arc = 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if arc > _MAX_ARC:
            raise BerError("a sub-identifier beyond 32 bits")
        if octet < _CONTINUES:
            arcs.append(arc)
            arc = 0
    if len(arcs) >= MAX_ARCS:
        raise BerError(f"an object identifier of {len(arcs) + 1} sub-identifiers")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
