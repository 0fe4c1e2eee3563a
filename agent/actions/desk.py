"""What people do: run a rule, approve or reject what is proposed, and ask why something is done or is not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions import book
from agent.actions.around import take_turn
from agent.actions.deciding import Decider, words
from agent.actions.errors import ActionRefused, NotMeant, NotPossible, UnknownAction, UnknownRule
from agent.actions.returning import open_return
from agent.actions.state import WAITING, State
from agent.actions.subject import Subject
from agent.actions.tables import ActionChangeRow, ActionRow
from agent.actions.triggers import alarm_of, standing, why_not
from agent.assurance.errors import UnknownAlarm
from agent.assurance.tables import AlarmRow
from agent.security.audit import Actor
from inventory.db import once_committed
from inventory.loading import lock
from policies.acting.rules import Deed as Kind
from policies.acting.rules import Mode, Rule

MOST_NOTE = 500
"""Characters."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule makes of one alarm."""

    rule: str
    title: str
    mode: str
    reasons: tuple[str, ...]
    """Why it does nothing; () when it would, or does."""
    action_id: str
    """The latest of this occurrence; "" without."""
    state: str


@dataclass(frozen=True, slots=True)
class ActionDesk:
    decider: Decider
    wake: Callable[[], None]

    def run(  # noqa: PLR0917  what, about what, by whom
        self, session: Session, rule_name: str, about: str, alarm_id: str | None, actor: Actor, at: datetime, note: str = ""
    ) -> ActionRow:
        """By somebody's word, within the same guards. It begins at once; in mode `approve` it waits for somebody's approval.

        `about`: an element, port, link or service; "" for what the alarm is about. Without an alarm it is measured by the one
        that stands there and that the rule is for, if there is one. `UnknownRule`, `UnknownAlarm`, `NotMeant`,
        `NotPossible`, or `ActionRefused` with everything that stands against it: then nothing is kept.
        """
        take_turn(session)
        rule = self._rule(rule_name)
        if rule.mode is Mode.OFF:
            raise ActionRefused(f'rule {rule.name} is off; give it a mode in the settings: actions.modes.{rule.name} = "manual"')
        subject = self._subject(session, about, alarm_id)
        target = self.decider.target(session, rule, subject, at)
        alarm_id = alarm_id or alarm_of(session, rule, subject)
        found = self.decider.objections(session, rule, target, at)
        if found:
            raise ActionRefused(f"{rule.name} on {target.object}: {words(found)}")
        row = self.decider.make(rule, target, at, by=actor.name, alarm_id=alarm_id, occurrence=None, note=note)
        book.enter(session, row, actor, at, note)
        self.decider.consider(session, row, actor, at)
        once_committed(session, self.wake)
        return row

    def undo(self, session: Session, action_id: str, actor: Actor, at: datetime, note: str = "") -> ActionRow:
        """Take back what an action has done, within the same guards; in mode `approve` it waits for somebody's approval.

        `UnknownAction`, or `ActionRefused` with everything that stands against it: then nothing is kept.
        """
        take_turn(session)
        done = _locked(session, action_id)
        rule = self._rule(done.rule)
        self._refuse_undo(session, done)
        try:
            target = self.decider.back(session, rule, done, at)
        except (NotMeant, NotPossible) as error:
            raise ActionRefused(f"action {done.id} is not taken back: {error}") from error
        found = self.decider.objections(session, rule, target, at, undoes=done.id)
        if found:
            raise ActionRefused(f"action {done.id} is not taken back now: {words(found)}")
        row = self.decider.make(rule, target, at, by=actor.name, alarm_id=done.alarm_id, occurrence=None, note=note, undoes=done.id)
        book.enter(session, row, actor, at, note or f"takes back action {done.id}")
        self.decider.consider(session, row, actor, at)
        once_committed(session, self.wake)
        return row

    def _refuse_undo(self, session: Session, done: ActionRow) -> None:
        if done.undoes:
            raise ActionRefused(
                f"action {done.id} is a way back itself (of {done.undoes}); run its rule again: fabd action run {done.rule}"
            )
        if done.state in WAITING:
            raise ActionRefused(
                f"action {done.id} is {done.state} and has changed nothing yet; reject a proposed one with `fabd action reject`"
            )
        if done.state == State.RUNNING:
            raise ActionRefused(f"action {done.id} is under way; wait for its end: fabd action show {done.id}")
        if not done.returns:
            raise ActionRefused(f"action {done.id} has left nothing that could be taken back: {self._why_nothing(session, done)}")
        if (back := open_return(session, done.id)) is not None:
            raise ActionRefused(f"action {done.id} is being taken back already, by action {back.id} ({back.state})")

    def _why_nothing(self, session: Session, done: ActionRow) -> str:
        if done.began_at is None:
            return f"it never began ({done.state})"
        if done.state == State.FAILED:
            return "it failed, and everything is as it was"
        deed = Kind(done.deed)
        if not deed.lasting:
            return _LEAVES_NOTHING[deed]
        said = select(ActionChangeRow.detail).where(ActionChangeRow.action_id == done.id).order_by(ActionChangeRow.id.desc())
        return session.scalars(said.limit(1)).first() or done.outcome

    def approve(self, session: Session, action_id: str, actor: Actor, at: datetime, note: str = "") -> ActionRow:
        """It begins, or as soon as nothing stands against it. `UnknownAction` or `ActionRefused`."""
        row = self._waiting(session, action_id)
        rule = self.decider.rules.get(row.rule)
        if rule is not None and rule.guards.second_person and row.asked_by == actor.name:
            raise ActionRefused(
                f"action {row.id} was asked for by {actor.name}; rule {row.rule} wants a second person to approve it"
            )
        if row.alarm_id is not None and not row.undoes and not standing(session, [row]):
            raise ActionRefused(f"action {row.id}: alarm {row.alarm_id} is over; nothing is left to do")
        row.approved_by, row.note = actor.name, note or row.note
        self.decider.consider(session, row, actor, at)
        once_committed(session, self.wake)
        return row

    def reject(self, session: Session, action_id: str, actor: Actor, at: datetime, note: str = "") -> ActionRow:
        """It is not done for this occurrence of the alarm. `UnknownAction` or `ActionRefused`."""
        row = self._waiting(session, action_id)
        row.note = note or row.note
        book.move(session, row, State.REJECTED, at, note or f"rejected by {actor.name}", by=actor)
        return row

    def why(self, session: Session, alarm_id: str, at: datetime) -> list[Verdict]:
        """What every rule makes of the alarm, and why. Only reads. `UnknownAlarm`."""
        alarm = session.get(AlarmRow, alarm_id)
        if alarm is None:
            raise UnknownAlarm(alarm_id)
        return [self._verdict(session, rule, alarm, at) for rule in self.decider.rules.values()]

    def _verdict(self, session: Session, rule: Rule, alarm: AlarmRow, at: datetime) -> Verdict:
        own = select(ActionRow).where(ActionRow.rule == rule.name, ActionRow.alarm_id == alarm.id).order_by(ActionRow.id.desc())
        made = session.scalars(own.where(ActionRow.undoes == "").limit(1)).first()
        if made is not None and made.occurrence in {None, alarm.raised_at}:
            reasons = [each["message"] for each in made.objections] if made.state == State.HELD else []
            reasons += [made.outcome] if made.outcome else []
            return Verdict(rule.name, rule.title, rule.mode, tuple(reasons), made.id, made.state)
        reasons = list(why_not(session, rule, alarm, at))
        if rule.mode in {Mode.OFF, Mode.MANUAL}:
            reasons.insert(0, "the rule is off" if rule.mode is Mode.OFF else "it is done only when somebody runs it")
        if not reasons or (len(reasons) == 1 and rule.mode is Mode.MANUAL):
            reasons += self._stands_against(session, rule, Subject.of_alarm(alarm.element, alarm.object), at)
        return Verdict(rule.name, rule.title, rule.mode, tuple(reasons), "", "")

    def _stands_against(self, session: Session, rule: Rule, subject: Subject, at: datetime) -> list[str]:
        try:
            target = self.decider.target(session, rule, subject, at)
        except (NotMeant, NotPossible) as error:
            return [str(error)]
        return [each.message for each in self.decider.objections(session, rule, target, at)]

    def _rule(self, name: str) -> Rule:
        rule = self.decider.rules.get(name)
        if rule is None:
            raise UnknownRule(name, self.decider.rules)
        return rule

    def _subject(self, session: Session, about: str, alarm_id: str | None) -> Subject:
        alarm = None
        if alarm_id is not None:
            alarm = session.get(AlarmRow, alarm_id)
            if alarm is None:
                raise UnknownAlarm(alarm_id)
            if alarm.cleared_at is not None:
                raise ActionRefused(f"alarm {alarm_id} has cleared: by its end nothing can be measured; run the rule without it")
        if about:
            return Subject.parse(about)
        if alarm is None:
            raise ActionRefused("say what it is about: an element, element/port, link:NAME, a service, or an alarm")
        return Subject.of_alarm(alarm.element, alarm.object)

    def _waiting(self, session: Session, action_id: str) -> ActionRow:
        take_turn(session)
        row = _locked(session, action_id)
        if row.state != State.PROPOSED:
            raise ActionRefused(f"action {row.id} is {row.state}; only what is proposed is approved or rejected")
        return row


def _locked(session: Session, action_id: str) -> ActionRow:
    row = lock(session, ActionRow, [action_id]).get(action_id)
    if row is None:
        raise UnknownAction(action_id)
    return row


_LEAVES_NOTHING = {
    Kind.TEST: "a test changes nothing",
    Kind.BOUNCE: "the port was opened again as part of it, and nothing was saved",
}
