"""Taking back by itself what a rule has done, when what it was about has been well for long enough."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions import book
from agent.actions.deciding import Decider
from agent.actions.elsewhere import BY_ITSELF
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.returning import open_return, returning
from agent.actions.tables import ActionRow
from agent.security.audit import DAEMON

AT_ONCE = 20
"""Actions that are looked at in one turn."""
LOOK_AGAIN = timedelta(seconds=30)
"""How soon one is looked at again that could not be taken back."""


@dataclass(slots=True)
class Homeward:
    decider: Decider
    _looks: dict[str, datetime] = field(default_factory=dict)
    """Action → when it is looked at next."""

    def due(self, session: Session, at: datetime) -> list[str]:
        """Ids of actions that are to be taken back now. Only reads."""
        rules = [rule for rule in self.decider.rules.values() if rule.mode in BY_ITSELF]
        standing = returning(session, rules, at)
        self._looks = {row.id: look for row in standing if (look := self._looks.get(row.id)) is not None}
        looked = sorted((row for row in standing if self._looks.get(row.id, at) <= at), key=lambda row: self._looks.get(row.id, at))
        self._looks |= {row.id: at + LOOK_AGAIN for row in looked[:AT_ONCE]}
        return [row.id for row in looked[:AT_ONCE] if not self.too_early(session, row, at)]

    def too_early(self, session: Session, row: ActionRow, at: datetime) -> str:
        """Why the action is not taken back yet by itself; "" when nothing keeps it."""
        rule = self.decider.rules.get(row.rule)
        if rule is None:
            return f"there is no rule {row.rule} any more"
        try:
            return self.decider.unrest(session, rule, row, at)
        except NotMeant:
            return ""  # what it was about is gone: looked at as it is taken back

    def waits_in_vain(self, session: Session, row: ActionRow, at: datetime) -> str:
        """Why a way back that waits is over before it began: what had healed has failed again."""
        if not row.undoes or row.asked_by != DAEMON.name:
            return ""
        done = session.get(ActionRow, row.undoes)
        if done is None or done.rule not in self.decider.rules:
            return ""  # said as it is considered
        return self.too_early(session, done, at)

    def begin(self, session: Session, action_id: str, at: datetime) -> None:
        """A way back of its own, which begins, waits or is refused. The caller has its turn."""
        done = session.scalars(select(ActionRow).where(ActionRow.id == action_id).with_for_update()).one()
        rule = self.decider.rules[done.rule]
        if not done.returns or open_return(session, done.id) is not None:
            return None  # of another daemon, since we looked
        try:
            target = self.decider.back(session, rule, done, at)
        except NotMeant as error:
            return book.stands(session, done.id, "", at, str(error))
        except NotPossible:
            return None  # looked at again
        row = self.decider.make(rule, target, at, by=DAEMON.name, alarm_id=done.alarm_id, occurrence=None, undoes=done.id)
        book.enter(session, row, DAEMON, at, f"takes back action {done.id}")
        return self.decider.consider(session, row, DAEMON, at, target)
