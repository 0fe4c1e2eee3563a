"""Whether an action may begin now, and what it is then: inside one transaction, by the guards of its rule and of the settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from agent.actions import book
from agent.actions.around import around
from agent.actions.deeds.deed import Deed, Target
from agent.actions.elsewhere import Elsewhere
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.figures import figures
from agent.actions.returning import done_of, rest_of
from agent.actions.state import State
from agent.actions.subject import Subject
from agent.actions.tables import ActionRow
from agent.actions.triggers import why_not
from agent.assurance.tables import AlarmRow
from agent.fulfillment.freezes import WeeklyFreeze
from agent.security.audit import DAEMON, Actor
from inventory.work import Work, WorkQueue
from policies.acting import guards
from policies.acting.guards import Limits, Objection, Wanted
from policies.acting.rules import Deed as Kind
from policies.acting.rules import Mode, Rule
from policies.values import new_id

ACTION_WORK = "action"
"""Kind of the work item of an action; its key is the action's id."""
NOT_NOW = "notPossible"
"""What the deed itself says against it, beside the guards."""
LONGEST_BACK = timedelta(days=7)
"""How long a way back that nobody has to approve waits for what stands against it."""
TAKEN = "alarm"
"""The alarm does not call for it any more, or not now."""


@dataclass(frozen=True, slots=True)
class Decider:
    rules: Mapping[str, Rule]
    """With the modes that the settings give them."""
    deeds: Mapping[Kind, Deed]
    limits: Limits
    freezes: Sequence[WeeklyFreeze]
    queue: WorkQueue
    patience: timedelta
    """How long an action waits for an approval, or for what stands against it where no alarm says how long it matters."""
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    def target(self, session: Session, rule: Rule, subject: Subject, at: datetime) -> Target:
        """`NotMeant` or `NotPossible`."""
        return self.deeds[rule.deed].target(session, subject, at)

    def back(self, session: Session, rule: Rule, done: ActionRow, at: datetime) -> Target:
        """Of taking back an action that is done. `NotMeant` or `NotPossible`."""
        return self.deeds[Kind(done.deed)].back(session, done_of(session, done, rule), at)

    def unrest(self, session: Session, rule: Rule, done: ActionRow, at: datetime) -> str:
        """Why it is too early to take it back by itself; "" when it is not. `NotMeant` when what it was about is gone."""
        return self.deeds[Kind(done.deed)].unrest(session, done_of(session, done, rule), at - rest_of(rule))

    def objections(self, session: Session, rule: Rule, target: Target, at: datetime, *, undoes: str = "") -> tuple[Objection, ...]:
        """Everything that stands against it now. The caller has its turn (`take_turn`) if it means to begin."""
        wanted = Wanted(rule.name, target.object, target.elements, target.reverse, undoes)
        return guards.objections(wanted, rule.guards, self.limits, around(session, target, self.freezes, at))

    def make(
        self,
        rule: Rule,
        target: Target,
        at: datetime,
        *,
        by: str,
        alarm_id: str | None,
        occurrence: datetime | None,
        note: str = "",
        undoes: str = "",
    ) -> ActionRow:
        """`undoes`: the action that it takes back; then the alarm is where it is written down, and calls for nothing."""
        approving = rule.mode is Mode.APPROVE
        return ActionRow(
            id=new_id("act", at),
            rule=rule.name,
            deed=rule.deed,
            mode=rule.mode,
            state=State.PROPOSED if approving else State.ASKED,
            object=target.object,
            elements=sorted(target.elements),
            services=list(target.services),
            alarm_id=alarm_id,
            occurrence=occurrence,
            asked_by=by,
            note=note,
            undoes=undoes,
            reverse=target.reverse,
            created_at=at,
            due_at=at + (LONGEST_BACK if undoes and by == DAEMON.name and not approving else self.patience),
        )

    def consider(self, session: Session, row: ActionRow, actor: Actor, at: datetime, target: Target | None = None) -> None:
        """One that waits: it begins, is held back with the reasons, or is refused for good. The caller has its turn.

        `target`: what it comes down to, where that was just found out. What another daemon does by its rules is left to that one.
        """
        rule = self.rules.get(row.rule)
        if rule is None or not _may(rule, row):
            if not self.elsewhere.has_on(session, row.rule, self.queue.common_time(session, at)):
                book.move(session, row, State.OBSOLETE, at, f"rule {row.rule} does not do this any more", by=actor)
            return None
        try:
            found = self._asked(session, rule, row, at, target)
        except NotMeant as error:
            if row.undoes:
                book.stands(session, row.undoes, "", at, str(error))
            return book.move(session, row, State.OBSOLETE, at, f"nothing is left to do: {error}", by=actor)
        before, row.objections = [each["guard"] for each in row.objections], [told(each) for each in found]
        if any(each.final for each in found):
            return book.move(session, row, State.REFUSED, at, words(found), by=actor)
        if not row.approved_by and (row.state == State.PROPOSED or rule.mode is Mode.APPROVE):
            return self._propose(session, row, actor, at)
        if not found:
            return self._begin(session, row, actor, at)
        if row.state != State.HELD or [each.guard for each in found] != before:
            book.move(session, row, State.HELD, at, words(found), by=actor)
        return None

    def _asked(self, session: Session, rule: Rule, row: ActionRow, at: datetime, target: Target | None) -> tuple[Objection, ...]:
        """Everything that stands against it now, with the target as it is now. `NotMeant` when there is none any more."""
        try:
            target = target or self._target(session, rule, row, at)
        except NotPossible as error:
            return (Objection(NOT_NOW, str(error)),)
        row.elements, row.services, row.reverse = sorted(target.elements), list(target.services), target.reverse
        return (*_of_alarm(session, rule, row, at), *self.objections(session, rule, target, at, undoes=row.undoes))

    def _target(self, session: Session, rule: Rule, row: ActionRow, at: datetime) -> Target:
        if not row.undoes:
            return self.target(session, rule, Subject.parse(row.object), at)
        done = session.get(ActionRow, row.undoes)
        if done is None:
            raise NotMeant(f"action {row.undoes} has been forgotten")
        return self.back(session, rule, done, at)

    def _propose(self, session: Session, row: ActionRow, actor: Actor, at: datetime) -> None:
        """Also what an automatic rule held back, when the rule has come to want an approval."""
        if row.state != State.PROPOSED:
            row.due_at = at + self.patience
            book.move(session, row, State.PROPOSED, at, by=actor)

    def _begin(self, session: Session, row: ActionRow, actor: Actor, at: datetime) -> None:
        row.began_at, row.due_at = at, None
        row.before = figures(session, row.alarm_id, row.services, at)
        book.move(session, row, State.RUNNING, at, by=actor)
        back = f" back (action {row.undoes})" if row.undoes else ""
        book.write_down(session, row, f"Begun: {row.deed}{back} on {row.object}.", at)
        self.queue.submit(session, Work(ACTION_WORK, row.id), at)


def _may(rule: Rule, row: ActionRow) -> bool:
    """The settings may have come to say something else since it was made. What is done is taken back by hand in any mode."""
    if row.undoes and row.asked_by != DAEMON.name:
        return True
    return rule.mode is not Mode.OFF and (rule.mode is not Mode.MANUAL or row.asked_by != DAEMON.name)


def _of_alarm(session: Session, rule: Rule, row: ActionRow, at: datetime) -> Iterator[Objection]:
    """What fabd would begin by itself: while it waited, somebody may have taken up the alarm, or found out that it is a symptom."""
    if row.asked_by != DAEMON.name or row.approved_by or row.undoes or row.alarm_id is None:
        return
    alarm = session.get(AlarmRow, row.alarm_id, populate_existing=True)
    if alarm is not None and (reasons := list(why_not(session, rule, alarm, at))):
        yield Objection(TAKEN, "; ".join(reasons))


def told(objection: Objection) -> dict[str, Any]:
    return {
        "guard": objection.guard,
        "message": objection.message,
        "until": objection.until.isoformat() if objection.until else None,
    }


def words(found: Sequence[Objection]) -> str:
    return "; ".join(each.message for each in found)
