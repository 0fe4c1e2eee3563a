"""Who is told: webhooks (CloudEvents, signed) and hubs (TM Forum listeners)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.errors import InvalidSubscription, UnknownSubscription
from crm_bridge.eventfilter import EventFilter
from crm_bridge.once import insert_once
from crm_bridge.outbox import ACTIVE, DEAD, DISABLED, DUE
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow
from policies.values import new_id

WEBHOOK: Final = "webhook"
HUB: Final = "hub"
CONFIGURED = "settings"
"""Owner of subscriptions that the settings name."""


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    kind: Literal["webhook", "hub"]
    callback: str
    secret_reference: str = ""
    """Required for webhooks: events to them are signed."""
    query: str = ""
    owner: str = ""
    api: str = ""
    """Base path of the API whose hub it is."""
    resources: tuple[str, ...] = ()
    """Kinds of resources whose events are meant; empty: all."""


def subscribe(
    session: Session, wanted: SubscriptionRequest, policy: CallbackPolicy, at: datetime, *, from_sequence: int | None = None
) -> SubscriptionRow:
    """From the next event on, or from an earlier one by its number. Raises `CallbackRefused` or `InvalidSubscription`."""
    policy.check(wanted.callback)
    wants = EventFilter.parse(wanted.query, wanted.resources).wants
    if wanted.kind == WEBHOOK and not wanted.secret_reference:
        raise InvalidSubscription(f"webhook {wanted.callback}: name the credential whose password signs the events")
    following = (session.scalar(select(func.max(EventRow.sequence))) or 0) + 1
    row = SubscriptionRow(
        id=new_id("sub", at),
        kind=wanted.kind,
        callback=wanted.callback,
        secret_reference=wanted.secret_reference,
        query=wanted.query,
        state=ACTIVE,
        from_sequence=following if from_sequence is None else from_sequence,
        owner=wanted.owner,
        api=wanted.api,
        resources=list(wanted.resources),
        created_at=at,
    )
    session.add(row)
    session.flush()
    if from_sequence is not None:
        for event in session.scalars(select(EventRow).where(EventRow.sequence >= from_sequence).order_by(EventRow.sequence)):
            if wants(event.type, event.payload):
                _deliver(session, row, event, at)
    return row


def unsubscribe(session: Session, subscription_id: str) -> None:
    """Its deliveries go with it."""
    session.delete(subscription(session, subscription_id))
    session.flush()


def subscription(session: Session, subscription_id: str) -> SubscriptionRow:
    row = session.get(SubscriptionRow, subscription_id)
    if row is None:
        raise UnknownSubscription(subscription_id)
    return row


def enable(session: Session, subscription_id: str) -> SubscriptionRow:
    """Again, after a 410 or an operator disabled it; what was due is delivered."""
    row = subscription(session, subscription_id)
    row.state = ACTIVE
    return row


def disable(session: Session, subscription_id: str) -> SubscriptionRow:
    row = subscription(session, subscription_id)
    row.state = DISABLED
    return row


def replay(session: Session, subscription_id: str, at: datetime, *, sequence: int | None = None) -> int:
    """Deliver dead letters again, all or one; how many."""
    subscription(session, subscription_id)
    statement = update(DeliveryRow).where(DeliveryRow.subscription_id == subscription_id, DeliveryRow.state == DEAD)
    if sequence is not None:
        statement = statement.where(DeliveryRow.event_sequence == sequence)
    revived = session.scalars(
        statement.values(state=DUE, attempts=0, due_at=at)
        .returning(DeliveryRow.event_sequence)
        .execution_options(synchronize_session="fetch")
    )
    return len(revived.all())


def keep_configured(session: Session, wanted: Sequence[SubscriptionRequest], policy: CallbackPolicy, at: datetime) -> None:
    """Make the subscriptions of the settings be these; those that the settings no longer name are disabled, not forgotten; one
    that stands there twice is one.
    """
    configured = session.scalars(select(SubscriptionRow).where(SubscriptionRow.owner == CONFIGURED))
    rows = {(row.callback, row.query): row for row in configured}
    for key, each in {(each.callback, each.query): each for each in wanted}.items():
        row = rows.pop(key, None)
        if row is None:
            policy.check(each.callback)
            subscribe(
                session, SubscriptionRequest(each.kind, each.callback, each.secret_reference, each.query, CONFIGURED), policy, at
            )
        else:
            row.secret_reference, row.state = each.secret_reference, ACTIVE
    for row in rows.values():
        row.state = DISABLED


def _deliver(session: Session, row: SubscriptionRow, event: EventRow, at: datetime) -> None:
    values = {"event_sequence": event.sequence, "subscription_id": row.id, "state": DUE, "aggregate": event.aggregate, "due_at": at}
    insert_once(session, DeliveryRow, values)
