"""The API described: `/openapi.json`, and a page for people that needs nothing from elsewhere (a NOC may have no Internet)."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from agent.api.access import OPEN
from agent.api.openapi import described

router = APIRouter(tags=["Documentation"])

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f4f5f7;padding:.8rem;overflow:auto}
details{border-top:1px solid #d9dde3;padding:.4rem 0}summary{cursor:pointer}summary b{display:inline-block;width:4.5rem}
.role{float:right;color:#57606a}td{padding:.1rem .8rem .1rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14171c}pre{background:#1f242c}details{border-color:#333a45}}
"""


@router.get("/openapi.json", dependencies=[OPEN], **described("This API as an OpenAPI document", answer={"type": "object"}))
def openapi_document(request: Request) -> Response:
    return JSONResponse(request.app.openapi(), headers={"Cache-Control": "max-age=300"})


@router.get("/docs", dependencies=[OPEN], **described("This API for people", answer="text/html"))
def page(request: Request) -> Response:
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "max-age=300"}
    return HTMLResponse("".join(_page(request.app.openapi())), headers=headers)


def _page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])} API</title><style>{_STYLE}</style>"
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
    yield "<p>Every call needs <code>Authorization: Bearer fabd_…</code>, made by <code>fabd token create</code>. "
    yield "The same as a document: <a href=/openapi.json>/openapi.json</a></p>"
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append("".join(_operation(method, path, operation)))
    for tag, operations in groups.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(operations)}"
    yield "</html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    role = operation.get("x-fabd-role", "open")
    yield f"<details><summary><span class=role>{escape(role)}</span><b>{method.upper()}</b> <code>{escape(path)}</code> "
    yield f"{escape(operation['summary'])}</summary><p>{escape(operation.get('description', ''))}</p>"
    yield from _table("Parameters", {each["name"]: each.get("description", each["in"]) for each in operation.get("parameters", [])})
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        shown = content.get("example") or content["schema"]
        yield f"<h4>Body, {escape(media)}</h4><pre>{escape(json.dumps(shown, indent=2))}</pre>"
    yield from _table("Answers", {status: each["description"] for status, each in sorted(operation["responses"].items())})
    yield "</details>"


def _table(title: str, rows: dict[str, str]) -> Iterator[str]:
    if rows:
        cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{escape(text)}" for name, text in rows.items())
        yield f"<h4>{title}</h4><table>{cells}</table>"
