"""The outbox: events written in the transaction of the facts they tell.

Deliveries are made in the same transaction, one per subscription that wants the event, rather than by a cursor over event
numbers: numbers become visible out of order when transactions commit out of order, and a cursor would step over some.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, and_, delete, exists, func, insert, or_, select
from sqlalchemy.orm import Session

from crm_bridge.eventfilter import EventFilter
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow
from inventory.postponed import later
from inventory.prepared import Prepared
from policies.values import new_id

DUE, DELIVERED, DEAD = "due", "delivered", "dead"
ACTIVE, DISABLED = "active", "disabled"

REPLAYED_WITHIN = timedelta(days=60)
"""How much longer than others events are kept that a subscriber did not get: no queue is without bound."""


@dataclass(frozen=True, slots=True)
class Event:
    aggregate: str
    """What order is kept within: "order:<id>", "ticket:<id>"."""
    type: str
    """TM Forum's name of it: `serviceOrderStateChangeEvent`."""
    payload: Mapping[str, Any]
    """The resource under its name: `{"serviceOrder": {…}}`."""
    correlation_id: str = ""
    """Its own, where events of several matters are told together."""


_Written = tuple[Event, dict[str, Any]]
_Subscription = tuple[Any, ...]
"""Id, query and resources."""
"""With its row."""


def publish(
    session: Session,
    *,
    aggregate: str,
    type: str,  # noqa: A002  CloudEvents' word
    payload: Mapping[str, Any],
    correlation_id: str,
    at: datetime,
) -> str:
    """Tell what happened, in the caller's transaction: no fact without its event, no event without its fact. Gives the event's id.

    `aggregate` ("order:<id>", "ticket:<id>") is what order is kept within. `type` is the TM Forum event name
    (`serviceOrderStateChangeEvent`). `payload` is the resource under its name: `{"serviceOrder": {…}}`.
    """
    event = Event(aggregate, type, payload)
    return publish_all(session, [event], correlation_id=correlation_id, at=at)[0]


def publish_all(session: Session, events: Sequence[Event], *, correlation_id: str, at: datetime) -> list[str]:
    """As `publish`, of what happened at once, in that order."""
    ids = [new_id("evt", at) for _ in events]
    rows = [
        {
            "id": event_id,
            "aggregate": event.aggregate,
            "type": event.type,
            "payload": dict(event.payload),
            "correlation_id": event.correlation_id or correlation_id,
            "at": at,
        }
        for event_id, event in zip(ids, events, strict=True)
    ]
    gathered: list[_Written] | None = session.info.get(_GATHERED)
    if gathered is None:
        _write(session, list(zip(events, rows, strict=True)))
    else:
        gathered += zip(events, rows, strict=True)
    return ids


@contextmanager
def gathering(session: Session) -> Iterator[None]:
    """What is told inside is written when it ends, all at once and in that order; nothing of it when it raises."""
    if _GATHERED in session.info:
        yield
        return
    gathered: list[_Written] = []
    session.info[_GATHERED] = gathered
    try:
        yield
    finally:
        del session.info[_GATHERED]
    _write(session, gathered)


def _write(session: Session, written: Sequence[_Written]) -> None:
    if not written:
        return
    subscriptions = _subscriptions(session)
    if subscriptions:
        connection = session.connection()
        for event, row in written:
            _deliver(connection, event, _NUMBERED.rows(connection, row)[0][0], subscriptions, row["at"])
    else:
        later(session, _EVENTS, _EVENT, [row for _, row in written])


def _subscriptions(session: Session) -> Sequence[_Subscription]:
    """The active ones. Looked up once in a transaction: what comes to be known in its course was not there for its facts."""
    transaction = session.get_transaction()
    known = session.info.get(_KNOWN)
    if known is None or known[0] is not transaction:
        known = session.info[_KNOWN] = transaction, _ACTIVE.rows(session.connection(), {})
    found: Sequence[_Subscription] = known[1]
    return found


def _deliver(connection: Connection, event: Event, sequence: int, subscriptions: Sequence[_Subscription], at: datetime) -> None:
    wanting = [
        {"event_sequence": sequence, "subscription_id": subscription, "state": DUE, "aggregate": event.aggregate, "due_at": at}
        for subscription, query, resources in subscriptions
        if EventFilter.parse(query, resources).wants(event.type, event.payload)
    ]
    if wanting:
        connection.execute(_DELIVERY, wanting)


def forget(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Delete events from before `before` that nobody is owed any more, at most `limit`; how many.

    Dead letters, and what is due to a disabled subscription, wait `REPLAYED_WITHIN` longer for somebody to replay them. The newest
    event stays in any case: SQLite numbers on from the highest row there is, and a number must not come twice.
    """
    its_own = DeliveryRow.event_sequence == EventRow.sequence
    active = exists().where(SubscriptionRow.id == DeliveryRow.subscription_id, SubscriptionRow.state == ACTIVE)
    owed = exists().where(its_own, DeliveryRow.state != DELIVERED)
    awaited = exists().where(its_own, DeliveryRow.state == DUE, active)
    newest = select(func.max(EventRow.sequence)).scalar_subquery()
    forgotten = or_(and_(EventRow.at < before, ~owed), and_(EventRow.at < before - REPLAYED_WITHIN, ~awaited))
    old = select(EventRow.sequence).where(EventRow.sequence < newest, forgotten).order_by(EventRow.sequence)
    sequences = session.scalars(old.limit(limit)).all()
    for table, key in ((DeliveryRow, DeliveryRow.event_sequence), (EventRow, EventRow.sequence)):
        session.execute(delete(table).where(key.in_(sequences)).execution_options(synchronize_session=False))
    return len(sequences)


_KNOWN = "subscriptions"
_GATHERED = "events to be written"
_EVENTS = cast("Table", EventRow.__table__)
_TELL = insert(_EVENTS)
_COLUMNS = ["id", "aggregate", "type", "payload", "correlation_id", "at"]
_EVENT = Prepared(_TELL, _COLUMNS)
_NUMBERED = Prepared(_TELL.returning(EventRow.sequence), _COLUMNS)
_DELIVERY = insert(cast("Table", DeliveryRow.__table__))
_ACTIVE = Prepared(
    select(SubscriptionRow.id, SubscriptionRow.query, SubscriptionRow.resources).where(SubscriptionRow.state == ACTIVE)
)
