"""The closed loop: rules, what is done by them or proposed, and why something is done or is not."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case, select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.actions.desk import MOST_NOTE, Verdict
from agent.actions.service import ActionService
from agent.actions.state import OPEN
from agent.actions.tables import ActionChangeRow, ActionRow
from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer, once, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.errors import Unavailable
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, plain
from agent.api.openapi import WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.query import Document
from agent.api.shapes import TRUTH, body, many, named, row, value
from agent.security.audit import Actor
from agent.security.roles import Role
from policies.acting.rules import Rule

router = APIRouter(prefix=ROOT, tags=["Actions"])

ACTION = named("Action", row(ActionRow, open=TRUTH))
ACTION_HISTORY = named("ActionHistory", row(ActionRow, open=TRUTH, changes=many(row(ActionChangeRow, "action_id"))))
RULE = named("ActionRule", body(Rule))
VERDICT = named("ActionVerdict", value(Verdict))


class Wish(BaseModel):
    """`about`: an element, `element/port`, `link:NAME` or a service; what the alarm is about when it is left out."""

    model_config = ConfigDict(extra="forbid")

    rule: Annotated[str, Field(min_length=1, max_length=63)]
    about: Annotated[str, Field(max_length=256)] = ""
    alarm: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """By whose end it is measured whether it helped."""
    note: Annotated[str, Field(max_length=MOST_NOTE)] = ""


class Word(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=MOST_NOTE)] = ""


def _render(_session: Session, rows: Sequence[ActionRow]) -> list[Document]:
    return [_document(each) for each in rows]


def _render_history(session: Session, rows: Sequence[ActionRow]) -> list[Document]:
    changes: dict[str, list[Document]] = defaultdict(list)
    history = select(ActionChangeRow).where(ActionChangeRow.action_id.in_([each.id for each in rows]))
    for change in session.scalars(history.order_by(ActionChangeRow.id)):
        changes[change.action_id].append(columns(change, "action_id"))
    return [{**_document(each), "changes": changes[each.id]} for each in rows]


def _document(each: ActionRow) -> Document:
    return {**columns(each), "open": each.state in OPEN}


ACTIONS = Listing(
    ActionRow,
    _render,
    texts={
        "id": ActionRow.id,
        "rule": ActionRow.rule,
        "deed": ActionRow.deed,
        "state": ActionRow.state,
        "object": ActionRow.object,
        "alarm_id": ActionRow.alarm_id,
        "asked_by": ActionRow.asked_by,
        "approved_by": ActionRow.approved_by,
        "plan_id": ActionRow.plan_id,
        "undoes": ActionRow.undoes,
        "returns": ActionRow.returns,
        "open": case((ActionRow.state.in_([state.value for state in sorted(OPEN)]), "true"), else_="false"),
    },
    instants={"created_at": ActionRow.created_at, "began_at": ActionRow.began_at, "ended_at": ActionRow.ended_at},
    order=(ActionRow.created_at.desc(), ActionRow.id.desc()),
    key=ActionRow.id,
    shape=ACTION,
)
ONE = Listing(ActionRow, _render_history, ACTIONS.texts, ACTIONS.instants, ACTIONS.order, ACTIONS.key)


@router.get("/actions", dependencies=[needs(Role.VIEWER)], **described("List actions, the latest first", 206, answer=ACTION))
def list_actions(request: Request, parts: PartsOf) -> Response:
    """E.g. `?open=true` for those that wait or are under way, `?state=proposed` for those that somebody has to approve.

    `?returns=cleared,by-hand`: those whose change stands and could be taken back.
    """
    return list_answer(request, parts, ACTIONS)


@router.get(
    "/actions/{action_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one action, its history and what it came to", 404, answer=ACTION_HISTORY),
)
def show_action(request: Request, parts: PartsOf, action_id: str) -> Response:
    """`objections` say what stands against it; `before` and `after` are figures as it began and when it was judged."""
    return one_answer(request, parts, ONE, action_id)


@router.get("/action-rules", dependencies=[needs(Role.VIEWER)], **described("List the rules of actions", answer=many(RULE)))
def list_rules(parts: PartsOf) -> Response:
    """With the modes that the settings give them."""
    return JSONResponse([rule.model_dump(mode="json", by_alias=True) for rule in _service(parts).rules.values()])


@router.get(
    "/alarms/{alarm_id}/actions",
    dependencies=[needs(Role.VIEWER)],
    **described("Say what every rule makes of an alarm", 404, answer=many(VERDICT)),
)
def explain_actions(parts: PartsOf, alarm_id: str) -> Response:
    """And why it does nothing, where it does nothing."""
    with parts.database.read() as session:
        return JSONResponse(plain(_service(parts).desk.why(session, alarm_id, parts.clock.now())))


_DECIDING = (404, *WRITES)


@router.post(
    "/actions",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Role.OPERATOR)],
    **described(
        "Run a rule",
        *_DECIDING,
        answer=ACTION_HISTORY,
        body=Wish,
        example={"rule": "bounce-errored-port", "about": "pe1/ge-0/0/1", "note": "agreed with the customer"},
    ),
)
def run_rule(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """Within the same guards as by itself: what stands against it is named in the refusal, all of it at once."""
    wanted = read_model(Wish, body.data)
    desk = _service(parts).desk

    def work(session: Session, at: datetime) -> Answer:
        made = desk.run(session, wanted.rule, wanted.about, wanted.alarm, actor, at, wanted.note)
        return Answer(HTTPStatus.CREATED, _render_history(session, [made])[0], {"Location": f"{ROOT}/actions/{made.id}"})

    return once(request, parts, actor, body, work)


@router.post(
    "/actions/{action_id}/approve",
    dependencies=[needs(Role.OPERATOR)],
    **described("Approve an action", *_DECIDING, answer=ACTION_HISTORY, body=Word, example={"note": "go ahead"}),
)
def approve_action(request: Request, parts: PartsOf, actor: ActorOf, action_id: str, body: BodyOf) -> Response:
    """It begins, or as soon as nothing stands against it any more."""
    return _decided(request, parts, actor, action_id, body, _service(parts).desk.approve)


@router.post(
    "/actions/{action_id}/reject",
    dependencies=[needs(Role.OPERATOR)],
    **described("Reject an action", *_DECIDING, answer=ACTION_HISTORY, body=Word, example={"note": "a technician is there"}),
)
def reject_action(request: Request, parts: PartsOf, actor: ActorOf, action_id: str, body: BodyOf) -> Response:
    """It is not proposed again for this occurrence of the alarm."""
    return _decided(request, parts, actor, action_id, body, _service(parts).desk.reject)


@router.post(
    "/actions/{action_id}/undo",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Role.OPERATOR)],
    **described(
        "Take back what an action has done", *_DECIDING, answer=ACTION_HISTORY, body=Word, example={"note": "the link is repaired"}
    ),
)
def undo_action(request: Request, parts: PartsOf, actor: ActorOf, action_id: str, body: BodyOf) -> Response:
    """By an action of its own (`undoes`), within the same guards. `returns` says whether there is anything to take back."""
    note = read_model(Word, body.data).note
    desk = _service(parts).desk

    def work(session: Session, at: datetime) -> Answer:
        made = desk.undo(session, action_id, actor, at, note)
        return Answer(HTTPStatus.CREATED, _render_history(session, [made])[0], {"Location": f"{ROOT}/actions/{made.id}"})

    return once(request, parts, actor, body, work)


Decide = Callable[[Session, str, Actor, datetime, str], ActionRow]


def _decided(  # noqa: PLR0917  two endpoints above call it
    request: Request, parts: PartsOf, actor: ActorOf, action_id: str, body: BodyOf, decide: Decide
) -> Response:
    note = read_model(Word, body.data).note

    def work(session: Session, at: datetime) -> Answer:
        return Answer(HTTPStatus.OK, _render_history(session, [decide(session, action_id, actor, at, note)])[0])

    return once(request, parts, actor, body, work)


def _service(parts: Parts) -> ActionService:
    if parts.actions is None:
        raise Unavailable("unavailable", "this daemon does nothing about alarms")
    return parts.actions
