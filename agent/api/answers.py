"""Answering a list, answering one, and changing something once: the same for every kind of object."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from agent.api.body import JsonBody
from agent.api.errors import BadRequest, NotFound
from agent.api.etag import tagged
from agent.api.idempotency import Answer, Attempt, perform
from agent.api.listing import Listed, Listing
from agent.api.parts import Parts
from agent.api.query import Document, parse_query, select
from agent.security.audit import Actor


def list_answer(request: Request, parts: Parts, listing: Listed) -> JSONResponse:
    """200, or 206 when a page is really cut."""
    query = parse_query(request.query_params.multi_items())
    with parts.database.read() as session:
        page = listing.fetch(session, query)
    return JSONResponse(page.items, 206 if page.partial else 200, page.headers)


def one_answer(request: Request, parts: Parts, listing: Listed, identity: str) -> JSONResponse:
    """With its `ETag`. Raises `NotFound` naming kind and id."""
    query = parse_query(request.query_params.multi_items())
    if query.filters or query.sort:
        raise BadRequest("parameterRefused", "one object takes the parameter fields only; filter the list instead")
    if isinstance(listing, Listing):
        listing.check_fields(query)
    with parts.database.read() as session:
        document = listing.find(session, identity)
    if document is None:
        raise missing(request, identity)
    return JSONResponse(select(document, query.fields), headers=tagged(document))


def missing(request: Request, identity: str) -> NotFound:
    """Of the object that the request's path ends with."""
    where, _, _ = request.url.path.rpartition("/")
    noun = where.rpartition("/")[2].removesuffix("s")  # native collections are plural
    return NotFound("notFound", f"there is no {noun} {identity!r}; list them at {where}")


def once(
    request: Request,
    parts: Parts,
    actor: Actor,
    body: JsonBody | None,
    work: Callable[[Session, datetime], Answer],
) -> Response:
    """Do `work` in one transaction, at this time; with an `Idempotency-Key` a repetition is given the first answer."""
    at = parts.clock.now()
    attempt = Attempt.of(request, actor.name, body.raw if body else b"")
    return perform(parts.database, attempt, at, lambda session: work(session, at)).response()


async def once_in_company(
    request: Request, parts: Parts, actor: Actor, body: JsonBody, work: Callable[[Session, datetime], Answer]
) -> Response:
    """As `once`, together with others of its kind (`Database.together`): `work` may be called again after it was taken back."""
    at = parts.clock.now()
    attempt = Attempt.of(request, actor.name, body.raw)
    if attempt is None:
        answer = await parts.company.do(parts.database, lambda session: work(session, at))
    else:
        answer = await run_in_threadpool(perform, parts.database, attempt, at, lambda session: work(session, at), together=True)
    return answer.response()


def created(document: Document) -> Answer:
    """201, with where it is."""
    return Answer(HTTPStatus.CREATED, document, {"Location": document["href"], **tagged(document)})


def changed(document: Document) -> Answer:
    return Answer(HTTPStatus.OK, document, tagged(document))


GONE = Answer(HTTPStatus.NO_CONTENT, {})
