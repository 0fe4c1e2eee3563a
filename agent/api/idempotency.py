"""Once-only effects of requests that are sent again: `Idempotency-Key`.

The key is claimed first, in a transaction of its own; the answer is stored in the transaction of the effect. So a crash leaves
either both or only the claim, and a claim that nobody works on any more is taken over. The effect's transaction fails when the
claim was taken over meanwhile: whoever was thought dead and was not, changes nothing. A refusal changes nothing and gives the
key back.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import Request
from pydantic_core import to_json
from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.errors import BadRequest, Conflict, Unprocessable
from agent.api.tables import IdempotencyRow
from crm_bridge.once import insert_once
from inventory.db import Database
from inventory.errors import OutcomeUnknown

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""Says that the answer was given before."""
MAX_KEY = 255
RUNNING, DONE = "running", "done"
ABANDONED_AFTER = timedelta(minutes=2)
"""Longer than any request takes: a claim older than this was left by a crash."""
KEPT_FOR = timedelta(days=2)
"""How long an answer is given again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers, as it can be stored."""

    status: int
    document: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        if self.status == HTTPStatus.NO_CONTENT:
            return Response(status_code=self.status, headers=dict(self.headers))
        return Response(to_json(self.document), self.status, dict(self.headers), media_type="application/json")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request under a key."""

    client: str
    key: str
    digest: str
    """Of method, path and body."""

    @classmethod
    def of(cls, request: Request, client: str, body: bytes) -> "Attempt | None":
        """None when the request has no key; `BadRequest` when it has one that cannot be kept."""
        key = request.headers.get(HEADER)
        if key is None:
            return None
        if not 0 < len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
            raise BadRequest("invalidIdempotencyKey", f"{HEADER} must have 1 to {MAX_KEY} printable ASCII characters; send a UUID")
        said = b"\n".join([request.method.encode(), request.url.path.encode(), body])
        return cls(client, key, hashlib.sha256(said).hexdigest())


def perform(
    database: Database, attempt: Attempt | None, at: datetime, work: Callable[[Session], Answer], *, together: bool = False
) -> Answer:
    """Do `work` in one transaction, or give the answer that was given before. `Conflict` or `Unprocessable`.

    `together`: with others of its kind (`Database.together`), where it may be called again after it was taken back.
    """
    if attempt is None:
        return _do(database, work, together=together)
    try:
        given = _claim(database, attempt, at)
    except OutcomeUnknown:
        _give_back(database, attempt, at)  # it may have been made
        raise
    if given is not None:
        return given

    def completed(session: Session) -> Answer:
        answer = work(session)
        _complete(session, attempt, at, answer)
        return answer

    try:
        return _do(database, completed, together=together)
    except BaseException:
        _give_back(database, attempt, at)
        raise


def forget(session: Session, at: datetime) -> int:
    """Answers that nobody asks for any more; how many went."""
    old = delete(IdempotencyRow).where(IdempotencyRow.created_at < at - KEPT_FOR)
    return len(session.execute(old.returning(IdempotencyRow.key)).all())


def abandon(session: Session) -> int:
    """Claims of requests that died with the last daemon, so that their repetition need not wait; how many.

    Only before the API is up, and only where no other daemon can be working on them.
    """
    left = delete(IdempotencyRow).where(IdempotencyRow.state == RUNNING)
    return len(session.execute(left.returning(IdempotencyRow.key)).all())


def _do(database: Database, work: Callable[[Session], Answer], *, together: bool) -> Answer:
    if together:
        return database.together(work)
    with database.write() as session:
        return work(session)


def _claim(database: Database, attempt: Attempt, at: datetime) -> Answer | None:
    """None when the work is ours to do."""
    with database.write() as session:
        claimed = {"client": attempt.client, "key": attempt.key, "digest": attempt.digest, "state": RUNNING, "created_at": at}
        if insert_once(session, IdempotencyRow, {**claimed, "headers": {}, "body": ""}):
            return None
        row = session.get_one(IdempotencyRow, (attempt.client, attempt.key), with_for_update=True)
        if row.digest != attempt.digest:
            raise Unprocessable(
                "idempotencyKeyReused",
                f"{HEADER} {attempt.key!r} came before with another request; give this one a new key",
            )
        if row.state == DONE:
            return Answer(row.status or 0, json.loads(row.body), {**row.headers, REPLAYED: "true"})
        if at - row.created_at < ABANDONED_AFTER:
            raise Conflict(
                "requestRunning",
                f"the request with {HEADER} {attempt.key!r} is still running; ask again in a moment",
            )
        row.created_at = at
        return None


def _complete(session: Session, attempt: Attempt, at: datetime, answer: Answer) -> None:
    stored = {"state": DONE, "status": answer.status, "headers": dict(answer.headers), "body": json.dumps(answer.document)}
    done = update(IdempotencyRow).where(*_ours(attempt, at)).values(**stored).returning(IdempotencyRow.key)
    if session.execute(done).first() is None:
        raise Conflict("requestTakenOver", f"the request with {HEADER} {attempt.key!r} was taken over by a repetition; ask again")


def _give_back(database: Database, attempt: Attempt, at: datetime) -> None:
    """Unless it was completed. Where that fails too the claim is taken over later, and what failed first is what is told."""
    try:
        with database.write() as session:
            session.execute(delete(IdempotencyRow).where(*_ours(attempt, at)))
    except (DBAPIError, OutcomeUnknown) as error:
        log.warning("the claim of a request stays until it counts as abandoned", client=attempt.client, reason=str(error))


def _ours(attempt: Attempt, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyRow.client == attempt.client,
        IdempotencyRow.key == attempt.key,
        IdempotencyRow.state == RUNNING,
        IdempotencyRow.created_at == at,
    )
