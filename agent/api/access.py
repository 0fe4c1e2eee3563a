"""Who may call what: a bearer token on every route, with the role the route asks for."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, params
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from agent.api.errors import TooManyRequests
from agent.api.parts import Parts, parts
from agent.security import tokens
from agent.security.audit import Actor
from agent.security.errors import NotAuthenticated, NotPermitted
from agent.security.roles import Role
from agent.security.tables import TokenRow

SCHEME = "bearer"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Needs:
    """The dependency that guards a route. None leaves it open to everybody: for health and documentation only."""

    role: Role | None

    async def __call__(self, request: Request) -> None:
        if self.role is None:
            return
        caller = await _admit(request, parts(request))
        request.state.caller = caller
        if not caller.role.reaches(self.role):
            raise NotPermitted(f"token {caller.name!r} has the role {caller.role}; this needs {self.role} or more")


def needs(role: Role) -> params.Depends:
    return params.Depends(Needs(role))


OPEN = params.Depends(Needs(None))


def actor(request: Request) -> Actor:
    """Who calls, for the audit trail; only behind `Needs` of a role."""
    caller: tokens.Caller = request.state.caller
    return Actor(caller.name, caller.role.value, address_of(request), request.state.correlation_id)


async def _actor(request: Request) -> Actor:
    return actor(request)


ActorOf = Annotated[Actor, Depends(_actor)]


def access_table(routers: Iterable[APIRouter]) -> dict[tuple[str, str], Role | None]:
    """(method, path) → the least role, None where open. Raises `TypeError` for a route that declares neither."""
    table: dict[tuple[str, str], Role | None] = {}
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                table |= {(method, route.path): _declared(route) for method in route.methods or ()}
    return table


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _declared(route: APIRoute) -> Role | None:
    for dependency in route.dependencies:
        if isinstance(dependency.dependency, Needs):
            return dependency.dependency.role
    raise TypeError(f"route {route.path} does not say who may call it; give it a dependency of `needs(role)`")


async def _admit(request: Request, parts: Parts) -> tokens.Caller:
    """Who calls. Every token has its own allowance; callers without a good one share that of their address."""
    said = request.headers.get("authorization", "")
    try:
        caller = parts.admitted.caller(said, parts.clock.now())
        if caller is None:
            caller = await run_in_threadpool(_authenticate, said, parts)
    except NotAuthenticated:
        _charge(parts, f"address {_network(address_of(request))}")
        raise
    _charge(parts, f"token {caller.name}")
    return caller


def _authenticate(said: str, parts: Parts) -> tokens.Caller:
    scheme, _, text = said.partition(" ")
    if scheme.lower() != SCHEME or not text:
        raise NotAuthenticated("no token was sent; send the header Authorization: Bearer fabd_… (make one: fabd token create)")
    at = parts.clock.now()
    with parts.database.read() as session:
        row = tokens.authenticate(session, text.strip(), at)
        news = tokens.use_is_news(row, at)
    if news:
        _remember_use(parts, row, at)
    caller = tokens.Caller(row.name, Role(row.role))
    parts.admitted.remember(said, caller, at)
    return caller


def _remember_use(parts: Parts, row: TokenRow, at: datetime) -> None:
    """Reading goes on when nothing can be written: on a full disk an operator looks more than ever."""
    try:
        with parts.database.write() as session:
            session.merge(row).last_used_at = at
    except SQLAlchemyError as error:
        log.warning("the last use of a token was not noted", token_name=row.name, error=str(getattr(error, "orig", None) or error))


def _charge(parts: Parts, caller: str) -> None:
    wait = parts.limiter.take(caller)
    if wait:
        limit = parts.settings.rate_per_minute
        raise TooManyRequests(
            "tooManyRequests",
            f"{caller}: more than {limit} requests per minute; wait {wait} s, or raise api.rate_per_minute",
            retry_after_s=wait,
        )


def _network(address: str) -> str:
    """An IPv6 customer has a whole /64: all of it is one caller."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))  # noqa: PLR2004  IP version
