"""The tasks of TMF642: one word about many alarms, carried out at once and kept as a record.

A pattern is an alarm of which some attributes are said; it stands for every alarm that has them. An empty one is refused: it would
stand for all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import created, list_answer, once, one_answer
from agent.api.body import BodyOf, Instant, read_model
from agent.api.errors import BadRequest
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.patch import PatchRules
from agent.api.query import Filter, Query
from agent.api.shapes import TEXT, named, opened
from agent.api.tmf.open import Open, Text
from agent.api.tmf.paths import alarm_href
from agent.api.tmf.records import RecordKind
from agent.assurance.alarms import handling
from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.handling import Word
from agent.assurance.tables import AlarmRow
from agent.security.roles import Role

MOST_PATTERNS = 100
Pattern = Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=MOST_PATTERNS)]
Act = Callable[[Session, Sequence[str], Mapping[str, Any], str, datetime], Sequence[Alarm]]
"""Session, ids, what was sent, the client, now."""


class AckEntry(Open):
    ack_system_id: Text
    ack_user_id: Text
    alarm_pattern: Pattern


class ClearEntry(Open):
    clear_system_id: Text
    clear_user_id: Text
    alarm_cleared_time: Instant
    alarm_pattern: Pattern


class TaskComment(Open):
    comment: Annotated[str, Field(min_length=1, max_length=handling.MOST_COMMENT)]
    system_id: str | None = None
    user_id: str | None = None


class CommentEntry(Open):
    comment: TaskComment
    alarm_pattern: Pattern


class GroupEntry(Open):
    source_system_id: Text
    alarm_changed_time: Instant
    parent_alarm: dict[str, Any]
    correlated_alarm: Pattern


@dataclass(frozen=True, slots=True)
class Task:
    resource: str
    """ackAlarms: end of its path, its name in events."""
    prefix: str
    body: type[Open]
    done: str
    """Attribute that names the alarms it was carried out on."""
    act: Act
    example: Mapping[str, Any]
    patterns: str = "alarmPattern"

    def kind(self, base: str) -> RecordKind:
        shape = named(self.resource[0].upper() + self.resource[1:], opened(**{"@type": TEXT}, id=TEXT, href=TEXT, state=TEXT))
        return RecordKind(self.resource, base, self.prefix, self.body, shape, rules=PatchRules(state="state"))


def _acknowledge(session: Session, ids: Sequence[str], sent: Mapping[str, Any], actor: str, at: datetime) -> Sequence[Alarm]:
    del actor
    return handling.acknowledge(session, ids, Word(sent["ackUserId"], system=sent["ackSystemId"]), at)


def _unacknowledge(session: Session, ids: Sequence[str], sent: Mapping[str, Any], actor: str, at: datetime) -> Sequence[Alarm]:
    del actor
    return handling.unacknowledge(session, ids, Word(sent["ackUserId"], system=sent["ackSystemId"]), at)


def _clear(session: Session, ids: Sequence[str], sent: Mapping[str, Any], actor: str, at: datetime) -> Sequence[Alarm]:
    del actor
    return handling.clear(session, ids, Word(sent["clearUserId"], system=sent["clearSystemId"]), at)


def _comment(session: Session, ids: Sequence[str], sent: Mapping[str, Any], actor: str, at: datetime) -> Sequence[Alarm]:
    said = sent["comment"]
    return handling.comment(session, ids, Word(said.get("userId") or actor, said["comment"], said.get("systemId") or ""), at)


def _group(session: Session, ids: Sequence[str], sent: Mapping[str, Any], actor: str, at: datetime) -> Sequence[Alarm]:
    return handling.group(session, str(sent["parentAlarm"].get("id", "")), ids, Word(actor, system=sent["sourceSystemId"]), at)


def _ungroup(session: Session, ids: Sequence[str], sent: Mapping[str, Any], actor: str, at: datetime) -> Sequence[Alarm]:
    return handling.ungroup(session, ids, Word(actor, system=sent["sourceSystemId"]), at)


_MEANT = {"alarmPattern": [{"alarmedObject": {"id": "ups-3"}}]}
_ACK = {"ackSystemId": "noc-desk", "ackUserId": "jane", **_MEANT}
_CLEAR = {"clearSystemId": "noc-desk", "clearUserId": "jane", "alarmClearedTime": "2026-01-05T10:00:00Z", **_MEANT}
_COMMENT = {"comment": {"comment": "technician called", "userId": "jane"}, **_MEANT}
_GROUP = {
    "sourceSystemId": "noc-desk",
    "alarmChangedTime": "2026-01-05T09:30:00Z",
    "parentAlarm": {"id": "alm-01m80a7m53qb112x1pz9"},
    "correlatedAlarm": [{"alarmedObject": {"id": "ups-3"}}],
}
TASKS = (
    Task("ackAlarms", "aka", AckEntry, "ackedAlarm", _acknowledge, _ACK),
    Task("unAckAlarms", "uka", AckEntry, "unAckedAlarm", _unacknowledge, _ACK),
    Task("clearAlarms", "cla", ClearEntry, "clearedAlarm", _clear, _CLEAR),
    Task("commentAlarms", "coa", CommentEntry, "commentedAlarm", _comment, _COMMENT),
    Task("groupAlarms", "gra", GroupEntry, "groupedAlarm", _group, _GROUP, patterns="correlatedAlarm"),
    Task("unGroupAlarms", "uga", GroupEntry, "unGroupedAlarm", _ungroup, _GROUP, patterns="correlatedAlarm"),
)


def task_routes(router: APIRouter, base: str, task: Task, alarms: Listing[AlarmRow]) -> None:
    """Adds POST and GET of the task to the API's router."""
    kind = task.kind(base)
    one = f"/{task.resource}/{{task_id}}"

    @router.post(
        f"/{task.resource}",
        dependencies=[needs(Role.OPERATOR)],
        status_code=HTTPStatus.CREATED,
        **described(f"Carry out {task.resource}", 404, *WRITES, answer=kind.shape, body=task.body, example=task.example),
    )
    def create_task(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
        """On all alarms that have what a pattern says, or on none: then the answer tells why."""
        read_model(task.body, body.data)

        def work(session: Session, at: datetime) -> Answer:
            ids = _meant(session, alarms, body.data, task)
            whole = kind.create(session, {**body.data, "state": "inProgress"}, actor, at)
            task.act(session, ids, body.data, actor.name, at)
            row = kind.row(session, whole["id"])
            if row is None:
                raise LookupError(whole["id"])
            done = [{"id": each, "href": alarm_href(each), "@referredType": "Alarm"} for each in ids]
            return created(kind.settle(session, row, {"state": "done", task.done: done}, actor, at))

        return once(request, parts, actor, body, work)

    @router.get(
        f"/{task.resource}", dependencies=[needs(Role.VIEWER)], **described(f"List {task.resource}", 206, answer=kind.shape)
    )
    def list_tasks(request: Request, parts: PartsOf) -> Response:
        return list_answer(request, parts, kind.listing)

    @router.get(one, dependencies=[needs(Role.VIEWER)], **described(f"Show {task.resource}", 404, answer=kind.shape))
    def show_task(request: Request, parts: PartsOf, task_id: str) -> Response:
        return one_answer(request, parts, kind.listing, task_id)


def _meant(session: Session, alarms: Listing[AlarmRow], sent: Mapping[str, Any], task: Task) -> list[str]:
    found: list[str] = []
    for number, pattern in enumerate(sent[task.patterns]):
        said = dict(_leaves(pattern, ()))
        where = f"/{task.patterns}/{number}"
        if not said:
            raise BadRequest(
                "emptyPattern", "an empty pattern stands for every alarm; say what its alarms have in common", pointer=where
            )
        query = Query(filters=tuple(Filter(path, "eq", (value,)) for path, value in said.items()), limit=10_000)
        meant = [document["id"] for document in alarms.fetch(session, query).items]
        if not meant and "id" in pattern:
            raise BadRequest("unknownAlarm", f"there is no alarm {pattern['id']!r}", pointer=f"{where}/id")
        found += meant
    return list(dict.fromkeys(found))


def _leaves(node: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """What a pattern says, without what a reference says besides its id."""
    leaves: list[tuple[tuple[str, ...], str]] = []
    for name, value in node.items():
        if name.startswith("@") or name == "href":
            continue
        if isinstance(value, Mapping):
            leaves += _leaves(value, (*path, name))
        elif isinstance(value, (str, int, float, bool)):
            leaves.append(((*path, name), str(value).lower() if isinstance(value, bool) else str(value)))
    return leaves
