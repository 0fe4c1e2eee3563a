"""TMF642 Alarm Management 4.0: fabd's alarms, those that other systems tell of here, and the tasks on both.

The file says that an alarm's `id` is an integer and that a reference to one is text; ids are text here, as in the references. It
answers under `/tmf-api/alarm/v4`, as the file has it, and under `/tmf-api/alarmManagement/v4`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy import case, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import GONE, changed, created, list_answer, missing, once, one_answer
from agent.api.body import BodyOf, Instant, read_model
from agent.api.errors import BadRequest, Conflict
from agent.api.etag import require_match
from agent.api.idempotency import Answer
from agent.api.listing import Listing
from agent.api.openapi import DELETES, PATCHES, TAG_ALARM, WRITES, described
from agent.api.parts import PartsOf
from agent.api.patch import merged
from agent.api.query import Document
from agent.api.shapes import INSTANT, TEXT, TRUTH, many, named, opened
from agent.api.tmf.alarm_tasks import TASKS, task_routes
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Reference, Text, refuse_odd_types
from agent.api.tmf.paths import ALARM, ALARM_MANAGEMENT, alarm_href, service_href
from agent.api.tmf.presenter import said, text_of
from agent.assurance.alarms import handling, told
from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.announcing import SERVER_SET, alarm_resource
from agent.assurance.alarms.handling import Word
from agent.assurance.alarms.told import Told
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ProblemRow
from agent.security.audit import Actor, record
from agent.security.roles import Role
from inventory.tables import ElementRow
from policies.values import Severity

_REFERENCE = opened(**{"id": TEXT, "href": TEXT, "@referredType": TEXT})
SHAPE = named(
    "AlarmResource",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        state=TEXT,
        alarmType=TEXT,
        perceivedSeverity=TEXT,
        probableCause=TEXT,
        specificProblem=TEXT,
        alarmDetails=TEXT,
        alarmedObject=_REFERENCE,
        alarmedObjectType=TEXT,
        sourceSystemId=TEXT,
        reportingSystemId=TEXT,
        externalAlarmId=TEXT,
        alarmRaisedTime=INSTANT,
        alarmReportingTime=INSTANT,
        alarmChangedTime=INSTANT,
        alarmClearedTime=INSTANT,
        ackState=TEXT,
        ackUserId=TEXT,
        ackSystemId=TEXT,
        clearUserId=TEXT,
        clearSystemId=TEXT,
        isRootCause=TRUTH,
        serviceAffecting=TRUTH,
        alarmEscalation=TRUTH,
        plannedOutageIndicator=TEXT,
        proposedRepairedActions=TEXT,
        affectedService=many(_REFERENCE),
        correlatedAlarm=many(_REFERENCE),
        parentAlarm=many(_REFERENCE),
        comment=many(opened(comment=TEXT, systemId=TEXT, time=INSTANT, userId=TEXT)),
    ),
)
EXAMPLE = {
    "alarmType": "equipmentAlarm",
    "perceivedSeverity": "major",
    "probableCause": "powerProblem",
    "alarmedObject": {"id": "ups-3"},
    "sourceSystemId": "building",
    "state": "raised",
    "alarmRaisedTime": "2026-01-05T09:00:00Z",
}


class AlarmComment(Open):
    comment: Annotated[str, Field(min_length=1, max_length=handling.MOST_COMMENT)]
    user_id: str | None = None


class AlarmEntry(Open):
    """What is read of TMF642's Alarm_Create."""

    alarm_type: Text
    perceived_severity: Severity
    probable_cause: Text
    alarmed_object: Reference
    source_system_id: Text
    state: Text
    alarm_raised_time: Instant
    external_alarm_id: Annotated[str, Field(max_length=256)] | None = None
    alarm_details: Annotated[str, Field(max_length=4000)] | None = None
    specific_problem: Annotated[str, Field(max_length=4000)] | None = None


class AlarmChange(Open):
    """What is read of a patch."""

    perceived_severity: str | None = None
    ack_state: str | None = None
    comment: tuple[AlarmComment, ...] = ()


def render(session: Session, rows: Sequence[AlarmRow]) -> list[Document]:
    """With what other rows say of them: comments, affected services, and the alarms of the same problem."""
    ids = [row.id for row in rows]
    comments: dict[str, list[dict[str, Any]]] = defaultdict(list)
    wanted = select(AlarmChangeRow).where(AlarmChangeRow.alarm_id.in_(ids), AlarmChangeRow.detail["comment"].as_string() != "")
    for change in session.scalars(wanted.order_by(AlarmChangeRow.at, AlarmChangeRow.id)):
        comments[change.alarm_id].append(_comment(change))
    problems = {row.problem_id for row in rows} - {None}
    found = {row.id: row for row in session.scalars(select(ProblemRow).where(ProblemRow.id.in_(problems)))}
    return [_document(Alarm.of(row), found.get(row.problem_id or ""), comments[row.id]) for row in rows]


def _document(alarm: Alarm, problem: ProblemRow | None, comments: list[dict[str, Any]]) -> Document:
    services = [] if problem is None else problem.evidence.get("services", [])
    roots = [] if problem is None or alarm.standing == "root" else problem.evidence.get("alarms", [])
    parent = [_alarm(alarm.parent_id)] if alarm.parent_id else None
    return said(
        {
            "@type": "Alarm",
            **_zulu(alarm_resource(alarm, alarm.last_at)),
            "href": alarm_href(alarm.id),
            "serviceAffecting": bool(services),
            "affectedService": [{"id": each, "href": service_href(each), "@referredType": "Service"} for each in services] or None,
            "correlatedAlarm": [_alarm(each) for each in roots if each != alarm.id] or None,
            "parentAlarm": parent,
            "comment": comments or None,
        }
    )


def _zulu(document: Mapping[str, Any]) -> dict[str, Any]:
    """Instants as the other APIs write them."""
    return {name: value.replace("+00:00", "Z") if name.endswith("Time") else value for name, value in document.items()}


def _alarm(identity: str) -> dict[str, Any]:
    return {"id": identity, "href": alarm_href(identity), "@referredType": "Alarm"}


def _comment(change: AlarmChangeRow) -> dict[str, Any]:
    detail = change.detail
    said_by = {"userId": detail.get("by"), "systemId": detail.get("system") or "fabd"}
    return {"comment": detail["comment"], "time": text_of(change.at), **said_by}


LISTING = Listing(
    AlarmRow,
    render,
    texts={
        "id": AlarmRow.id,
        "alarmType": AlarmRow.alarm_type,
        "alarmedObject.id": case((AlarmRow.object == "", AlarmRow.element), else_=AlarmRow.element + "/" + AlarmRow.object),
        "state": case((AlarmRow.cleared_at.is_(None), "raised"), else_="cleared"),
        "perceivedSeverity": case((AlarmRow.cleared_at.is_(None), AlarmRow.severity), else_="cleared"),
        "ackState": case((AlarmRow.acknowledged_at.is_(None), "unacknowledged"), else_="acknowledged"),
        "sourceSystemId": case((AlarmRow.source == "", "fabd"), else_=AlarmRow.source),
        "isRootCause": case((AlarmRow.standing == "root", "true"), else_="false"),
    },
    instants={"alarmRaisedTime": AlarmRow.raised_at, "alarmClearedTime": AlarmRow.cleared_at},
    order=(AlarmRow.raised_at, AlarmRow.id),
    key=AlarmRow.id,
    shape=SHAPE,
)


def _told(sent: Mapping[str, Any], entry: AlarmEntry) -> Told:
    identity = entry.alarmed_object.id
    if not identity:
        raise BadRequest("missingValue", "an alarm is about an object; say which", pointer="/alarmedObject/id")
    return Told(
        source=entry.source_system_id,
        external_id=entry.external_alarm_id or "",
        object=identity,
        probable_cause=entry.probable_cause,
        severity=entry.perceived_severity,
        text=entry.alarm_details or entry.specific_problem or entry.probable_cause,
        raised_at=entry.alarm_raised_time,
        type=entry.alarm_type,
        attributes={name: value for name, value in sent.items() if name not in SERVER_SET},
    )


def _shown(session: Session, identity: str) -> Document:
    session.flush()
    return render(session, [session.get_one(AlarmRow, identity, populate_existing=True)])[0]


def _routes(base: str) -> APIRouter:
    router = APIRouter(prefix=base, tags=[TAG_ALARM])

    @router.get("/alarm", dependencies=[needs(Role.VIEWER)], **described("List alarms", 206, answer=SHAPE))
    def list_alarms(request: Request, parts: PartsOf) -> Response:
        """E.g. `?state=raised&isRootCause=true`."""
        return list_answer(request, parts, LISTING)

    @router.get("/alarm/{alarm_id}", dependencies=[needs(Role.VIEWER)], **described("Show one alarm", 404, answer=SHAPE))
    def show_alarm(request: Request, parts: PartsOf, alarm_id: str) -> Response:
        return one_answer(request, parts, LISTING, alarm_id)

    @router.post(
        "/alarm",
        dependencies=[needs(Role.PROVISIONER)],
        status_code=201,
        **described("Tell of another system's alarm", *WRITES, answer=SHAPE, body=AlarmEntry, example=EXAMPLE),
    )
    def tell_alarm(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
        """The same object, cause, system and external id again is the same alarm, counted once more."""
        refuse_odd_types(body.data)
        entry = read_model(AlarmEntry, body.data)
        return once(request, parts, actor, body, partial(_create, body.data, entry, actor))

    @router.patch(
        "/alarm/{alarm_id}",
        dependencies=[needs(Role.PROVISIONER)],
        **described("Change an alarm", *PATCHES, answer=SHAPE, patch=True),
    )
    def change_alarm(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf, alarm_id: str) -> Response:
        """Of fabd's own: `ackState` and `comment`. Of another system's: whatever that system says; `cleared` ends it."""
        refuse_odd_types(body.data)
        wanted = read_model(AlarmChange, body.data)
        return once(request, parts, actor, body, partial(_change, request, alarm_id, body.data, wanted, actor))

    @router.delete(
        "/alarm/{alarm_id}",
        dependencies=[needs(Role.PROVISIONER)],
        status_code=204,
        **described("Forget another system's alarm", *DELETES),
    )
    def delete_alarm(request: Request, parts: PartsOf, actor: ActorOf, alarm_id: str) -> Response:
        return once(request, parts, actor, None, partial(_delete, request, alarm_id, actor))

    for task in TASKS:
        task_routes(router, base, task, LISTING)
    hub_routes(router, Hub(base, _EVENTS))
    return router


def _create(data: Document, entry: AlarmEntry, actor: Actor, session: Session, at: datetime) -> Answer:
    known = frozenset(session.scalars(select(ElementRow.name)))
    alarm = told.tell_of(session, _told(data, entry), known, at)
    document = _shown(session, alarm.id)
    record(session, actor, "create", f"alarm {alarm.id}", at, after=document)
    return created(document)


def _change(  # noqa: PLR0917  what `once` adds to what was asked
    request: Request, alarm_id: str, data: Document, wanted: AlarmChange, actor: Actor, session: Session, at: datetime
) -> Answer:
    row = _row(session, request, alarm_id)
    before = render(session, [row])[0]
    require_match(request, before)
    _refuse_foreign(row, data)
    _carry_out(session, row, wanted, data, actor.name, at)
    after = _shown(session, alarm_id)
    record(session, actor, "change", f"alarm {alarm_id}", at, before=before, after=after)
    return changed(after)


def _delete(request: Request, alarm_id: str, actor: Actor, session: Session, at: datetime) -> Answer:
    row = _row(session, request, alarm_id)
    before = render(session, [row])[0]
    require_match(request, before)
    if not row.source:
        raise Conflict("alarmOfFabd", f"{alarm_id} is fabd's own knowledge; it clears when what it speaks of is well")
    alarm = Alarm.of(row)
    session.expunge(row)
    told.forget(session, alarm, at)
    record(session, actor, "delete", f"alarm {alarm_id}", at, before=before)
    return GONE


def _row(session: Session, request: Request, alarm_id: str) -> AlarmRow:
    row = session.get(AlarmRow, alarm_id)
    if row is None:
        raise missing(request, alarm_id)
    return row


_OF_FABD = frozenset({"ackState", "ackUserId", "ackSystemId", "comment"})


def _refuse_foreign(row: AlarmRow, patch: Mapping[str, Any]) -> None:
    for name in ("id", "href"):
        if name in patch:
            raise BadRequest("readOnly", f"{name} is given by the server; leave it out", pointer=f"/{name}")
    foreign = sorted(patch.keys() - _OF_FABD) if not row.source else []
    if foreign:
        message = f"{', '.join(foreign)} of {row.id} follow from what was found; acknowledge it, or add a comment"
        raise Conflict("alarmOfFabd", message, pointer=f"/{foreign[0]}")


def _carry_out(  # noqa: PLR0917  one place calls it
    session: Session, row: AlarmRow, wanted: AlarmChange, patch: Mapping[str, Any], actor: str, at: datetime
) -> None:
    if wanted.ack_state is not None:
        if wanted.ack_state not in {"acknowledged", "unacknowledged"}:
            raise BadRequest("invalidValue", "ackState is acknowledged or unacknowledged", pointer="/ackState")
        act = handling.acknowledge if wanted.ack_state == "acknowledged" else handling.unacknowledge
        act(session, [row.id], Word(str(patch.get("ackUserId") or actor)), at)
    for each in wanted.comment:
        handling.comment(session, [row.id], Word(each.user_id or actor, each.comment), at)
    cleared = wanted.perceived_severity == "cleared" or patch.get("state") == "cleared"
    if cleared:
        handling.clear(session, [row.id], Word(actor), at)
    severity = None if cleared or wanted.perceived_severity is None else _severity(wanted.perceived_severity)
    attributes = {name: value for name, value in merged(row.attributes, patch).items() if name not in SERVER_SET}
    if row.source and (severity is not None or attributes != row.attributes):
        told.change(session, row.id, severity, attributes, at)


def _severity(text: str) -> Severity:
    try:
        return Severity(text)
    except ValueError:
        known = ", ".join(Severity)
        raise BadRequest(
            "invalidValue", f"{text!r} is no severity; there is {known}, and cleared", pointer="/perceivedSeverity"
        ) from None


_EVENTS = {
    "alarm": ("Create", "AttributeValueChange", "StateChange", "Delete"),
    **{task.resource: ("Create", "StateChange") for task in TASKS},
}
router = _routes(ALARM)
other_router = _routes(ALARM_MANAGEMENT)
