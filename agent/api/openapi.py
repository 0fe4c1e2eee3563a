"""The OpenAPI document: what FastAPI derives, with every error status, the roles, and examples that run as they stand."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from agent.api import shapes
from agent.api.errors import PROBLEM_JSON
from agent.api.forms import TMF_ROOT
from agent.api.query import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET
from agent.api.shapes import TEXT, WHOLE, Shape, hoisted, many
from agent.security.roles import Role

TAG_ORDERING = "TMF641 Service Ordering"
TAG_INVENTORY = "TMF638 Service Inventory"
TAG_TICKET = "TMF621 Trouble Ticket"
TAG_USAGE = "TMF635 Usage"
TAG_CATALOG = "TMF633 Service Catalog"
TAG_RESOURCES = "TMF639 Resource Inventory"
TAG_ACTIVATION = "TMF640 Service Activation and Configuration"
TAG_QUALIFICATION = "TMF645 Service Qualification"
TAG_TEST = "TMF653 Service Test Management"
TAG_QUALITY = "TMF657 Service Quality Management"
TAG_ALARM = "TMF642 Alarm Management"
TAG_PROBLEM = "TMF656 Service Problem Management"

ALWAYS = (400, 401, 403, 429, 500, 503)
"""Statuses that every guarded route can answer."""
_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Those that may say when to ask again."""
OPEN = (500,)
OF_TMF = (406,)
"""Statuses that every route below `/tmf-api` can answer beside those."""
PATCH_MEDIA = ("application/json", "application/merge-patch+json")
WRITES = (408, 409, 413, 415, 422)
"""Statuses that a POST can answer, which has a body and may have an `Idempotency-Key`."""
PATCHES = (404, 412, *WRITES)
DELETES = (404, 409, 412, 422)

_ANSWER = "x-fabd-answer"
"""The way of a success's content from a route's declaration into the document."""

_PARAMETER = re.compile(r"\{(\w+)\}")

AccessTable = Mapping[tuple[str, str], Role | None]
Json = dict[str, Any]

ORDER_EXAMPLE: Json = {
    "externalId": "PO-4711",
    "relatedParty": [{"id": "100007", "role": "customer", "@type": "RelatedParty", "@referredType": "Customer"}],
    "serviceOrderItem": [
        {
            "id": "1",
            "action": "add",
            "service": {
                "serviceSpecification": {"id": "internet-access"},
                "serviceCharacteristic": [
                    {"name": "port", "value": "pe1/ge-0/0/1"},
                    {"name": "description", "value": "Acme, head office"},
                ],
            },
        }
    ],
}

_ERROR: Json = {
    "type": "object",
    "required": ["code", "reason"],
    "properties": {name: {"type": "string"} for name in ("code", "reason", "message", "status", "referenceError", "@type")},
}
_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "pointer": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_FIELDS: Json = {
    "name": "fields",
    "in": "query",
    "schema": {"type": "string"},
    "description": "Attributes to answer beside id and href, separated by commas.",
}
_LIST: list[Json] = [
    _FIELDS,
    {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}},
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}},
    {"name": "sort", "in": "query", "schema": {"type": "string"}, "description": "E.g. -orderDate,+id"},
    {
        "name": "filter",
        "in": "query",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        "description": "attribute=value with dotted paths; a comma is or; .gt .gte .lt .lte .ne .regex compare.",
    },
]


class Described(TypedDict):
    """Arguments of FastAPI's route decorators."""

    summary: str
    responses: dict[int | str, Json]
    openapi_extra: Json


def described(
    summary: str,
    *statuses: int,
    answer: Shape | str = "text/plain",
    body: type[BaseModel] | None = None,
    patch: bool = False,
    example: Mapping[str, Any] | None = None,
    printed: bool = False,
    also: Iterable[str] = (),
) -> Described:
    """`statuses`: those beside success and those of every route. 206 marks a list, of which `answer` is the shape of one object;
    an answer that is no JSON is given by its media type; one that is `printed` comes as text, too, others as what `also` names.
    `body` is the shape of what is sent; a `patch` is any object.
    """
    extra: Json = {}
    content: Json
    if HTTPStatus.PARTIAL_CONTENT in statuses:
        extra["parameters"] = _LIST
        answer = many(answer) if isinstance(answer, dict) else answer
    extra[_ANSWER] = {answer: {"schema": TEXT}} if isinstance(answer, str) else {"application/json": {"schema": answer}}
    for media_type in (*(["text/plain"] if printed else []), *also):
        extra[_ANSWER][media_type] = {"schema": TEXT}
    if body is not None:
        content = {"schema": shapes.body(body)} | ({"example": example} if example is not None else {})
        extra["requestBody"] = {"required": True, "content": {"application/json": content}}
    if patch:
        content = {"schema": {"type": "object"}} | ({"example": example} if example is not None else {})
        extra["requestBody"] = {"required": True, "content": dict.fromkeys(PATCH_MEDIA, content)}
    responses: dict[int | str, Json] = {status: {"description": HTTPStatus(status).phrase} for status in statuses}
    return Described(summary=summary, responses=responses, openapi_extra=extra)


def build(app: FastAPI, access: AccessTable) -> Json:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= {"Error": _ERROR, "Problem": _PROBLEM}
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "fabd_<id>_<secret>"}
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, access.get((method.upper(), path)))
    whole: Json = hoisted(document, schemas)
    whole["components"]["schemas"] = schemas
    return whole


def _complete(operation: Json, path: str, role: Role | None) -> None:
    _name_parameters(operation, path)
    responses, content = operation["responses"], operation.pop(_ANSWER)
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status in (*(ALWAYS if role else OPEN), *(OF_TMF if path.startswith(TMF_ROOT) else ())):
        responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
    for status, response in responses.items():
        if told := _headers(int(status), lists="206" in responses):
            response["headers"] = {name: {"description": what, "schema": schema} for name, (what, schema) in told.items()}
        if int(status) >= HTTPStatus.BAD_REQUEST:
            response.setdefault("content", _error_content(path))
        elif int(status) != HTTPStatus.NO_CONTENT:
            response["content"] = content
    if role:
        operation["security"] = [{"token": []}]
        operation["x-fabd-role"] = role.value


def _name_parameters(operation: Json, path: str) -> None:
    """Those of the path that an endpoint reads from the request by itself."""
    given = operation.setdefault("parameters", [])
    known = {each["name"] for each in given if each.get("in") == "path"}
    given.extend(
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
        if name not in known
    )
    if not given:
        del operation["parameters"]


def _headers(status: int, *, lists: bool) -> Mapping[str, tuple[str, Shape]]:
    """What a client may need of the head of an answer."""
    if lists and status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        counts = {"X-Result-Count": "How many are in this answer.", "X-Total-Count": "How many the filters let through."}
        return {name: (what, WHOLE) for name, what in counts.items()}
    if status == HTTPStatus.CREATED:
        return {"Location": ("Where it is.", TEXT)}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return {"Allow": ("What is possible.", TEXT)}
    return {"Retry-After": ("Seconds to wait.", WHOLE)} if status in _LATER else {}


def _error_content(path: str) -> Json:
    problem = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if not path.startswith(TMF_ROOT):
        return problem
    return {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}} | problem
