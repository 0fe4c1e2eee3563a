"""Network elements: how they are managed, who holds them, what an operator decides about one in doubt."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import INSTANT, TEXT, TRUTH, WHOLE, closed, many, named, optional
from agent.assurance.tables import AlarmRow
from agent.fulfillment.plan import Verb
from agent.fulfillment.tables import ElementHoldRow
from agent.fulfillment.views import hold_views
from agent.security.audit import record
from agent.security.roles import Role
from inventory.tables import ElementRow, PortRow, SiteRow

router = APIRouter(prefix=f"{ROOT}/elements", tags=["Elements"])

_ENDPOINT = closed(protocol=TEXT, host=TEXT, port=WHOLE, credential=TEXT)
ELEMENT = named(
    "Element",
    closed(
        id=TEXT,
        name=TEXT,
        site=TEXT,
        platform=TEXT,
        role=TEXT,
        administrative=TEXT,
        endpoints=many(_ENDPOINT),
        ports=WHOLE,
        active_alarms=WHOLE,
        in_doubt=TRUTH,
        hold=optional(closed(plan_id=TEXT, since=INSTANT, in_doubt=TRUTH, reason=TEXT)),
    ),
)
DECISION = named("Decision", closed(element=TEXT, verb=TEXT, plan_id=TEXT))


class Resolution(BaseModel):
    """`keep`: it was put right by hand. `revert`: undo the whole plan. `replaced`: another device stands in its place."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb


def _render(session: Session, rows: Sequence[ElementRow]) -> list[Document]:
    names = [row.name for row in rows]
    sites = dict(session.execute(select(SiteRow.id, SiteRow.name).where(SiteRow.id.in_({row.site_id for row in rows}))).all())
    holds = {row.element: _hold(row) for row in session.scalars(select(ElementHoldRow).where(ElementHoldRow.element.in_(names)))}
    active = select(AlarmRow.element, func.count()).where(AlarmRow.element.in_(names), AlarmRow.cleared_at.is_(None))
    alarms = dict(session.execute(active.group_by(AlarmRow.element)).all())
    count = select(PortRow.element_id, func.count()).where(PortRow.element_id.in_([row.id for row in rows]))
    ports = dict(session.execute(count.group_by(PortRow.element_id)).all())
    return [
        {
            "id": row.id,
            "name": row.name,
            "site": sites[row.site_id],
            "platform": row.platform,
            "role": row.role,
            "administrative": row.administrative,
            "endpoints": [
                {"protocol": each.protocol, "host": each.host, "port": each.port, "credential": each.credential}
                for each in row.endpoints
            ],
            "ports": ports.get(row.id, 0),
            "active_alarms": alarms.get(row.name, 0),
            "in_doubt": holds.get(row.name, {}).get("in_doubt", False),
            "hold": holds.get(row.name),
        }
        for row in rows
    ]


def _hold(row: ElementHoldRow) -> Mapping[str, Any]:
    held: dict[str, Any] = plain({"plan_id": row.plan_id, "since": row.since, "in_doubt": row.in_doubt, "reason": row.reason})
    return held


ELEMENTS = Listing(
    ElementRow,
    _render,
    texts={
        "id": ElementRow.id,
        "name": ElementRow.name,
        "platform": ElementRow.platform,
        "role": ElementRow.role,
        "administrative": ElementRow.administrative,
    },
    instants={},
    order=(ElementRow.name,),
    key=ElementRow.name,
    shape=ELEMENT,
)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List elements by name", 206, answer=ELEMENT))
def list_elements(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, ELEMENTS)


@router.get("/{name}", dependencies=[needs(Role.VIEWER)], **described("Show one element", 404, answer=ELEMENT))
def show_element(request: Request, parts: PartsOf, name: str) -> Response:
    return one_answer(request, parts, ELEMENTS, name)


@router.post(
    "/{name}/resolve",
    dependencies=[needs(Role.OPERATOR)],
    **described(
        "Decide about an element in doubt", 404, 408, 409, 413, 415, answer=DECISION, body=Resolution, example={"verb": "keep"}
    ),
)
def resolve_element(parts: PartsOf, actor: ActorOf, name: str, body: BodyOf) -> Response:
    """The plan that left it in doubt goes on with the decision; its id is answered."""
    verb = read_model(Resolution, body.data).verb
    at = parts.clock.now()
    with parts.database.write() as session:
        hold = next((each for each in hold_views(session, in_doubt=True) if each.element == name), None)
        plan_id = parts.fulfilment.resolve(session, name, verb, by=actor.name, at=at)
        before = {"plan": plan_id, "reason": hold.reason if hold else ""}
        record(session, actor, "resolve", f"element {name}", at, before=before, after={"resolution": verb.value})
    return JSONResponse({"element": name, "verb": verb.value, "plan_id": plan_id})
