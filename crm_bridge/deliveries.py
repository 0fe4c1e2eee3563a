"""The queue of deliveries: claimed in order per aggregate, given back with what became of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased

from crm_bridge.envelope import Event
from crm_bridge.outbox import ACTIVE, DEAD, DELIVERED, DISABLED, DUE
from crm_bridge.retry import SCHEDULE, next_delay
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow
from inventory.prepared import Prepared

ERROR_LENGTH = 300

_EARLIER = aliased(DeliveryRow)


@dataclass(frozen=True, slots=True)
class Target:
    """A subscription, apart from its row."""

    id: str
    kind: str
    callback: str
    secret_reference: str


@dataclass(frozen=True, slots=True)
class Attempt:
    target: Target
    event: Event
    number: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt."""

    delivered: bool
    error: str = ""
    retry_after: timedelta | None = None
    gone: bool = False
    """The subscriber said 410: never again."""
    endpoint_failed: bool = False
    """It is the endpoint that does not work, not this event that it does not take."""


@dataclass(frozen=True, slots=True)
class OutboxSnapshot:
    """For the metrics."""

    due: int
    dead: int
    disabled_subscriptions: int
    lag_s: float
    """Age of the oldest event that an active subscriber has not got yet."""


def targets(session: Session) -> list[Target]:
    """Active subscriptions."""
    session.flush()
    return [Target(*row) for row in _TARGETS.rows(session.connection(), {})]


def with_due(session: Session, now: datetime) -> set[str]:
    """Ids of subscriptions that something is due for."""
    due = exists().where(DeliveryRow.subscription_id == SubscriptionRow.id, DeliveryRow.state == DUE, DeliveryRow.due_at <= now)
    return set(session.scalars(select(SubscriptionRow.id).where(due)))


def claim(session: Session, target: Target, now: datetime, *, limit: int, lease: timedelta) -> list[Attempt]:
    """Deliveries that are due, the first of each aggregate only.

    They stay "due", a lease later: should this process die, another one takes them up then. The attempt is counted here, so that a
    delivery which kills its process comes to an end too.
    """
    blocked = exists().where(
        _EARLIER.subscription_id == target.id,
        _EARLIER.state == DUE,
        _EARLIER.aggregate == DeliveryRow.aggregate,
        _EARLIER.event_sequence < DeliveryRow.event_sequence,
    )
    statement = (
        select(DeliveryRow, EventRow)
        .join(EventRow, EventRow.sequence == DeliveryRow.event_sequence)
        .where(DeliveryRow.subscription_id == target.id, DeliveryRow.state == DUE, DeliveryRow.due_at <= now, ~blocked)
        .order_by(DeliveryRow.event_sequence)
        .limit(limit)
        .with_for_update(of=DeliveryRow, skip_locked=True)
    )
    attempts = []
    for delivery, event in session.execute(statement):
        if delivery.attempts > len(SCHEDULE):
            delivery.state, delivery.last_error = DEAD, "no attempt came to an end; the process that made it was lost each time"
            continue
        delivery.attempts += 1
        delivery.due_at = now + lease
        attempts.append(Attempt(target, _detached(event), delivery.attempts))
    return attempts


def inherit(session: Session, now: datetime) -> None:
    """What a process that is surely dead had in hand for the first time may be sent again at once; what had failed before waits."""
    in_hand = DeliveryRow.state == DUE, DeliveryRow.attempts == 1, DeliveryRow.last_error == "", DeliveryRow.due_at > now
    session.execute(update(DeliveryRow).where(*in_hand).values(due_at=now).execution_options(synchronize_session=False))


def settle(session: Session, attempt: Attempt, outcome: Outcome, now: datetime, chance: float) -> str:
    """Write down what became of the attempt; the delivery's state now."""
    row = session.get_one(DeliveryRow, (attempt.event.sequence, attempt.target.id), with_for_update=True)
    row.last_error = outcome.error[:ERROR_LENGTH]
    if outcome.delivered:
        row.state = DELIVERED
    elif outcome.gone:
        row.due_at = now
        statement = update(SubscriptionRow).where(SubscriptionRow.id == attempt.target.id).values(state=DISABLED)
        session.execute(statement.execution_options(synchronize_session=False))
    else:
        delay = next_delay(row.attempts, chance)
        row.state = DEAD if delay is None else DUE
        row.due_at = now + max(delay or timedelta(), outcome.retry_after or timedelta())
    return row.state


def snapshot(session: Session, now: datetime) -> OutboxSnapshot:
    counts = select(DeliveryRow.state, func.count().label("deliveries")).where(DeliveryRow.state.in_([DUE, DEAD]))
    by_state = {row.state: row.deliveries for row in session.execute(counts.group_by(DeliveryRow.state))}
    oldest = session.scalar(
        select(func.min(EventRow.at))
        .join(DeliveryRow, DeliveryRow.event_sequence == EventRow.sequence)
        .join(SubscriptionRow, SubscriptionRow.id == DeliveryRow.subscription_id)
        .where(DeliveryRow.state == DUE, SubscriptionRow.state == ACTIVE)
    )
    disabled = session.scalar(select(func.count(SubscriptionRow.id)).where(SubscriptionRow.state == DISABLED)) or 0
    lag = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return OutboxSnapshot(by_state.get(DUE, 0), by_state.get(DEAD, 0), disabled, lag)


def _detached(row: EventRow) -> Event:
    return Event(row.id, row.sequence, row.aggregate, row.type, row.payload, row.correlation_id, row.at)


_TARGETS = Prepared(
    select(SubscriptionRow.id, SubscriptionRow.kind, SubscriptionRow.callback, SubscriptionRow.secret_reference)
    .where(SubscriptionRow.state == ACTIVE)
    .order_by(SubscriptionRow.id)
)
"""Asked once a second, for the most part to find none."""
