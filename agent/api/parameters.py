"""Parameters of addresses that nobody reads: a misspelt one is refused, for its answer would be taken for what was asked."""

import inspect
from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from agent.api.errors import BadRequest
from agent.api.listing import meant

READS = frozenset({"GET", "HEAD"})


async def refuse_unknown(request: Request) -> None:
    """For reads whose endpoint names what it takes; one that has the request (a list, one object) looks at its filters itself."""
    route = request.scope.get("route")
    sent = request.query_params.keys()
    if not sent or request.method not in READS or not isinstance(route, APIRoute):
        return
    if "request" in inspect.signature(route.endpoint).parameters:
        return
    known = sorted(_named(route.dependant))
    for name in sent:
        if name not in known:
            what = meant(name, known) if known else "; it takes none"
            raise BadRequest("unknownParameter", f"{request.url.path} takes no parameter {name[:40]!r}{what}")


def _named(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _named(inner)
