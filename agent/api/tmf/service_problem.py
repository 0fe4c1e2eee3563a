"""TMF656 Service Problem Management 4.0: the problems that fabd finds, those that clients tell of, and the tasks on both.

A problem of fabd's own follows from its alarms; a client may acknowledge it, add notes, and group it. Its status is `resolved` when
its last alarm has cleared, whatever was said before.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import created, list_answer, once, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.errors import BadRequest, Conflict
from agent.api.etag import require_match
from agent.api.idempotency import Answer
from agent.api.listing import Listing, Part
from agent.api.openapi import TAG_PROBLEM, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.patch import PatchRules
from agent.api.query import Document
from agent.api.shapes import ANYTHING, INSTANT, TEXT, WHOLE, many, named, opened
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Reference, Text
from agent.api.tmf.paths import SERVICE_PROBLEM, alarm_href, problem_href, service_href, ticket_href
from agent.api.tmf.presenter import said, text_of
from agent.api.tmf.records import RecordKind, Wish, record_routes
from agent.assurance.alarms.announcing import problem_resource
from agent.assurance.problems import problemdesk
from agent.assurance.problems.problemdesk import Tracked
from agent.assurance.tables import AlarmRow, ProblemRow
from agent.security.audit import record
from agent.security.roles import Role
from crm_bridge.tables import EventRow, TicketRow
from policies.values import new_id

router = APIRouter(prefix=SERVICE_PROBLEM, tags=[TAG_PROBLEM])

_REFERENCE = opened(**{"id": TEXT, "href": TEXT, "name": TEXT, "@referredType": TEXT})
_STATES = ("acknowledged", "rejected", "pending", "held", "inProgress", "resolved", "cancelled", "closed")
SHAPE = named(
    "ServiceProblem",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        name=TEXT,
        category=TEXT,
        description=TEXT,
        reason=TEXT,
        priority=WHOLE,
        status={"type": "string", "enum": list(_STATES)},
        statusChangeReason=TEXT,
        originatingSystem=TEXT,
        creationDate=INSTANT,
        lastUpdate=INSTANT,
        resolutionDate=INSTANT,
        affectedNumberOfServices=WHOLE,
        affectedService=many(_REFERENCE),
        rootCauseResource=many(_REFERENCE),
        underlyingAlarm=many(_REFERENCE),
        parentProblem=many(_REFERENCE),
        troubleTicket=many(_REFERENCE),
        note=many(opened(id=TEXT, author=TEXT, date=INSTANT, text=TEXT)),
        trackingRecord=many(opened(id=TEXT, description=TEXT, systemId=TEXT, time=INSTANT, user=TEXT)),
    ),
)
RECORD = named(
    "ServiceProblemEventRecord",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        eventTime=INSTANT,
        recordTime=INSTANT,
        eventType=TEXT,
        notification=ANYTHING,
        serviceProblem=_REFERENCE,
    ),
)
EXAMPLE = {
    "category": "supplier",
    "priority": 2,
    "description": "The leased fibre to site north is dark",
    "reason": "fibre cut",
    "originatorParty": {"id": "north-fibre", "@referredType": "Organization"},
}


class ProblemEntry(Open):
    """What is read of TMF656's ServiceProblem_Create."""

    category: Text
    priority: int
    description: Annotated[str, Field(min_length=1, max_length=10_000)]
    reason: Annotated[str, Field(min_length=1, max_length=10_000)]
    originator_party: Reference


class TrackingEntry(Open):
    description: str | None = None
    system_id: str | None = None
    user: str | None = None


class AcknowledgementEntry(Open):
    problem: Annotated[tuple[Reference, ...], Field(min_length=1, max_length=100)]
    tracking_record: TrackingEntry | None = None


class GroupEntry(Open):
    parent_problem: Reference
    child_problem: Annotated[tuple[Reference, ...], Field(min_length=1, max_length=100)]


def _opened(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    now = text_of(at)
    return {"status": sent.get("status", "acknowledged"), "creationDate": now, "lastUpdate": now}


_STEPS = {
    "acknowledged": ("inProgress", "rejected", "cancelled"),
    "inProgress": ("held", "pending", "resolved", "cancelled", "acknowledged"),
    "held": ("inProgress", "resolved", "cancelled"),
    "pending": ("inProgress", "resolved", "cancelled"),
    "resolved": ("closed", "inProgress"),
    "closed": ("inProgress",),
}
SENT = RecordKind(
    "serviceProblem",
    SERVICE_PROBLEM,
    "sps",
    ProblemEntry,
    SHAPE,
    rules=PatchRules(
        server_set=frozenset({"creationDate", "lastUpdate"}),
        state="status",
        transitions=_STEPS,
        required=frozenset({"category", "priority", "description", "reason", "originatorParty"}),
    ),
    defaults=_opened,
    stamp="lastUpdate",
    moved="StateChange",
    remedy="it is resolved when its last alarm clears, and stays on record",
)


def _render(session: Session, rows: Sequence[ProblemRow]) -> list[Document]:
    ids = [row.id for row in rows]
    alarms: dict[str | None, list[str]] = defaultdict(list)
    of_problem = select(AlarmRow.problem_id, AlarmRow.id).where(AlarmRow.problem_id.in_(ids)).order_by(AlarmRow.id)
    for problem, alarm in session.execute(of_problem):
        alarms[problem].append(alarm)
    tickets: dict[str | None, list[str]] = defaultdict(list)
    for problem, ticket in session.execute(select(TicketRow.problem_id, TicketRow.id).where(TicketRow.problem_id.in_(ids))):
        tickets[problem].append(ticket)
    return [_document(row, alarms[row.id], tickets[row.id]) for row in rows]


def _document(row: ProblemRow, alarms: list[str], tickets: list[str]) -> Document:
    known = list(dict.fromkeys([*row.evidence.get("alarms", []), *alarms]))
    plain = problem_resource(row, row.resolved_at or row.opened_at)
    services = row.evidence.get("services", [])
    return said(
        {
            "@type": "ServiceProblem",
            "priority": 1 if services else 3,
            "description": f"{row.problem_class} of {row.root_object}",
            "reason": row.problem_class,
            "originatingSystem": "fabd",
            **plain,
            "creationDate": text_of(row.opened_at),
            "lastUpdate": text_of(row.resolved_at or row.opened_at),
            "resolutionDate": text_of(row.resolved_at),
            "href": problem_href(row.id),
            "affectedService": [{"id": each, "href": service_href(each), "@referredType": "Service"} for each in services],
            "rootCauseResource": [{"id": row.root_object, "name": row.root_object, "@referredType": "Resource"}],
            "underlyingAlarm": [{"id": each, "href": alarm_href(each), "@referredType": "Alarm"} for each in known],
            "troubleTicket": [{"id": each, "href": ticket_href(each), "@referredType": "TroubleTicket"} for each in tickets],
        }
    )


OWN = Listing(
    ProblemRow,
    _render,
    texts={"id": ProblemRow.id, "category": ProblemRow.problem_class, "rootCauseResource.id": ProblemRow.root_object},
    instants={"creationDate": ProblemRow.opened_at, "resolutionDate": ProblemRow.resolved_at},
    order=(ProblemRow.opened_at, ProblemRow.id),
    key=ProblemRow.id,
    shape=SHAPE,
)


def _own(_parts: Parts) -> Sequence[Part]:
    return (OWN,)


_CHANGEABLE = frozenset(
    {"status", "statusChangeReason", "note", "priority", "description", "impactImportanceFactor", "problemEscalation"}
)


def _change_own(wish: Wish) -> Document | None:
    """One of the problems that fabd has found: None when it is none."""
    row = wish.session.get(ProblemRow, wish.identity, with_for_update=True)
    if row is None:
        return None
    before = _render(wish.session, [row])[0]
    require_match(wish.request, before)
    foreign = sorted(name for name in wish.patch if name not in _CHANGEABLE and name in before)
    if foreign:
        message = f"{', '.join(foreign)} of {row.id} follow from its alarms; add a note, or acknowledge it"
        raise Conflict("problemOfFabd", message, pointer=f"/{foreign[0]}")
    status = wish.patch.get("status")
    if status is not None and status not in {"acknowledged", "inProgress", "held", "pending"}:
        message = f"{row.id} is resolved when its last alarm clears; by hand it is acknowledged, inProgress, held or pending"
        raise Conflict("invalidTransition", message, pointer="/status")
    problemdesk.annotate(wish.session, row, wish.patch, wish.at)
    after = _render(wish.session, [row])[0]
    record(wish.session, wish.actor, "change", f"problem {row.id}", wish.at, before=before, after=after)
    return after


record_routes(router, SENT, others=_own, change_other=_change_own, example=EXAMPLE)

EVENT_RECORDS = Listing(
    EventRow,
    lambda _, rows: [_event_record(row) for row in rows],
    texts={"id": EventRow.id, "eventType": EventRow.type},
    instants={"eventTime": EventRow.at, "recordTime": EventRow.at},
    order=(EventRow.sequence,),
    key=EventRow.id,
    where=(EventRow.type.like("serviceProblem%"),),
    shape=RECORD,
)


def _event_record(row: EventRow) -> Document:
    about = str(row.payload.get("serviceProblem", {}).get("id", ""))
    return said(
        {
            "@type": "ServiceProblemEventRecord",
            "id": row.id,
            "href": f"{SERVICE_PROBLEM}/serviceProblemEventRecord/{row.id}",
            "eventTime": text_of(row.at),
            "recordTime": text_of(row.at),
            "eventType": row.type,
            "notification": row.payload,
            "serviceProblem": {"id": about, "href": problem_href(about), "@referredType": "ServiceProblem"},
        }
    )


@router.get(
    "/serviceProblemEventRecord",
    dependencies=[needs(Role.VIEWER)],
    **described("List what was told of problems", 206, answer=RECORD),
)
def list_event_records(request: Request, parts: PartsOf) -> Response:
    """As long as events are kept."""
    return list_answer(request, parts, EVENT_RECORDS)


@router.get(
    "/serviceProblemEventRecord/{record_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one event of a problem", 404, answer=RECORD),
)
def show_event_record(request: Request, parts: PartsOf, record_id: str) -> Response:
    return one_answer(request, parts, EVENT_RECORDS, record_id)


Act = Callable[[Session, Mapping[str, Any], Tracked], Iterable[ProblemRow]]


_ACKNOWLEDGED = {"problem": [{"id": "prb-01m80a7m53qb112x1pz9"}], "trackingRecord": {"user": "jane", "description": "seen"}}
_GROUPED = {"parentProblem": {"id": "prb-01m80a7m53qb112x1pz8"}, "childProblem": [{"id": "prb-01m80a7m53qb112x1pz9"}]}


def _task(resource: str, body_model: type[Open], done: str, act: Act) -> None:
    shape = named(resource[0].upper() + resource[1:], opened(**{"@type": TEXT}, id=TEXT, href=TEXT))

    @router.post(
        f"/{resource}",
        dependencies=[needs(Role.OPERATOR)],
        status_code=HTTPStatus.CREATED,
        **described(
            f"Carry out a {resource}",
            404,
            *WRITES,
            answer=shape,
            body=body_model,
            example=_ACKNOWLEDGED if body_model is AcknowledgementEntry else _GROUPED,
        ),
    )
    def carry_out(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
        """On all problems that are named, or on none; on fabd's own: clients change the status of theirs themselves."""
        read_model(body_model, body.data)

        def work(session: Session, at: datetime) -> Answer:
            sent = body.data.get("trackingRecord") or {}
            tracked = Tracked(sent.get("user") or actor.name, sent.get("systemId") or "", sent.get("description") or resource, at)
            changed = act(session, body.data, tracked)
            identity = new_id("tsk", at)
            href = f"{SERVICE_PROBLEM}/{resource}/{identity}"
            refs = [{"id": row.id, "href": problem_href(row.id), "@referredType": "ServiceProblem"} for row in changed]
            document = {**body.data, "@type": resource[0].upper() + resource[1:], "id": identity, "href": href}
            if done:
                document |= {done: refs, "trackingRecord": tracked.document}
            record(session, actor, resource, f"problem {', '.join(each['id'] for each in refs)}", at, after=document)
            return created(said(document))

        return once(request, parts, actor, body, work)


def _named(sent: Mapping[str, Any], name: str) -> list[str]:
    ids = [each.get("id") for each in sent[name]]
    if not all(ids):
        raise BadRequest("missingValue", "each problem is named by its id", pointer=f"/{name}")
    return [str(each) for each in ids]


_task(
    "problemAcknowledgement",
    AcknowledgementEntry,
    "ackProblem",
    lambda session, sent, tracked: problemdesk.acknowledge(session, _named(sent, "problem"), tracked),
)
_task(
    "problemUnacknowledgement",
    AcknowledgementEntry,
    "unackProblem",
    lambda session, sent, tracked: problemdesk.unacknowledge(session, _named(sent, "problem"), tracked),
)
_task(
    "problemGroup",
    GroupEntry,
    "",
    lambda session, sent, tracked: problemdesk.group(
        session, str(sent["parentProblem"].get("id", "")), _named(sent, "childProblem"), tracked
    ),
)
_task(
    "problemUngroup",
    GroupEntry,
    "",
    lambda session, sent, tracked: problemdesk.ungroup(session, _named(sent, "childProblem"), tracked),
)
hub_routes(
    router,
    Hub(SERVICE_PROBLEM, {"serviceProblem": ("Create", "StateChange", "AttributeValueChange", "InformationRequired", "Delete")}),
)
