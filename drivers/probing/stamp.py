"""STAMP test packets (RFC 8762 §4; session identifier of RFC 8972 §3), unauthenticated and authenticated. Pure.

Sender, 44 octets or, with a key, 112:                  Reflector, of the same length:
    sequence 4 [0 12] timestamp 8 error 2                   sequence 4 [0 12] timestamp 8 error 2 session 2 [0 4]
    session 2, zeros [HMAC 16]                              received 8 [0 8] sender's sequence 4 [0 12], timestamp 8,
                                                            error 2, 0 2 [0 4], TTL 1, 0 3 [0 12, HMAC 16]
What is longer is padded, and reflected with its padding.
"""

import hmac
import struct
from typing import NamedTuple

from drivers.probing.clock import ErrorEstimate
from drivers.probing.errors import NotStamp

PORT = 862
"""UDP, IANA; a reflector on it needs CAP_NET_BIND_SERVICE."""
OPEN_OCTETS, SEALED_OCTETS = 44, 112
MAC_OCTETS = 16
COVERED_OCTETS = 96
"""By the HMAC (RFC 8762 §4.4): the first six blocks of sixteen."""
LONGEST_REFLECTION_S = 10
"""A reflector answers at once."""

_SENT_OPEN = struct.Struct("!IQHH28x")
_SENT_SEALED = struct.Struct("!I12xQHH68x")
_BACK_OPEN = struct.Struct("!IQHHQIQHxxBxxx")
_BACK_SEALED = struct.Struct("!I12xQHH4xQ8xI12xQH6xB15x")


class Sent(NamedTuple):
    """What a sender says. Timestamps are NTP, 64 bits."""

    sequence: int
    stamp: int
    error: int
    session: int = 0


class Reflected(NamedTuple):
    """What a reflector answers."""

    sequence: int
    """The reflector's own, by which what was lost on the way there is told from what was lost on the way back."""
    stamp: int
    error: int
    session: int
    received: int
    sender_sequence: int
    sender_stamp: int
    sender_error: int
    ttl: int
    """Of the packet as it came in; 0 where the reflector cannot tell."""

    @property
    def estimate(self) -> ErrorEstimate:
        return ErrorEstimate.unpack(self.error)


def octets_of(key: bytes) -> int:
    """The least a packet has."""
    return SEALED_OCTETS if key else OPEN_OCTETS


def pack_sent(sent: Sent, key: bytes = b"", size: int = 0) -> bytes:
    """At least `size` octets long."""
    form = _SENT_SEALED if key else _SENT_OPEN
    return _ended(form.pack(sent.sequence, sent.stamp, sent.error, sent.session), key, size)


def unpack_sent(data: bytes, key: bytes = b"") -> Sent:
    """Raises `NotStamp`."""
    _check(data, key)
    return Sent._make((_SENT_SEALED if key else _SENT_OPEN).unpack_from(data))


def pack_reflected(back: Reflected, key: bytes = b"", padding: bytes = b"") -> bytes:
    form = _BACK_SEALED if key else _BACK_OPEN
    values = (back.sequence, back.stamp, back.error, back.session, back.received)
    whole = form.pack(*values, back.sender_sequence, back.sender_stamp, back.sender_error, back.ttl)
    return _ended(whole, key, 0) + padding


def unpack_reflected(data: bytes, key: bytes = b"") -> Reflected:
    """Raises `NotStamp`."""
    _check(data, key)
    return Reflected._make((_BACK_SEALED if key else _BACK_OPEN).unpack_from(data))


def stamp_of_sent(data: bytes, *, sealed: bool) -> int:
    """The timestamp alone, of a packet of our own."""
    return int.from_bytes(data[16:24] if sealed else data[4:12])


def asked_by(data: bytes, *, sealed: bool) -> int | None:
    """The sender's timestamp that a reflected packet carries; None where it is too short for one. Nothing is checked."""
    begin = 64 if sealed else 28
    return int.from_bytes(data[begin : begin + 8]) if len(data) >= (SEALED_OCTETS if sealed else OPEN_OCTETS) else None


def is_reflection(data: bytes, *, sealed: bool) -> bool:
    """Whether it is what a reflector answers: beside the time at which it left, by the same clock the time just before at which
    what it answers came. A sender has zeros there, or padding of its own (RFC 8762 §4.6, TWAMP Light).
    """
    at_left, at_came = (16, 32) if sealed else (4, 16)
    left, came = (int.from_bytes(data[begin : begin + 8]) for begin in (at_left, at_came))
    return bool(came) and 0 <= left - came < LONGEST_REFLECTION_S << 32


def _ended(whole: bytes, key: bytes, size: int) -> bytes:
    sealed = whole + _mac(whole, key) if key else whole
    return sealed.ljust(size, b"\0")


def _mac(data: bytes, key: bytes) -> bytes:
    return hmac.digest(key, data[:COVERED_OCTETS], "sha256")[:MAC_OCTETS]


def _check(data: bytes, key: bytes) -> None:
    if len(data) < octets_of(key):
        raise NotStamp(f"{len(data)} octets are no STAMP packet, which has {octets_of(key)} at least")
    if key and not hmac.compare_digest(_mac(data, key), data[COVERED_OCTETS:SEALED_OCTETS]):
        raise NotStamp("the HMAC does not fit: the other side has another key, or none")
