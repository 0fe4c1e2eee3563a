"""Which alarms call for which rules: read set-wise, and explained one by one."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from agent.actions.subject import Subject
from agent.actions.tables import ActionRow
from agent.assurance.alarms.causes import FAILURES
from agent.assurance.tables import AlarmRow
from inventory.tables import ElementRow, SiteRow
from policies.acting.rules import Rule
from policies.values import Severity

AT_ONCE = 200
"""Alarms of one rule that are looked at in one turn; the others wait for the next."""
MAINTENANCE = "maintenance"
"""How the reason of alarms begins that are held back by it; a guard says the same of the action."""


@dataclass(frozen=True, slots=True)
class Call:
    """An alarm that a rule is for."""

    rule: Rule
    alarm_id: str
    raised_at: datetime
    subject: Subject
    text: str

    @property
    def key(self) -> tuple[str, str, datetime]:
        return self.rule.name, self.alarm_id, self.raised_at


def calls(session: Session, rule: Rule, passed_over: Collection[tuple[str, str, datetime]], at: datetime) -> list[Call]:
    """Alarms that the rule is for and that it has no action of, the oldest first."""
    severities = [severity.value for severity in Severity if severity.rank <= rule.trigger.severity.rank]
    seen = exists().where(
        ActionRow.rule == rule.name, ActionRow.alarm_id == AlarmRow.id, ActionRow.occurrence == AlarmRow.raised_at
    )
    statement = (
        select(AlarmRow.id, AlarmRow.raised_at, AlarmRow.element, AlarmRow.object, AlarmRow.text)
        .where(
            AlarmRow.cleared_at.is_(None),
            AlarmRow.cause.in_(rule.trigger.causes),
            AlarmRow.severity.in_(severities),
            AlarmRow.raised_at <= at - timedelta(seconds=rule.trigger.standing_s),
            _nobody_s(),
            ~seen,
        )
        .order_by(AlarmRow.raised_at, AlarmRow.id)
        .execution_options(yield_per=AT_ONCE)
    )
    made: list[Call] = []
    with session.execute(statement) as result:
        found = (row for row in result if (rule.name, row.id, row.raised_at) not in passed_over)
        while len(made) < AT_ONCE and (rows := list(islice(found, AT_ONCE))):  # what is outside the scope keeps nobody else out
            covered = _covered(session, rule, {row.element for row in rows})
            made += [
                Call(rule, row.id, row.raised_at, Subject.of_alarm(row.element, row.object), row.text)
                for row in rows
                if row.element in covered
            ]
    return made[:AT_ONCE]


def standing(session: Session, actions: Iterable[ActionRow]) -> set[str]:
    """Those of the actions whose alarm stands, in the occurrence that they are of."""
    waiting = [row for row in actions if row.alarm_id is not None]
    alarms = select(AlarmRow.id, AlarmRow.raised_at).where(
        AlarmRow.id.in_({row.alarm_id for row in waiting}), AlarmRow.cleared_at.is_(None)
    )
    raised = {row.id: row.raised_at for row in session.execute(alarms)}
    return {row.id for row in waiting if row.alarm_id in raised and row.occurrence in {None, raised[row.alarm_id]}}


def alarm_of(session: Session, rule: Rule, subject: Subject) -> str | None:
    """The alarm that stands at it and that the rule is for, the most recent one: what is run by hand can be measured by it."""
    element, port = (subject.element, subject.port) if subject.element else (str(subject), "")
    alarms = select(AlarmRow.id).where(
        AlarmRow.element == element,
        AlarmRow.object == port,
        AlarmRow.cause.in_(rule.trigger.causes),
        AlarmRow.cleared_at.is_(None),
    )
    return session.scalars(alarms.order_by(AlarmRow.raised_at.desc(), AlarmRow.id).limit(1)).first()


def why_not(session: Session, rule: Rule, row: AlarmRow, at: datetime) -> Iterator[str]:
    """Everything that keeps the rule from being for this alarm."""
    trigger = rule.trigger
    if row.cause not in trigger.causes:
        yield f"it is for {', '.join(trigger.causes)}, not for {row.cause}"
        return
    if row.cleared_at is not None:
        yield "the alarm has cleared"
    if Severity(row.severity).rank > trigger.severity.rank:
        yield f"the alarm is {row.severity}; it is for {trigger.severity} and worse"
    if (stood := at - row.raised_at) < timedelta(seconds=trigger.standing_s):
        yield f"the alarm has stood for {stood.total_seconds():.0f} of {trigger.standing_s} s"
    if row.standing == "symptom":
        yield "the alarm is a symptom of another one"
    elif row.standing == "pending" and row.cause in FAILURES:
        yield "it is not decided yet whether the alarm is the cause or a symptom"
    if row.acknowledged_at is not None or row.assigned_to is not None:
        yield f"somebody takes care of the alarm ({row.assigned_to or row.acknowledged_by})"
    if row.muted and not row.muted.startswith(MAINTENANCE):
        yield f"the alarm is held back: {row.muted}"
    if row.element not in _covered(session, rule, {row.element}):
        yield "the alarm is outside the rule's scope"


def _nobody_s() -> ColumnElement[bool]:
    """A cause, in nobody's hands, and not on a shelf or damped."""
    return and_(
        or_(AlarmRow.standing == "root", and_(AlarmRow.standing == "pending", AlarmRow.cause.not_in(FAILURES))),
        AlarmRow.acknowledged_at.is_(None),
        AlarmRow.assigned_to.is_(None),
        or_(AlarmRow.muted == "", AlarmRow.muted.startswith(MAINTENANCE)),
    )


def _covered(session: Session, rule: Rule, names: Collection[str]) -> set[str]:
    """Those in the rule's scope. What is no element (a service, a pool) has neither platform nor site, and is in it by its name."""
    known = {
        name: (platform, site)
        for name, platform, site in session.execute(
            select(ElementRow.name, ElementRow.platform, SiteRow.name)
            .join(SiteRow, SiteRow.id == ElementRow.site_id)
            .where(ElementRow.name.in_(sorted(names)))
        )
    }
    scope = rule.trigger.scope
    return {name for name in names if scope.covers(name, *known.get(name, ("", "")))}
