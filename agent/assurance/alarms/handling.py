"""What people do with alarms, and what time does: acknowledge, comment, assign, shelve, clear, group; close, age.

Everything is written into the alarm's history with its author. Acknowledging and clearing by hand change nothing about the state of
services: downtime counts as it was.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.announcing import ALARM_CHANGED
from agent.assurance.alarms.causes import FAILURES, FLAPPING
from agent.assurance.alarms.ledger import Ledger
from agent.assurance.collection.tracks import CAUSES
from agent.assurance.errors import AlarmRefused, UnknownAlarm
from agent.assurance.tables import AlarmRow

SHELF = timedelta(hours=2)
LONGEST_SHELF = timedelta(days=7)
"""Longer is not a shelf but a decision: change what raises the alarm, or announce maintenance."""
MOST_COMMENT = 4000
"""Characters."""
NO_ELEMENT = ":"
"""In the names of what is none, and in no element's: `pool:…`, `service:…`, `daemon:…`. Whoever raises their alarms clears them."""


@dataclass(frozen=True, slots=True)
class Word:
    """Somebody's, with the comment that goes with it."""

    by: str
    comment: str = ""
    system: str = ""

    @property
    def detail(self) -> dict[str, str]:
        return {name: text for name, text in (("by", self.by), ("comment", self.comment), ("system", self.system)) if text}


def acknowledge(session: Session, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    """Those that were not yet, with what they are now; raises `UnknownAlarm` or `AlarmRefused`, and then nothing is done."""

    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if alarm.acknowledged_at is not None:
            return False
        alarm.acknowledged_by, alarm.acknowledged_at = word.by, at
        ledger.note(alarm, "acknowledged", word.detail)
        ledger.tell(alarm, passes=True)
        return True

    return _each(session, ids, at, one)


def unacknowledge(session: Session, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if alarm.acknowledged_at is None:
            return False
        alarm.acknowledged_by = alarm.acknowledged_at = None
        ledger.note(alarm, "unacknowledged", word.detail)
        ledger.tell(alarm, passes=True)
        return True

    return _each(session, ids, at, one)


def comment(session: Session, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    if not word.comment.strip() or len(word.comment) > MOST_COMMENT:
        raise AlarmRefused(f"a comment has 1 to {MOST_COMMENT} characters, this one has {len(word.comment.strip())}")

    def one(ledger: Ledger, alarm: Alarm) -> bool:
        ledger.note(alarm, "commented", word.detail)
        ledger.tell(alarm, passes=True, event=ALARM_CHANGED)
        return True

    return _each(session, ids, at, one)


def assign(session: Session, ids: Iterable[str], to: str | None, word: Word, at: datetime) -> list[Alarm]:
    """None takes it away from whoever has it."""

    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if alarm.assigned_to == to:
            return False
        before, alarm.assigned_to = alarm.assigned_to, to
        ledger.note(alarm, "assigned", {**word.detail, "to": to or "nobody", "from": before or "nobody"})
        ledger.tell(alarm, passes=True, event=ALARM_CHANGED)
        return True

    return _each(session, ids, at, one)


def shelve(session: Session, ids: Iterable[str], word: Word, at: datetime, duration: timedelta = SHELF) -> list[Alarm]:
    """Nobody is told of it for so long; its state goes on. It stays on the shelf when it clears and comes back meanwhile."""
    if not timedelta() < duration <= LONGEST_SHELF:
        raise AlarmRefused(
            f"an alarm is shelved for at least a second and at most {LONGEST_SHELF.days} days; say how long within that"
        )
    until = at + duration

    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if not alarm.stands:
            raise AlarmRefused(f"{alarm.id} ({alarm.text}) has cleared; only what stands can be shelved")
        alarm.shelved_by, alarm.shelved_until = word.by, until
        alarm.muted, alarm.muted_until = ledger.held_back(alarm)
        ledger.note(alarm, "shelved", {**word.detail, "until": until.isoformat()})
        ledger.tell(alarm, passes=True, event=ALARM_CHANGED)
        return True

    return _each(session, ids, at, one)


def unshelve(session: Session, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if alarm.shelved_until is None:
            return False
        take_down(ledger, alarm, word.detail)
        return True

    return _each(session, ids, at, one)


def take_down(ledger: Ledger, alarm: Alarm, detail: dict[str, str]) -> None:
    """From the shelf: what was not told meanwhile is told."""
    alarm.shelved_by = alarm.shelved_until = None
    ledger.note(alarm, "unshelved", detail)
    ledger.unmute(alarm)
    ledger.tell(alarm, event=ALARM_CHANGED)


def clear(session: Session, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    """By hand. A failure that is still found with the next reading raises the same alarm again.

    Failures of ports and elements are refused: their state is what was read, and services follow it.
    """

    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if not alarm.stands:
            return False
        if alarm.cause in FAILURES or alarm.cause == FLAPPING:
            raise AlarmRefused(
                f"{alarm.id} ({alarm.text}) is read from the element and clears when it reads well; "
                f"acknowledge or shelve it, or take {alarm.element} out of the inventory"
            )
        ledger.close(alarm, "cleared by hand", **word.detail)
        return True

    return _each(session, ids, at, one)


def group(session: Session, parent: str, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    """Under one of them, by somebody's word. A group has one level: the parent has no parent."""
    wanted = list(ids)
    head = _fetched(Ledger(session, at), [parent])[0]
    if head.parent_id is not None:
        raise AlarmRefused(f"{parent} belongs to the group of {head.parent_id} itself; group under that one")
    if parent in wanted:
        raise AlarmRefused(f"{parent} cannot be grouped under itself")

    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if alarm.parent_id == parent:
            return False
        alarm.parent_id = parent
        ledger.note(alarm, "grouped", {**word.detail, "under": parent})
        ledger.tell(alarm, passes=True, event=ALARM_CHANGED)
        return True

    return _each(session, wanted, at, one)


def ungroup(session: Session, ids: Iterable[str], word: Word, at: datetime) -> list[Alarm]:
    def one(ledger: Ledger, alarm: Alarm) -> bool:
        if alarm.parent_id is None:
            return False
        before, alarm.parent_id = alarm.parent_id, None
        ledger.note(alarm, "ungrouped", {**word.detail, "from": before})
        ledger.tell(alarm, passes=True, event=ALARM_CHANGED)
        return True

    return _each(session, ids, at, one)


def close_unwatched(session: Session, elements: AbstractSet[str], ports: AbstractSet[str], at: datetime) -> list[Alarm]:
    """Clear the alarms of elements that have left the inventory and of ports (element/port) that nobody watches any more."""
    keys = select(AlarmRow.id, AlarmRow.element, AlarmRow.object, AlarmRow.cause, AlarmRow.source)
    standing = session.execute(keys.where(AlarmRow.cleared_at.is_(None)))
    gone = [row.id for row in standing if not row.source and not _is_watched(row.element, row.object, row.cause, elements, ports)]
    if not gone:
        return []
    ledger = Ledger(session, at)
    alarms = _fetched(ledger, gone)
    for alarm in alarms:
        known = alarm.element in elements
        ledger.close(alarm, f"{alarm.reference} is not watched any more" if known else f"{alarm.element} has left the inventory")
    ledger.write()
    return alarms


def close_conditions(session: Session, reasons: Mapping[tuple[str, str, str], str], at: datetime) -> list[Alarm]:
    """Clear what stands of elements, by element, cause and qualifier: nobody would find out that it is over."""
    elements, causes = ({key[place] for key in reasons} for place in (0, 1))
    standing = select(AlarmRow.id, AlarmRow.element, AlarmRow.cause, AlarmRow.qualifier).where(
        AlarmRow.element.in_(sorted(elements)),
        AlarmRow.cause.in_(sorted(causes)),
        AlarmRow.object == "",
        AlarmRow.source == "",
        AlarmRow.cleared_at.is_(None),
    )
    found = {row.id: why for row in session.execute(standing) if (why := reasons.get((row.element, row.cause, row.qualifier)))}
    if not found:
        return []
    ledger = Ledger(session, at)
    alarms = _fetched(ledger, list(found))
    for alarm in alarms:
        ledger.close(alarm, found[alarm.id])
    ledger.write()
    return alarms


def _is_watched(element: str, port: str, cause: str, elements: AbstractSet[str], ports: AbstractSet[str]) -> bool:
    if NO_ELEMENT in element:
        return True
    if element not in elements:
        return False
    return not port or cause not in {*FAILURES, FLAPPING, *CAUSES} or f"{element}/{port}" in ports


def _each(session: Session, ids: Iterable[str], at: datetime, act: Callable[[Ledger, Alarm], bool]) -> list[Alarm]:
    """Act on all or, when it refuses one, on none; gives those that it changed."""
    ledger = Ledger(session, at)
    changed = [alarm for alarm in _fetched(ledger, list(dict.fromkeys(ids))) if act(ledger, alarm)]
    ledger.write()
    return changed


def _fetched(ledger: Ledger, ids: Sequence[str]) -> list[Alarm]:
    ledger.fetch(ids)
    found = []
    for key in ids:
        alarm = ledger.get(key)
        if alarm is None:
            raise UnknownAlarm(key)
        found.append(alarm)
    return found
