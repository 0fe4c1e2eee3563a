"""TMF621 Trouble Ticket 4.0."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import needs
from agent.api.answers import list_answer, one_answer
from agent.api.listing import Listing
from agent.api.openapi import TAG_TICKET, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.tmf.paths import TROUBLE_TICKET, service_href, ticket_href
from agent.api.tmf.presenter import said, text_of
from agent.api.tmf.shapes import TROUBLE_TICKET as TICKET
from agent.security.roles import Role
from crm_bridge.tables import CustomerRow, TicketRow, TicketServiceRow

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
            "expectedResolutionDate": text_of(row.due_at),
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
)


@router.get("/troubleTicket", dependencies=[needs(Role.VIEWER)], **described("List tickets", 206, answer=TICKET))
def list_tickets(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, TICKETS)


@router.get("/troubleTicket/{ticket_id}", dependencies=[needs(Role.VIEWER)], **described("Show one ticket", 404, answer=TICKET))
def show_ticket(request: Request, parts: PartsOf, ticket_id: str) -> Response:
    return one_answer(request, parts, TICKETS, ticket_id)
