"""What elements are asked beside SNMP: the collectors in force, how their runs ended, what they found, and a run by hand."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer
from agent.api.body import BodyOf, read_model
from agent.api.errors import Conflict, NotFound
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns
from agent.api.openapi import described
from agent.api.parts import Parts, PartsOf
from agent.api.shapes import INSTANT, NUMBER, TEXT, TEXTS, WHOLE, Shape, closed, many, named, row
from agent.assurance.collectors.asking import Reply
from agent.assurance.collectors.collecting import Collecting, Last
from agent.assurance.collectors.standings import asked
from agent.assurance.collectors.tables import CollectedRow
from agent.assurance.errors import NotCollected
from agent.security.audit import Actor, record
from agent.security.roles import Role
from policies.collecting.collector import Collector

router = APIRouter(prefix=ROOT, tags=["Collectors"])

MOST_ROWS = 1000
"""Of an answer that are shown."""
_ASKED: dict[str, Shape] = {
    "name": TEXT,
    "title": TEXT,
    "platforms": TEXTS,
    "protocol": TEXT,
    "asks": TEXT,
    "interval_s": NUMBER,
}
_COLLECTOR = closed(**_ASKED, causes=TEXTS, metrics=TEXTS)
_ENDED: dict[str, Shape] = {"element": TEXT, "collector": TEXT, "at": INSTANT, "seconds": NUMBER, "failure": TEXT}
COLLECTORS = named("Collectors", closed(collectors=many(_COLLECTOR), runs=many(closed(**_ENDED, states=WHOLE, values=WHOLE))))
_ROWS = many({"type": "object", "additionalProperties": TEXT})
_STATE = closed(cause=TEXT, qualifier=TEXT, standing=TEXT, shown=TEXT)
_VALUE = closed(port=TEXT, metric=TEXT, value=NUMBER)
REPLY = named("CollectorReply", closed(**_ENDED, rows=_ROWS, states=many(_STATE), values=many(_VALUE)))
COLLECTED = named("Collected", row(CollectedRow))


class Wanted(BaseModel):
    """Whom to ask."""

    model_config = ConfigDict(extra="forbid")

    element: Annotated[str, Field(min_length=1, max_length=200)]


_COLLECTED = Listing(
    CollectedRow,
    lambda _, rows: [columns(row) for row in rows],
    texts={
        "element": CollectedRow.element,
        "cause": CollectedRow.cause,
        "qualifier": CollectedRow.qualifier,
        "collector": CollectedRow.collector,
        "standing": CollectedRow.standing,
    },
    instants={"since": CollectedRow.since},
    order=(CollectedRow.element, CollectedRow.cause, CollectedRow.qualifier),
    key=CollectedRow.id,
    shape=COLLECTED,
)


@router.get(
    "/collectors",
    dependencies=[needs(Role.VIEWER)],
    **described("List collectors, and how their last runs on each element ended", 409, answer=COLLECTORS),
)
async def list_collectors(parts: PartsOf) -> Response:
    """Runs are those since the daemon started; `failure` says why there was no answer, or why it could not be read."""
    collecting = _collecting(parts)
    collectors = [_shown(each, collecting) for _, each in sorted(collecting.collectors.items())]
    return JSONResponse({"collectors": collectors, "runs": [_ended(*key, run) for key, run in sorted(collecting.last.items())]})


@router.get("/collected", dependencies=[needs(Role.VIEWER)], **described("List what collectors found", 206, answer=COLLECTED))
def list_collected(request: Request, parts: PartsOf) -> Response:
    """How things stood when their element was last asked, e.g. `?standing=bad`."""
    return list_answer(request, parts, _COLLECTED)


@router.post(
    "/collectors/{name}/run",
    dependencies=[needs(Role.OPERATOR)],
    **described("Ask one element now", 404, 408, 409, 413, 415, answer=REPLY, body=Wanted, example={"element": "pe1"}),
)
async def run_collector(parts: PartsOf, actor: ActorOf, name: str, body: BodyOf) -> Response:
    """What it finds counts as any other run's does."""
    collecting = _collecting(parts)
    wanted = read_model(Wanted, body.data)
    try:
        reply = await collecting.run(name, wanted.element)
    except NotCollected as error:
        raise NotFound("notFound", str(error)) from error
    await asyncio.to_thread(_record, parts, actor, name, wanted.element)
    return JSONResponse(_replied(reply))


def _record(parts: Parts, actor: Actor, name: str, element: str) -> None:
    with parts.database.write() as session:
        record(session, actor, "run", f"collector {name}", parts.clock.now(), after={"element": element})


def _collecting(parts: Parts) -> Collecting:
    if parts.collecting is None:
        raise Conflict("collectorsOff", "this daemon asks no elements by collectors (setting collectors.enabled)")
    return parts.collecting


def _shown(collector: Collector, collecting: Collecting) -> dict[str, Any]:
    return {
        "name": collector.name,
        "title": collector.title,
        "platforms": list(collector.platforms),
        "protocol": collector.ask.protocol,
        "asks": asked(collector),
        "interval_s": collecting.interval_of(collector),
        "causes": sorted(collector.causes),
        "metrics": sorted({rule.metric for rule in collector.values}),
    }


def _ended(element: str, collector: str, run: Last) -> dict[str, Any]:
    ended = {"element": element, "collector": collector, "at": run.at.isoformat(), "seconds": round(run.seconds, 3)}
    return ended | {"failure": run.failure, "states": run.states, "values": run.values}


def _replied(reply: Reply) -> dict[str, Any]:
    found = reply.found
    return {
        "element": reply.element,
        "collector": reply.collector.name,
        "at": reply.at.isoformat(),
        "seconds": round(reply.seconds, 3),
        "failure": reply.failure,
        "rows": [dict(each) for each in found.rows[:MOST_ROWS]] if found else [],
        "states": [
            {"cause": each.rule.cause, "qualifier": each.qualifier, "standing": each.standing.value, "shown": each.shown}
            for each in (found.states if found else ())
        ],
        "values": [{"port": each.port, "metric": each.metric, "value": each.value} for each in (found.values if found else ())],
    }
