"""Customers, each with everything about it in one answer."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import needs
from agent.api.answers import list_answer, one_answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, plain, whole
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import OPTIONAL_TEXT, TEXT, closed, many, named, row
from agent.assurance.tables import ServiceStateRow
from agent.fulfillment.tables import OrderRow
from agent.security.roles import Role
from crm_bridge.customer_view import balance, children, recent_violations
from crm_bridge.tables import AgreementRow, BillRow, CustomerRow, TicketRow, ViolationRow
from crm_bridge.ticketstates import ENDED
from inventory.tables import ServiceRow

router = APIRouter(prefix=f"{ROOT}/customers", tags=["Customers"])

CUSTOMER = named("Customer", row(CustomerRow))
CUSTOMER_VIEW = named(
    "CustomerView",
    row(
        CustomerRow,
        agreements=many(row(AgreementRow, "customer_id")),
        services=many(closed(id=TEXT, name=TEXT, specification=TEXT, state=TEXT, health=TEXT)),
        tickets=many(row(TicketRow, "key", "open_key", "customer_id")),
        orders=many(closed(id=TEXT, state=TEXT, external_id=OPTIONAL_TEXT)),
        bills=many(row(BillRow, "customer_id")),
        violations=many(row(ViolationRow)),
        children=many(closed(account_number=TEXT, name=TEXT)),
        balance=closed(billed=TEXT, draft=TEXT, unbilled=TEXT, currency=TEXT),
    ),
)

LATEST = 50
"""Of each kind of thing in the view of one customer."""


def _render_view(session: Session, rows: Sequence[CustomerRow]) -> list[Document]:
    return [columns(row) | _view(session, row) for row in rows]


def _view(session: Session, customer: CustomerRow) -> dict[str, Any]:
    agreements = (
        select(AgreementRow).where(AgreementRow.customer_id == customer.id).order_by(AgreementRow.name, AgreementRow.version)
    )
    tickets = select(TicketRow).where(TicketRow.customer_id == customer.id, TicketRow.status.not_in(ENDED))
    orders = select(OrderRow).where(OrderRow.customer == customer.account_number).order_by(OrderRow.order_date.desc())
    bills = select(BillRow).where(BillRow.customer_id == customer.id).order_by(BillRow.number.desc())
    return {
        "agreements": [columns(row, "customer_id") for row in session.scalars(agreements)],
        "services": _services(session, customer),
        "tickets": [
            columns(row, "key", "open_key", "customer_id")
            for row in session.scalars(tickets.order_by(TicketRow.created_at.desc()).limit(LATEST))
        ],
        "orders": [
            {"id": row.id, "state": row.state, "external_id": row.external_id} for row in session.scalars(orders.limit(LATEST))
        ],
        "bills": [columns(row, "customer_id") for row in session.scalars(bills.limit(LATEST))],
        "violations": [columns(row) for row in recent_violations(session, customer)],
        "children": [{"account_number": row.account_number, "name": row.name} for row in children(session, customer)],
        "balance": {**plain(balance(session, customer)), "currency": customer.currency},
    }


def _services(session: Session, customer: CustomerRow) -> list[dict[str, Any]]:
    """Those that are not gone, each with its health now."""
    here = select(ServiceRow).where(ServiceRow.customer == customer.account_number, ServiceRow.state != "terminated")
    rows = session.scalars(here.order_by(ServiceRow.created_at)).all()
    present = select(ServiceStateRow).where(ServiceStateRow.service_id.in_([row.id for row in rows]), ServiceStateRow.end.is_(None))
    health = {row.service_id: row.state for row in session.scalars(present)}
    return [
        {
            "id": row.id,
            "name": row.name,
            "specification": row.specification,
            "state": row.state,
            "health": health.get(row.id, "unknown"),
        }
        for row in rows
    ]


CUSTOMERS = Listing(
    CustomerRow,
    whole,
    texts={
        "id": CustomerRow.id,
        "account_number": CustomerRow.account_number,
        "external_id": CustomerRow.external_id,
        "name": CustomerRow.name,
        "status": CustomerRow.status,
    },
    instants={"created_at": CustomerRow.created_at},
    order=(CustomerRow.account_number,),
    key=CustomerRow.account_number,
    shape=CUSTOMER,
)
ONE = Listing(CustomerRow, _render_view, CUSTOMERS.texts, CUSTOMERS.instants, CUSTOMERS.order, CUSTOMERS.key)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List customers by account number", 206, answer=CUSTOMER))
def list_customers(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, CUSTOMERS)


@router.get(
    "/{account_number}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one customer with all it has", 404, answer=CUSTOMER_VIEW),
)
def show_customer(request: Request, parts: PartsOf, account_number: str) -> Response:
    """Agreements, services with their health, open tickets, orders, bills, the last violations, accounts below it and its balance:
    billed, in draft, and rated since (less credits).
    """
    return one_answer(request, parts, ONE, account_number)
