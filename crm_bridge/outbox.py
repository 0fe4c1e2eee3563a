"""The outbox: events written in the transaction of the facts they tell.

Deliveries are made in the same transaction, one per subscription that wants the event, rather than by a cursor over event
numbers: numbers become visible out of order when transactions commit out of order, and a cursor would step over some.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.eventfilter import EventFilter
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow
from policies.values import new_id

DUE, DELIVERED, DEAD = "due", "delivered", "dead"
ACTIVE, DISABLED = "active", "disabled"


def publish(
    session: Session,
    *,
    aggregate: str,
    type: str,  # noqa: A002  CloudEvents' word
    payload: Mapping[str, Any],
    correlation_id: str,
    at: datetime,
) -> EventRow:
    """Tell what happened, in the caller's transaction: no fact without its event, no event without its fact.

    `aggregate` ("order:<id>", "ticket:<id>") is what order is kept within. `type` is the TM Forum event name
    (`serviceOrderStateChangeEvent`). `payload` is the resource under its name: `{"serviceOrder": {…}}`.
    """
    event = EventRow(
        id=new_id("evt", at), aggregate=aggregate, type=type, payload=dict(payload), correlation_id=correlation_id, at=at
    )
    session.add(event)
    session.flush()
    for subscription in session.scalars(select(SubscriptionRow).where(SubscriptionRow.state == ACTIVE)):
        if EventFilter.parse(subscription.query).wants(event.type, event.payload):
            session.add(DeliveryRow(event_sequence=event.sequence, subscription_id=subscription.id, state=DUE, due_at=at))
    return event
