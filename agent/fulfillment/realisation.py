"""What a plan's end means for a service, its values and its ports; always inside the transaction that ends the plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.events import Announcer
from agent.fulfillment.lifecycle import CounterReadings, ServiceLifecycle
from agent.fulfillment.tables import OrderItemRow, OrderRow
from inventory.allocation import release_service
from inventory.ports import release_claims
from inventory.services import terminate_service
from inventory.tables import ElementRow, PortRow, ServiceResourceRow, ServiceRow


@dataclass(frozen=True, slots=True)
class Realisation:
    lifecycle: ServiceLifecycle
    announcer: Announcer

    def realise(  # noqa: PLR0917  the two readings belong beside each other
        self,
        session: Session,
        item: OrderItemRow,
        order: OrderRow,
        before: CounterReadings,
        after: CounterReadings,
        at: datetime,
    ) -> None:
        """The plan holds: the service begins (with readings taken `after`) or ends (with those taken `before`)."""
        if item.action == "noChange":
            return
        service = session.get_one(ServiceRow, item.service_id)
        ports = endpoint_ports(session, [service.id])
        if item.action == "delete":
            self.lifecycle.terminated(session, service, before.of(ports), at)
            terminate_service(session, service.id, at)
        else:
            service.state, service.started_at = "active", service.started_at or at
            self.lifecycle.activated(session, service, after.of(ports), at)
        self.announcer.service(session, service, "StateChange", order, at)

    def withdraw(self, session: Session, item: OrderItemRow, order: OrderRow, at: datetime, *, used: bool) -> None:
        """The plan does not hold: a service that never came to be leaves nothing; one that was to be deleted goes on."""
        service = session.get(ServiceRow, item.service_id)
        if item.action != "add" or service is None:
            return
        release_service(session, service.id, at, used=used)
        release_claims(session, service_id=service.id)
        self.announcer.service(session, service, "Delete", order, at)
        session.delete(service)


def endpoint_ports(session: Session, services: Iterable[str]) -> list[str]:
    """The customer ports of services, as `element/port`."""
    rows = session.execute(
        select(ElementRow.name, PortRow.name)
        .join(PortRow, PortRow.element_id == ElementRow.id)
        .join(ServiceResourceRow, ServiceResourceRow.port_id == PortRow.id)
        .where(ServiceResourceRow.service_id.in_(list(services)), ServiceResourceRow.role == "endpoint")
        .order_by(ElementRow.name, PortRow.name)
        .distinct()
    )
    return [f"{element}/{port}" for element, port in rows]
