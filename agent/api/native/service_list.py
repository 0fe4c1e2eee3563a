"""Services in a list: what stands where, how each is, and what is wrong with it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import Document, parse_query
from agent.api.shapes import INSTANT, OPTIONAL_INSTANT, OPTIONAL_TEXT, TEXT, TEXTS, closed, named
from agent.assurance.tables import ProblemRow, ServiceStateRow
from agent.security.roles import Role
from crm_bridge.tables import AgreementRow, TicketRow, TicketServiceRow
from inventory.surroundings import Surroundings
from inventory.tables import ElementRow, ServicePartRow, ServiceRow

router = APIRouter(prefix=f"{ROOT}/services", tags=["Services"])

UNKNOWN = "unknown"
UNMEASURED = "nothing has been measured"
SERVICE = named(
    "ServiceInList",
    closed(
        id=TEXT,
        name=TEXT,
        customer=TEXT,
        specification=TEXT,
        specification_version=TEXT,
        state=TEXT,
        health=TEXT,
        since=OPTIONAL_INSTANT,
        reason=TEXT,
        elements=TEXTS,
        agreement=OPTIONAL_TEXT,
        sla=OPTIONAL_TEXT,
        problems=TEXTS,
        tickets=TEXTS,
        created_at=INSTANT,
        started_at=OPTIONAL_INSTANT,
    ),
)
_NOW = (ServiceStateRow.service_id == ServiceRow.id, ServiceStateRow.end.is_(None))
_HEALTH = func.coalesce(select(ServiceStateRow.state).where(*_NOW).scalar_subquery(), UNKNOWN)


def _render(session: Session, rows: Sequence[ServiceRow]) -> list[Document]:
    ids = [row.id for row in rows]
    now = {
        each.service_id: each
        for each in session.scalars(select(ServiceStateRow).where(ServiceStateRow.service_id.in_(ids), _NOW[1]))
    }
    elements, troubles, agreed = _elements(session, ids), _troubles(session, ids), _agreed(session, rows)
    return [
        {
            "id": row.id,
            "name": row.name,
            "customer": row.customer,
            "specification": row.specification,
            "specification_version": row.specification_version,
            "state": row.state,
            "health": now[row.id].state if row.id in now else UNKNOWN,
            "since": now[row.id].start.isoformat() if row.id in now else None,
            "reason": now[row.id].reason if row.id in now else UNMEASURED,
            "elements": elements[row.id],
            "agreement": row.agreement,
            "sla": agreed.get(row.agreement or ""),
            "problems": sorted({problem for problem, _ in troubles[row.id]}),
            "tickets": sorted(ticket for _, ticket in troubles[row.id]),
            "created_at": row.created_at.isoformat(),
            "started_at": row.started_at.isoformat() if row.started_at else None,
        }
        for row in rows
    ]


def _elements(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    """Service → elements that it has a part on."""
    found: dict[str, list[str]] = defaultdict(list)
    parts = select(ServicePartRow.service_id, ElementRow.name).join(ElementRow, ElementRow.id == ServicePartRow.element_id)
    for service_id, name in session.execute(parts.where(ServicePartRow.service_id.in_(ids)).order_by(ElementRow.name)):
        found[service_id].append(name)
    return found


def _troubles(session: Session, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Service → open problems that hit it, each with its ticket."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    open_ones = (
        select(TicketServiceRow.service_id, ProblemRow.id, TicketRow.id)
        .join(TicketRow, TicketRow.id == TicketServiceRow.ticket_id)
        .join(ProblemRow, ProblemRow.id == TicketRow.problem_id)
        .where(TicketServiceRow.service_id.in_(ids), ProblemRow.state == "open")
    )
    for service_id, problem, ticket in session.execute(open_ones):
        found[service_id].append((problem, ticket))
    return found


def _agreed(session: Session, rows: Sequence[ServiceRow]) -> dict[str, str]:
    """Agreement → the name of its SLA."""
    ids = {row.agreement for row in rows if row.agreement}
    return dict(session.execute(select(AgreementRow.id, AgreementRow.sla).where(AgreementRow.id.in_(ids))).all())


SERVICES = Listing(
    ServiceRow,
    _render,
    texts={
        "id": ServiceRow.id,
        "name": ServiceRow.name,
        "customer": ServiceRow.customer,
        "specification": ServiceRow.specification,
        "state": ServiceRow.state,
        "health": _HEALTH,
        "agreement": ServiceRow.agreement,
    },
    instants={"created_at": ServiceRow.created_at, "started_at": ServiceRow.started_at},
    order=(case((_HEALTH == "down", 0), (_HEALTH == UNKNOWN, 1), else_=2), ServiceRow.id),
    key=ServiceRow.id,
    shape=SERVICE,
)
ELEMENTS = ("elements",)


@router.get(
    "", dependencies=[needs(Role.VIEWER)], **described("List services, those that are down first", 206, 404, answer=SERVICE)
)
def list_services(request: Request, parts: PartsOf) -> Response:
    """`state` is where in its life a service is, `health` how it is now: up, down or unknown.

    `?elements=pe1,pe2`: those with a part on one of them.
    """
    query = parse_query(request.query_params.multi_items())
    places = [rule for rule in query.filters if rule.path == ELEMENTS and rule.operator == "eq"]
    others = replace(query, filters=tuple(rule for rule in query.filters if rule not in places))
    with parts.database.read() as session:
        page = SERVICES.only(*(_there(session, rule.values) for rule in places)).fetch(session, others)
    return JSONResponse(page.items, 206 if page.partial else 200, page.headers)


def _there(session: Session, elements: Sequence[str]) -> ColumnElement[bool]:
    """Raises `UnknownObject` for an element that is none."""
    network = Surroundings(session)
    ids = [network.element(name).id for name in elements]
    return ServiceRow.id.in_(select(ServicePartRow.service_id).where(ServicePartRow.element_id.in_(ids)))
