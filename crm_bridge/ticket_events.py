"""What the outside hears of tickets (TMF621): the events and the resource within them."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_bridge.outbox import publish
from crm_bridge.tables import TicketRow

CREATED = "troubleTicketCreateEvent"
CHANGED = "troubleTicketAttributeValueChangeEvent"
STATUS_CHANGED = "troubleTicketStatusChangeEvent"
RESOLVED = "troubleTicketResolvedEvent"


def tell(session: Session, ticket: TicketRow, event: str, at: datetime) -> None:
    """Publish in the caller's transaction; the problem's id carries the correlation."""
    publish(
        session,
        aggregate=f"ticket:{ticket.id}",
        type=event,
        payload={"troubleTicket": ticket_resource(ticket)},
        correlation_id=ticket.problem_id or ticket.id,
        at=at,
    )


def ticket_resource(ticket: TicketRow) -> dict[str, Any]:
    """Without what there is nothing to say of: TMF621 knows no null."""
    whole = {
        "id": ticket.id,
        "name": ticket.name,
        "description": ticket.description,
        "ticketType": ticket.ticket_type,
        "status": ticket.status,
        "severity": ticket.severity,
        "priority": ticket.priority,
        "creationDate": ticket.created_at.isoformat(),
        "lastUpdate": ticket.updated_at.isoformat(),
        "expectedResolutionDate": None if ticket.expected_at is None else ticket.expected_at.isoformat(),
        "resolutionDate": None if ticket.resolved_at is None else ticket.resolved_at.isoformat(),
        "relatedEntity": [
            {"id": each.service_id, "role": "affectedService", "@referredType": "Service"} for each in ticket.services
        ],
    }
    return {name: value for name, value in whole.items() if value is not None}
