"""Does actions: handles claims of kind `action`. What reaches out to the network is done outside any transaction."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.actions.deciding import Decider
from agent.actions.deeds.deed import Begin, Begun, Deed, Done, Ended, Errand
from agent.actions.errors import ActionError, NotPossible
from agent.actions.following import note_begun
from agent.actions.returning import done_of
from agent.actions.state import State
from agent.actions.subject import Subject
from agent.actions.tables import ActionRow
from agent.fulfillment.errors import FulfilmentError
from drivers.errors import ElementError
from inventory.db import Database
from inventory.errors import InventoryError
from inventory.loading import lock
from inventory.work import Claim
from policies.acting.rules import Deed as Kind
from policies.acting.rules import Rule
from policies.values import Clock

REFUSED = (ActionError, FulfilmentError, InventoryError, ElementError)
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class ActionRunner:
    database: Database
    clock: Clock
    decider: Decider

    def __call__(self, claim: Claim) -> None:
        with self.database.read() as session:
            row = session.get(ActionRow, claim.work.key)
            errand = None if row is None else _errand(row, self.decider.rules.get(row.rule))
            done = None if row is None or not row.undoes else self._done(session, row)
            state = None if row is None else row.state
            begun = row is not None and bool(row.plan_id or row.orders)
            deed = None if row is None else self.decider.deeds[Kind(row.deed)]
        if errand is not None and deed is not None:
            if state == State.RUNNING and not begun:
                return self._begin(claim, errand, deed, done)
            if state == State.MEASURING:
                deed.look(errand)
        with self.database.write() as session:
            self.decider.queue.finish(session, claim, self.clock.now())
        return None

    def _done(self, session: Session, row: ActionRow) -> Done:
        """What a way back takes back. An action that is forgotten meanwhile leaves nothing that could be."""
        made = session.get(ActionRow, row.undoes)
        return Done(Subject.parse(row.object), ()) if made is None else done_of(session, made, self.decider.rules.get(made.rule))

    def _begin(self, claim: Claim, errand: Errand, deed: Deed, done: Done | None) -> None:
        try:
            if claim.attempts > MOST_TRIES:
                raise NotPossible(f"given up: fabd was interrupted in it {MOST_TRIES} times")
            begin = deed.prepare(errand) if done is None else deed.prepare_back(errand, done)
            self._note(claim, errand, begin)
        except REFUSED as error:
            ended = Ended(False, str(error))
            self._note(claim, errand, lambda _session, _at: Begun(ended=ended))

    def _note(self, claim: Claim, errand: Errand, begin: Begin) -> None:
        """Only one that runs and has not been noted; nothing of it stands when the claim is another worker's by now."""
        with self.database.write() as session:
            at = self.clock.now()
            row = lock(session, ActionRow, [errand.action_id]).get(errand.action_id)
            if row is not None and row.state == State.RUNNING and not row.plan_id and not row.orders:
                note_begun(session, self.decider.queue, self.decider.rules, row, begin(session, at), at)
            if not self.decider.queue.finish(session, claim, at):
                session.rollback()


def _errand(row: ActionRow, rule: Rule | None) -> Errand:
    about = f"alarm {row.alarm_id}" if row.alarm_id else f"{row.asked_by} asked for it"
    if row.undoes:
        about = f"takes back action {row.undoes}"
    reason = f"action {row.id} ({row.rule}), {about}"
    return Errand(row.id, Subject.parse(row.object), tuple(row.services), reason, None if rule is None else rule.shut_s)
