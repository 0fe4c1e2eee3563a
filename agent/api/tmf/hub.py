"""The hub of an API (TMF630): who is told of its events. Give it to the API's router with `hub_routes`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import GONE, list_answer, missing, once, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.errors import BadRequest, Conflict
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.openapi import DELETES, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.query import Document
from agent.api.shapes import TEXT, closed, named
from agent.security.audit import record
from agent.security.roles import Role
from agent.webhooks import shown
from crm_bridge.errors import CallbackRefused
from crm_bridge.eventfilter import EventFilter
from crm_bridge.subscriptions import HUB, SubscriptionRequest, subscribe, unsubscribe
from crm_bridge.tables import SubscriptionRow

MAX_HUBS = 100
"""Of one API: every event is written once for each."""
LOOK_UP_DEADLINE_S = 3.0
"""A name that cannot be looked up in time is taken: it is looked up again whenever something is sent."""
EXAMPLE = {"callback": "https://crm.example/events", "query": ""}
SUBSCRIPTION = named("EventSubscription", closed(id=TEXT, callback=TEXT, query=TEXT))


class EventSubscriptionInput(BaseModel):
    """TMF630 EventSubscriptionInput."""

    model_config = ConfigDict(extra="allow")

    callback: Annotated[str, Field(min_length=1, max_length=2048)]
    query: Annotated[str, Field(max_length=2048)] | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    base: str
    """Base path of the API."""
    events: Mapping[str, Sequence[str]]
    """Resource → endings of its events: {"serviceOrder": ("Create", "StateChange")} is serviceOrderCreateEvent and so on."""

    @property
    def types(self) -> frozenset[str]:
        return frozenset(f"{resource}{ending}Event" for resource, endings in self.events.items() for ending in endings)

    @property
    def listing(self) -> Listing[SubscriptionRow]:
        return Listing(
            SubscriptionRow,
            lambda _, rows: [_subscription(row) for row in rows],
            texts={"id": SubscriptionRow.id, "callback": SubscriptionRow.callback},
            instants={},
            order=(SubscriptionRow.created_at, SubscriptionRow.id),
            key=SubscriptionRow.id,
            where=(SubscriptionRow.kind == HUB, SubscriptionRow.api == self.base),
            shape=SUBSCRIPTION,
        )

    def register(
        self, session: Session, wanted: EventSubscriptionInput, parts: Parts, client: str, at: datetime
    ) -> SubscriptionRow:
        """Raises `Conflict` for what is registered already, and for too many."""
        own = select(SubscriptionRow).where(*self.listing.where)
        same = own.where(SubscriptionRow.callback == wanted.callback, SubscriptionRow.query == (wanted.query or ""))
        if (known := session.scalars(same).first()) is not None:
            raise Conflict("alreadyRegistered", f"{shown(wanted.callback)} is told of just this as {known.id}; delete that first")
        if (session.scalar(select(func.count()).select_from(own.subquery())) or 0) >= MAX_HUBS:
            raise Conflict("tooManyHubs", f"this API tells {MAX_HUBS} listeners already; delete one that is not needed any more")
        request = SubscriptionRequest(
            HUB, wanted.callback, query=wanted.query or "", owner=client, api=self.base, resources=tuple(self.events)
        )
        return subscribe(session, request, parts.callbacks, at)

    def check(self, wanted: EventSubscriptionInput, parts: Parts) -> None:
        """Raises `BadRequest` for what could never be told: another API's events, an address that is not to be called."""
        unknown = EventFilter.parse(wanted.query or "").types - self.types
        if unknown:
            message = f"no event here is called {', '.join(sorted(unknown))}; there is {', '.join(sorted(self.types))}"
            raise BadRequest("unknownEvent", message, pointer="/query")
        try:
            asyncio.run(_look_up(wanted.callback, parts))
        except CallbackRefused as error:
            raise BadRequest("callbackRefused", str(error), pointer="/callback") from error


def hub_routes(router: APIRouter, hub: Hub) -> None:
    """Adds GET, POST and DELETE of `/hub` to the API's router."""

    @router.post(
        "/hub",
        dependencies=[needs(Role.PROVISIONER)],
        status_code=HTTPStatus.CREATED,
        **described("Be told of events", *WRITES, answer=SUBSCRIPTION, body=EventSubscriptionInput, example=EXAMPLE),
    )
    def create_hub(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
        """Each event is posted to `{callback}/listener/{event}`, in order for each resource, until it is answered with success."""
        wanted = read_model(EventSubscriptionInput, body.data)
        hub.check(wanted, parts)

        def work(session: Session, at: datetime) -> Answer:
            row = hub.register(session, wanted, parts, actor.name, at)
            after = {"callback": shown(row.callback), "query": row.query, "api": row.api}
            record(session, actor, "register", f"hub {row.id}", at, after=after)
            return Answer(HTTPStatus.CREATED, _subscription(row), {"Location": f"{hub.base}/hub/{row.id}"})

        return once(request, parts, actor, body, work)

    @router.get("/hub", dependencies=[needs(Role.PROVISIONER)], **described("List who is told of events", 206, answer=SUBSCRIPTION))
    def list_hubs(request: Request, parts: PartsOf) -> Response:
        return list_answer(request, parts, hub.listing)

    @router.get(
        "/hub/{hub_id}", dependencies=[needs(Role.PROVISIONER)], **described("Show who is told of events", 404, answer=SUBSCRIPTION)
    )
    def show_hub(request: Request, parts: PartsOf, hub_id: str) -> Response:
        return one_answer(request, parts, hub.listing, hub_id)

    @router.delete(
        "/hub/{hub_id}",
        dependencies=[needs(Role.PROVISIONER)],
        status_code=HTTPStatus.NO_CONTENT,
        **described("Be told no more", *DELETES),
    )
    def delete_hub(request: Request, parts: PartsOf, actor: ActorOf, hub_id: str) -> Response:
        """What was not delivered yet is forgotten."""

        def work(session: Session, at: datetime) -> Answer:
            document = hub.listing.find(session, hub_id)
            if document is None:
                raise missing(request, hub_id)
            record(session, actor, "unregister", f"hub {hub_id}", at, before={**document, "callback": shown(document["callback"])})
            unsubscribe(session, hub_id)
            return GONE

        return once(request, parts, actor, None, work)


def _subscription(row: SubscriptionRow) -> Document:
    return {"id": row.id, "callback": row.callback, "query": row.query}


async def _look_up(callback: str, parts: Parts) -> None:
    parts.callbacks.check(callback)
    try:
        async with asyncio.timeout(LOOK_UP_DEADLINE_S):
            await parts.callbacks.locate(callback, parts.resolve)
    except OSError:  # of a name that cannot be found, or not in time
        return
