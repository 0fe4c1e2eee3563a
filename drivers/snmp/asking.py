"""Requests as octets (RFC 3416), made once and sent many times. Pure.

A request-id always takes four octets on the wire, so that it can be written into a finished request, and so that an agent that
encodes it anew gives it back in as many.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from drivers.snmp import oids

FIRST_ID, LAST_ID = 2**23, 2**31 - 1
"""Smaller ones would be encoded in fewer than four octets."""
GET, GET_BULK = 0xA0, 0xA5

_NULL = b"\x05\x00"
_LONG_FORM = 0x80
_ID = b"\x02\x04\x00\x00\x00\x00"


def tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < _LONG_FORM:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, _LONG_FORM | size)) + length.to_bytes(size, "big") + content


def integer(value: int) -> bytes:
    """Not negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def arcs(identifier: str) -> tuple[int, ...]:
    return tuple(map(int, identifier.split(".")))


def encode_oid(identifier: Sequence[int]) -> bytes:
    """Content octets."""
    return b"".join(map(encode_arc, (identifier[0] * 40 + identifier[1], *identifier[2:])))


def encode_arc(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(arc & 0x7F | 0x80)
    return bytes(reversed(octets))


@lru_cache(maxsize=256)
def prefix_of(identifier: str) -> bytes:
    """Of a column: content octets, to be followed by the index."""
    return encode_oid(arcs(identifier))


def varbind(oid: bytes) -> bytes:
    return tlv(0x30, tlv(0x06, oid) + _NULL)


UPTIME = varbind(prefix_of(oids.SYS_UPTIME))


def of_ports(prefixes: Sequence[bytes], indices: Iterable[int]) -> bytes:
    """The variable bindings of a GET: sysUpTime, then for each port every column in order."""
    listed = [UPTIME]
    for index in map(encode_arc, indices):
        size = len(index)
        listed.extend(
            bytes((0x30, len(prefix) + size + 4, 0x06, len(prefix) + size)) + prefix + index + _NULL for prefix in prefixes
        )
    return b"".join(listed)


def of_octets(index: int) -> bytes:
    """Those of 32 bits of one port, for ports that have no others."""
    return b"".join(varbind(prefix_of(oid) + encode_arc(index)) for oid in (oids.IF_IN_OCTETS, oids.IF_OUT_OCTETS))


def pdu(kind: int, bindings: bytes, first: int = 0, second: int = 0) -> tuple[bytes, int]:
    """The PDU and where its request-id stands. `first`, `second`: non-repeaters and max-repetitions of GETBULK."""
    content = _ID + integer(first) + integer(second) + tlv(0x30, bindings)
    whole = tlv(kind, content)
    return whole, len(whole) - len(content) + 2


def community_message(community: str, kind: int, bindings: bytes, first: int = 0, second: int = 0) -> tuple[bytes, int]:
    """A whole SNMPv2c message and where its request-id stands."""
    body, at = pdu(kind, bindings, first, second)
    content = greeting(community) + body
    whole = tlv(0x30, content)
    return whole, len(whole) - len(body) + at


def greeting(community: str) -> bytes:
    """What stands before the PDU in a request and in its answer alike: version and community."""
    return integer(1) + tlv(0x04, community.encode())
