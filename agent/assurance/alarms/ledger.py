"""Alarms of one transaction: worked on in memory, written together in a few statements however many they are.

A ledger takes the one turn of writing alarms, so what it has read stays true until its transaction ends. What is told of an alarm
is told once per transaction, as it stands at its end, and only where nothing holds the news back: a shelf, damping or maintenance.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import bindparam, insert, literal, select, update
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import FIELDS, PENDING, Alarm, alarm_id, chunks, load_ids
from agent.assurance.alarms.announcing import ALARM_CHANGED, ALARM_CREATED, ALARM_STATE, alarm_event
from agent.assurance.alarms.causes import FAILURES, FLAPPING, PROBABLE, meaning_of, text_of
from agent.assurance.alarms.mark import take_turn
from agent.assurance.findings import Finding, Meaning
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObservationRow
from crm_bridge.outbox import publish_all
from inventory.db import Base
from inventory.maintenance import Calendar
from policies.values import Severity, new_id

ROOT = "root"
SPEAKS_FOR_ITSELF = "speaks for itself"
FIRST_RULE = "waits for its cause to be decided"
MAINTENANCE = "maintenance"
"""What the reason begins with, where announced work holds news back."""
OWN = ("link", "lost", "because")
"""In `why`: what a finding says of its grounds, kept whatever is thought of its place among causes."""
RAISED, CHANGED = "raised", "changed"
"""What of an alarm waits to be told."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """An alarm's place among causes, with its explanation."""

    standing: str
    problem_id: str | None
    why: Mapping[str, Any]


@dataclass(slots=True)
class _News:
    event: str
    raised: bool
    """An occurrence began."""
    passes: bool
    """Whatever holds others back."""


@dataclass
class _Unwritten:
    new: dict[str, Alarm] = field(default_factory=dict)
    changed: dict[str, Alarm] = field(default_factory=dict)
    observations: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    news: dict[str, _News] = field(default_factory=dict)
    judged: list[tuple[Judgement, list[str], list[str]]] = field(default_factory=list)
    """With whom it is news to, and whose rows are not written for another reason."""

    def all_ids(self) -> Iterator[str]:
        yield from self.new
        yield from self.changed
        for _, _, silent in self.judged:
            yield from silent


class Ledger:
    """Who changes an alarm otherwise than by a finding (`flapping`, `handling`) sets its fields and uses `note` and `tell`."""

    def __init__(self, session: Session, at: datetime, hold: timedelta = timedelta()) -> None:
        """`hold`: how long silence waits before its cause is decided."""
        self.session, self.at, self._hold = session, at, hold
        self.turn = take_turn(session)
        self._known: dict[str, Alarm] = {}
        self._unwritten = _Unwritten()
        self._calendar: Calendar | None = None
        self._stamp = new_id("", at)[1:11]

    def recall(self, alarms: Iterable[Alarm]) -> None:
        """Those that somebody has in memory already, and that are as the database has them."""
        self._known.update((alarm.id, alarm) for alarm in alarms)

    def fetch(self, ids: Iterable[str]) -> None:
        """Read what is not known yet, in few questions."""
        self.recall(load_ids(self.session, [each for each in ids if each not in self._known]))

    def fetch_for(self, findings: Iterable[Finding]) -> None:
        """All that these may change."""
        keys = set()
        for finding in findings:
            if (meaning := meaning_of(finding)) is not None:
                keys.add(_id_of(finding, meaning))
                if meaning.cause in FAILURES:
                    keys.add(alarm_id(finding.element, finding.object, FLAPPING))
        self.fetch(keys)

    def get(self, key: str) -> Alarm | None:
        return self._known.get(key)

    def of(self, finding: Finding) -> Alarm | None:
        """The alarm that the finding speaks of, standing or not, if it was fetched."""
        meaning = meaning_of(finding)
        return None if meaning is None else self.get(_id_of(finding, meaning))

    def flapping(self, alarm: Alarm) -> Alarm | None:
        """The alarm that tells of its flapping, while it stands."""
        if alarm.cause not in FAILURES or not alarm.penalty:
            return None
        found = self._known.get(alarm_id(alarm.element, alarm.object, FLAPPING))
        return found if found is not None and found.stands else None

    def observe(self, finding: Finding) -> str:
        """Keep the evidence; gives its id."""
        moment = finding.transition
        observation = new_id("obs", moment.latest)
        self._unwritten.observations.append(
            {
                "id": observation,
                "at": moment.latest,
                "element": finding.element,
                "object": finding.object,
                "source": finding.source.value,
                "finding": str(finding.kind),
                "detail": {**finding.detail, "earliest": moment.earliest.isoformat(), "instant": moment.instant.isoformat()},
                "poll_id": finding.poll_id,
            }
        )
        return observation

    def apply(self, finding: Finding, observation: str) -> Alarm | None:
        """Raise or clear what the (fetched) finding speaks of; None when it changes no alarm's state."""
        meaning = meaning_of(finding)
        if meaning is None:
            return None
        return (self._raise if meaning.raises else self._clear)(finding, meaning, observation)

    def open(self, alarm: Alarm) -> Alarm:
        """A key that was never seen before."""
        self._known[alarm.id] = self._unwritten.new[alarm.id] = alarm
        return alarm

    def judge(self, alarms: Sequence[Alarm], judgement: Judgement) -> list[Alarm]:
        """Give all of them one standing, in one statement; those to which that is news.

        Told is what shows outside: that an alarm is a root cause now, or none any more.
        """
        news, silent = [], []
        for alarm in alarms:
            same = (alarm.standing, alarm.problem_id) == (judgement.standing, judgement.problem_id)
            if same and alarm.why == judgement.why:
                continue
            shows = (alarm.standing == ROOT) != (judgement.standing == ROOT)
            alarm.standing, alarm.problem_id, alarm.why = judgement.standing, judgement.problem_id, judgement.why
            if not same:
                news.append(alarm)
                alarm.changed_at = self.at
            if shows:
                self.tell(alarm)
            else:
                silent.append(alarm.id)
        self._unwritten.judged.append((judgement, [alarm.id for alarm in news], silent))
        return news

    def close(self, alarm: Alarm, reason: str, **more: str) -> None:
        """Clear it for another reason than that it was found well."""
        alarm.cleared_at = max(self.at, alarm.last_at)
        self.note(alarm, "cleared", {"reason": reason, **more})
        self.tell(alarm)

    def note(self, alarm: Alarm, change: str, detail: Mapping[str, Any], observation: str | None = None) -> None:
        """Append to its history; several changes of one instant keep their order."""
        alarm.changed_at = self.at
        self._unwritten.notes.append(
            {
                "id": f"{alarm.id}.{self._stamp}{next(_sequence) % 10**8:08d}",
                "alarm_id": alarm.id,
                "at": self.at,
                "change": change,
                "detail": dict(detail),
                "observation_id": observation,
            }
        )
        self.touch(alarm)

    def tell(self, alarm: Alarm, *, raised: bool = False, passes: bool = False, event: str = ALARM_STATE) -> None:
        """When the ledger is written, once, unless something holds it back. `raised`: an occurrence began."""
        before = self._unwritten.news.get(alarm.id)
        if alarm.id in self._unwritten.new:
            event = ALARM_CREATED
        elif before is not None and event == ALARM_CHANGED:
            event = before.event
        raised, passes = raised or (before is not None and before.raised), passes or (before is not None and before.passes)
        self._unwritten.news[alarm.id] = _News(event, raised, passes)
        self.touch(alarm)

    def unmute(self, alarm: Alarm) -> None:
        """Look anew at what holds its news back; what was not told is told, if nothing does any more."""
        untold, alarm.muted, alarm.muted_until, alarm.untold = alarm.untold, "", None, ""
        self.touch(alarm)
        if untold and alarm.stands:
            self.tell(alarm, raised=untold == RAISED, event=ALARM_CREATED if untold == RAISED else ALARM_STATE)

    def touch(self, alarm: Alarm) -> None:
        """It is to be written."""
        if alarm.id not in self._unwritten.new:
            self._unwritten.changed[alarm.id] = alarm

    def held_back(self, alarm: Alarm) -> tuple[str, datetime | None]:
        """Why nobody is told of it now, and until when; "" when nothing holds it back."""
        if alarm.shelved_until is not None and alarm.shelved_until > self.at:
            return f"shelved by {alarm.shelved_by} until {alarm.shelved_until.isoformat(timespec='seconds')}", alarm.shelved_until
        if (flapping := self.flapping(alarm)) is not None:
            return f"it is flapping, and {flapping.id} speaks for it", None
        if self._calendar is None:
            self._calendar = Calendar(self.session, self.at)
        if windows := self._calendar.holding(alarm.element, alarm.object, alarm.services):
            end = windows[0].span.end
            return f"{MAINTENANCE} {windows[0].maintenance_id} until {end.isoformat(timespec='seconds')}", end
        return "", None

    def write(self) -> None:
        """All of it, in the caller's transaction; problems that alarms refer to are there before."""
        waiting = self._unwritten
        told = [(self._known[key], news) for key, news in waiting.news.items()]
        events = [alarm_event(alarm, news.event, self.at) for alarm, news in told if self._is_told(alarm, news)]
        self._unwritten = _Unwritten()
        self.session.flush()
        _insert(self.session, ObservationRow, waiting.observations)
        _insert(self.session, AlarmRow, [alarm.values() for alarm in waiting.new.values()])
        if any(self._known[key].cause in _ON_BOARD for key in waiting.all_ids()):
            self.turn.advance(self.session)
        if waiting.changed:
            changed = [{f"_{name}": getattr(alarm, name) for name in _WRITTEN} for alarm in waiting.changed.values()]
            self.session.connection().execute(_UPDATE, changed)
        _insert(self.session, AlarmChangeRow, waiting.notes)
        for judgement, news, silent in waiting.judged:
            self._write_judgement(
                judgement, news, [each for each in silent if each not in waiting.new and each not in waiting.changed]
            )
        if events:
            publish_all(self.session, events, correlation_id="", at=self.at)
        for row in self.session.identity_map.values():
            if isinstance(row, AlarmRow):
                self.session.expire(row)

    def _write_judgement(self, judgement: Judgement, news: Sequence[str], silent: Sequence[str]) -> None:
        connection = self.session.connection()
        values = {"standing": judgement.standing, "problem_id": judgement.problem_id, "why": dict(judgement.why)}
        for chunk in chunks(silent):
            connection.execute(update(AlarmRow).where(AlarmRow.id.in_(chunk)).values(**values, changed_at=self.at))
        detail = {"standing": judgement.standing, "problem": judgement.problem_id, **judgement.why}
        suffix = f".{self._stamp}{next(_sequence) % 10**8:08d}"
        for chunk in chunks(news):
            row = (
                AlarmRow.id + suffix,
                AlarmRow.id,
                literal(self.at, AlarmChangeRow.at.type),
                literal("standing"),
                literal(detail, AlarmChangeRow.detail.type),
            )
            columns = ["id", "alarm_id", "at", "change", "detail"]
            connection.execute(insert(AlarmChangeRow).from_select(columns, select(*row).where(AlarmRow.id.in_(chunk))))

    def _is_told(self, alarm: Alarm, news: _News) -> bool:
        """Clears and acknowledgements pass what holds news back, if those who hear of them have heard of the alarm."""
        why, until = self.held_back(alarm)
        heard_of = alarm.untold != RAISED and not news.raised
        if why and alarm.stands:
            alarm.muted, alarm.muted_until = why, until
            if not news.passes or not heard_of:
                alarm.untold = CHANGED if heard_of else RAISED
                return False
            return True
        alarm.muted, alarm.muted_until, alarm.untold = "", None, ""
        return heard_of or not why

    def _raise(self, finding: Finding, meaning: Meaning, observation: str) -> Alarm:
        alarm = self.get(_id_of(finding, meaning))
        begins = alarm is None or not alarm.stands
        if alarm is None:
            alarm = self._first(finding, meaning)
        else:
            self._repeat(alarm, finding, meaning)
        self.note(alarm, "raised" if begins else "updated", told(finding, observation), observation)
        self.tell(alarm, raised=begins)
        return alarm

    def _first(self, finding: Finding, meaning: Meaning) -> Alarm:
        return self.open(
            Alarm(
                id=_id_of(finding, meaning),
                element=finding.element,
                object=finding.object,
                cause=meaning.cause,
                qualifier=meaning.qualifier,
                severity=meaning.severity.value,
                text=text_of(finding, meaning),
                raised_at=finding.transition.instant,
                last_at=finding.transition.latest,
                alarm_type=meaning.type.value,
                probable_cause=meaning.probable_cause or PROBABLE.get(meaning.cause, ""),
                standing=PENDING if meaning.cause in FAILURES else ROOT,
                why=self._first_why(finding, meaning),
            )
        )

    def _repeat(self, alarm: Alarm, finding: Finding, meaning: Meaning) -> None:
        """Counted once more; a cleared alarm opens anew, with nothing of its past but the count and what it owes for flapping."""
        moment = finding.transition
        worse = meaning.severity.rank < Severity(alarm.severity).rank
        alarm.count += 1
        alarm.last_at = max(alarm.last_at, moment.latest)
        alarm.text = text_of(finding, meaning)
        if worse or not (alarm.stands and alarm.escalated):  # the same once more does not take an escalation back
            alarm.severity = meaning.severity.value
        if not alarm.stands:
            reopen(alarm, moment.instant)
            alarm.standing = PENDING if meaning.cause in FAILURES else ROOT
            alarm.why = self._first_why(finding, meaning)
        elif worse and alarm.acknowledged_at is not None:
            reason = f"it has become {alarm.severity} since {alarm.acknowledged_by} acknowledged it"
            alarm.acknowledged_by = alarm.acknowledged_at = None
            self.note(alarm, "unacknowledged", {"reason": reason})

    def _first_why(self, finding: Finding, meaning: Meaning) -> dict[str, Any]:
        if meaning.cause not in FAILURES:
            return {"rule": SPEAKS_FOR_ITSELF, "verification": finding.unverified or "read back"}
        held = {} if finding.hold_from is None else {"hold_until": (finding.hold_from + self._hold).isoformat()}
        return {"rule": FIRST_RULE, **held, **{name: finding.detail[name] for name in OWN if name in finding.detail}}

    def _clear(self, finding: Finding, meaning: Meaning, observation: str) -> Alarm | None:
        """A clear counts only if it is not older than the last problem."""
        alarm = self.get(_id_of(finding, meaning))
        if alarm is None or not alarm.stands or finding.transition.latest < alarm.last_at:
            return None
        alarm.cleared_at = max(finding.transition.instant, alarm.raised_at)
        self.note(alarm, "cleared", told(finding, observation), observation)
        self.tell(alarm)
        return alarm


def reopen(alarm: Alarm, instant: datetime) -> None:
    """The same key fails again."""
    alarm.raised_at, alarm.cleared_at = instant, None
    alarm.standing, alarm.problem_id, alarm.parent_id = PENDING, None, None
    alarm.acknowledged_by = alarm.acknowledged_at = alarm.assigned_to = alarm.stuck_at = None
    alarm.escalated, alarm.untold = 0, ""


def told(finding: Finding, observation: str) -> dict[str, Any]:
    """For the history."""
    moment = finding.transition
    return {
        "observation": observation,
        "finding": str(finding.kind),
        "source": finding.source.value,
        "instant": moment.instant.isoformat(),
        "earliest": moment.earliest.isoformat(),
        "latest": moment.latest.isoformat(),
    }


def _id_of(finding: Finding, meaning: Meaning) -> str:
    return alarm_id(finding.element, finding.object, meaning.cause, meaning.qualifier)


def _insert(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.connection().execute(insert(table), [dict(row) for row in rows])


_ON_BOARD = FAILURES | {FLAPPING}
"""Causes whose alarms others keep in memory (`board`)."""
_sequence = count()
_KEY = frozenset({"id", "element", "object", "cause", "qualifier"})
_WRITTEN = ("id", *(name for name in FIELDS if name not in _KEY))
_UPDATE = update(AlarmRow).where(AlarmRow.id == bindparam("_id")).values({n: bindparam(f"_{n}") for n in _WRITTEN if n != "id"})
