"""Routes whose endpoint is given the request and nothing else, for what is asked thousands of times.

FastAPI looks for what an endpoint and its dependencies take with every request, which costs more than reading the order does.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from agent.api.access import Needs


class Lean(APIRoute):
    """`TypeError` for a dependency that is not about who may call: nobody would resolve it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        guards = [_guard(each.dependency) for each in self.dependencies]
        endpoint = cast("Callable[[Request], Awaitable[Response]]", self.endpoint)

        async def handle(request: Request) -> Response:
            for guard in guards:
                await guard(request)
            return await endpoint(request)

        return handle


def _guard(dependency: object) -> Needs:
    if isinstance(dependency, Needs):
        return dependency
    raise TypeError(f"a lean route resolves no dependency {dependency!r}; let its endpoint do it")
