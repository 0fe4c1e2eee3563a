"""TMF640 monitors: how a request that is carried out by an order goes, and what it would have been answered in the end.

One monitor per order, under an id that follows from the order's; it is settled in the transaction in which the order ends.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from sqlalchemy.orm import Session

from agent.api.errors import ErrorBody
from agent.api.query import Document
from agent.api.shapes import TEXT, Shape, many, named, opened
from agent.api.tables import RecordRow
from agent.api.tmf.open import Open
from agent.api.tmf.paths import SERVICE_ACTIVATION, activation_href
from agent.api.tmf.presenter import service_document
from agent.api.tmf.records import RecordKind
from agent.fulfillment.states import FINAL, ItemState
from agent.fulfillment.tables import OrderRow
from agent.security.audit import DAEMON, Actor
from crm_bridge import outbox
from inventory.tables import ServiceRow
from policies.values import derived_id

ACTIVATION = "TMF640 activation"
"""Category of the orders that carry out what was asked here."""
IN_PROGRESS, COMPLETED, IN_ERROR = "InProgress", "Completed", "InError"
_MESSAGE: Shape = opened(
    method=TEXT, to=TEXT, statusCode=TEXT, body=TEXT, header=many(opened(name=TEXT, value=TEXT)), **{"@type": TEXT}
)
MONITOR = named(
    "Monitor",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        sourceHref=TEXT,
        state={"type": "string", "enum": [IN_PROGRESS, COMPLETED, IN_ERROR]},
        request=_MESSAGE,
        response=_MESSAGE,
    ),
)
MONITORS = RecordKind("monitor", SERVICE_ACTIVATION, "mon", Open, MONITOR)
_DONE = {"POST": HTTPStatus.CREATED, "PATCH": HTTPStatus.OK, "DELETE": HTTPStatus.NO_CONTENT}


@dataclass(frozen=True, slots=True)
class Requested:
    """What was asked over HTTP."""

    method: str
    to: str
    body: bytes
    actor: Actor


def begin(session: Session, order: OrderRow, asked: Requested, at: datetime) -> Document:
    """The monitor of a request that the order carries out."""
    source = activation_href(order.items[0].service_id)
    document = {
        "state": IN_PROGRESS,
        "sourceHref": source,
        "request": {
            "method": asked.method,
            "to": asked.to,
            "body": asked.body.decode(),
            "header": [{"name": "X-Correlation-Id", "value": order.correlation_id}],
            "@type": "Request",
        },
    }
    row = RecordRow(id=_id(order), kind=MONITORS.kind, state=IN_PROGRESS, client=asked.actor.name, created_at=at, updated_at=at)
    row.document = document
    session.add(row)
    session.flush()
    whole = MONITORS.document(row)
    MONITORS.tell(session, "Create", whole, asked.actor, at)
    follow(session, order, at)  # what has nothing to do on the network has ended already
    return MONITORS.document(row)


def follow(session: Session, order: OrderRow, at: datetime) -> None:
    """`agent.fulfillment.events.Follower`: when the order has ended, its monitor has."""
    if order.state not in FINAL or order.document.get("category") != ACTIVATION:
        return
    row = session.get(RecordRow, _id(order))
    if row is None or row.state != IN_PROGRESS:
        return
    done = order.state == ItemState.COMPLETED
    status = _DONE[row.document["request"]["method"]] if done else HTTPStatus.CONFLICT
    response = {
        "statusCode": str(status.value),
        "body": json.dumps(_service(session, order) if done else _refusal(order).tmf(), ensure_ascii=False),
        "header": [{"name": "Content-Type", "value": "application/json"}],
        "@type": "Response",
    }
    MONITORS.settle(session, row, {"state": COMPLETED if done else IN_ERROR, "response": response}, DAEMON, at)
    if done and status is HTTPStatus.NO_CONTENT:
        _tell_of_delete(session, order, at)


def _tell_of_delete(session: Session, order: OrderRow, at: datetime) -> None:
    """Who deletes a service hears that it is deleted; the inventory keeps it as terminated, and says so too."""
    outbox.publish(
        session,
        aggregate=f"service:{order.items[0].service_id}",
        type="serviceDeleteEvent",
        payload={"service": dict(_service(session, order))},
        correlation_id=order.correlation_id,
        at=at,
    )


def _id(order: OrderRow) -> str:
    return derived_id("mon", order.id)


def _service(session: Session, order: OrderRow) -> Mapping[str, Any]:
    identity = order.items[0].service_id
    row = session.get(ServiceRow, identity)
    return {} if row is None else {**service_document(row), "href": activation_href(identity)}


def _refusal(order: OrderRow) -> ErrorBody:
    code, words = _why(order)
    return ErrorBody(HTTPStatus.CONFLICT, code, words)


def _why(order: OrderRow) -> tuple[str, str]:
    """Code and words of what went wrong, the element's own where it was one."""
    for item in order.items:
        for error in item.errors:
            words = f"{error['element']}: {error['message']}" if error.get("element") else error["message"]
            return str(error["code"]), words
    return f"order{order.state[0].upper()}{order.state[1:]}", f"order {order.id} is {order.state}"
