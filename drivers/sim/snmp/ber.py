"""BER as far as SNMP needs it (RFC 3416 and 3417 section 8): definite lengths, ten types."""

from functools import lru_cache
from typing import NamedTuple

from drivers.sim.snmp.errors import MalformedMessage

Oid = tuple[int, ...]

INTEGER, OCTETS, NULL, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIMETICKS, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW = 0x80, 0x81, 0x82

_NUMBERS = frozenset({INTEGER, COUNTER32, GAUGE32, TIMETICKS, COUNTER64})
_STRINGS = frozenset({OCTETS, IP_ADDRESS})
_EMPTY = frozenset({NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW})
_MAX_ARCS = 128
_SHORT = 0x7F
"""Longest body whose length takes one octet."""


class Value(NamedTuple):
    """A tagged value: int for numbers, bytes for strings, a tuple for identifiers, None for the empty ones."""

    tag: int
    data: int | bytes | Oid | None = None


def number(tag: int, data: int) -> Value:
    return Value(tag, data)


def octets(data: bytes | str) -> Value:
    return Value(OCTETS, data.encode() if isinstance(data, str) else data)


def wrap(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size <= _SHORT:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def encode_int(data: int, tag: int = INTEGER) -> bytes:
    """Two's complement in as few octets as hold it; unsigned types get their leading zero by the same rule."""
    size = (data.bit_length() if data >= 0 else (data + 1).bit_length()) // 8 + 1
    return wrap(tag, data.to_bytes(size, "big", signed=True))


@lru_cache(maxsize=16384)
def encode_oid(oid: Oid) -> bytes:
    arcs = [oid[0] * 40 + oid[1], *oid[2:]] if len(oid) > 1 else [0]
    body = bytearray()
    for arc in arcs:
        part = [arc & 0x7F]
        while arc := arc >> 7:
            part.append(arc & 0x7F | 0x80)
        body += bytes(reversed(part))
    return wrap(OBJECT_ID, bytes(body))


def encode(value: Value) -> bytes:
    tag, data = value
    if isinstance(data, int):
        return encode_int(data, tag)
    if isinstance(data, bytes):
        return wrap(tag, data)
    return wrap(tag, b"") if data is None else encode_oid(data)


class Reader:
    """Walks one constructed value; every step raises MalformedMessage when the octets do not carry it."""

    __slots__ = ("_data", "_end", "position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self.position = start
        self._end = len(data) if end is None else end

    @property
    def more(self) -> bool:
        return self.position < self._end

    def span(self, expected: int | None = None) -> tuple[int, int, int]:
        """(tag, start, end) of the next value, stepping over it."""
        data, position = self._data, self.position
        if position + 2 > self._end:
            raise MalformedMessage("the message ends inside a value")
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            octets_of_length = length & 0x7F
            if not 0 < octets_of_length <= 4 or position + octets_of_length > self._end:  # noqa: PLR2004 - 4 GiB
                raise MalformedMessage("a length is indefinite or too long")
            length = int.from_bytes(data[position : position + octets_of_length], "big")
            position += octets_of_length
        if position + length > self._end:
            raise MalformedMessage("a value is longer than what holds it")
        if expected is not None and tag != expected:
            raise MalformedMessage(f"expected tag {expected:#x}, found {tag:#x}")
        self.position = position + length
        return tag, position, position + length

    def enter(self, expected: int | None = SEQUENCE) -> "Reader":
        _, start, end = self.span(expected)
        return Reader(self._data, start, end)

    def within(self, start: int, end: int) -> "Reader":
        return Reader(self._data, start, end)

    def slice(self, start: int, end: int) -> bytes:
        return self._data[start:end]

    def integer(self) -> int:
        _, start, end = self.span(INTEGER)
        return self._number(INTEGER, start, end)

    def octets(self) -> bytes:
        _, start, end = self.span(OCTETS)
        return self._data[start:end]

    def oid(self) -> Oid:
        _, start, end = self.span(OBJECT_ID)
        return _decode_oid(self._data[start:end])

    def value(self) -> Value:
        tag, start, end = self.span()
        if tag in _NUMBERS:
            return Value(tag, self._number(tag, start, end))
        if tag in _STRINGS:
            return Value(tag, self._data[start:end])
        if tag == OBJECT_ID:
            return Value(tag, _decode_oid(self._data[start:end]))
        if tag in _EMPTY:
            return Value(tag)
        raise MalformedMessage(f"no SNMP type has tag {tag:#x}")

    def _number(self, tag: int, start: int, end: int) -> int:
        if not 1 <= end - start <= 9:  # noqa: PLR2004 - Counter64 and its leading zero
            raise MalformedMessage("an integer is empty or too long")
        return int.from_bytes(self._data[start:end], "big", signed=tag == INTEGER)


@lru_cache(maxsize=16384)
def _decode_oid(body: bytes) -> Oid:
    if not body or body[-1] & 0x80:
        raise MalformedMessage("an object identifier is empty or cut off")
    arcs: list[int] = []
    arc = 0
    for octet in body:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    if len(arcs) > _MAX_ARCS or max(arcs) >= 2**32 + 80:
        raise MalformedMessage("an object identifier is too long")
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])
