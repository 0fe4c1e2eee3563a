"""Putting an element right that has drifted: the plan that `fabd element redeploy` makes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions.deeds.deed import MOST_SERVICES, Begin, Begun, Done, Ended, Errand, Target
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.subject import Subject
from agent.fulfillment.drift import DriftState
from agent.fulfillment.errors import Missing, StateRefused
from agent.fulfillment.service import FulfilmentService
from inventory.services import services_on
from inventory.tables import ElementRow


@dataclass(frozen=True, slots=True)
class Redeploy:
    fulfilment: FulfilmentService

    def target(self, session: Session, subject: Subject, at: datetime) -> Target:
        del at
        element = subject.element
        if not element or session.scalar(select(ElementRow.id).where(ElementRow.name == element)) is None:
            raise NotMeant(f"{subject} is no element of the inventory; only elements are put right")
        services = services_on(session, element=element)
        reverse = "what stood there is kept in the plan (fabd plan show PLAN --reverse), and put back by fabd action undo"
        return Target(element, frozenset({element}), services[:MOST_SERVICES], reverse)

    def prepare(self, errand: Errand) -> Begin:
        drift = self.fulfilment.drift.check(errand.subject.element)
        if drift.state is DriftState.IN_SYNC:
            return lambda _session, _at: Begun(ended=Ended(True, f"{drift.element} was as it should be when it was compared again"))
        if drift.state is not DriftState.DRIFTED:
            raise NotPossible(f"{drift.element} could not be compared: {drift.reason}; see that it can be reached")
        if not drift.reverse:
            raise NotPossible(f"{drift.element}: nobody knows how to take this back; put it right by hand")
        return lambda session, _at: Begun(plan_id=self.fulfilment.redeploy(session, [drift]))

    def back(self, session: Session, done: Done, at: datetime) -> Target:
        del at
        element = done.subject.element
        if not done.plan_id:
            raise NotMeant(f"{element} was as it should be, and nothing was changed; nothing is to take back")
        try:
            self.fulfilment.redeployer.way_back(session, done.plan_id)
        except Missing as error:
            raise NotMeant(str(error)) from error
        except StateRefused as error:
            raise NotPossible(str(error)) from error
        return Target(element, frozenset({element}), done.services, "by putting it right again: fabd element redeploy")

    def unrest(self, session: Session, done: Done, since: datetime) -> str:
        """Nothing of it is ever taken back by itself."""
        del session, done, since
        return ""

    def prepare_back(self, errand: Errand, done: Done) -> Begin:
        if not done.plan_id:
            raise NotPossible(f"{errand.subject}: what stood there before is not known any more; change it by hand")
        return lambda session, at: Begun(plan_id=self.fulfilment.redeploy_back(session, done.plan_id, at))

    def look(self, errand: Errand) -> None:
        self.fulfilment.drift.check(errand.subject.element)
