"""TMF653 Service Test Management 4.1: testing a service on demand, and what it measured.

What fabd can test is told as service test specifications of its own, one for each service specification that says what to measure:
a test by one of these is carried out, and told of when it is done. Tests by what clients keep beside them are kept and told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import created, once
from agent.api.body import BodyOf, Instant, read_model
from agent.api.errors import BadRequest, Conflict
from agent.api.idempotency import Answer
from agent.api.listing import Fixed, Part
from agent.api.openapi import TAG_TEST, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.patch import PatchRules
from agent.api.query import Document
from agent.api.shapes import ANYTHING, INSTANT, TEXT, TRUTH, many, named, opened
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Text
from agent.api.tmf.paths import SERVICE_TEST, service_href, specification_href
from agent.api.tmf.presenter import text_of
from agent.api.tmf.records import RecordKind, kept_routes, record_routes
from agent.api.tmf.service_test_work import RESULT, TEST_WORK
from agent.security.roles import Role
from inventory.db import once_committed
from inventory.tables import ServiceRow
from inventory.work import DatabaseQueue, Work
from policies.specification import ProbeMonitor, Specification

router = APIRouter(prefix=SERVICE_TEST, tags=[TAG_TEST])

_CHANGES = ("Create", "AttributeValueChange", "Delete")
SUFFIX = ".measurement"
"""Behind the name of a service specification: the id of how its services are tested."""
ON_DEMAND, ACKNOWLEDGED = "ONDEMAND", "acknowledged"


class ReferenceEntry(Open):
    id: Text


class PeriodEntry(Open):
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None


class ServiceTestEntry(Open):
    """What is read of TMF653's ServiceTest."""

    name: Text
    related_service: ReferenceEntry
    test_specification: ReferenceEntry
    description: str | None = None
    mode: str | None = None
    state: str | None = None
    valid_for: PeriodEntry | None = None


class ServiceTestSpecificationEntry(Open):
    """What is read of TMF653's ServiceTestSpecification."""

    name: Text
    related_service_specification: tuple[ReferenceEntry, ...]
    description: str | None = None
    version: str | None = None
    lifecycle_status: str | None = None
    valid_for: PeriodEntry | None = None


_PERIOD = opened(startDateTime=TEXT, endDateTime=TEXT)
_REFERENCE = opened(**{"id": TEXT, "href": TEXT, "name": TEXT, "version": TEXT, "@referredType": TEXT})
_CHARACTERISTIC = opened(name=TEXT, valueType=TEXT, value=ANYTHING)
_VIOLATION = opened(name=TEXT, description=TEXT, conformanceTargetUpper=TEXT)
_MEASURE = opened(
    metricName=TEXT,
    metricDescription=TEXT,
    captureDateTime=TEXT,
    captureMethod=TEXT,
    unitOfMeasure=TEXT,
    value=_CHARACTERISTIC,
    ruleViolation=many(_VIOLATION),
)
_PARTY = opened(id=TEXT, name=TEXT, role=TEXT)
TEST = named(
    "ServiceTest",
    opened(
        id=TEXT,
        href=TEXT,
        name=TEXT,
        description=TEXT,
        mode=TEXT,
        state=TEXT,
        startDateTime=INSTANT,
        endDateTime=INSTANT,
        validFor=_PERIOD,
        characteristic=many(_CHARACTERISTIC),
        relatedParty=many(_PARTY),
        relatedService=_REFERENCE,
        testSpecification=_REFERENCE,
        testMeasure=many(_MEASURE),
        **{"@type": TEXT},
    ),
)
SPECIFICATION = named(
    "ServiceTestSpecification",
    opened(
        id=TEXT,
        href=TEXT,
        name=TEXT,
        description=TEXT,
        version=TEXT,
        lifecycleStatus=TEXT,
        lastUpdate=INSTANT,
        isBundle=TRUTH,
        validFor=_PERIOD,
        relatedParty=many(_PARTY),
        relatedServiceSpecification=many(_REFERENCE),
        testMeasureDefinition=many(
            opened(name=TEXT, metricName=TEXT, metricDescription=TEXT, captureMethod=TEXT, unitOfMeasure=TEXT, valueType=TEXT)
        ),
        **{"@type": TEXT},
    ),
)

_ASKED = frozenset({"relatedService", "testSpecification"})
_MEASURED = frozenset({"testMeasure", "startDateTime", "endDateTime", "state", RESULT})
"""Of tests that fabd carries out."""
_KEPT = PatchRules(required=frozenset({"name"}), server_set=_ASKED)
_CARRIED_OUT = replace(_KEPT, server_set=_ASKED | _MEASURED | {"mode"})


def _as_sent(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    """What a client keeps has the client's own results."""
    own = {"startDateTime": sent.get("startDateTime", text_of(at)), "state": sent.get("state", ACKNOWLEDGED)}
    return {name: sent[name] for name in _ASKED} | own


def _rules_for(document: Document) -> PatchRules:
    """What fabd measured is no client's to change; specifications that clients keep have no such ids."""
    return _CARRIED_OUT if str(document["testSpecification"]["id"]).endswith(SUFFIX) else _KEPT


TESTS = RecordKind(
    "serviceTest",
    base=SERVICE_TEST,
    prefix="stt",
    body=ServiceTestEntry,
    shape=TEST,
    rules=_KEPT,
    rules_for=_rules_for,
    defaults=_as_sent,
    moved="AttributeValueChange",
)
SPECIFICATIONS = RecordKind(
    "serviceTestSpecification",
    base=SERVICE_TEST,
    prefix="sts",
    body=ServiceTestSpecificationEntry,
    shape=SPECIFICATION,
    rules=PatchRules(required=frozenset({"name", "relatedServiceSpecification"})),
    moved="AttributeValueChange",
    remedy="it changes with the monitors of the service specification",
)


def own_specifications(parts: Parts) -> Sequence[Part]:
    """What fabd can test by itself."""
    since = text_of(parts.catalog_since) or ""
    documents = (_document(spec, since) for spec in parts.catalog.specifications.values() if spec.probes)
    return (Fixed(tuple(sorted(documents, key=lambda each: each["id"])), SPECIFICATION),)


@router.post(
    f"/{TESTS.resource}",
    dependencies=[needs(Role.OPERATOR)],
    status_code=HTTPStatus.CREATED,
    **described(
        "Test a service",
        *WRITES,
        answer=TEST,
        body=ServiceTestEntry,
        example={
            "name": "after the storm",
            "relatedService": {"id": "svc-01"},
            "testSpecification": {"id": f"internet-access{SUFFIX}"},
        },
    ),
)
def create_test(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """By a test specification of fabd's own it is carried out, and `completed` or `failed` in a few seconds."""
    wanted = read_model(ServiceTestEntry, body.data)

    def work(session: Session, at: datetime) -> Answer:
        if _is_own(parts, wanted.test_specification.id):
            own = replace(TESTS, defaults=partial(_begun, _tested(session, wanted)))
            sent = {name: value for name, value in body.data.items() if name not in _MEASURED}
            whole = own.create(session, sent, actor, at)
            DatabaseQueue(parts.database).submit(session, Work(TEST_WORK, whole["id"]), at)
            once_committed(session, parts.fulfilment.worker.kick)
            return created(whole)
        _refuse_unknown(session, wanted.test_specification.id)
        return created(TESTS.create(session, body.data, actor, at))

    return once(request, parts, actor, body, work)


def _begun(service: ServiceRow, sent: Mapping[str, Any], at: datetime) -> Document:
    return {
        "mode": ON_DEMAND,
        "state": ACKNOWLEDGED,
        "startDateTime": text_of(at),
        "relatedService": {**sent["relatedService"], "href": service_href(service.id), "name": service.name},
        "testSpecification": {**sent["testSpecification"], "href": SPECIFICATIONS.href(sent["testSpecification"]["id"])},
    }


def _is_own(parts: Parts, identity: str) -> bool:
    spec = parts.catalog.specifications.get(identity.removesuffix(SUFFIX)) if identity.endswith(SUFFIX) else None
    return spec is not None and bool(spec.probes)


def _tested(session: Session, wanted: ServiceTestEntry) -> ServiceRow:
    service = session.get(ServiceRow, wanted.related_service.id)
    if service is None:
        message = f"there is no service {wanted.related_service.id!r}; name one of the service inventory"
        raise BadRequest("unknownService", message, pointer="/relatedService/id")
    named_ = wanted.test_specification.id.removesuffix(SUFFIX)
    if service.specification != named_:
        message = f"{service.id} is of specification {service.specification}; test it by {service.specification}{SUFFIX}"
        raise Conflict("otherSpecification", message, pointer="/testSpecification/id")
    return service


def _refuse_unknown(session: Session, identity: str) -> None:
    if SPECIFICATIONS.row(session, identity) is None:
        message = f"there is no service test specification {identity!r}; list them at {SERVICE_TEST}/{SPECIFICATIONS.resource}"
        raise BadRequest("unknownSpecification", message, pointer="/testSpecification/id")


def _document(spec: Specification, since: str) -> Document:
    identity = f"{spec.name}{SUFFIX}"
    of = {"id": spec.name, "href": specification_href(spec.name), "version": spec.version}
    return {
        "id": identity,
        "href": SPECIFICATIONS.href(identity),
        "name": f"{spec.title}: loss, delay and jitter",
        "description": f"Test packets to where a service of {spec.name} is measured; it passes when they are answered as asked.",
        "version": spec.version,
        "lifecycleStatus": "active",
        "lastUpdate": since,
        "isBundle": False,
        "relatedServiceSpecification": [of | {"@referredType": "ServiceSpecification"}],
        "testMeasureDefinition": [each for probe in spec.probes for each in _definitions(probe)],
        "@type": SPECIFICATIONS.type,
    }


def _definitions(probe: ProbeMonitor) -> list[Document]:
    how = "STAMP (RFC 8762)" if probe.kind == "stamp" else "ICMP echo"
    told = (
        ("loss", "1", "Share of the packets that were not answered in time"),
        ("delay", "s", "Mean of there and back, without the reflector's own time"),
        ("jitter", "s", "95th percentile of the delay over the shortest one (PDV, RFC 5481)"),
    )
    return [
        {
            "name": f"{metric} by {probe.kind}",
            "metricName": metric,
            "metricDescription": meaning,
            "captureMethod": how,
            "unitOfMeasure": unit,
            "valueType": "number",
            "@type": "TestMeasureDefinition",
        }
        for metric, unit, meaning in told
    ]


kept_routes(router, TESTS)
record_routes(
    router,
    SPECIFICATIONS,
    others=own_specifications,
    example={"name": "throughput", "relatedServiceSpecification": [{"id": "internet-access"}]},
)
hub_routes(router, Hub(SERVICE_TEST, {kind.resource: _CHANGES for kind in (TESTS, SPECIFICATIONS)}))
