"""Events put together: what was said of one object by one sender is one piece of evidence, however often it was said.

This is what thousands of events a second go through, so it is done without the database and without the inventory: who is meant is
found out later, once per piece. Bounded; no I/O.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.assurance.events.translation import Event, Sender, Translation, sender_of
from drivers.events.syslog import SyslogLine
from policies.translating import LONGEST_LINE, Said
from policies.translation import PORT, Rule

MOST_PIECES = 20_000
"""Objects spoken of that wait to be looked at; what is said of further ones is dropped and counted."""
MOST_COUNTED = 50_000
"""Objects whose events are counted for rules with a least or a most number."""

MOST_RECENT = 1000

NO_RULE, OF_NO_CONCERN, TOO_FEW, TOO_MANY_OBJECTS = "no-rule", "of-no-concern", "too-few-yet", "too-many-objects"
NOT_UNDERSTOOD = "not-understood"
"""Events over which a rule, or fabd itself, stumbles."""

Key = tuple[Sender, str, str]


@dataclass(slots=True)
class Piece:
    """Evidence: the latest event of its kind about one object, and how often there were such."""

    sender: Sender
    said: Said
    event: Event
    first_at: datetime
    times: int = 1


@dataclass(slots=True)
class _Window:
    since: float
    least: int
    count: int = 0

    @property
    def in_vain(self) -> int:
        return self.count if self.count < self.least else 0


@dataclass
class Intake:
    translation: Translation
    pieces: dict[Key, Piece] = field(default_factory=dict)
    repeated: int = 0
    """Events beyond the most that a rule wants to hear of within its window."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By reason."""
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    """The events taken in last."""
    lost: Counter[str] = field(default_factory=Counter)
    """Senders of events that there was no room for, or that were not understood."""
    stumbled: Exception | None = None
    """Over an event, since somebody looked."""
    _windows: dict[Key, _Window] = field(default_factory=dict)

    def take(self, events: Iterable[Event], now: float) -> None:
        """`now`: monotonic seconds. One that makes trouble is counted, and the others are taken."""
        for event in map(_short, events):
            self.recent.append(event)
            try:
                self._understand(event, now)
            except Exception as error:  # noqa: BLE001  what came with it, and comes after it, has done nothing wrong
                self.stumbled = error
                self.dropped[NOT_UNDERSTOOD] += 1
                self.lost[sender_of(event).name] += 1

    @property
    def waiting(self) -> int:
        """Events that are too few to mean anything yet, and those of pieces that nobody has taken."""
        return sum(window.in_vain for window in self._windows.values()) + sum(piece.times for piece in self.pieces.values())

    def take_lost(self) -> Counter[str]:
        taken, self.lost = self.lost, Counter()
        return taken

    def hand_over(self) -> list[Piece]:
        """All there is; what comes from now on makes new pieces."""
        pieces, self.pieces = self.pieces, {}
        return list(pieces.values())

    def give_back(self, pieces: Iterable[Piece]) -> None:
        """What could not be looked at."""
        for piece in pieces:
            key = (piece.sender, piece.said.rule.name, object_of(piece.said))
            known = self.pieces.setdefault(key, piece)
            if known is not piece:
                known.times, known.first_at = known.times + piece.times, piece.first_at

    def _understand(self, event: Event, now: float) -> None:
        said = self.translation.said(event)
        if said is None:
            self.dropped[NO_RULE] += 1
        elif said.rule.rule.means == "nothing":
            self.dropped[OF_NO_CONCERN] += 1
        else:
            self._take(event, said, now)

    def _take(self, event: Event, said: Said, now: float) -> None:
        key = (sender_of(event), said.rule.name, object_of(said))
        times = self._due(key, said.rule.rule, now)
        if not times:
            return
        known = self.pieces.get(key)
        if known is not None:
            known.said, known.event, known.times = said, event, known.times + times
        elif len(self.pieces) < MOST_PIECES:
            self.pieces[key] = Piece(key[0], said, event, event.received_at, times)
        else:
            self.dropped[TOO_MANY_OBJECTS] += times
            self.lost[key[0].name] += times

    def _due(self, key: Key, rule: Rule, now: float) -> int:
        """How many events this one stands for: none while there are too few, or when there were enough."""
        if rule.at_least == 1 and rule.at_most is None:
            return 1
        window = self._window(key, rule, now)
        window.count += 1
        if window.count < rule.at_least:
            return 0
        if rule.at_most is not None and window.count > rule.at_most:
            self.repeated += 1
            return 0
        return rule.at_least if window.count == rule.at_least else 1

    def _window(self, key: Key, rule: Rule, now: float) -> _Window:
        """Those that stayed too few within their window have come to nothing."""
        known = self._windows.get(key)
        if known is not None and now - known.since < rule.window_s:
            return known
        if known is None and len(self._windows) >= MOST_COUNTED:
            known = self._windows.pop(next(iter(self._windows)))
        if known is not None and known.in_vain:
            self.dropped[TOO_FEW] += known.in_vain
        new = self._windows[key] = _Window(now, rule.at_least)
        return new


def _short(event: Event) -> Event:
    """What stands behind that says nothing more, and anybody may send thousands of lines of 64 KiB."""
    if isinstance(event, SyslogLine) and len(event.text) > LONGEST_LINE:
        return replace(event, text=event.text[:LONGEST_LINE], cut=True)
    return event


def object_of(said: Said) -> str:
    """What tells the objects of one sender and rule apart."""
    rule = said.rule.rule
    if rule.alarm is not None:
        return said.words(rule.alarm.qualifier)
    return said.field(PORT) or said.field("if_index")
