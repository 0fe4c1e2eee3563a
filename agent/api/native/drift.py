"""Drift: whether elements and services stand as they should, and putting right or adopting what does not."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, once, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, plain
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import OPTIONAL_TEXT, TEXT, TEXTS, TRUTH, closed, many, named, row
from agent.fulfillment.drift import Drift
from agent.fulfillment.driftdesk import DriftVerb
from agent.fulfillment.tables import DriftRow, DriftRunRow
from agent.security.audit import Actor, record
from agent.security.errors import NotPermitted
from agent.security.roles import Role

router = APIRouter(prefix=ROOT, tags=["Drift"])

DRIFT = named(
    "Drift",
    closed(
        element=TEXT,
        state=TEXT,
        reason=TEXT,
        platform=TEXT,
        digest=TEXT,
        services=TEXTS,
        missing=TEXTS,
        unexpected=TEXTS,
        payload=TEXT,
    ),
)
REPAIR = named("Redeployment", closed(dry_run=TRUTH, plan_id=OPTIONAL_TEXT, elements=many(DRIFT)))
ADOPTION = named("Adoption", closed(dry_run=TRUTH, element=TEXT, services=TEXTS, drift=DRIFT))
KNOWN = named("KnownDrift", row(DriftRow))
RUN = named("DriftRun", row(DriftRunRow))
_REFUSALS = (404, *WRITES)
MOST_ELEMENTS = 10_000


class Wish(BaseModel):
    """`dry_run`: say what would be done, and do nothing."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


class Run(BaseModel):
    """`elements` by name; all that services stand on when left out."""

    model_config = ConfigDict(extra="forbid")

    verb: DriftVerb
    elements: Annotated[list[str], Field(min_length=1, max_length=MOST_ELEMENTS)] | None = None
    dry_run: bool = False


def _document(drift: Drift) -> dict[str, Any]:
    document: dict[str, Any] = plain(drift)
    return {name: document[name] for name in DRIFT["$defs"]["Drift"]["properties"]}


# -- what is known -----------------------------------------------------------------------------------------------------

DRIFTS = Listing(
    DriftRow,
    lambda _session, rows: [columns(each) for each in rows],
    texts={"element": DriftRow.element, "state": DriftRow.state, "reason": DriftRow.reason, "digest": DriftRow.digest},
    instants={"checked_at": DriftRow.checked_at},
    order=(DriftRow.element,),
    key=DriftRow.element,
    shape=KNOWN,
)


@router.get("/drift", dependencies=[needs(Role.VIEWER)], **described("List how elements stood", 206, answer=KNOWN))
def list_drift(request: Request, parts: PartsOf) -> Response:
    """When they were last compared; e.g. `?state=drifted`."""
    return list_answer(request, parts, DRIFTS)


# -- one element -------------------------------------------------------------------------------------------------------


@router.post(
    "/elements/{name}/check-sync",
    dependencies=[needs(Role.OPERATOR)],
    **described("Compare an element with the intent", 404, answer=DRIFT),
)
def check_element(parts: PartsOf, name: str) -> Response:
    """Reads what services own there and compares it; notes what was found, and raises or clears the alarm.

    `state` is inSync, drifted, unknown (it could not be asked: `reason`) or skipped (a plan has it).
    """
    return JSONResponse(_document(parts.fulfilment.drift.check(name)) | {"payload": ""})


@router.post(
    "/elements/{name}/diff",
    dependencies=[needs(Role.OPERATOR)],
    **described("Say how an element differs from the intent", 404, answer=DRIFT),
)
def diff_element(parts: PartsOf, name: str) -> Response:
    """As check-sync, with the native payload that would put it right."""
    return JSONResponse(_document(parts.fulfilment.drift.check(name)))


@router.post(
    "/elements/{name}/redeploy",
    dependencies=[needs(Role.OPERATOR)],
    **described("Put an element right", *_REFUSALS, answer=REPAIR, body=Wish, example={"dry_run": True}),
)
def redeploy_element(request: Request, parts: PartsOf, actor: ActorOf, name: str, body: BodyOf) -> Response:
    """By a plan through the network transaction; follow it by its id. What others configured stays."""
    wish, found = read_model(Wish, body.data), [parts.fulfilment.drift.check(name)]
    return _redeployed(request, parts, actor, body, wish, found, f"element {name}")


@router.post(
    "/elements/{name}/adopt",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Take what stands on an element as the intent", *_REFUSALS, answer=ADOPTION, body=Wish, example={"dry_run": True}),
)
def adopt_element(request: Request, parts: PartsOf, actor: ActorOf, name: str, body: BodyOf) -> Response:
    """Refused where no service there can say it: where it is nobody's, or uses other values than those that were given out."""
    wish, drift = read_model(Wish, body.data), parts.fulfilment.drift.check(name)

    def work(session: Session, at: datetime) -> Answer:
        desk = parts.fulfilment.drift
        done = desk.would_adopt(session, drift) if wish.dry_run else desk.adopt(session, drift)
        services = sorted(done.parts)
        if not wish.dry_run:
            evidence = {"missing": list(drift.missing), "unexpected": list(drift.unexpected)}
            record(session, actor, "adopt", f"element {name}", at, before=evidence, after={"services": services})
        return Answer(
            HTTPStatus.OK, {"dry_run": wish.dry_run, "element": name, "services": services, "drift": _document(drift)}, {}
        )

    return once(request, parts, actor, body, work)


# -- one service -------------------------------------------------------------------------------------------------------


@router.post(
    "/services/{service_id}/check-sync",
    dependencies=[needs(Role.OPERATOR)],
    **described("Compare a service with the network", 400, 404, answer=many(DRIFT)),
)
def check_service(parts: PartsOf, service_id: str) -> Response:
    """Its part on every element that it has one on."""
    return JSONResponse([_document(drift) | {"payload": ""} for drift in parts.fulfilment.drift.check_service(service_id)])


@router.post(
    "/services/{service_id}/diff",
    dependencies=[needs(Role.OPERATOR)],
    **described("Say how a service differs from the network", 400, 404, answer=many(DRIFT)),
)
def diff_service(parts: PartsOf, service_id: str) -> Response:
    return JSONResponse([_document(drift) for drift in parts.fulfilment.drift.check_service(service_id)])


@router.post(
    "/services/{service_id}/redeploy",
    dependencies=[needs(Role.OPERATOR)],
    **described("Put a service right", 400, *_REFUSALS, answer=REPAIR, body=Wish, example={"dry_run": True}),
)
def redeploy_service(request: Request, parts: PartsOf, actor: ActorOf, service_id: str, body: BodyOf) -> Response:
    """On all its elements, in one network transaction; what other services have there stays as it is."""
    wish, found = read_model(Wish, body.data), parts.fulfilment.drift.check_service(service_id)
    return _redeployed(request, parts, actor, body, wish, found, f"service {service_id}")


def _redeployed(  # noqa: PLR0917  two routes and all that they were given
    request: Request, parts: PartsOf, actor: Actor, body: BodyOf, wish: Wish, found: Sequence[Drift], subject: str
) -> Response:
    elements = [_document(drift) for drift in found]

    def work(session: Session, at: datetime) -> Answer:
        plan_id = parts.fulfilment.redeploy(session, found)
        payloads = {drift.element: drift.payload for drift in found if drift.payload}
        record(session, actor, "redeploy", subject, at, after={"plan": plan_id, "payloads": payloads})
        document = {"dry_run": False, "plan_id": plan_id, "elements": elements}
        return Answer(HTTPStatus.OK, document, {"Location": f"{ROOT}/plans/{plan_id}"})

    if wish.dry_run:
        return JSONResponse({"dry_run": True, "plan_id": None, "elements": elements})
    return once(request, parts, actor, body, work)


# -- many --------------------------------------------------------------------------------------------------------------


def _render(_session: Session, rows: Sequence[DriftRunRow]) -> list[Document]:
    return [columns(each) for each in rows]


RUNS = Listing(
    DriftRunRow,
    _render,
    texts={"id": DriftRunRow.id, "verb": DriftRunRow.verb, "state": DriftRunRow.state, "by": DriftRunRow.by},
    instants={"created_at": DriftRunRow.created_at, "finished_at": DriftRunRow.finished_at},
    order=(DriftRunRow.created_at.desc(), DriftRunRow.id.desc()),
    key=DriftRunRow.id,
    shape=RUN,
)


@router.get("/drift-runs", dependencies=[needs(Role.VIEWER)], **described("List runs, the latest first", 206, answer=RUN))
def list_runs(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, RUNS)


@router.get("/drift-runs/{run_id}", dependencies=[needs(Role.VIEWER)], **described("Show one run", 404, answer=RUN))
def show_run(request: Request, parts: PartsOf, run_id: str) -> Response:
    """`results` has an entry for every element that is through; `state` is waiting, running or done."""
    return one_answer(request, parts, RUNS, run_id)


@router.post(
    "/drift-runs",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[needs(Role.OPERATOR)],
    **described("Compare or repair many elements", *_REFUSALS, answer=RUN, body=Run, example={"verb": "check-sync"}),
)
def begin_run(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """In the background; follow it by its id."""
    wanted = read_model(Run, body.data)
    if wanted.verb is DriftVerb.ADOPT and not Role(actor.role).reaches(Role.PROVISIONER):
        raise NotPermitted(f"{actor.name} is {actor.role}; adopt changes what services are, which takes a provisioner")

    def work(session: Session, at: datetime) -> Answer:
        made = parts.fulfilment.begin_drift_run(session, wanted.verb, wanted.elements, dry_run=wanted.dry_run, by=actor.name)
        after = {"verb": made.verb, "elements": len(made.elements), "dry_run": made.dry_run}
        record(session, actor, "begin", f"drift run {made.id}", at, after=after)
        return Answer(HTTPStatus.ACCEPTED, columns(made), {"Location": f"{ROOT}/drift-runs/{made.id}"})

    return once(request, parts, actor, body, work)
