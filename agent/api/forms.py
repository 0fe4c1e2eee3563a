"""Which form an error is answered in: TM Forum's below `/tmf-api`, RFC 9457 elsewhere and wherever the client asks for it."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from agent.api.errors import PROBLEM_JSON, Detail, ErrorBody
from agent.api.refusals import KNOWN, error_body

TMF_ROOT = "/tmf-api/"
ANSWERED = (*KNOWN, RequestValidationError, HTTPException)

log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Every error of every route is answered here; what is not known goes on to `RequestContext`, which logs it."""
    for kind in ANSWERED:
        app.add_exception_handler(kind, _handle)


async def answer_to(request: Request, error: Exception) -> Response:
    """Where no layer of the app's does it. Raises what is not known, as those do."""
    if not isinstance(error, ANSWERED):
        raise error
    return await _handle(request, error)


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": _allowed(request.scope)})  # RFC 9110 §9.3.7
    if isinstance(error, SQLAlchemyError):
        _tell_operator(request, error)
    return error_answer(request.scope, error)


def _tell_operator(request: Request, error: SQLAlchemyError) -> None:
    """What the client is not told. Without the statement and its values: they may be a customer's."""
    reason = str(getattr(error, "orig", None) or type(error).__name__).strip().partition("\n")[0]
    log.error("the database refused", path=request.scope["path"], error=reason)


def error_answer(scope: Scope, error: Exception) -> JSONResponse:
    body = _body_of(scope, error)
    if wants_problem(scope):
        correlation_id = scope.get("state", {}).get("correlation_id", "")
        return JSONResponse(body.problem(correlation_id), body.status, dict(body.headers), media_type=PROBLEM_JSON)
    return JSONResponse(body.tmf(), body.status, dict(body.headers))


def wants_problem(scope: Scope) -> bool:
    return not scope["path"].startswith(TMF_ROOT) or PROBLEM_JSON in Headers(scope=scope).get("accept", "")


def _body_of(scope: Scope, error: Exception) -> ErrorBody:
    match error:
        case RequestValidationError():
            return _of_parameters(error)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            message = f"there is nothing at {scope['path']}; see /docs for what there is"
            return ErrorBody(HTTPStatus.NOT_FOUND, "notFound", message)
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            allowed = _allowed(scope)
            message = f"{scope['method']} is not possible at {scope['path']}; possible: {allowed}"
            return ErrorBody(HTTPStatus.METHOD_NOT_ALLOWED, "methodNotAllowed", message, headers={"Allow": allowed})
        case HTTPException():
            return ErrorBody(error.status_code, "refused", str(error.detail), headers=error.headers or {})
    return error_body(error)


def _allowed(scope: Scope) -> str:
    return ", ".join(scope["app"].state.methods_at(scope["path"]))


def _of_parameters(error: RequestValidationError) -> ErrorBody:
    details = []
    for found in error.errors():
        place, *names = found["loc"]
        pointer = "".join(f"/{name}" for name in names) if place == "body" else ""
        details.append(Detail("invalidValue", pointer, f"{place} {'.'.join(map(str, names))}: {found['msg']}"))
    message = "; ".join(detail.message for detail in details) + "; correct the request, its form is at /docs"
    return ErrorBody(HTTPStatus.BAD_REQUEST, "invalidValue", message, details[0].pointer, tuple(details))
