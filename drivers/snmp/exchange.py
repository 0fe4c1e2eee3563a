"""Questions and answers over UDP: many at once, each told from the others by its request-id and by where it was sent.

The table of what is outstanding is held in arrays, so that a whole batch of answers is matched in some steps. What comes that
nobody waits for is counted by reason, and changes nothing.
"""

import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from drivers.snmp import ber, lockstep
from drivers.snmp.asking import FIRST_ID, LAST_ID
from drivers.snmp.bulk import SLOT_OCTETS, SOURCE_OCTETS, BulkSocket, Packet, host_of
from drivers.snmp.errors import BerError
from drivers.snmp.lockstep import Flags, Heads, Places, Words
from drivers.snmp.speech import Refused, Verdict

PLACES = 2**15
"""Questions that may be outstanding at once."""
FRESH_LEAST_S, FRESH_MOST_S = 0.02, 0.25
FRESH_ROUND_TRIPS = 4
MAX_TRIES = 3
"""Of one question, because the engine told first who it is and then what time it has."""
_NONE = -(2**62)
"""No id that an answer can bear."""
_FIRST_GENERATION = FIRST_ID // PLACES
_GENERATIONS = (LAST_ID + 1) // PLACES


class Question(Protocol):
    """One datagram to be sent, and who waits for its answer."""

    @property
    def address(self) -> bytes: ...

    @property
    def secured(self) -> bool:
        """Only an SNMPv3 message can be the answer."""
        ...

    def packet(self, request_id: int) -> Packet: ...

    def open(self, datagram: bytes) -> tuple[int, bytes | Verdict | Refused]:
        """Of an SNMPv3 message: its id, and its PDU or what else it is. Raises `BerError`."""
        ...


Q = TypeVar("Q", bound=Question)


@dataclass(frozen=True, slots=True)
class Arrival(Generic[Q]):
    """Answers that came together, the n-th one to `asked[n]`."""

    words: Words
    asked: Sequence[Q]
    heads: Heads


@dataclass(slots=True)
class _Outstanding(Generic[Q]):
    question: Q
    timeout: float
    """Seconds."""
    misread: str = ""
    """What came in its stead from the same address."""
    tries: int = 0
    """How often its engine has told what was missing."""


class Exchange(Generic[Q]):
    """One socket. Used by one thread at a time."""

    def __init__(self, family: socket.AddressFamily, drops: Counter[str]) -> None:
        self.socket = BulkSocket(family)
        self.words = Words.of(self.socket.arena)
        self.drops = drops
        self._round_trip = 0.05
        self._outstanding: list[_Outstanding[Q] | None] = [None] * PLACES
        self._free = list(range(PLACES - 1, -1, -1))
        self._generation = [_FIRST_GENERATION + number % 251 for number in range(PLACES)]
        self._id = np.full(PLACES, _NONE)
        self._answered = np.full(PLACES, _NONE)
        """The last request-id of each place that was answered."""
        self._sent = np.full(PLACES, -np.inf)
        self._expires = np.full(PLACES, np.inf)
        self._suspect = np.zeros(PLACES, np.bool_)
        self._secured = np.zeros(PLACES, np.bool_)
        self._address = np.zeros((PLACES, SOURCE_OCTETS // 8), np.uint64)
        self._outbox: list[tuple[int, Packet]] = []
        self.refused: list[tuple[Q, str]] = []
        """Questions that an engine will not answer to us, and why."""

    @property
    def unsent(self) -> bool:
        return bool(self._outbox)

    @property
    def room(self) -> int:
        """Questions that can be outstanding beside those that are."""
        return len(self._free)

    def fresh(self, now: float, suspect: bool) -> int:
        """Questions of this kind asked so lately that their answers may all come at once; those not sent yet among them.

        Older ones are probably lost, and hold nobody up.
        """
        spell = min(max(FRESH_ROUND_TRIPS * self._round_trip, FRESH_LEAST_S), FRESH_MOST_S)
        lately = (self._sent > now - spell) & (self._suspect == suspect)
        return int(np.count_nonzero(lately)) + sum(bool(self._suspect[place]) is suspect for place, _ in self._outbox)

    def outstanding(self) -> list[Q]:
        return [entry.question for entry in self._outstanding if entry is not None]

    def next_expiry(self) -> float:
        return float(self._expires.min())

    def ask(self, question: Q, timeout: float, *, suspect: bool) -> None:
        """Goes out with the next `flush`. `suspect`: probably in vain."""
        self._ask(_Outstanding(question, timeout), suspect=suspect)

    def _ask(self, entry: "_Outstanding[Q]", *, suspect: bool) -> None:
        place = self._free.pop()
        generation = self._generation[place]
        self._generation[place] = generation + 1 if generation + 1 < _GENERATIONS else _FIRST_GENERATION
        request_id = generation * PLACES + place
        self._outbox.append((place, entry.question.packet(request_id)))
        self._outstanding[place] = entry
        self._id[place] = request_id
        self._expires[place] = np.inf
        self._secured[place] = entry.question.secured
        self._suspect[place] = suspect

    def flush(self) -> Iterator[tuple[Q, OSError]]:
        """Send what is to be asked; what cannot be sent at all comes back. What the kernel has no room for goes out next time."""
        outbox, self._outbox = self._outbox, []
        while outbox:
            places = np.array([place for place, _ in outbox], np.int64)
            addresses = self._addresses(places)
            try:
                count = self.socket.send([packet for _, packet in outbox], self._id[places].astype(np.uint32), addresses)
            except OSError as error:
                yield self._give_up(outbox[0][0]), error
                outbox = outbox[1:]
                continue
            now, gone = time.monotonic(), places[:count]
            self._sent[gone] = now
            self._expires[gone] = now + np.array([self._timeout(place) for place in gone.tolist()])
            outbox = outbox[count:]
            if outbox:
                self._outbox = outbox
                return

    def _timeout(self, place: int) -> float:
        found = self._outstanding[place]
        return 0.0 if found is None else found.timeout

    def _addresses(self, places: Places) -> np.ndarray:
        octets = b"".join(found.question.address for place in places.tolist() if (found := self._outstanding[place]) is not None)
        table = np.frombuffer(octets, np.uint8).reshape(len(places), SOURCE_OCTETS)
        self._address[places] = table.view(np.uint64)
        return table

    def _give_up(self, place: int) -> Q:
        found = self._outstanding[place]
        assert found is not None  # noqa: S101
        self._release(np.array([place]))
        return found.question

    def _release(self, places: Places) -> None:
        self._sent[places], self._expires[places] = -np.inf, np.inf
        self._id[places] = _NONE
        for place in places.tolist():
            self._outstanding[place] = None
            self._free.append(place)

    def expired(self, now: float) -> list[tuple[Q, str]]:
        """Questions without an answer in time, each with what was wrong with what came instead ("": nothing came)."""
        places = np.flatnonzero((self._expires <= now) & (self._sent > -np.inf))
        found = [entry for place in places.tolist() if (entry := self._outstanding[place]) is not None]
        self._release(places)
        return [(entry.question, entry.misread) for entry in found]

    def receive(self, now: float) -> Arrival[Q] | None:
        """What has come now; None when nothing has, or no slot is left."""
        first, last = self.socket.receive()
        if first == last:
            return None
        slots = np.arange(first, last)
        starts, lengths = slots * SLOT_OCTETS, self.socket.lengths(first, last)
        heads = lockstep.messages(self.words, starts, lengths)
        for row in np.flatnonzero(heads.version_3).tolist():
            self._open(slots[row], starts[row], lengths[row], heads, row)
        return self._matched(slots, lengths, heads, now)

    def _matched(self, slots: Places, lengths: Places, heads: Heads, now: float) -> Arrival[Q]:
        places = heads.request_id % PLACES
        awaited = heads.sound & (heads.request_id == self._id[places])
        sources = np.ascontiguousarray(self.socket.sources[slots]).view(np.uint64)
        from_there = (sources == self._address[places]).all(axis=1)
        mine = awaited & from_there & (heads.opened == self._secured[places])
        if not mine.all():
            self._account(slots, lengths, heads, awaited, mine, from_there)
        _, once = np.unique(heads.request_id[mine], return_index=True)
        rows = np.flatnonzero(mine)[np.sort(once)]
        self.drops["duplicate"] += int(mine.sum()) - len(rows)
        places = places[rows]
        if len(rows):
            self._round_trip += 0.1 * (float((now - self._sent[places]).mean()) - self._round_trip)
        asked = [entry.question for place in places.tolist() if (entry := self._outstanding[place]) is not None]
        ids = heads.request_id[rows]
        self._answered[places] = ids
        self._release(places)
        return Arrival(self.words, asked, heads.rows(rows))

    def _open(self, slot: int, start: int, length: int, heads: Heads, row: int) -> None:
        """An SNMPv3 message: what is inside takes its place in the arena, and its head the place of the head."""
        datagram = self.words.octets(start, start + length)
        try:
            message_id = ber.v3_header(datagram).message_id
        except BerError:
            return
        place = message_id % PLACES
        entry = self._outstanding[place]
        heads.request_id[row] = message_id
        if entry is None or message_id != self._id[place] or self.socket.sources[slot].tobytes() != entry.question.address:
            heads.sound[row] = True  # as far as it goes: to be counted as late or foreign, whatever it says
            return
        try:
            _, found = entry.question.open(datagram)
        except BerError:
            return
        if isinstance(found, bytes):
            self.words.arena[start : start + len(found)] = np.frombuffer(found, np.uint8)
            heads.put(row, lockstep.responses(self.words, np.array([start]), np.array([start + len(found)])))
            heads.opened[row] = True
        elif isinstance(found, Refused):
            self.refused.append((self._give_up(place), found.why))
            heads.used[row] = True
        elif found is Verdict.AGAIN and entry.tries < MAX_TRIES:
            suspect = bool(self._suspect[place])
            self._give_up(place)
            entry.tries += 1
            self._ask(entry, suspect=suspect)
            heads.used[row] = True

    def _account(  # noqa: PLR0917  one place in this class calls it
        self, slots: Places, lengths: Places, heads: Heads, awaited: Flags, mine: Flags, from_there: Flags
    ) -> None:
        """Count what nobody can use, and remember with a question that something came from its element."""
        for row in np.flatnonzero(~mine & ~heads.used).tolist():
            source = self.socket.sources[slots[row]].tobytes()
            if not heads.sound[row]:
                self.drops["malformed"] += 1
                what = "the answer is too long" if not lengths[row] else "the answer is no SNMP message"
                self._blame(source, what)
            elif awaited[row] and from_there[row]:
                self.drops["in clear"] += 1
            elif awaited[row]:
                self.drops["foreign source"] += 1
                entry = self._outstanding[int(heads.request_id[row] % PLACES)]
                if entry is not None:
                    entry.misread = f"the answer comes from {host_of(source)}; make that its management address"
            elif heads.request_id[row] == self._answered[heads.request_id[row] % PLACES]:
                self.drops["duplicate"] += 1
            else:
                self.drops["late"] += 1

    def _blame(self, source: bytes, what: str) -> None:
        there = np.frombuffer(source, np.uint64)
        for place in np.flatnonzero((self._address == there).all(axis=1) & (self._sent > -np.inf)).tolist():
            if (entry := self._outstanding[place]) is not None:
                entry.misread = what

    def close(self) -> None:
        self.drops["kernel"] += self.socket.kernel_drops
        self.socket.close()
