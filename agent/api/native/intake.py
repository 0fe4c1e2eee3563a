"""What elements say unasked: how much of it is taken in, what was said last, and events handed in by hand."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer
from agent.api.body import BodyOf, read_model
from agent.api.errors import BadRequest, Unavailable
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import whole
from agent.api.openapi import described
from agent.api.parts import Parts, PartsOf
from agent.api.shapes import ANYTHING, TEXT, TEXTS, WHOLE, closed, many, named, opened, row
from agent.assurance.events.hearing import EventStatus, Hearing
from agent.assurance.events.recording import read
from agent.assurance.tables import ObservationRow
from agent.security.audit import Actor, record
from agent.security.roles import Role

router = APIRouter(prefix=ROOT, tags=["Events"])

MOST_LINES = 10_000
EXAMPLE = {"lines": ['{"trap": {"source": "192.0.2.1", "oid": "1.3.6.1.6.3.1.1.5.1"}}']}
_COUNTS = {"type": "object", "additionalProperties": WHOLE}
_STRANGER = closed(source=TEXT, reason=TEXT, messages=WHOLE)
INTAKE = named(
    "Intake",
    closed(
        traps={"anyOf": [_COUNTS, {"type": "null"}]},
        syslog={"anyOf": [_COUNTS, {"type": "null"}]},
        notifications={"type": "object", "additionalProperties": TEXT},
        processed=WHOLE,
        waiting=WHOLE,
        dropped=_COUNTS,
        storms=_COUNTS,
        crowds=_COUNTS,
        disbelieved={"type": "object", "additionalProperties": _COUNTS},
        strangers=many(_STRANGER),
    ),
)
OBSERVATION = named("Observation", row(ObservationRow))
RECENT = named("RecentEvents", closed(lines=TEXTS))
TRANSLATED = opened(event=TEXT, source=TEXT, rule=TEXT, means=TEXT, element=TEXT, object=TEXT, fields=ANYTHING, alarm=TEXT)


HANDED_IN = named("HandedInEvents", closed(events=many(TRANSLATED)))


class HandedIn(BaseModel):
    """Events as lines of a recording."""

    model_config = ConfigDict(extra="forbid")

    lines: Annotated[list[str], Field(min_length=1, max_length=MOST_LINES)]


OBSERVATIONS = Listing(
    ObservationRow,
    whole,
    texts={
        "id": ObservationRow.id,
        "element": ObservationRow.element,
        "object": ObservationRow.object,
        "source": ObservationRow.source,
        "finding": ObservationRow.finding,
    },
    instants={"at": ObservationRow.at},
    order=(ObservationRow.at.desc(), ObservationRow.id.desc()),
    key=ObservationRow.id,
    shape=OBSERVATION,
)


@router.get(
    "/observations", dependencies=[needs(Role.VIEWER)], **described("List observations, the latest first", 206, answer=OBSERVATION)
)
def list_observations(request: Request, parts: PartsOf) -> Response:
    """What was found out and what was said, e.g. `?source=trap&element=pe1`."""
    return list_answer(request, parts, OBSERVATIONS)


@router.get("/intake", dependencies=[needs(Role.VIEWER)], **described("Show what becomes of events", 503, answer=INTAKE))
def show_intake(parts: PartsOf) -> Response:
    return JSONResponse(_shown(_hearing(parts).status()))


@router.get(
    "/intake/recent",
    dependencies=[needs(Role.VIEWER)],
    **described("Show the events that were heard last, as lines of a recording", 503, answer=RECENT),
)
def show_recent(parts: PartsOf) -> Response:
    return JSONResponse({"lines": _hearing(parts).recent()})


@router.post(
    "/intake",
    dependencies=[needs(Role.OPERATOR)],
    **described(
        "Hand events in, as if their elements had sent them", 408, 413, 415, 503, answer=HANDED_IN, body=HandedIn, example=EXAMPLE
    ),
)
async def hand_in(parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """They lead to reads like any others; nothing that they say is believed for itself."""
    hearing = _hearing(parts)
    lines, at = read_model(HandedIn, body.data).lines, parts.clock.now()
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(read(line, at))
        except ValueError as error:
            raise BadRequest("invalidBody", f"line {number}: {error}") from error
    told = await hearing.hand_in(events)
    await asyncio.to_thread(_record, parts, actor, len(events))
    return JSONResponse({"events": told})


def _record(parts: Parts, actor: Actor, events: int) -> None:
    with parts.database.write() as session:
        record(session, actor, "hand in", "events", parts.clock.now(), after={"events": events})


def _hearing(parts: Parts) -> Hearing:
    if parts.hearing is None:
        raise Unavailable("unavailable", "this daemon hears no events")
    return parts.hearing


def _shown(status: EventStatus) -> dict[str, Any]:
    return {
        "traps": status.traps and counts(status.traps),
        "syslog": status.syslog and counts(status.syslog),
        "notifications": dict(status.notices),
        "processed": status.processed,
        "waiting": status.waiting,
        "dropped": dict(status.dropped),
        "storms": dict(status.storms),
        "crowds": dict(status.crowds),
        "disbelieved": {name: dict(reasons) for name, reasons in status.disbelieved.items()},
        "strangers": [{"source": source, "reason": reason, "messages": count} for source, reason, count in status.strangers],
    }


def counts(stats: object) -> dict[str, int]:
    return {name: int(getattr(stats, name)) for name in stats.__slots__}  # type: ignore[attr-defined]  # dataclasses with slots
