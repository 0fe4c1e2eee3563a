"""The outbox: what was told, to whom, and what could not be delivered."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer
from agent.api.body import BodyOf, read_model
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, whole
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import TEXT, WHOLE, closed, named, row
from agent.security.audit import record
from agent.security.roles import Role
from agent.webhooks import shown
from crm_bridge.subscriptions import replay
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow

router = APIRouter(prefix=ROOT, tags=["Events"])

EVENT = named("Event", row(EventRow))
DELIVERY = named("Delivery", row(DeliveryRow, id=TEXT))
SUBSCRIPTION = named("Subscription", row(SubscriptionRow, deliveries={"type": "object", "additionalProperties": WHOLE}))
REPLAYED = named("Replayed", closed(subscription=TEXT, events=WHOLE))

MOST_EVENTS = 2**31 - 1
"""The largest number that the column holds on every database."""


class Replay(BaseModel):
    """One event by its sequence number, or every dead letter of the subscription."""

    model_config = ConfigDict(extra="forbid")

    sequence: Annotated[int, Field(ge=1, le=MOST_EVENTS)] | None = None


def _subscriptions(session: Session, rows: Sequence[SubscriptionRow]) -> list[Document]:
    counts: dict[str, dict[str, int]] = {row.id: {} for row in rows}
    of_these = select(DeliveryRow.subscription_id, DeliveryRow.state, func.count()).where(DeliveryRow.subscription_id.in_(counts))
    for subscription, state, number in session.execute(of_these.group_by(DeliveryRow.subscription_id, DeliveryRow.state)):
        counts[subscription][state] = number
    return [columns(row) | {"callback": shown(row.callback), "deliveries": counts[row.id]} for row in rows]


EVENTS = Listing(
    EventRow,
    whole,
    texts={"id": EventRow.id, "type": EventRow.type, "aggregate": EventRow.aggregate, "correlation_id": EventRow.correlation_id},
    instants={"at": EventRow.at},
    order=(EventRow.sequence.desc(),),
    key=EventRow.id,
    shape=EVENT,
)
SUBSCRIPTIONS = Listing(
    SubscriptionRow,
    _subscriptions,
    texts={
        "id": SubscriptionRow.id,
        "kind": SubscriptionRow.kind,
        "state": SubscriptionRow.state,
        "callback": SubscriptionRow.callback,
    },
    instants={"created_at": SubscriptionRow.created_at},
    order=(SubscriptionRow.created_at, SubscriptionRow.id),
    key=SubscriptionRow.id,
    shape=SUBSCRIPTION,
)
DELIVERIES = Listing(
    DeliveryRow,
    lambda _, rows: [_delivery(row) for row in rows],
    texts={"subscription_id": DeliveryRow.subscription_id, "state": DeliveryRow.state},
    instants={"due_at": DeliveryRow.due_at},
    order=(DeliveryRow.event_sequence.desc(), DeliveryRow.subscription_id),
    key=DeliveryRow.subscription_id,
    shape=DELIVERY,
)


def _delivery(row: DeliveryRow) -> dict[str, Any]:
    return {"id": f"{row.subscription_id}:{row.event_sequence}"} | columns(row)


@router.get("/events", dependencies=[needs(Role.VIEWER)], **described("List events, the latest first", 206, answer=EVENT))
def list_events(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, EVENTS)


@router.get(
    "/deliveries",
    dependencies=[needs(Role.VIEWER)],
    **described("List deliveries of events, the latest first", 206, answer=DELIVERY),
)
def list_deliveries(request: Request, parts: PartsOf) -> Response:
    """E.g. `?state=dead` for what was given up."""
    return list_answer(request, parts, DELIVERIES)


@router.get(
    "/subscriptions", dependencies=[needs(Role.VIEWER)], **described("List who is told of events", 206, answer=SUBSCRIPTION)
)
def list_subscriptions(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, SUBSCRIPTIONS)


@router.post(
    "/subscriptions/{subscription_id}/replay",
    dependencies=[needs(Role.ADMIN)],
    **described("Deliver dead letters again", 404, 408, 409, 413, 415, answer=REPLAYED, body=Replay, example={}),
)
def replay_events(parts: PartsOf, actor: ActorOf, subscription_id: str, body: BodyOf) -> Response:
    wanted = read_model(Replay, body.data)
    at = parts.clock.now()
    with parts.database.write() as session:
        before = {"dead": _dead(session, subscription_id)}
        revived = replay(session, subscription_id, at, sequence=wanted.sequence)
        after = {"dead": _dead(session, subscription_id), "events": revived}
        record(session, actor, "replay", f"subscription {subscription_id}", at, before=before, after=after)
    return JSONResponse({"subscription": subscription_id, "events": revived})


def _dead(session: Session, subscription_id: str) -> int:
    dead = select(func.count()).where(DeliveryRow.subscription_id == subscription_id, DeliveryRow.state == "dead")
    return session.scalar(dead) or 0
