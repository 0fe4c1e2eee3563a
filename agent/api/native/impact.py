"""Impact: who would suffer if something failed now, and what it would cost this month."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import named, value
from agent.assurance.problems.consequences import LONGEST, Consequences, Question, consequences
from agent.assurance.topology.watchlist import load_watchlist
from agent.security.roles import Role

router = APIRouter(prefix=ROOT, tags=["Alarms and problems"])

IMPACT = named("Consequences", value(Consequences))
HOURS = timedelta(hours=4) / timedelta(hours=1)


@router.get(
    "/impact",
    dependencies=[needs(Role.VIEWER)],
    **described("Show who would suffer if something failed", 400, 404, answer=IMPACT),
)
def show_impact(
    parts: PartsOf,
    object: Annotated[str, Query(min_length=1, max_length=512)],  # noqa: A002  its name in the address
    hours: Annotated[float, Query(gt=0, le=LONGEST / timedelta(hours=1))] = HOURS,
) -> Response:
    """`object`: ELEMENT, ELEMENT/PORT, link:NAME, or the id of a problem; `hours`: how long it would last. It changes nothing."""
    question = Question(object, timedelta(hours=hours), parts.clock.now())
    with parts.database.read() as session:
        found = consequences(session, parts.catalog, load_watchlist(session), question)
    return JSONResponse(plain(found))
