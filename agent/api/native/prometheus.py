"""For Prometheus: what to scrape (HTTP service discovery)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import URL
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.errors import BadRequest
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import TEXT, TEXTS, closed, many, named
from agent.prometheus.targets import of_elements, of_this_daemon
from agent.security.roles import Role
from agent.shard import MOST, WHOLE, Shard

router = APIRouter(prefix=f"{ROOT}/prometheus", tags=["Health and metrics"])

_TARGETS = many(named("ScrapeTargets", closed(targets=TEXTS, labels={"type": "object", "additionalProperties": TEXT})))
_LONGEST = 20


async def _shard(
    shard: Annotated[str, Query(max_length=_LONGEST, description="i/n: one of n parts.", examples=["0/4"])] = "",
) -> Shard:
    try:
        return Shard.read(shard) if shard else WHOLE
    except ValueError as error:
        raise BadRequest("invalidQuery", str(error)) from None


async def _here(request: Request) -> URL:
    return request.url


ShardOf = Annotated[Shard, Depends(_shard)]
HereOf = Annotated[URL, Depends(_here)]


@router.get("/targets", dependencies=[needs(Role.VIEWER)], **described("Say what Prometheus is to scrape of fabd", answer=_TARGETS))
def list_targets(here: HereOf, shard: ShardOf, shards: Annotated[int, Query(ge=1, le=MOST)] = 1) -> Response:
    """For `http_sd_configs`. `shards`: numbers of elements in so many targets; `shard=i/n`: the part of one of n servers."""
    if shard != WHOLE and shards > 1:
        raise BadRequest("invalidQuery", "shards is for one Prometheus, shard for one of several; send one of them")
    only = None if shard == WHOLE else shard
    return JSONResponse(plain(list(of_this_daemon(here.netloc, here.scheme, shards, only))))


@router.get("/elements", dependencies=[needs(Role.VIEWER)], **described("Say where elements are managed", answer=_TARGETS))
def list_elements(parts: PartsOf, shard: ShardOf, protocol: Annotated[str, Query(max_length=64)] = "snmp") -> Response:
    """For `http_sd_configs` of exporters of others: one target for each endpoint of that protocol."""
    with parts.database.read() as session:
        return JSONResponse(plain(list(of_elements(session, protocol, shard))))
