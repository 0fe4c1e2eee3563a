"""ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443) as octets. Pure.

What we send begins with our timestamp, which comes back with the answer.
"""

import struct
from typing import NamedTuple

ECHO_V4, REPLY_V4, ECHO_V6, REPLY_V6 = 8, 0, 128, 129
HEAD = struct.Struct("!BBHHH")
_BODY = struct.Struct("!QI")
DATA_OCTETS = 56
"""As ping sends them: 64 octets with the header."""
_WORD = 0xFFFF


class Echo(NamedTuple):
    identifier: int
    sequence: int
    """16 bits of it are in the header, all of it in the data."""
    stamp: int


def pack_echo(echo: Echo, *, version: int, size: int = 0) -> bytes:
    """`size`: octets of the whole, beyond the usual."""
    data = _BODY.pack(echo.stamp, echo.sequence).ljust(max(DATA_OCTETS, size - HEAD.size), b"\0")
    kind = ECHO_V6 if version == 6 else ECHO_V4  # noqa: PLR2004  versions of IP
    head = HEAD.pack(kind, 0, 0, echo.identifier, echo.sequence & _WORD)
    return HEAD.pack(kind, 0, checksum(head + data), echo.identifier, echo.sequence & _WORD) + data


def unpack_reply(data: bytes, *, version: int, raw: bool) -> Echo | None:
    """None for what is no answer to an echo of ours in form. `raw`: of a raw socket, which gives the header of IPv4 too."""
    begin = (data[0] & 0xF) * 4 if raw and version == 4 and data else 0  # noqa: PLR2004
    if len(data) < begin + HEAD.size + _BODY.size:
        return None
    kind, code, _, identifier, low = HEAD.unpack_from(data, begin)
    stamp, sequence = _BODY.unpack_from(data, begin + HEAD.size)
    wanted = REPLY_V6 if version == 6 else REPLY_V4  # noqa: PLR2004
    if (kind, code, low) != (wanted, 0, sequence & _WORD):
        return None
    return Echo(identifier, sequence, stamp)


def stamp_of_echo(data: bytes) -> int:
    """Of the octets of an echo of ours, its header included."""
    return int.from_bytes(data[HEAD.size : HEAD.size + 8])


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & _WORD) + (total >> 16)
    return ~total & _WORD
