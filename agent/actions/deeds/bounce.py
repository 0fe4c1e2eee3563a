"""Shutting a customer port for a moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions.deeds.deed import MOST_SERVICES, Begin, Begun, Errand, Momentary, Target
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.subject import Subject
from agent.fulfillment.errors import Missing, StateRefused
from agent.fulfillment.service import FulfilmentService
from inventory.tables import ElementRow, PortClaimRow, PortRow

NOT_FOR_US = frozenset({"notACustomerPort", "noService"})


@dataclass(frozen=True, slots=True)
class Bounce(Momentary):
    OVER = "the port was opened again by the action itself"

    fulfilment: FulfilmentService

    def target(self, session: Session, subject: Subject, at: datetime) -> Target:
        del at
        if subject.kind != "port":
            raise NotMeant(f"{subject} is no port; only customer ports are bounced")
        services = _services(session, subject)
        try:
            change = self.fulfilment.bouncer.change(session, subject.name)
        except Missing as error:
            raise NotMeant(str(error)) from error
        except StateRefused as refused:
            codes = {refusal.code for refusal in refused.refusals}
            if codes & NOT_FOR_US:
                raise NotMeant(str(refused)) from refused
            if "irreversible" in codes:
                return Target(subject.name, frozenset({subject.element}), services, "")
            raise NotPossible(str(refused)) from refused
        return Target(subject.name, frozenset({subject.element}), services, change.reverse)

    def prepare(self, errand: Errand) -> Begin:
        rest = None if errand.shut_s is None else timedelta(seconds=errand.shut_s)
        return lambda session, at: Begun(plan_id=self.fulfilment.bounce(session, errand.subject.name, at, rest))

    def look(self, errand: Errand) -> None:
        """The next poll tells, or the element itself."""


def _services(session: Session, subject: Subject) -> tuple[str, ...]:
    statement = (
        select(PortClaimRow.service_id)
        .join(PortRow, PortRow.id == PortClaimRow.port_id)
        .join(ElementRow, ElementRow.id == PortRow.element_id)
        .where(ElementRow.name == subject.element, PortRow.name == subject.port)
        .order_by(PortClaimRow.service_id)
        .distinct()
    )
    return tuple(session.scalars(statement.limit(MOST_SERVICES)))
