"""What time does to alarms: shelves and windows end, flapping is forgiven, what nobody takes up escalates, neighbours are grouped,
what is old is flagged or thrown away.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, or_, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import Alarm, Looked, load
from agent.assurance.alarms.announcing import ALARM_CHANGED
from agent.assurance.alarms.causes import FAILURES, FLAPPING
from agent.assurance.alarms.flapping import OF, release, release_at
from agent.assurance.alarms.handling import take_down
from agent.assurance.alarms.ledger import MAINTENANCE, ROOT, Ledger
from agent.assurance.tables import AlarmChangeRow, AlarmRow
from agent.assurance.topology.grouping import WITHIN, Member, groups
from agent.config import AssuranceSettings
from inventory.maintenance import Calendar
from inventory.topology import load_topology
from policies.values import Severity

FORGOTTEN_AT_ONCE = 1000
_HELD = Looked(
    or_(
        AlarmRow.shelved_until <= bindparam("at"),
        and_(AlarmRow.cleared_at.is_(None), or_(AlarmRow.muted != "", AlarmRow.cause == FLAPPING)),
    )
)
_STUCK = Looked(
    AlarmRow.cleared_at.is_(None),
    AlarmRow.stuck_at.is_(None),
    AlarmRow.last_at < bindparam("before"),
    or_(AlarmRow.changed_at.is_(None), AlarmRow.changed_at < bindparam("before")),
)
_FRESH = Looked(
    AlarmRow.cleared_at.is_(None),
    AlarmRow.standing == ROOT,
    AlarmRow.raised_at > bindparam("since"),
    AlarmRow.cause != FLAPPING,
)


class Upkeep:
    def __init__(self, settings: AssuranceSettings) -> None:
        self._settings = settings

    def run(self, session: Session, at: datetime) -> int:
        """How many alarms it changed. Looks first, and takes the turn of writing alarms only if something is due."""
        work = [
            *((alarm, self._hand_on) for alarm in self._held(session, at)),
            *((alarm, self._escalate) for alarm in self._ignored(session, at)),
            *((alarm, self._flag) for alarm in self._stuck(session, at)),
        ]
        together = self._grouped(session, at)
        if not work and not together:
            return 0
        ledger = Ledger(session, at)
        wanted = {alarm.id for alarm, _ in work} | {str(alarm.why.get(OF)) for alarm, _ in work if OF in alarm.why} | set(together)
        ledger.fetch(wanted)
        for alarm, act in work:
            if (known := ledger.get(alarm.id)) is not None:
                act(ledger, known)
        for member, head in together.items():
            _group(ledger, member, head)
        ledger.write()
        return len(work) + len(together)

    def forget(self, session: Session, at: datetime) -> int:
        """Throw away some of what cleared long ago with its history, and of what is older of the histories that go on.

        Returns how many rows; 0 when there is nothing left.
        """
        before = at - timedelta(days=self._settings.alarm_retention_days)
        gone = select(AlarmRow.id).where(AlarmRow.cleared_at < before)
        old = select(AlarmChangeRow.id).where(or_(AlarmChangeRow.alarm_id.in_(gone), AlarmChangeRow.at < before))
        for rows, ids in ((AlarmChangeRow, old), (AlarmRow, gone)):
            if found := list(session.scalars(ids.limit(FORGOTTEN_AT_ONCE))):
                session.execute(delete(rows).where(rows.id.in_(found)))
                return len(found)
        return 0

    def _held(self, session: Session, at: datetime) -> list[Alarm]:
        """What is held back, and need not be any more."""
        held = _HELD.load(session, at=at)
        if not held:
            return []
        calendar = Calendar(session, at)
        return [alarm for alarm in held if self._is_due(alarm, calendar, at)]

    @staticmethod
    def _is_due(alarm: Alarm, calendar: Calendar, at: datetime) -> bool:
        """Maintenance may end before the end that was announced: when it is called off."""
        if alarm.cause == FLAPPING and alarm.stands and release_at(alarm) <= at:
            return True
        if alarm.shelved_until is None and alarm.muted.startswith(MAINTENANCE):
            return not calendar.holding(alarm.element, alarm.object, alarm.services)
        ends = alarm.shelved_until or alarm.muted_until
        return ends is not None and ends <= at

    @staticmethod
    def _hand_on(ledger: Ledger, alarm: Alarm) -> None:
        if alarm.cause == FLAPPING and alarm.stands and release_at(alarm) <= ledger.at:
            release(ledger, alarm)
        elif alarm.shelved_until is not None and alarm.shelved_until <= ledger.at:
            take_down(ledger, alarm, {"reason": "its time on the shelf is over"})
        else:
            ledger.unmute(alarm)

    def _ignored(self, session: Session, at: datetime) -> list[Alarm]:
        """Root causes that nobody acknowledged, and whose next rule of escalation is due."""
        rules = self._settings.escalation
        if not rules:
            return []
        soonest = at - timedelta(seconds=min(rule.after_s for rule in rules))
        standing = load(
            session,
            AlarmRow.cleared_at.is_(None),
            AlarmRow.acknowledged_at.is_(None),
            AlarmRow.standing == ROOT,
            AlarmRow.muted == "",
            AlarmRow.raised_at <= soonest,
            AlarmRow.escalated < len(rules),
        )
        return [alarm for alarm in standing if self._rule(alarm, at) is not None]

    def _rule(self, alarm: Alarm, at: datetime) -> int | None:
        """The next one that applies, from 1."""
        for number, rule in enumerate(self._settings.escalation, start=1):
            over = at - alarm.raised_at >= timedelta(seconds=rule.after_s)
            if number > alarm.escalated and rule.severity == alarm.severity and over:
                return number
        return None

    def _escalate(self, ledger: Ledger, alarm: Alarm) -> None:
        number = self._rule(alarm, ledger.at)
        if number is None:
            return
        rule = self._settings.escalation[number - 1]
        alarm.escalated = number
        detail = {"rule": number, "reason": f"not acknowledged for {rule.after_s:g} s"}
        if rule.to_severity is not None and rule.to_severity.rank < Severity(alarm.severity).rank:
            detail["severity"] = alarm.severity = rule.to_severity.value
        if rule.assign_to and alarm.assigned_to is None:
            detail["assigned_to"] = alarm.assigned_to = rule.assign_to
        ledger.note(alarm, "escalated", detail)
        ledger.tell(alarm, event=ALARM_CHANGED)

    def _stuck(self, session: Session, at: datetime) -> list[Alarm]:
        before = at - timedelta(days=self._settings.stuck_after_days)
        return _STUCK.load(session, before=before)

    def _flag(self, ledger: Ledger, alarm: Alarm) -> None:
        alarm.stuck_at = ledger.at
        reason = f"nothing new for {self._settings.stuck_after_days} days: is what it speaks of still there?"
        ledger.note(alarm, "stuck", {"reason": reason})
        ledger.tell(alarm, event=ALARM_CHANGED)

    @staticmethod
    def _grouped(session: Session, at: datetime) -> dict[str, str]:
        """Alarm → head of the group that it is to join: what speaks for itself near a fresh failure, or near others of its kind."""
        fresh = _FRESH.load(session, since=at - 2 * WITHIN)
        if len(fresh) < 2 or not any(alarm.cause not in FAILURES and alarm.parent_id is None for alarm in fresh):  # noqa: PLR2004  two make a group
            return {}
        near = _neighbours(session)
        members = (Member(alarm.id, alarm.element, alarm.raised_at, alarm.cause in FAILURES) for alarm in fresh)
        free = {alarm.id for alarm in fresh if alarm.cause not in FAILURES and alarm.parent_id is None}
        return {member: head for head, others in groups(members, near).items() for member in others if member in free}


def _neighbours(session: Session) -> Callable[[str], AbstractSet[str]]:
    topology = load_topology(session)
    return lambda element: {hop.in_port.element for hop in topology.neighbours(element)} if element in topology.elements else set()


def _group(ledger: Ledger, member: str, head: str) -> None:
    alarm = ledger.get(member)
    if alarm is not None and alarm.stands:
        alarm.parent_id = head
        ledger.note(alarm, "grouped", {"under": head, "rule": "within one hop and 75 s of each other"})
        ledger.tell(alarm, event=ALARM_CHANGED)
