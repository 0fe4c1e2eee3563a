"""What was measured, as series of points: minutes, five minutes, hours."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.answers import list_answer
from agent.api.errors import BadRequest
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import instant
from agent.api.shapes import INSTANT, NUMBER, TEXT, WHOLE, closed, many, named, optional
from agent.assurance.history.points import Resolution, Stretch
from agent.assurance.history.store import SeriesKey, fitting, read
from agent.assurance.history.tables import SeriesRow
from agent.security.roles import Role
from policies.values import Interval

router = APIRouter(prefix=f"{ROOT}/history", tags=["History"])

MOST_POINTS = 2000
_POINT = closed(at=INSTANT, mean=optional(NUMBER), low=optional(NUMBER), high=optional(NUMBER), minutes=WHOLE)
SERIES = named("Series", closed(id=WHOLE, subject=TEXT, metric=TEXT))
POINTS = named("Points", closed(subject=TEXT, metric=TEXT, step_s=WHOLE, coverage=NUMBER, points=many(_POINT)))

_SERIES = Listing(
    SeriesRow,
    lambda _, rows: [{"id": row.id, "subject": row.subject, "metric": row.metric} for row in rows],
    texts={"subject": SeriesRow.subject, "metric": SeriesRow.metric},
    instants={},
    order=(SeriesRow.subject, SeriesRow.metric),
    key=SeriesRow.id,
    shape=SERIES,
)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List what was measured", 206, answer=SERIES))
def list_series(request: Request, parts: PartsOf) -> Response:
    """`subject`: `port:ELEMENT/PORT`, `service:ID` or `pool:NAME`; `metric` ends with its base unit: _bps, _ratio, _s."""
    return list_answer(request, parts, _SERIES)


@router.get("/points", dependencies=[needs(Role.VIEWER)], **described("Show one series", 400, 404, answer=POINTS))
def show_points(
    parts: PartsOf,
    subject: Annotated[str, Query(min_length=1, max_length=512)],
    metric: Annotated[str, Query(min_length=1, max_length=64)],
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The last day unless `since` says otherwise, in the finest step of which there are not more than 2,000 points. Null stands for
    what was not measured. Values are written every five minutes.
    """
    end = _instant("until", until) or parts.clock.now()
    start = _instant("since", since) or end - timedelta(days=1)
    if not start < end or end - start > MOST_POINTS * timedelta(seconds=Resolution.HOUR) * 10:
        raise BadRequest("invalidQuery", f"since {start.isoformat()} is not before until {end.isoformat()}, or decades before it")
    resolution = fitting(end - start, MOST_POINTS)
    with parts.database.read() as session:
        found = read(session, SeriesKey(subject, metric), Interval(start, end), resolution)
    shape = {"subject": subject, "metric": metric, "step_s": int(resolution), "coverage": round(found.coverage, 4)}
    return JSONResponse(shape | {"points": _points(found)})


def _points(found: Stretch) -> list[dict[str, Any]]:
    times = (datetime.fromtimestamp(found.start + found.step * number, UTC).isoformat() for number in range(len(found.mean)))
    columns = (_values(each) for each in (found.mean, found.low, found.high))
    return [
        {"at": at, "mean": mean, "low": low, "high": high, "minutes": minutes}
        for at, mean, low, high, minutes in zip(times, *columns, found.count.tolist(), strict=True)
    ]


def _values(column: np.ndarray) -> list[float | None]:
    """Seven digits: as exact as they are kept."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in column.tolist()]


def _instant(name: str, text: str) -> datetime | None:
    if not text:
        return None
    found = instant(text)
    if found is None:
        raise BadRequest("invalidQuery", f"{name}: {text[:40]!r} is no date-time; write it as in 2026-11-22T09:00:00Z")
    return found
