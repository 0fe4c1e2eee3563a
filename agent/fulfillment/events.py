"""What fulfilment tells the outside, through the outbox: events of orders and services, in the transaction of the fact."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from agent.fulfillment.tables import OrderCancellationRow, OrderRow
from crm_bridge import outbox
from inventory.tables import ServiceRow


class Presenter(Protocol):
    """How a resource looks in an event; the API's own shape when the API hands its presenter in."""

    def order(self, order: OrderRow) -> Mapping[str, Any]: ...

    def service(self, service: ServiceRow) -> Mapping[str, Any]: ...

    def cancellation(self, cancellation: OrderCancellationRow) -> Mapping[str, Any]: ...


class PlainPresenter:
    def order(self, order: OrderRow) -> Mapping[str, Any]:
        items = [{"id": item.reference, "state": item.state, "service": {"id": item.service_id}} for item in order.items]
        return {"id": order.id, "externalId": order.external_id, "state": order.state, "serviceOrderItem": items}

    def service(self, service: ServiceRow) -> Mapping[str, Any]:
        return {"id": service.id, "name": service.name, "state": service.state, "serviceType": service.specification}

    def cancellation(self, cancellation: OrderCancellationRow) -> Mapping[str, Any]:
        return {"id": cancellation.id, "state": cancellation.state, "serviceOrder": {"id": cancellation.order_id}}


Follower = Callable[[Session, OrderRow, datetime], None]
"""Is shown an order whenever there is news of it, in the transaction of the news."""


def nobody(session: Session, order: OrderRow, at: datetime) -> None:
    del session, order, at


class Announcer:
    def __init__(self, presenter: Presenter | None = None, follower: Follower = nobody) -> None:
        self._presenter, self._follower = presenter or PlainPresenter(), follower

    def order(self, session: Session, order: OrderRow, at: datetime, *, event: str = "StateChange") -> None:
        """`event`: Create, StateChange, AttributeValueChange, Delete, Milestone, Jeopardy or InformationRequired (TMF641)."""
        outbox.publish(
            session,
            aggregate=f"order:{order.id}",
            type=f"serviceOrder{event}Event",
            payload={"serviceOrder": self._presenter.order(order)},
            correlation_id=order.correlation_id,
            at=at,
        )
        self._follower(session, order, at)

    def cancellation(
        self, session: Session, cancellation: OrderCancellationRow, order: OrderRow, at: datetime, *, event: str = "StateChange"
    ) -> None:
        """`event`: Create or StateChange. Of the order's aggregate: told in one row with what becomes of the order."""
        outbox.publish(
            session,
            aggregate=f"order:{order.id}",
            type=f"cancelServiceOrder{event}Event",
            payload={"cancelServiceOrder": self._presenter.cancellation(cancellation)},
            correlation_id=order.correlation_id,
            at=at,
        )

    def placed(self, session: Session, order: OrderRow, services: Iterable[ServiceRow], at: datetime) -> None:
        """A new order, and the services that it brings."""
        told = [
            outbox.Event(f"service:{service.id}", "serviceCreateEvent", {"service": self._presenter.service(service)})
            for service in services
        ]
        told.append(outbox.Event(f"order:{order.id}", "serviceOrderCreateEvent", {"serviceOrder": self._presenter.order(order)}))
        outbox.publish_all(session, told, correlation_id=order.correlation_id, at=at)
        self._follower(session, order, at)

    def service(self, session: Session, service: ServiceRow, event: str, order: OrderRow, at: datetime) -> None:
        """`event`: Create, StateChange, AttributeValueChange or Delete (TMF638)."""
        outbox.publish(
            session,
            aggregate=f"service:{service.id}",
            type=f"service{event}Event",
            payload={"service": self._presenter.service(service)},
            correlation_id=order.correlation_id,
            at=at,
        )
