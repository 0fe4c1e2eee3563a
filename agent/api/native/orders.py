"""What another system says about an order: that it has completed what an item waits for."""

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import once
from agent.api.body import BodyOf, read_model
from agent.api.idempotency import Answer
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.native.words import Note
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.shapes import INSTANT, TEXT, closed, named
from agent.security.audit import record
from agent.security.roles import Role

router = APIRouter(prefix=f"{ROOT}/orders", tags=["Plans"])

RELEASE = named("Release", closed(order_id=TEXT, item=TEXT, waits_for=TEXT, state=TEXT, released_at=INSTANT))


@router.post(
    "/{order_id}/items/{item}/release",
    dependencies=[needs(Role.PROVISIONER)],
    **described(
        "Say that what an item waits for has been completed",
        404,
        *WRITES,
        answer=RELEASE,
        body=Note,
        example={"note": "fibre spliced"},
    ),
)
def release_item(  # noqa: PLR0917  what the route is made of
    request: Request, parts: PartsOf, actor: ActorOf, order_id: str, item: str, body: BodyOf
) -> Response:
    """The item goes on, unless something else keeps it. Said again, it is answered again and nothing happens."""
    note = read_model(Note, body.data).note

    def work(session: Session, at: datetime) -> Answer:
        row = parts.fulfilment.complete_wait(session, order_id, item, at, by=actor.name, note=note)
        document = plain(
            {
                "order_id": order_id,
                "item": row.reference,
                "waits_for": row.waits_for,
                "state": row.state,
                "released_at": row.released_at,
            }
        )
        if row.released_at == at:
            record(session, actor, "release", f"order {order_id} item {item}", at, after=document | {"note": note})
        return Answer(HTTPStatus.OK, document)

    return once(request, parts, actor, body, work)
