"""Many answers read at once: step k reads the k-th variable binding of every answer. Pure.

All answers lie in one array of octets and were asked for the same columns, of any ports. A step compares what every answer names
with what it was asked, takes type, length and value, and moves on; so the cost of a step is that of some operations on arrays,
whatever the number of answers. An answer that is not exactly what was asked for in form is left out and read by
`drivers.snmp.response`, which says why. Wrong numbers cannot come of that: a value counts only if identifier, type, length and all
the lengths around it fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from drivers.snmp import asking, oids
from drivers.snmp.asking import prefix_of
from drivers.snmp.columns import COLUMN_OID, NAME_OID, NARROW, NARROW_OID, Column

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint64]
Octets = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
"""Positions in the array of octets."""

NAME_WORDS = 4
MAX_NAME = 8 * NAME_WORDS
"""Longer names are read one by one."""

_SEQUENCE, _INTEGER, _OCTETS, _OID, _RESPONSE = 0x30, 0x02, 0x04, 0x06, 0xA2
_COUNTER64 = 0x46
_NARROW_TAGS = (_INTEGER, 0x41, 0x42, 0x43)
"""Whole numbers of 32 bits; agents do not always keep to the one of the MIB."""
_ABSENT_TAGS = (0x80, 0x81, 0x82)
_CUT_SHORT = 0x00
"""No type of SNMP's."""
_LONG_FORM = 0x80
_LENGTH_LIMIT = 4
_OID_IN_FIRST, _OID_IN_SECOND = 4, 12
"""Octets of the identifier that the first word of a binding holds, and those that the first two do."""
_MAX_INDEX_OCTETS = 5
_NARROW, _WIDE = 4, 8


def _table(tags: Sequence[int]) -> Flags:
    table = np.zeros(256, np.bool_)
    table[list(tags)] = True
    return table


_IS_NARROW, _IS_WIDE, _IS_ABSENT = _table(_NARROW_TAGS), _table([_COUNTER64]), _table(_ABSENT_TAGS)
_LOW = np.array([2 ** (8 * min(octets, 8)) - 1 for octets in range(256)], np.uint64)
"""The lowest n octets of a word."""
_U = np.uint64


@dataclass(frozen=True)
class Words:
    """The array of octets as words that begin at any octet, in both orders of octets."""

    arena: Octets
    little: Numbers
    big: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, arena: Octets) -> "Words":
        count = (len(arena) - 7,)
        return cls(arena, np.ndarray(count, "<u8", arena, strides=(1,)), np.ndarray(count, ">u8", arena, strides=(1,)))

    def octets(self, first: int, last: int) -> bytes:
        return self.arena[first:last].tobytes()

    def numbers(self, at: Places) -> Numbers:
        """The eight octets from each place, the first one highest."""
        return self.big[at].astype(np.uint64)


@dataclass(frozen=True)
class Heads:
    """What stands before the variable bindings of each message. Where `sound` is false the rest means nothing."""

    sound: Flags
    pdu: Places
    request_id: npt.NDArray[np.int64]
    status: npt.NDArray[np.int64]
    bindings: Places
    end: Places
    version_3: Flags
    """To be opened first."""
    opened: Flags
    """It was encrypted."""
    used: Flags
    """Of no more interest."""

    def rows(self, rows: Places) -> "Heads":
        return Heads(*(getattr(self, each.name)[rows] for each in fields(self)))

    def put(self, row: int, head: "Heads") -> None:
        """`head`: of one message."""
        for each in fields(self):
            getattr(self, each.name)[row] = getattr(head, each.name)[0]


def messages(words: Words, starts: Places, lengths: npt.NDArray[np.int64]) -> Heads:
    """The heads of SNMPv2c messages, each of `lengths` octets from `starts`."""
    end = starts + lengths
    first = words.little[starts]
    size, head, sound = _length_at(words, starts + 1)
    sound &= (first & _U(0xFF)) == _SEQUENCE
    greeting = starts + 1 + head
    sound &= (greeting + size == end) & (lengths > _SHORTEST)
    greeting = np.where(sound, greeting, starts)
    opening = words.little[greeting]
    version_3 = sound & ((opening & _U(0xFFFFFF)) == _VERSION_3)
    sound &= (opening & _U(0xFFFFFFFF)) == _VERSION_2
    community = ((opening >> _U(32)) & _U(0xFF)).astype(np.int64)
    pdu = greeting + 5 + community
    sound &= (community < _LONG_FORM) & (pdu < end)
    return _responses(words, np.where(sound, pdu, starts), end, sound, version_3)


def responses(words: Words, pdu: Places, end: Places) -> Heads:
    """The same from the PDU on, as decryption leaves it."""
    return _responses(words, pdu, end, end - pdu > _SHORTEST_PDU, np.zeros(len(pdu), np.bool_))


_SHORTEST, _SHORTEST_PDU = 28, 16
_VERSION_2, _VERSION_3 = 0x04010102, 0x030102  # 02 01 01 04 and 02 01 03, lowest octet first
_ID_HEAD, _STATUS_HEAD = 0x0402, 0x0102


def _responses(words: Words, pdu: Places, end: Places, sound: Flags, version_3: Flags) -> Heads:
    sound = sound & ((words.little[pdu] & _U(0xFF)) == _RESPONSE)
    size, head, fits = _length_at(words, pdu + 1)
    body = pdu + 1 + head
    sound &= fits & (body + size == end)
    body = np.where(sound, body, pdu)
    identity = words.little[body]
    sound &= (identity & _U(0xFFFF)) == _ID_HEAD
    request_id = ((words.numbers(body) >> _U(16)) & _U(0xFFFFFFFF)).astype(np.int64)
    state = words.little[body + 6]
    sound &= (state & _U(0xFFFF)) == _STATUS_HEAD
    status = ((state >> _U(16)) & _U(0xFF)).astype(np.int64)
    sound &= ((state >> _U(24)) & _U(0xFF)) == _INTEGER
    index_octets = ((state >> _U(32)) & _U(0xFF)).astype(np.int64)
    sound &= index_octets <= _LENGTH_LIMIT
    listed = np.where(sound, body + 11 + index_octets, pdu)
    sound &= (words.little[listed] & _U(0xFF)) == _SEQUENCE
    size, head, fits = _length_at(words, listed + 1)
    bindings = listed + 1 + head
    sound &= fits & (bindings + size == end)
    bindings, no = np.where(sound, bindings, pdu), np.zeros(len(pdu), np.bool_)
    return Heads(sound, pdu, request_id, status, bindings, end.copy(), version_3, no.copy(), no)


def _length_at(words: Words, at: Places) -> tuple[Places, Places, Flags]:
    """Length, octets that tell it, and whether they do."""
    word = words.numbers(at)
    first = word >> _U(56)
    octets = first & _U(0x7F)
    short = first < _LONG_FORM
    long = (word << _U(8)) >> (_U(64) - _U(8) * np.minimum(octets, _U(7)))
    size = np.where(short, first, long).astype(np.int64)
    head = np.where(short, _U(1), octets + _U(1)).astype(np.int64)
    return size, head, short | ((octets > 0) & (octets <= _LENGTH_LIMIT))


def starts_with(words: Words, at: Places, expected: Numbers, octets: Places) -> Flags:
    """Whether the `octets` from each place are those of `expected`, shape (places, words), lowest octet first and zeros behind."""
    same = np.ones(len(at), np.bool_)
    for number in range(expected.shape[1]):
        mask = _LOW[np.clip(octets - 8 * number, 0, 8)]
        # past the end of short ones nothing is compared, and nothing is read
        place = np.where(mask > 0, at + 8 * number, at)
        same &= (words.little[place] & mask) == expected[:, number]
    return same


@dataclass(frozen=True)
class Indices:
    """Ports as identifiers end with them: shape (ports,)."""

    octets: npt.NDArray[np.int64]
    """How many the ifIndex takes."""
    word: Numbers
    """Those octets, the first one lowest."""

    @classmethod
    def of(cls, if_index: npt.NDArray[np.int64]) -> "Indices":
        value = if_index.astype(np.uint64)
        octets = np.ones(len(value), np.int64)
        for group in range(1, _MAX_INDEX_OCTETS):
            octets += value >= _U(2 ** (7 * group))
        word = np.zeros(len(value), np.uint64)
        for group in range(_MAX_INDEX_OCTETS):
            part = (value >> _U(7 * group)) & _U(0x7F)
            place = octets - 1 - group
            more = np.where(group > 0, _U(0x80), _U(0))
            word |= np.where(place >= 0, (part | more) << (_U(8) * np.maximum(place, 0).astype(np.uint64)), _U(0))
        return cls(octets, word)


@dataclass(frozen=True)
class Names:
    """Expected names: shape (ports,) and (ports, words)."""

    octets: npt.NDArray[np.int64]
    """0 accepts any; more than MAX_NAME cannot be compared here."""
    words: Numbers

    @classmethod
    def of(cls, names: Sequence[str]) -> "Names":
        encoded = [name.encode() for name in names]
        octets = np.array([len(name) for name in encoded], np.int64)
        padded = np.array(encoded, f"S{MAX_NAME}") if encoded else np.zeros(0, f"S{MAX_NAME}")
        return cls(octets, padded.view("<u8").reshape(len(encoded), NAME_WORDS).astype(np.uint64))


class Layout:
    """What is asked of every port, in this order and the name last: a port that an answer was cut short in lacks it."""

    def __init__(self, columns: Sequence[Column], *, narrow: bool = False) -> None:
        """`narrow`: with octet counters of 32 bits."""
        self.columns, self.narrow = tuple(columns), narrow
        oids_of = {**COLUMN_OID, **NARROW_OID} if narrow else COLUMN_OID
        self.prefixes = tuple(prefix_of(oid) for oid in (*(oids_of[column] for column in columns), NAME_OID))
        self._steps = tuple(_Expected.of(prefix) for prefix in self.prefixes)
        self._uptime = _Expected.of(prefix_of(oids.SYS_UPTIME))
        self._kinds = tuple(_IS_NARROW if narrow or column in NARROW else _IS_WIDE for column in columns)

    @property
    def objects(self) -> int:
        """Of each port."""
        return len(self.prefixes)

    def request(self, indices: Sequence[int]) -> bytes:
        return asking.of_ports(self.prefixes, indices)

    def read(self, words: Words, heads: tuple[Places, Places], ports: Places, counts: Places, about: "Ports") -> "Reading":
        """`heads`: where each answer's bindings begin and end. `ports`: shape (answers, most), rows of `about`, of which the first
        `counts` were asked for; answers come with falling counts.
        """
        at, end = heads
        reading = Reading.empty(len(self.columns), ports.shape[1], len(at))
        place = at.copy()
        none = np.zeros(len(at), np.int64)
        tag, size, content = self._uptime.step(words, place, end, reading.sound, none, none.astype(np.uint64))
        reading.uptime[:] = words.numbers(content + size - 8) & _LOW[size]
        sound = reading.sound
        sound &= _IS_NARROW[tag] & _fits_narrow(tag, size, reading.uptime)
        for number in range(ports.shape[1]):
            live = int(np.searchsorted(-counts, -number, side="left"))
            rows = ports[:live, number]
            self._port(words, place[:live], end[:live], reading.part(number, live), about, rows)
        sound &= place == end
        return reading

    def _port(  # noqa: PLR0917  one place calls it
        self, words: Words, place: Places, end: Places, into: "_PortReading", about: "Ports", rows: Places
    ) -> None:
        octets, index = about.indices.octets[rows], about.indices.word[rows]
        for number, (step, kinds) in enumerate(zip(self._steps, self._kinds, strict=False)):
            tag, size, content = step.step(words, place, end, into.sound, octets, index)
            value = words.numbers(content + size - 8) & _LOW[size]
            good = kinds[tag] & (_fits_narrow(tag, size, value) if kinds is _IS_NARROW else _fits_wide(words, content, size, value))
            into.present[number] = good
            into.wrong[number] = ~good & ~(_IS_ABSENT[tag] & (size == 0))
            np.multiply(value, good, out=into.values[number])
        tag, size, content = self._steps[-1].step(words, place, end, into.sound, octets, index)
        there = tag == _OCTETS
        into.named[:] = there
        sound = into.sound
        sound &= there | (tag == _CUT_SHORT) | (_IS_ABSENT[tag] & (size == 0))
        into.name_at[:], into.name_octets[:] = content, size
        expected = about.names.octets[rows]
        wanted = np.minimum(expected, MAX_NAME)
        same = (size == expected) & starts_with(words, content, about.names.words[rows, : about.name_words], wanted)
        into.expected[:] = there & same & (expected <= MAX_NAME)


@dataclass(frozen=True)
class Ports:
    """All that is asked for in one cycle, by row."""

    indices: Indices
    names: Names

    @property
    def name_words(self) -> int:
        """As many as the longest name takes."""
        longest = int(self.names.octets.max(initial=1))
        return min(NAME_WORDS, max(1, -(-longest // 8)))


@dataclass(frozen=True)
class _PortReading:
    sound: Flags
    values: Numbers
    present: Flags
    wrong: Flags
    named: Flags
    expected: Flags
    name_at: Places
    name_octets: Places


@dataclass(frozen=True)
class Reading:
    """What stood in the answers: columns and ports first, so that every step writes what lies together."""

    sound: Flags
    """(answers,) Where false, nothing else may be used."""
    uptime: Numbers
    values: Numbers
    """(columns, ports, answers); 0 where not present."""
    present: Flags
    wrong: Flags
    """A value of another type than the column's."""
    named: Flags
    """(ports, answers) The port is there."""
    expected: Flags
    """Its name is the expected one."""
    name_at: Places
    name_octets: Places

    @classmethod
    def empty(cls, columns: int, ports: int, answers: int) -> "Reading":
        shape, flat = (columns, ports, answers), (ports, answers)
        return cls(
            sound=np.ones(answers, np.bool_),
            uptime=np.zeros(answers, np.uint64),
            values=np.zeros(shape, np.uint64),
            present=np.zeros(shape, np.bool_),
            wrong=np.zeros(shape, np.bool_),
            named=np.zeros(flat, np.bool_),
            expected=np.zeros(flat, np.bool_),
            name_at=np.zeros(flat, np.int64),
            name_octets=np.zeros(flat, np.int64),
        )

    def part(self, port: int, live: int) -> _PortReading:
        return _PortReading(
            self.sound[:live],
            self.values[:, port, :live],
            self.present[:, port, :live],
            self.wrong[:, port, :live],
            self.named[port, :live],
            self.expected[port, :live],
            self.name_at[port, :live],
            self.name_octets[port, :live],
        )


@dataclass(frozen=True)
class _Expected:
    """One object's identifier, as the words of a binding hold it."""

    octets: int
    """Of the prefix."""
    first: np.uint64
    second: np.uint64

    @classmethod
    def of(cls, prefix: bytes) -> "_Expected":
        if not _OID_IN_FIRST <= len(prefix) <= _OID_IN_SECOND:
            raise ValueError(f"identifiers of {len(prefix)} octets before the index cannot be read in lock-step")
        first = _SEQUENCE | _OID << 16 | int.from_bytes(prefix[:4], "little") << 32
        return cls(len(prefix), _U(first), _U(int.from_bytes(prefix[4:], "little")))

    def step(  # noqa: PLR0917  see above
        self, words: Words, place: Places, end: Places, sound: Flags, octets: Places, index: Numbers
    ) -> tuple[Places, Places, Places]:
        """Type, length and place of the value of the binding at `place`; moves `place` behind it and marks what does not fit.

        An answer may end before all was answered: from there on its types are `_CUT_SHORT`.
        """
        word = words.little[place]
        whole = octets + self.octets
        fits = (word & _U(0xFFFFFFFFFFFF00FF)) == (self.first | (whole.astype(np.uint64) << _U(24)))
        in_second = np.minimum(whole - _OID_IN_FIRST, 8)
        second = self.second | (index << _U(8 * (self.octets - _OID_IN_FIRST)))
        mask = _LOW[in_second]
        fits &= (words.little[place + 8] & mask) == (second & mask)
        if int(whole.max(initial=0)) > _OID_IN_SECOND:
            mask = _LOW[np.maximum(whole - _OID_IN_SECOND, 0)]
            rest = index >> _U(8 * (_OID_IN_SECOND - self.octets))
            fits &= (words.little[place + 16] & mask) == (rest & mask)
        at = place + 4 + whole
        head = words.little[at]
        tag = (head & _U(0xFF)).astype(np.int64)
        size = ((head >> _U(8)) & _U(0xFF)).astype(np.int64)
        announced = ((word >> _U(8)) & _U(0xFF)).astype(np.int64)
        content = at + 2
        fits &= (announced == whole + size + 4) & (announced < _LONG_FORM) & (content + size <= end)
        over = place == end
        sound &= fits | over
        # what does not fit stays where it is, so that it cannot lead out of the array
        fits &= ~over
        np.copyto(place, content + size, where=fits)
        return np.where(over, _CUT_SHORT, tag), np.where(fits, size, 0), np.where(fits, content, place)


def _fits_narrow(tag: Places, size: Places, value: Numbers) -> Flags:
    """Up to 32 bits. Agents that leave out the zero octet before a first bit that is set mean no negative number, save for
    INTEGER.
    """
    positive = (value >> _SIGN[size]) == 0
    fits: Flags = (size > 0) & (size <= _WIDE) & (value < _U(2**32)) & (positive | ((size == _NARROW) & (tag != _INTEGER)))
    return fits


def _fits_wide(words: Words, content: Places, size: Places, value: Numbers) -> Flags:
    """Up to 64 bits, with or without the zero octet before them."""
    leading = words.little[content] & _U(0xFF)
    positive = (value >> _SIGN[size]) == 0
    fits: Flags = ((size > 0) & (size < _WIDE) & positive) | (size == _WIDE) | ((size == _WIDE + 1) & (leading == 0))
    return fits


_SIGN = np.array([8 * min(max(octets, 1), 8) - 1 for octets in range(256)], np.uint64)
"""The place of the first bit of a number of n octets."""
