"""Routes whose endpoint is given the request and nothing else, for what is asked thousands of times.

FastAPI looks for what an endpoint and its dependencies take with every request, and each of its layers has a look at what comes and
goes: that costs more than reading the order does. So a request for a lean route goes there straight from `RequestContext`, past the
layers that would find it; what others would see of it (its route, its errors, the document that tells of it) is the same.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.api.access import Needs
from agent.api.forms import answer_to

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Lean(APIRoute):
    """`TypeError` for a dependency that is not about who may call: nobody would resolve it."""

    def get_route_handler(self) -> Handler:
        guards = [_guard(each.dependency) for each in self.dependencies]
        endpoint = cast("Callable[[Request], Awaitable[Response]]", self.endpoint)

        async def handle(request: Request) -> Response:
            for guard in guards:
                await guard(request)
            return await endpoint(request)

        return handle


class Straight:
    """ASGI application of the lean routes among those of `routers`: what comes has to be for one of them (`leads_to`)."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        lean = [route for router in routers for route in router.routes if isinstance(route, Lean) and "{" not in route.path]
        self._routes: Mapping[tuple[str, str], tuple[Lean, Handler]] = {
            (method, route.path): (route, route.get_route_handler()) for route in lean for method in route.methods or ()
        }

    def leads_to(self, scope: Scope) -> bool:
        return scope["type"] == "http" and (scope["method"], scope["path"]) in self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, handle = self._routes[scope["method"], scope["path"]]
        scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, {}
        request = Request(scope, receive, send)
        try:
            response = await handle(request)
        except Exception as error:  # noqa: BLE001  raised again where it is not known
            response = await answer_to(request, error)
        await response(scope, receive, send)


def _guard(dependency: object) -> Needs:
    if isinstance(dependency, Needs):
        return dependency
    raise TypeError(f"a lean route resolves no dependency {dependency!r}; let its endpoint do it")
