"""TMF621 Trouble Ticket 4.0: the tickets that fabd opens by itself, and those that clients open here.

A client's ticket is a record: it is kept, moved along its states and told of, and nobody but clients works on it. Of fabd's own a
client may move the status and add notes; the rest follows from the problem behind it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.api.body import Instant, read_model
from agent.api.errors import Conflict
from agent.api.etag import require_match
from agent.api.listing import Listing
from agent.api.openapi import TAG_TICKET
from agent.api.parts import Parts
from agent.api.patch import PatchRules, check_attributes, check_state
from agent.api.query import Document
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open
from agent.api.tmf.paths import TROUBLE_TICKET, service_href, ticket_href
from agent.api.tmf.presenter import said, text_of
from agent.api.tmf.records import RecordKind, Wish, record_routes
from agent.api.tmf.shapes import TROUBLE_TICKET as TICKET
from agent.security.audit import record
from crm_bridge.tables import CustomerRow, TicketRow, TicketServiceRow
from crm_bridge.tickets import annotate, transition
from crm_bridge.ticketstates import STEPS, TicketStatus

router = APIRouter(prefix=TROUBLE_TICKET, tags=[TAG_TICKET])


def _render(session: Session, rows: Sequence[TicketRow]) -> list[Document]:
    wanted = {row.customer_id for row in rows}
    customers = {row.id: row for row in session.scalars(select(CustomerRow).where(CustomerRow.id.in_(wanted)))}
    return [_ticket(row, customers[row.customer_id]) for row in rows]


def _ticket(row: TicketRow, customer: CustomerRow) -> Document:
    party = {"id": customer.account_number, "name": customer.name, "role": "customer", "@referredType": "Customer"}
    last = row.changes[-1] if row.changes else None
    return said(
        {
            "@type": "TroubleTicket",
            "id": row.id,
            "href": ticket_href(row.id),
            "name": row.name,
            "description": row.description,
            "ticketType": row.ticket_type,
            "status": row.status,
            "severity": row.severity,
            "priority": row.priority,
            "creationDate": text_of(row.created_at),
            "lastUpdate": text_of(row.updated_at),
            "expectedResolutionDate": text_of(row.expected_at),
            "resolutionDate": text_of(row.resolved_at),
            "statusChangeDate": text_of(last.at) if last else None,
            "statusChangeReason": last.reason if last else None,
            "statusChange": [
                {"status": each.status, "changeDate": text_of(each.at), "changeReason": each.reason} for each in row.changes
            ],
            "note": [{"id": each.id, "author": each.author, "date": text_of(each.at), "text": each.text} for each in row.notes],
            "relatedParty": [{**party, "@type": "RelatedParty"}],
            "relatedEntity": [*map(_affected, row.services), *_causes(row)],
            "repeats": row.repeats,
        }
    )


def _affected(service: TicketServiceRow) -> dict[str, Any]:
    return said(
        {
            "id": service.service_id,
            "href": service_href(service.service_id),
            "role": "affectedService",
            "@referredType": "Service",
            "downFrom": text_of(service.down_from),
            "downTo": text_of(service.down_to),
        }
    )


def _causes(row: TicketRow) -> list[dict[str, Any]]:
    if row.problem_id is None:
        return []
    return [{"id": row.problem_id, "name": row.root_object, "role": "problem", "@referredType": "ServiceProblem"}]


_ACCOUNT = select(CustomerRow.account_number).where(CustomerRow.id == TicketRow.customer_id).scalar_subquery()

TICKETS = Listing(
    TicketRow,
    _render,
    texts={
        "id": TicketRow.id,
        "status": TicketRow.status,
        "severity": TicketRow.severity,
        "priority": TicketRow.priority,
        "relatedParty.id": _ACCOUNT,
    },
    instants={"creationDate": TicketRow.created_at, "lastUpdate": TicketRow.updated_at, "resolutionDate": TicketRow.resolved_at},
    order=(TicketRow.created_at, TicketRow.id),
    key=TicketRow.id,
    shape=TICKET,
)

_STEPS = {status.value: tuple(step.value for step in steps) for status, steps in STEPS.items()}
_SERVER_SET = frozenset({"creationDate", "lastUpdate", "statusChangeDate", "statusChange"})
_OWN = PatchRules(server_set=_SERVER_SET, state="status", transitions=_STEPS)
_CHANGEABLE = frozenset({"status", "statusChangeReason", "note"})
"""Of fabd's own tickets."""
EXAMPLE = {"description": "No light since this morning", "severity": "major", "ticketType": "trouble"}


class TicketNote(Open):
    id: str | None = None
    author: Annotated[str, Field(max_length=256)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=10_000)]


class TicketEntry(Open):
    """What is read of TMF621's TroubleTicket_Create."""

    description: Annotated[str, Field(min_length=1)]
    severity: Annotated[str, Field(min_length=1)]
    ticket_type: Annotated[str, Field(min_length=1)]
    name: str | None = None
    priority: str | None = None
    external_id: str | None = None
    status: Literal["acknowledged", "rejected", "pending", "held", "inProgress", "resolved", "closed", "cancelled"] | None = None
    status_change_reason: str | None = None
    expected_resolution_date: Instant | None = None
    requested_resolution_date: Instant | None = None
    resolution_date: Instant | None = None
    note: tuple[TicketNote, ...] = ()


def _opened(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    now = text_of(at)
    return {"status": sent.get("status", "acknowledged"), "creationDate": now, "lastUpdate": now}


SENT = RecordKind(
    "troubleTicket",
    TROUBLE_TICKET,
    "tks",
    TicketEntry,
    TICKET,
    rules=PatchRules(
        server_set=_SERVER_SET,
        state="status",
        transitions=_STEPS,
        required=frozenset({"description", "severity", "ticketType", "status"}),
    ),
    defaults=_opened,
    moved="StatusChange",
    remedy="it is resolved when its problem is over, and stays on record",
    stamp="lastUpdate",
)


class _Change(Open):
    status_change_reason: Annotated[str, Field(max_length=2000)] | None = None
    note: tuple[TicketNote, ...] = ()


def _own(_parts: Parts) -> Sequence[Listing[TicketRow]]:
    return (TICKETS,)


def _change_own(wish: Wish) -> Document | None:
    """One of the tickets that fabd has opened: None when it is none."""
    row = wish.session.get(TicketRow, wish.identity, with_for_update=True)
    if row is None:
        return None
    before = TICKETS.render(wish.session, [row])[0]
    require_match(wish.request, before)
    check_attributes(before, wish.patch, _OWN)
    if foreign := sorted(wish.patch.keys() - _CHANGEABLE):
        message = f"{', '.join(foreign)} of {row.id} follow from its problem; add a note, or move its status"
        raise Conflict("ticketOfFabd", message, pointer=f"/{foreign[0]}")
    check_state(before, wish.patch, _OWN)
    _carry_out(row, wish)
    wish.session.flush()
    wish.session.refresh(row)
    after = TICKETS.render(wish.session, [row])[0]
    record(wish.session, wish.actor, "change", f"ticket {row.id}", wish.at, before=before, after=after)
    return after


def _carry_out(row: TicketRow, wish: Wish) -> None:
    wanted = read_model(_Change, wish.patch)
    known = {note.id for note in row.notes}
    for note in wanted.note:
        if note.id not in known:
            annotate(wish.session, row.id, author=note.author or wish.actor.name, text=note.text, at=wish.at)
    status = TicketStatus(wish.patch.get("status", row.status))
    if status != row.status:
        reason = wanted.status_change_reason or ""
        transition(wish.session, row.id, status, actor=wish.actor.name, reason=reason, at=wish.at)


record_routes(router, SENT, others=_own, change_other=_change_own, example=EXAMPLE)
hub_routes(
    router,
    Hub(
        TROUBLE_TICKET,
        {"troubleTicket": ("Create", "AttributeValueChange", "StatusChange", "Delete", "Resolved", "InformationRequired")},
    ),
)
