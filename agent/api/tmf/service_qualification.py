"""TMF645 Service Qualification 4.0: whether a service could be had, by the planner that would provide it.

With `instantSyncQualification` the answer is in the response (200); else a task is answered (201), and told of when it is done.
Nothing is reserved by asking.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import created, once
from agent.api.body import BodyOf, JsonBody, read_model
from agent.api.errors import BadRequest
from agent.api.etag import tagged
from agent.api.idempotency import Answer
from agent.api.openapi import TAG_QUALIFICATION, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.patch import PatchRules
from agent.api.query import Document
from agent.api.shapes import INSTANT, TEXT, TRUTH, Shape, many, named, opened
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import refuse_odd_types
from agent.api.tmf.paths import SERVICE_QUALIFICATION
from agent.api.tmf.presenter import text_of
from agent.api.tmf.qualification_work import QUALIFICATION_WORK, Qualifications
from agent.api.tmf.qualifying import MAX_ITEMS, CheckEntry, QueryEntry, identified
from agent.api.tmf.records import RecordKind, kept_routes
from agent.security.audit import Actor
from agent.security.roles import Role
from inventory.db import once_committed
from inventory.work import DatabaseQueue, Work

router = APIRouter(prefix=SERVICE_QUALIFICATION, tags=[TAG_QUALIFICATION])

ACCEPTED = "accepted"
_STATE: Shape = {"type": "string", "enum": ["accepted", "inProgress", "done", "terminatedWithError"]}
_SPEC = opened(id=TEXT, name=TEXT, version=TEXT)
_SERVICE = opened(serviceSpecification=_SPEC, serviceCharacteristic=many(opened(name=TEXT, valueType=TEXT)))
_ITEM = opened(id=TEXT, service=_SERVICE, **{"@type": TEXT})
_CHECKED = opened(
    id=TEXT,
    state=TEXT,
    qualificationResult=TEXT,
    service=_SERVICE,
    eligibilityUnavailabilityReason=many(opened(code=TEXT, label=TEXT)),
    alternateServiceProposal=many(opened(id=TEXT, alternateServiceAvailabilityDate=INSTANT, alternateService=_SERVICE)),
    terminationError=many(opened(id=TEXT, value=TEXT)),
)
_COMMON: dict[str, Shape] = {
    "id": TEXT,
    "href": TEXT,
    "description": TEXT,
    "externalId": TEXT,
    "state": _STATE,
    "instantSyncQualification": TRUTH,
    "expectedQualificationDate": INSTANT,
    "effectiveQualificationDate": INSTANT,
    "relatedParty": many(opened(id=TEXT, name=TEXT, role=TEXT)),
    "@type": TEXT,
}
CHECK = named(
    "CheckServiceQualification",
    opened(
        **_COMMON,
        checkServiceQualificationDate=INSTANT,
        provideAlternative=TRUTH,
        provideUnavailabilityReason=TRUTH,
        qualificationResult=TEXT,
        serviceQualificationItem=many(_CHECKED),
    ),
)
QUERY = named(
    "QueryServiceQualification",
    opened(**_COMMON, queryServiceQualificationDate=INSTANT, searchCriteria=_ITEM, serviceQualificationItem=many(_ITEM)),
)
CHECK_EXAMPLE: Document = {
    "instantSyncQualification": True,
    "provideAlternative": True,
    "serviceQualificationItem": [
        {
            "id": "1",
            "service": {
                "serviceSpecification": {"id": "internet-access"},
                "serviceCharacteristic": [{"name": "port", "value": "pe1/ge-0/0/1"}],
            },
        }
    ],
}
QUERY_EXAMPLE: Document = {
    "instantSyncQualification": True,
    "searchCriteria": {"service": {"serviceCharacteristic": [{"name": "port", "value": "pe1/ge-0/0/1"}]}},
}
_ANSWERS = frozenset({"state", "qualificationResult", "effectiveQualificationDate", "estimatedResponseDate", "expirationDate"})
_ASKED = frozenset({"searchCriteria", "serviceQualificationItem"})
"""What was answered by: it does not change afterwards."""


def _kind(resource: str, prefix: str, body: type[BaseModel], shape: Shape) -> RecordKind:
    date = f"{resource}Date"

    def defaults(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
        return {**{name: sent[name] for name in _ASKED & sent.keys()}, date: text_of(at), "state": ACCEPTED}

    rules = PatchRules(server_set=_ANSWERS | _ASKED | {date})
    return RecordKind(resource, SERVICE_QUALIFICATION, prefix, body, shape, rules=rules, defaults=defaults)


CHECKS = _kind("checkServiceQualification", "csq", CheckEntry, CHECK)
QUERIES = replace(_kind("queryServiceQualification", "qsq", QueryEntry, QUERY), changed="")
KINDS = {kind.resource: kind for kind in (CHECKS, QUERIES)}


@router.post(
    f"/{CHECKS.resource}",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Ask whether services could be had", 200, *WRITES, answer=CHECK, body=CheckEntry, example=CHECK_EXAMPLE),
)
def check_qualification(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """Each item is planned as an order would be: qualified, or why not and what could be had instead. Nothing is reserved.

    200 with the answer when `instantSyncQualification` is true; else 201 with a task that is done soon.
    """
    items = read_model(CheckEntry, body.data).service_qualification_item
    if not 0 < len(items) <= MAX_ITEMS:
        raise BadRequest(
            "invalidValue", f"there are {len(items)} items; send 1 to {MAX_ITEMS}", pointer="/serviceQualificationItem"
        )
    whole = identified(body.data["serviceQualificationItem"])
    ids = [item["id"] for item in whole]
    if len({*ids}) < len(ids):
        raise BadRequest("duplicateItem", "two items have the same id; give each its own", pointer="/serviceQualificationItem")
    return _answer(request, parts, actor, body, CHECKS, sent={**body.data, "serviceQualificationItem": whole})


@router.post(
    f"/{QUERIES.resource}",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Ask which services could be had", 200, *WRITES, answer=QUERY, body=QueryEntry, example=QUERY_EXAMPLE),
)
def query_qualification(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """Of the specifications, those that could be provided with as many of the characteristics as they have."""
    read_model(QueryEntry, body.data)
    sent = {name: value for name, value in body.data.items() if name != "serviceQualificationItem"}
    return _answer(request, parts, actor, body, QUERIES, sent=sent)


def _answer(request: Request, parts: Parts, actor: Actor, body: JsonBody, kind: RecordKind, *, sent: Mapping[str, Any]) -> Response:
    """200 with the answer, or 201 with the task. What is planned is rolled back before anything is written."""
    refuse_odd_types(sent)
    now = sent.get("instantSyncQualification") is True
    planner = Qualifications(parts.database, parts.catalog, parts.fulfilment)
    news = planner.answer(kind.resource, sent, parts.clock.now()) if now else {}

    def work(session: Session, at: datetime) -> Answer:
        known = replace(kind, defaults=lambda given, when: {**kind.defaults(given, when), **news})
        document = known.create(session, sent, actor, at)
        if now:
            return Answer(HTTPStatus.OK, document, tagged(document))
        DatabaseQueue(parts.database).submit(session, Work(QUALIFICATION_WORK, document["id"]), at)
        once_committed(session, parts.fulfilment.worker.kick)
        return created(document)

    return once(request, parts, actor, body, work)


for _known in KINDS.values():
    kept_routes(router, _known)
hub_routes(
    router,
    Hub(
        SERVICE_QUALIFICATION,
        {kind.resource: tuple(filter(None, ("Create", kind.changed, "StateChange", "Delete"))) for kind in KINDS.values()},
    ),
)
