"""Bouncing a port: a plan without an order that shuts it, reads back that it is shut, and takes that back again.

It is a network transaction that is always undone. So whatever happens on the way, its end or a kill, leads to the port as it was
found: by the same revert and the same recovery as that of any other plan. Nothing of it is ever saved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment import unordered
from agent.fulfillment.designs import ACTIVE
from agent.fulfillment.errors import Missing, Refusal, StateRefused
from agent.fulfillment.plan import Purpose
from agent.fulfillment.settings import FulfilmentSettings
from drivers.diff import change_set
from drivers.platform import Platform
from drivers.port import ChangeSet
from inventory.elements import LOCKED
from inventory.tables import ElementRow, PortClaimRow, PortRow, ServiceRow
from inventory.work import WorkQueue

CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Bouncer:
    queue: WorkQueue
    settings: FulfilmentSettings
    platforms: Callable[[str], Platform]

    def plan(self, session: Session, reference: str, at: datetime, rest: timedelta | None = None) -> str:
        """The plan's id. `rest`: how long the port stays shut, in whole seconds; as the settings have it when nothing is said.

        Raises as `change` does, and `StateRefused` when nothing may be changed now.
        """
        change = self.change(session, reference)
        row = unordered.row(change, self.platforms(change.platform).commitment, at)
        return unordered.begin(session, self.queue, self.settings, Purpose.BOUNCE, [row], at, rest=rest)

    def change(self, session: Session, reference: str) -> ChangeSet:
        """What is sent to `element/port`, with the way back. `Missing`, or `StateRefused` when it is not to be bounced."""
        element, port = _found(session, reference)
        _refuse(session, element, port, reference)
        platform = self.platforms(element.platform)
        if platform.toggle is None:
            message = f"platform {platform.name} does not say how a port is shut and opened again"
            raise _irreversible(reference, message, "add `toggle` to its platform.yaml")
        try:
            opened, shut = platform.toggle.texts(escape(port.name) if platform.syntax == "xml" else port.name, port.if_index)
        except ValueError as error:
            raise _irreversible(reference, str(error), "then try again") from error
        change = change_set(platform, element.name, opened, shut)
        if not change.forward or not change.reverse:
            raise _irreversible(reference, f"`toggle` of platform {platform.name} says the same twice", "correct its platform.yaml")
        return change


def _found(session: Session, reference: str) -> tuple[ElementRow, PortRow]:
    element, _, port = reference.partition("/")
    statement = select(ElementRow, PortRow).join(PortRow, PortRow.element_id == ElementRow.id)
    found = session.execute(statement.where(ElementRow.name == element, PortRow.name == port)).first()
    if found is None:
        raise Missing("port", reference, "name it as element/port; list them with `fabd inventory show`")
    return found[0], found[1]


def _refuse(session: Session, element: ElementRow, port: PortRow, reference: str) -> None:
    if element.administrative == LOCKED:
        message = f"{element.name} is locked: nothing is configured there"
        raise StateRefused(Refusal("elementLocked", reference, message, "unlock it in the inventory"))
    if port.role != CUSTOMER:
        message = f"{reference} is a {port.role} port; only customer ports are bounced"
        raise StateRefused(Refusal("notACustomerPort", reference, message, "take care of it by hand"))
    serving = (
        select(ServiceRow.id)
        .join(PortClaimRow, PortClaimRow.service_id == ServiceRow.id)
        .where(PortClaimRow.port_id == port.id, ServiceRow.state == ACTIVE)
    )
    if session.scalars(serving.limit(1)).first() is None:
        raise StateRefused(Refusal("noService", reference, f"no active service has {reference}", "nothing is to bounce there"))


def _irreversible(reference: str, message: str, remedy: str) -> StateRefused:
    return StateRefused(Refusal("irreversible", reference, message, remedy))
