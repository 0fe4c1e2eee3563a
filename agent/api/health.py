"""Is the daemon alive, is it ready, and what are its numbers."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from agent.api.access import OPEN, needs
from agent.api.native.prometheus import ShardOf
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import TEXTS, TRUTH, closed
from agent.metrics import CONTENT_TYPE, write
from agent.security.roles import Role

router = APIRouter(tags=["Health and metrics"])

_READINESS = closed(ready=TRUTH, waiting=TEXTS)
_READY = described("Whether it does its work", 503, answer=_READINESS)
_READY["responses"][503]["content"] = {"application/json": {"schema": _READINESS}}


@router.get("/-/healthy", dependencies=[OPEN], **described("Whether the process answers"))
def healthy() -> Response:
    return PlainTextResponse("ok\n")


@router.get("/-/ready", dependencies=[OPEN], **_READY)
def ready(parts: PartsOf) -> Response:
    """200 once migrations are done and the first poll cycle is through; until then 503 with what is awaited."""
    waiting = parts.readiness()
    return JSONResponse({"ready": not waiting, "waiting": list(waiting)}, 503 if waiting else 200)


@router.get("/metrics", dependencies=[needs(Role.VIEWER)], **described("Numbers of the daemon, for Prometheus"))
def metrics(parts: PartsOf) -> Response:
    return Response(parts.metrics.text(), media_type=CONTENT_TYPE)


@router.get("/metrics/services", dependencies=[needs(Role.VIEWER)], **described("Numbers of the services, for Prometheus"))
def service_metrics(parts: PartsOf) -> Response:
    """Active services: how they are, and how their objectives stand; at most a minute old."""
    return StreamingResponse(write(parts.service_families()), media_type=CONTENT_TYPE)


@router.get("/metrics/elements", dependencies=[needs(Role.VIEWER)], **described("Numbers of the elements, for Prometheus"))
def element_metrics(parts: PartsOf, shard: ShardOf) -> Response:
    """Last values that were polled; streamed, for there may be very many. `shard=i/n`: of one part of the elements."""
    return StreamingResponse(write(parts.element_families(shard)), media_type=CONTENT_TYPE)
