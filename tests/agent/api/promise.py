"""What the API says of itself in its OpenAPI document, held against what it answers."""

from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from agent.api.app import ROUTERS

JSON = "application/json"
_SAID: dict[str, Any] = {}
"""The document is made once: it is the same for every installation."""


def check(app: FastAPI, method: str, answer: httpx.Response) -> None:
    """The status, the media type and the body are those that are described; a HEAD is a GET, and nothing is said of what is not."""
    template = _template("GET" if method == "HEAD" else method, answer.request.url.path)
    if template is None:
        undescribed = {204} if method == "OPTIONS" else {405}
        assert answer.status_code in {400, 404, 406} | undescribed, (method, answer.request.url.path, answer.status_code)
        return
    operation = document(app)["paths"][template]["get" if method == "HEAD" else method.lower()]
    status = str(answer.status_code)
    assert status in operation["responses"], f"{method} {template} answered {status}, which is not described: {answer.text[:300]}"
    content = operation["responses"][status].get("content", {})
    media = answer.headers.get("content-type", "").partition(";")[0]
    if not answer.content:
        return
    assert media in content, f"{method} {template} answered {media}, which is not described for {status}"
    if media.endswith("json"):
        _validator(template, method, status, media).validate(answer.json())


def document(app: FastAPI) -> dict[str, Any]:
    if not _SAID:
        _SAID.update(app.openapi())
    return _SAID


@cache
def _validator(template: str, method: str, status: str, media: str) -> Draft202012Validator:
    operation = _SAID["paths"][template]["get" if method == "HEAD" else method.lower()]
    schema = operation["responses"][status]["content"][media]["schema"]
    return Draft202012Validator(schema | {"components": _SAID["components"]})


def _template(method: str, path: str) -> str | None:
    bare = path.rstrip("/") if path.startswith("/tmf-api/") else path
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and method in (route.methods or ()) and route.path_regex.match(bare):
                return route.path
    return None
