"""What an order has come to, and what threatens its promised day. Kept as JSON in the order's row, told by TMF641's events.

A milestone is {id, name, message, status, at, items}, an alert {id, name, type, message, exception, at, items}; `items` are
the client's ids.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from agent.fulfillment.designs import INACTIVE
from agent.fulfillment.tables import OrderItemRow, OrderRow
from inventory.tables import ServiceRow


class Milestone(StrEnum):
    ACCEPTED = "orderAccepted"
    ALLOCATED = "resourcesAllocated"
    APPROVED = "planApproved"
    RELEASED = "referenceCompleted"
    COMMITTED = "networkCommitted"
    ACTIVE = "serviceActive"
    INACTIVE = "serviceInactive"
    TERMINATED = "serviceTerminated"


class Jeopardy(StrEnum):
    HAZARD = "Hazard"
    """It is expected to be completed late."""
    CRITICAL = "Critical"
    """The promised day has passed."""


def reach(order: OrderRow, milestone: Milestone, message: str, items: Iterable[OrderItemRow], at: datetime) -> None:
    before = order.milestones or ()
    reached = {
        "id": str(len(before) + 1),
        "name": str(milestone),
        "message": message,
        "status": "reached",
        "at": at.isoformat(),
        "items": [item.reference for item in items],
    }
    order.milestones = [*before, reached]


def service_milestone(item: OrderItemRow, service: ServiceRow) -> Milestone:
    """What an item that is completed, and was there to change something, has made of its service."""
    if item.action == "delete":
        return Milestone.TERMINATED
    return Milestone.INACTIVE if service.state == INACTIVE else Milestone.ACTIVE


def endanger(order: OrderRow, kind: Jeopardy, message: str, exception: str, items: Iterable[OrderItemRow], at: datetime) -> None:  # noqa: PLR0917  an alert is all of that
    alert = {
        "id": str(len(order.jeopardy or ()) + 1),
        "name": "completionLate" if kind is Jeopardy.CRITICAL else "completionExpectedLate",
        "type": kind.value,
        "message": message,
        "exception": exception,
        "at": at.isoformat(),
        "items": [item.reference for item in items],
    }
    order.jeopardy = [*(order.jeopardy or ()), alert]


def endangered_by(order: OrderRow) -> frozenset[str]:
    """The kinds of alert that it has already."""
    return frozenset(alert["type"] for alert in order.jeopardy or ())
