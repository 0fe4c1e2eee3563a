"""Answering a list and answering one, the same for every kind of object."""

from typing import TypeVar

from fastapi import Request
from starlette.responses import JSONResponse

from agent.api.errors import BadRequest, NotFound
from agent.api.listing import Listing
from agent.api.parts import Parts
from agent.api.query import parse_query, select
from inventory.db import Base

Row = TypeVar("Row", bound=Base)


def list_answer(request: Request, parts: Parts, listing: Listing[Row]) -> JSONResponse:
    """200, or 206 when a page is really cut."""
    query = parse_query(request.query_params.multi_items())
    with parts.database.read() as session:
        page = listing.fetch(session, query)
    return JSONResponse(page.items, 206 if page.partial else 200, page.headers)


def one_answer(request: Request, parts: Parts, listing: Listing[Row], identity: str) -> JSONResponse:
    """Raises `NotFound` naming kind and id."""
    query = parse_query(request.query_params.multi_items())
    if query.filters or query.sort:
        raise BadRequest("parameterRefused", "one object takes the parameter fields only; filter the list instead")
    with parts.database.read() as session:
        document = listing.find(session, identity)
    if document is None:
        where, _, _ = request.url.path.rpartition("/")
        raise NotFound("notFound", f"there is no {where.rpartition('/')[2]} {identity!r}; list them at {where}")
    return JSONResponse(select(document, query.fields))
