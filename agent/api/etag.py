"""`ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1): a client changes what it has seen, not what it has become meanwhile."""

import hashlib
import json
from typing import Any

from fastapi import Request

from agent.api.errors import PreconditionFailed
from agent.api.query import Document

DIGITS = 32
_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def etag(document: Document) -> str:
    """Of the whole resource, whatever attributes of it are asked for."""
    return f'"{hashlib.sha256(_text(document).encode()).hexdigest()[:DIGITS]}"'


def require_match(request: Request, document: Document) -> None:
    """Raises `PreconditionFailed` when the request has an `If-Match` that names something else than the resource as it is."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return
    tags = [tag.strip() for tag in wanted.split(",")]
    if "*" not in tags and etag(document) not in tags:
        raise PreconditionFailed(
            "preconditionFailed",
            f"{document['id']} is not any more what If-Match {wanted[: 2 * DIGITS]} says; get it again, and change what it is now",
        )


def tagged(document: Document) -> dict[str, Any]:
    """The header that goes with the resource."""
    return {"ETag": etag(document)}
