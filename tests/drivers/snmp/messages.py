"""SNMP notifications written by hand, independent of the reader under test."""

import hashlib
import hmac
from collections.abc import Sequence

IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
TRAP, INFORM, RESPONSE, TRAP_V1 = 0xA7, 0xA6, 0xA2, 0xA4

ENGINE = bytes.fromhex("80001f8804fabd0001")

Pair = tuple[str, bytes]


def tlv(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size, "big") + content


def integer(value: int, tag: int = 0x02) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return tlv(0x06, b"".join(_arc(arc) for arc in (first * 40 + second, *rest)))


def _arc(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(arc & 0x7F | 0x80)
    return bytes(reversed(octets))


def octets(value: bytes) -> bytes:
    return tlv(0x04, value)


def varbinds(pairs: Sequence[Pair]) -> bytes:
    return tlv(0x30, b"".join(tlv(0x30, oid(name) + value) for name, value in pairs))


def v2c(
    pairs: Sequence[Pair] = (), *, community: bytes = b"public", pdu: int = TRAP, uptime: int = 4711, trap: str = LINK_DOWN
) -> bytes:
    standard = [("1.3.6.1.2.1.1.3.0", integer(uptime, 0x43)), ("1.3.6.1.6.3.1.1.4.1.0", oid(trap))]
    body = integer(99) + integer(0) + integer(0) + varbinds([*standard, *pairs])
    return tlv(0x30, integer(1) + octets(community) + tlv(pdu, body))


def v1(generic: int, specific: int = 0, *, enterprise: str = "1.3.6.1.4.1.9", community: bytes = b"public") -> bytes:
    body = oid(enterprise) + tlv(0x40, bytes([10, 9, 8, 7])) + integer(generic) + integer(specific) + integer(4711, 0x43)
    pairs = [(f"{IF_INDEX}.3", integer(3))]
    return tlv(0x30, integer(0) + octets(community) + tlv(TRAP_V1, body + varbinds(pairs)))


def v3(
    *,
    user: bytes = b"traps",
    engine: bytes = ENGINE,
    boots: int = 5,
    time: int = 1000,
    flags: int = 3,
    master: bytes = b"",
    protocol: str = "sha1",
    digest_octets: int = 12,
) -> bytes:
    """With a digest under `master` when there is one; the content is as good as encrypted."""
    scoped = (
        octets(b"sealed") if flags & 2 else tlv(0x30, octets(engine) + octets(b"") + tlv(INFORM, integer(1) * 3 + varbinds([])))
    )

    def sealed(digest: bytes) -> bytes:
        security = tlv(0x30, octets(engine) + integer(boots) + integer(time) + octets(user) + octets(digest) + octets(bytes(8)))
        header = tlv(0x30, integer(1) + integer(65507) + octets(bytes([flags])) + integer(3))
        return tlv(0x30, integer(3) + header + octets(security) + scoped)

    blank = bytes(digest_octets if flags & 1 else 0)
    if not master:
        return sealed(blank)
    key = hashlib.new(protocol, master + engine + master).digest()
    return sealed(hmac.digest(key, sealed(blank), protocol)[:digest_octets])
