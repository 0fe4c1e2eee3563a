"""Pools: how full they are, until when they last, and what is kept back in them."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer
from agent.api.body import BodyOf, read_model
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import TEXT, TRUTH, WHOLE, closed, many, named, optional, value
from agent.security.audit import record
from agent.security.roles import Role
from inventory.allocation import reserve, unreserve
from inventory.fill import KeptBack, PoolFill, fill, forecasts, kept_back
from inventory.tables import PoolRow

router = APIRouter(prefix=f"{ROOT}/pools", tags=["Pools"])

_FILL = {
    "name": TEXT,
    "kind": TEXT,
    "size": WHOLE,
    "allocated": WHOLE,
    "quarantined": WHOLE,
    "reserved": WHOLE,
    "free": WHOLE,
    "low_watermark": WHOLE,
    "low": TRUTH,
    "days_left": optional(WHOLE),
}
POOL = named("Pool", closed(id=TEXT, **_FILL))
POOL_VIEW = named("PoolView", closed(id=TEXT, **_FILL, kept_back=many(value(KeptBack))))
MOST_VALUES = 1000


class Reservation(BaseModel):
    """Values to keep back; none of them is kept back when one cannot be."""

    model_config = ConfigDict(extra="forbid")

    values: list[str] = Field(min_length=1, max_length=MOST_VALUES)
    reason: str = Field("", max_length=200)


class Return(BaseModel):
    """Values that were kept back and can be given out from now on."""

    model_config = ConfigDict(extra="forbid")

    values: list[str] = Field(min_length=1, max_length=MOST_VALUES)


def _render(parts: PartsOf, session: Session, rows: Sequence[PoolRow]) -> list[Document]:
    found = [fill(session, row.name, parts.clock.now()) for row in rows]
    left = forecasts(session, found)
    return [{"id": row.id} | _document(pool, left[pool.name]) for row, pool in zip(rows, found, strict=True)]


def _document(pool: PoolFill, left: int | None) -> dict[str, Any]:
    document: dict[str, Any] = plain(pool)
    return document | {"free": pool.free, "low": pool.low, "days_left": left}


def _listing(parts: PartsOf) -> Listing[PoolRow]:
    return Listing(
        PoolRow,
        lambda session, rows: _render(parts, session, rows),
        texts={"id": PoolRow.id, "name": PoolRow.name, "kind": PoolRow.kind},
        instants={},
        order=(PoolRow.name,),
        key=PoolRow.name,
        shape=POOL,
    )


def _view(parts: PartsOf, session: Session, name: str) -> Document:
    pool = fill(session, name, parts.clock.now())
    row = session.scalars(select(PoolRow).where(PoolRow.name == name)).one()
    return (
        {"id": row.id}
        | _document(pool, forecasts(session, [pool])[name])
        | {"kept_back": [plain(each) for each in kept_back(session, name)]}
    )


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List pools by name", 206, answer=POOL))
def list_pools(request: Request, parts: PartsOf) -> Response:
    """Sizes are values, or bit/s for bandwidth. `days_left` is null where nobody can know: too few days, or no growth."""
    return list_answer(request, parts, _listing(parts))


@router.get("/{name}", dependencies=[needs(Role.VIEWER)], **described("Show one pool", 404, answer=POOL_VIEW))
def show_pool(parts: PartsOf, name: str) -> Response:
    """With what is kept back in it, and why."""
    with parts.database.read() as session:
        return JSONResponse(_view(parts, session, name))


@router.post(
    "/{name}/reserve",
    dependencies=[needs(Role.PROVISIONER)],
    **described(
        "Keep values back",
        404,
        408,
        409,
        413,
        415,
        answer=POOL_VIEW,
        body=Reservation,
        example={"values": ["104"], "reason": "in use before fabd came"},
    ),
)
def reserve_values(parts: PartsOf, actor: ActorOf, name: str, body: BodyOf) -> Response:
    """They are never given out. What a service has is refused."""
    wanted, at = read_model(Reservation, body.data), parts.clock.now()
    with parts.database.write() as session:
        done = [reserve(session, name, each, reason=wanted.reason, at=at) for each in wanted.values]
        record(session, actor, "reserve", f"pool {name}", at, after={"values": done, "reason": wanted.reason})
        return JSONResponse(_view(parts, session, name))


@router.post(
    "/{name}/release",
    dependencies=[needs(Role.PROVISIONER)],
    **described(
        "Give back what was kept back", 404, 408, 409, 413, 415, answer=POOL_VIEW, body=Return, example={"values": ["104"]}
    ),
)
def release_values(parts: PartsOf, actor: ActorOf, name: str, body: BodyOf) -> Response:
    wanted, at = read_model(Return, body.data), parts.clock.now()
    with parts.database.write() as session:
        reasons = {each.value: each.reason for each in kept_back(session, name)}
        done = [unreserve(session, name, each, at) for each in wanted.values]
        record(session, actor, "release", f"pool {name}", at, before={"values": {each: reasons.get(each, "") for each in done}})
        return JSONResponse(_view(parts, session, name))
