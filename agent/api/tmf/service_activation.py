"""TMF640 Service Activation and Configuration 4.0: a service is asked for, changed and ended at once; an order carries it out.

The answer comes when the network has it (201, 200, 204), or at once with a monitor (202 and the header `monitorId`) when the client
prefers `respond-async`, or when it takes longer than it is waited for.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import GONE, changed, created, list_answer, missing, once, one_answer
from agent.api.body import BodyOf, JsonBody, read_model
from agent.api.errors import BadRequest, Conflict
from agent.api.etag import require_match, tagged
from agent.api.idempotency import REPLAYED, Answer
from agent.api.listing import Joined
from agent.api.openapi import DELETES, PATCHES, TAG_ACTIVATION, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.prefer import RESPOND_ASYNC, preferences, prefers
from agent.api.query import Document
from agent.api.shapes import Shape
from agent.api.tmf.characteristics import values_of
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.monitors import ACTIVATION, COMPLETED, IN_PROGRESS, MONITOR, MONITORS, Requested, begin
from agent.api.tmf.open import refuse_odd_types
from agent.api.tmf.order_request import CUSTOMER, SUSPENSION_REASON, in_service_terms
from agent.api.tmf.paths import SERVICE_ACTIVATION, activation_href
from agent.api.tmf.records import Wish
from agent.api.tmf.service_change import ending
from agent.api.tmf.service_inventory import REGISTERED, SERVICES, ServiceEntry, change_own, refuse_repeated
from agent.api.tmf.shapes import SERVICE
from agent.fulfillment.errors import OrderRefused
from agent.fulfillment.requests import ItemRequest, OrderRequest
from agent.fulfillment.tables import OrderRow
from agent.security.audit import Actor, record
from agent.security.roles import Role
from inventory.tables import ServiceRow

router = APIRouter(prefix=SERVICE_ACTIVATION, tags=[TAG_ACTIVATION])

LONGEST_WAIT_S = 30.0
"""For the network; then the client is given the monitor."""
LOOK_EVERY_S = 0.05
"""At first; each time a little later, up to `LOOK_SELDOM_S`: most services are there at once, or take long."""
LOOK_SELDOM_S = 0.5
MONITOR_ID = "monitorId"
EXAMPLE: Document = {
    "state": "active",
    "serviceSpecification": {"id": "internet-access"},
    "relatedParty": [{"id": "100007", "role": "customer", "@referredType": "Customer"}],
    "serviceCharacteristic": [{"name": "port", "value": "pe1/ge-0/0/1"}],
}
ANSWER: Shape = {"anyOf": [SERVICE, MONITOR]}
_STATES = {"active": "", "reserved": "inactive", "inactive": "inactive"}
"""What may be asked for → what of it is said in an order."""
_OWNED = frozenset(
    {"id", "href", "state", "name", "serviceSpecification", "serviceCharacteristic", "relatedParty", "serviceDate", "startDate"}
    | {
        "endDate",
        "hasStarted",
        "isServiceEnabled",
        "isStateful",
        "isBundle",
        "serviceType",
        "serviceOrderItem",
        "supportingResource",
    }
)
"""Of a service that fabd provides: what a client says of these is not kept beside what fabd says."""
KEPT = replace(REGISTERED, base=SERVICE_ACTIVATION)


def _here(session: Session, rows: Sequence[ServiceRow]) -> list[Document]:
    """With hrefs of this API."""
    return [{**document, "href": activation_href(document["id"])} for document in SERVICES.render(session, rows)]


OWN = replace(SERVICES, render=_here)
ALL = Joined((OWN, KEPT.listing))


@router.get("/service", dependencies=[needs(Role.VIEWER)], **described("List services", 206, answer=SERVICE))
def list_services(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, ALL)


@router.get("/service/{service_id}", dependencies=[needs(Role.VIEWER)], **described("Show one service", 404, answer=SERVICE))
def show_service(request: Request, parts: PartsOf, service_id: str) -> Response:
    return one_answer(request, parts, ALL, service_id)


@router.post(
    "/service",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Activate a service", 202, *WRITES, answer=ANSWER, body=ServiceEntry, example=EXAMPLE),
)
async def create_service(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """201 when the network has it, 409 in the element's words when the network refuses: then nothing of it stays.

    A service of another's catalog (its specification has an `href` elsewhere) is kept as a record, and not configured.
    """
    refuse_odd_types(body.data)
    entry = read_model(ServiceEntry, body.data)
    refuse_repeated(entry)
    if _is_foreign(request, parts, body.data["serviceSpecification"]):
        work = partial(_keep, body=body, actor=actor)
    else:
        order = _order(parts, entry, body.data, actor)
        work = partial(_activate, order=order, parts=parts, body=body, asked=_requested(request, actor, body.raw))
    return await _answered(request, parts, actor, body, work)


@router.patch(
    "/service/{service_id}",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Change, suspend, resume or end a service", 202, *PATCHES, answer=ANSWER, patch=True),
)
async def change_service(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, service_id: str) -> Response:
    """`serviceCharacteristic` changes values by name, `state` suspends (inactive), resumes (active) or ends (terminated)."""

    def work(session: Session, at: datetime) -> Answer:
        wish = Wish(session, request, actor, service_id, body.data, at)
        done = change_own(wish, category=ACTIVATION, base=SERVICE_ACTIVATION)
        if done is not None and done.order is not None:
            return _begun(session, done.order, _requested(request, actor, body.raw), at)
        if done is not None:
            return changed(done.after)
        row = KEPT.row(session, service_id)
        if row is None:
            raise missing(request, service_id)
        require_match(request, KEPT.document(row))
        return changed(KEPT.change(session, row, body.data, actor, at))

    return await _answered(request, parts, actor, body, work)


@router.delete(
    "/service/{service_id}",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.NO_CONTENT,
    **described("End a service", 202, *DELETES, answer=MONITOR),
)
async def delete_service(request: Request, parts: PartsOf, actor: ActorOf, service_id: str) -> Response:
    """204 when the network has it no more."""

    def work(session: Session, at: datetime) -> Answer:
        row = session.get(ServiceRow, service_id)
        if row is not None and row.state == "terminated":
            raise missing(request, service_id)
        if row is not None:
            require_match(request, _here(session, [row])[0])
            order = ending(row, correlation_id=actor.correlation_id)
            asked = _requested(request, actor, b"")
            return _begun(session, _placed(session, parts, _marked(order), asked, at), asked, at)
        kept = KEPT.row(session, service_id)
        if kept is None:
            raise missing(request, service_id)
        require_match(request, KEPT.document(kept))
        KEPT.delete(session, kept, actor, at)
        return GONE

    return await _answered(request, parts, actor, None, work)


@router.get("/monitor", dependencies=[needs(Role.VIEWER)], **described("List monitors", 206, answer=MONITOR))
def list_monitors(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, MONITORS.listing)


@router.get("/monitor/{monitor_id}", dependencies=[needs(Role.VIEWER)], **described("Show one monitor", 404, answer=MONITOR))
def show_monitor(request: Request, parts: PartsOf, monitor_id: str) -> Response:
    """`InProgress`, then `Completed` or `InError`; `response` is what a client that waits is answered."""
    return one_answer(request, parts, MONITORS.listing, monitor_id)


hub_routes(
    router,
    Hub(
        SERVICE_ACTIVATION,
        {
            "service": ("Create", "AttributeValueChange", "StateChange", "Delete"),
            "monitor": ("Create", "AttributeValueChange", "StateChange", "Delete"),
        },
    ),
)

Work = Callable[[Session, datetime], Answer]


async def _answered(request: Request, parts: Parts, actor: Actor, body: JsonBody | None, work: Work) -> Response:
    """What was asked is begun in one transaction; then the client waits for its end without a thread of ours."""
    begun = await run_in_threadpool(once, request, parts, actor, body, work)
    monitor_id = begun.headers.get(MONITOR_ID)
    if monitor_id is None or prefers(request, RESPOND_ASYNC):
        return begun
    monitor = await _ended(parts, monitor_id, _patience(request))
    if monitor is None:
        return begun
    final = await run_in_threadpool(_final, parts, monitor)
    if REPLAYED in begun.headers:
        final.headers[REPLAYED] = begun.headers[REPLAYED]
    return final


async def _ended(parts: Parts, monitor_id: str, patience_s: float) -> Document | None:
    """None when it still goes on after that time."""
    deadline, pause = asyncio.get_running_loop().time() + patience_s, LOOK_EVERY_S
    while True:
        monitor = await run_in_threadpool(_monitor, parts, monitor_id)
        if monitor is None or monitor["state"] != IN_PROGRESS:
            return monitor
        if asyncio.get_running_loop().time() >= deadline:
            return None
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LOOK_SELDOM_S)


def _monitor(parts: Parts, monitor_id: str) -> Document | None:
    with parts.database.read() as session:
        return MONITORS.listing.find(session, monitor_id)


def _final(parts: Parts, monitor: Document) -> Response:
    """The answer as it would have been without a monitor. Raises `Conflict` with what the network said."""
    status = HTTPStatus(int(monitor["response"]["statusCode"]))
    if monitor["state"] != COMPLETED:
        error = json.loads(monitor["response"]["body"])
        raise Conflict(error["code"], error["message"])
    if status is HTTPStatus.NO_CONTENT:
        return Response(status_code=status)
    href: str = monitor["sourceHref"]
    with parts.database.read() as session:
        document = OWN.find(session, href.rpartition("/")[2])
    if document is None:
        raise Conflict("serviceGone", f"{href} was activated and has been removed since; look at its orders")
    headers = {"Location": href} if status is HTTPStatus.CREATED else {}
    return JSONResponse(document, status, {**headers, **tagged(document)})


def _patience(request: Request) -> float:
    """`Prefer: wait=5` (RFC 7240 §4.3) is waited for less long, never for longer."""
    said = preferences(request).get("wait", "")
    return min(float(said), LONGEST_WAIT_S) if said.isascii() and said.isdigit() else LONGEST_WAIT_S


def _is_foreign(request: Request, parts: Parts, specification: Mapping[str, Any]) -> bool:
    """Whether another's catalog has it. What ours should have, and has not, is a mistake of the client's."""
    if specification["id"] in parts.catalog.specifications:
        return False
    href = specification.get("href")
    return isinstance(href, str) and _host_of(href) not in {"", request.headers.get("host", "").lower()}


def _host_of(href: str) -> str:
    """With the port; "" when it names none."""
    try:
        return urlsplit(href).netloc.lower()
    except ValueError:
        return ""


def _keep(session: Session, at: datetime, *, body: JsonBody, actor: Actor) -> Answer:
    return created(KEPT.create(session, body.data, actor, at))


def _order(parts: Parts, entry: ServiceEntry, sent: Mapping[str, Any], actor: Actor) -> OrderRequest:
    """Raises `BadRequest` for what cannot be asked for here."""
    spec = entry.service_specification.id
    if entry.state not in _STATES:
        raise BadRequest(
            "stateNotPossible",
            f"a service cannot be made {entry.state}; ask for active, or for inactive to have it reserved and not configured",
            pointer="/state",
        )
    if spec not in parts.catalog.specifications:
        known = ", ".join(sorted(parts.catalog.specifications))
        message = f"there is no specification {spec!r}; use one of {known}, or give the href of whose it is to have it kept only"
        raise BadRequest("unknownSpecification", message, pointer="/serviceSpecification/id")
    values = values_of(sent.get("serviceCharacteristic", []))
    reason = str(values.pop(SUSPENSION_REASON, "") or "")
    document = {"id": "1", "action": "add", "service": {key: value for key, value in sent.items() if key not in {"id", "href"}}}
    item = ItemRequest(
        "1",
        "add",
        specification=spec,
        characteristics=values,
        state=_STATES[entry.state],
        suspension_reason=reason,
        document=document,
    )
    order = {"description": f"activation of {sent.get('name', spec)}", "relatedParty": sent.get("relatedParty", [])}
    return _marked(OrderRequest(_customer(entry), (item,), document=order, correlation_id=actor.correlation_id))


def _customer(entry: ServiceEntry) -> str:
    return next((party.id for party in entry.related_party if (party.role or "").lower() == CUSTOMER and party.id), "")


def _marked(order: OrderRequest) -> OrderRequest:
    return replace(order, document={**order.document, "category": ACTIVATION})


def _activate(session: Session, at: datetime, *, order: OrderRequest, parts: Parts, body: JsonBody, asked: Requested) -> Answer:
    placed = _placed(session, parts, order, asked, at)
    service = session.get_one(ServiceRow, placed.items[0].service_id)
    service.extra = {key: value for key, value in body.data.items() if key not in _OWNED}
    service.name = body.data.get("name") or service.name
    return _begun(session, placed, asked, at)


def _placed(session: Session, parts: Parts, order: OrderRequest, asked: Requested, at: datetime) -> OrderRow:
    try:
        placed = parts.fulfilment.place(session, order, asked.actor.name, at)
    except OrderRefused as error:
        raise in_service_terms(error, json.loads(asked.body or b"{}")) from error
    record(session, asked.actor, "place", f"order {placed.order.id}", at)
    return placed.order


def _begun(session: Session, order: OrderRow, asked: Requested, at: datetime) -> Answer:
    """202: with the monitor, which a client that waits does not get to see."""
    monitor = begin(session, order, asked, at)
    return Answer(HTTPStatus.ACCEPTED, monitor, {MONITOR_ID: monitor["id"], "Location": monitor["href"]})


def _requested(request: Request, actor: Actor, body: bytes) -> Requested:
    return Requested(request.method, request.url.path, body, actor)
