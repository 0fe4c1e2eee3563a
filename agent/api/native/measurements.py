"""Tests of services: packets to where their specifications say, now, and what earlier ones came to."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import once
from agent.api.body import BodyOf, read_model
from agent.api.errors import Unavailable
from agent.api.idempotency import Answer
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.shapes import INSTANT, TEXT, TEXTS, TRUTH, WHOLE, Shape, closed, many, named, optional, value
from agent.measurement.outcome import Result, TestResult
from agent.measurement.store import baseline, result_of
from agent.measurement.tables import MeasurementRow
from agent.measurement.testing import PACKETS, ServiceTesting
from agent.security.audit import record
from agent.security.roles import Role
from drivers.probing.tally import Figures
from inventory.services import service_row

router = APIRouter(prefix=f"{ROOT}/services", tags=["Services"])

LATEST = 100
_MEASURED = closed(kind=TEXT, address=TEXT, port=WHOLE, site=TEXT, number=WHOLE, faults=TEXTS, figures=value(Figures))
_TEST: Mapping[str, Shape] = {
    "id": TEXT,
    "service_id": TEXT,
    "occasion": TEXT,
    "by": TEXT,
    "started_at": INSTANT,
    "ended_at": INSTANT,
    "passed": TRUTH,
    "is_baseline": TRUTH,
    "results": many(_MEASURED),
}
TEST = named("ServiceTestResult", closed(**_TEST))
COMPARED = named("ServiceTestCompared", closed(**_TEST, baseline=optional(TEST)))


class Wish(BaseModel):
    """`baseline`: what it measures now is what later tests are compared with."""

    model_config = ConfigDict(extra="forbid")

    packets: Annotated[int, Field(ge=2, le=1000)] = PACKETS
    baseline: bool = False


@router.get(
    "/{service_id}/tests", dependencies=[needs(Role.VIEWER)], **described("List tests of a service", 404, answer=many(TEST))
)
def list_tests(parts: PartsOf, service_id: str) -> Response:
    """The latest 100, the latest first; `is_baseline` names those that later ones are compared with."""
    with parts.database.read() as session:
        service_row(session, service_id)
        rows = select(MeasurementRow).where(MeasurementRow.service_id == service_id).order_by(MeasurementRow.id.desc())
        found = [document_of(result_of(row)) for row in session.scalars(rows.limit(LATEST))]
    return JSONResponse(found)


@router.post(
    "/{service_id}/tests",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Role.OPERATOR)],
    **described("Test a service now", 404, *WRITES, 503, answer=COMPARED, body=Wish, example={"packets": 20}),
)
def test_service(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, service_id: str) -> Response:
    """It takes two to four seconds. Nothing of the service is changed."""
    wanted = read_model(Wish, body.data)
    result = tests_of(parts).test(service_id, by=actor.name, packets=wanted.packets, as_baseline=wanted.baseline)
    document = {**document_of(result), "baseline": document_of(result.baseline) if result.baseline else None}

    def work(session: Session, at: datetime) -> Answer:
        record(session, actor, "test", f"service {service_id}", at, after={"test": result.id, "passed": result.passed})
        return Answer(HTTPStatus.CREATED, document, {"Location": f"{ROOT}/services/{service_id}/tests"})

    return once(request, parts, actor, body, work)


def tests_of(parts: Parts) -> ServiceTesting:
    """Raises `Unavailable` where nobody measures."""
    if parts.tests is None:
        raise Unavailable("notMeasuring", "this daemon measures nothing")
    return parts.tests


def document_of(result: TestResult) -> dict[str, Any]:
    """Without what it is compared with."""
    found: dict[str, Any] = plain(replace(result, baseline=None, results=()))
    return {name: found[name] for name in _TEST if name != "results"} | {"results": [_result(each) for each in result.results]}


def last_baseline(session: Session, service_id: str) -> dict[str, Any] | None:
    """What the service measured when it was new; None where nobody measured then."""
    found = baseline(session, service_id)
    return document_of(found) if found else None


def _result(result: Result) -> dict[str, Any]:
    own = {"kind": result.kind, "address": result.address, "port": result.port, "site": result.site, "number": result.number}
    return own | {"faults": list(result.faults), "figures": asdict(result.figures)}
