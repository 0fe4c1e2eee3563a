"""Alarms with their history, why each stands as root or symptom, and what people do with them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, once, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import TRUTH, many, named, row
from agent.assurance.alarms import handling
from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.handling import LONGEST_SHELF, MOST_COMMENT, SHELF, Word
from agent.assurance.alarms.handling import unacknowledge as unack
from agent.assurance.tables import AlarmChangeRow, AlarmRow
from agent.security.audit import record
from agent.security.roles import Role

router = APIRouter(prefix=f"{ROOT}/alarms", tags=["Alarms and problems"])

ALARM = named("Alarm", row(AlarmRow, cleared=TRUTH))
ALARM_HISTORY = named("AlarmHistory", row(AlarmRow, cleared=TRUTH, changes=many(row(AlarmChangeRow, "alarm_id"))))


def _render(_session: Session, rows: Sequence[AlarmRow]) -> list[Document]:
    return [_document(row) for row in rows]


def _render_history(session: Session, rows: Sequence[AlarmRow]) -> list[Document]:
    changes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    history = select(AlarmChangeRow).where(AlarmChangeRow.alarm_id.in_([row.id for row in rows]))
    for change in session.scalars(history.order_by(AlarmChangeRow.at, AlarmChangeRow.id)):
        changes[change.alarm_id].append(columns(change, "alarm_id"))
    return [_document(row) | {"changes": changes[row.id]} for row in rows]


def _document(row: AlarmRow) -> dict[str, Any]:
    return columns(row) | {"cleared": row.cleared_at is not None}


ALARMS = Listing(
    AlarmRow,
    _render,
    texts={
        "id": AlarmRow.id,
        "element": AlarmRow.element,
        "object": AlarmRow.object,
        "cause": AlarmRow.cause,
        "severity": AlarmRow.severity,
        "standing": AlarmRow.standing,
        "problem_id": AlarmRow.problem_id,
        "assigned_to": AlarmRow.assigned_to,
        "parent_id": AlarmRow.parent_id,
        "acknowledged": case((AlarmRow.acknowledged_at.is_(None), "false"), else_="true"),
        "shelved": case((AlarmRow.shelved_until.is_(None), "false"), else_="true"),
        "cleared": case((AlarmRow.cleared_at.is_(None), "false"), else_="true"),
    },
    instants={"raised_at": AlarmRow.raised_at, "last_at": AlarmRow.last_at, "cleared_at": AlarmRow.cleared_at},
    order=(AlarmRow.raised_at.desc(), AlarmRow.id.desc()),
    key=AlarmRow.id,
    shape=ALARM,
)
ONE = Listing(AlarmRow, _render_history, ALARMS.texts, ALARMS.instants, ALARMS.order, ALARMS.key)


EXAMPLE = {"comment": "technician called"}


class Words(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, Field(max_length=MOST_COMMENT)] = ""


class Owner(Words):
    to: Annotated[str, Field(max_length=256)] | None = None
    """Nobody when it is left out."""


class Shelf(Words):
    for_s: Annotated[float, Field(gt=0, le=LONGEST_SHELF.total_seconds())] = SHELF.total_seconds()


def _doing(summary: str, body: type[Words]) -> dict[str, Any]:
    return {
        "dependencies": [needs(Role.OPERATOR)],
        **described(summary, 404, *WRITES, answer=ALARM_HISTORY, body=body, example={"comment": "technician called"}),
    }


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List alarms, the latest first", 206, answer=ALARM))
def list_alarms(request: Request, parts: PartsOf) -> Response:
    """E.g. `?cleared=false` for those that stand."""
    return list_answer(request, parts, ALARMS)


@router.get(
    "/{alarm_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one alarm, its history and why it stands", 404, answer=ALARM_HISTORY),
)
def show_alarm(request: Request, parts: PartsOf, alarm_id: str) -> Response:
    return one_answer(request, parts, ONE, alarm_id)


Act = Callable[[Session, Words, Word, datetime], list[Alarm]]


def _act(  # noqa: PLR0917  each endpoint below calls it once
    request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str, kind: type[Words], act: Act
) -> Response:
    wanted = read_model(kind, body.data)
    verb = request.url.path.rpartition("/")[2]

    def work(session: Session, at: datetime) -> Answer:
        act(session, wanted, Word(actor.name, wanted.comment), at)
        record(session, actor, verb, f"alarm {alarm_id}", at, after=wanted.model_dump(mode="json"))
        session.flush()
        return Answer(HTTPStatus.OK, _render_history(session, [session.get_one(AlarmRow, alarm_id, populate_existing=True)])[0])

    return once(request, parts, actor, body, work)


@router.post("/{alarm_id}/acknowledge", **_doing("Acknowledge an alarm", Words))
def acknowledge(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    """Somebody has seen it. It is unacknowledged again when it becomes worse."""
    return _act(request, parts, actor, body, alarm_id, Words, lambda s, _, word, at: handling.acknowledge(s, [alarm_id], word, at))


@router.post("/{alarm_id}/unacknowledge", **_doing("Take an acknowledgement back", Words))
def unacknowledge(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    return _act(request, parts, actor, body, alarm_id, Words, lambda s, _, word, at: unack(s, [alarm_id], word, at))


@router.post("/{alarm_id}/comment", **_doing("Comment on an alarm", Words))
def comment(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    return _act(request, parts, actor, body, alarm_id, Words, lambda s, _, word, at: handling.comment(s, [alarm_id], word, at))


@router.post("/{alarm_id}/assign", **_doing("Give an alarm to somebody", Owner))
def assign(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    """`to`: who is to take care of it; nobody when it is left out."""

    def act(session: Session, wanted: Words, word: Word, at: datetime) -> list[Alarm]:
        return handling.assign(session, [alarm_id], wanted.to if isinstance(wanted, Owner) else None, word, at)

    return _act(request, parts, actor, body, alarm_id, Owner, act)


@router.post("/{alarm_id}/shelve", **_doing("Shelve an alarm", Shelf))
def shelve(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    """Nobody is told of it for `for_s` seconds (two hours); its state, and that of services, goes on."""

    def act(session: Session, wanted: Words, word: Word, at: datetime) -> list[Alarm]:
        duration = timedelta(seconds=wanted.for_s) if isinstance(wanted, Shelf) else SHELF
        return handling.shelve(session, [alarm_id], word, at, duration)

    return _act(request, parts, actor, body, alarm_id, Shelf, act)


@router.post("/{alarm_id}/unshelve", **_doing("Take an alarm from its shelf", Words))
def unshelve(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    """What was not told meanwhile is told."""
    return _act(request, parts, actor, body, alarm_id, Words, lambda s, _, word, at: handling.unshelve(s, [alarm_id], word, at))


@router.post("/{alarm_id}/clear", **_doing("Clear an alarm by hand", Words))
def clear(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
    """Failures of ports and elements are refused: they are read, and clear when they read well."""
    return _act(request, parts, actor, body, alarm_id, Words, lambda s, _, word, at: handling.clear(s, [alarm_id], word, at))
