"""The application: every router, one way of answering errors, and a refusal to start when a route does not say who may call it."""

from functools import cache, cached_property
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.api import docs, forms, health, openapi
from agent.api.access import access_table
from agent.api.context import RequestContext
from agent.api.lean import Straight
from agent.api.native import (
    actions,
    alarms,
    alertmanager,
    audit,
    bills,
    collectors,
    customers,
    drift,
    elements,
    events,
    exclusions,
    explain,
    foresight,
    freezes,
    history,
    impact,
    intake,
    maintenance,
    measurements,
    objectives,
    orders,
    plans,
    pools,
    problems,
    prometheus,
    rejected,
    service_list,
    services,
    sla,
    specifications,
)
from agent.api.native.paths import ROOT
from agent.api.parameters import refuse_unknown
from agent.api.parts import Parts
from agent.api.tmf import (
    alarm_management,
    catalog_jobs,
    order_cancelling,
    resource_inventory,
    service_activation,
    service_catalog,
    service_inventory,
    service_ordering,
    service_problem,
    service_qualification,
    service_quality,
    service_test,
    trouble_ticket,
    usage,
)
from agent.gauges import stored

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    docs.router,
    service_ordering.router,
    order_cancelling.router,
    service_inventory.router,
    service_catalog.router,
    catalog_jobs.router,
    resource_inventory.router,
    service_qualification.router,
    service_quality.router,
    service_test.router,
    service_activation.router,
    trouble_ticket.router,
    alarm_management.router,
    alarm_management.other_router,
    service_problem.router,
    usage.router,
    plans.router,
    orders.router,
    freezes.router,
    maintenance.router,
    elements.router,
    drift.router,
    pools.router,
    alarms.router,
    actions.router,
    problems.router,
    impact.router,
    history.router,
    foresight.router,
    collectors.router,
    service_list.router,
    services.router,
    measurements.router,
    customers.router,
    rejected.router,
    bills.router,
    objectives.router,
    exclusions.router,
    sla.router,
    explain.router,
    events.router,
    intake.router,
    specifications.router,
    audit.router,
    prometheus.router,
    alertmanager.router,
)


LEAN = Straight(ROUTERS)


def methods_at(path: str) -> list[str]:
    """What can be done at a path, for `Allow`; nothing where there is nothing."""
    routes = (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute))
    methods = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    if not methods:
        return []
    return sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))


class FabdApi(FastAPI):
    straight: ASGIApp | None = None
    """For requests to lean routes, in place of all layers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.straight is not None and LEAN.leads_to(scope):
            scope["app"] = self
            await self.straight(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    @cached_property
    def access(self) -> openapi.AccessTable:
        return access_table(ROUTERS)

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = openapi.build(self, self.access)
        return self.openapi_schema


def create_app(parts: Parts) -> FabdApi:
    app = FabdApi(
        title="fabd",
        summary="Provisioning and assurance: from order to activation, from fault to SLA credit",
        version=version("fabd"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=_routes(),
    )
    app.state.parts = parts
    app.state.methods_at = methods_at
    app.add_middleware(RequestContext, metrics=parts.metrics)
    app.straight = RequestContext(LEAN, parts.metrics)
    forms.install(app)
    parts.metrics.add(stored(parts.database, parts.clock))
    app.access  # noqa: B018  raises for a route that anybody could call by mistake
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The same for every app of a process: FastAPI takes apart what each wants when it first looks for it."""
    whole = APIRouter()
    for router in ROUTERS:
        native = any(isinstance(route, APIRoute) and route.path.startswith(ROOT) for route in router.routes)
        whole.include_router(router, dependencies=[Depends(refuse_unknown)] if native else None)
    return whole.routes
