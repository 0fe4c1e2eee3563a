"""One customer at a glance: services, agreements, open tickets, credits and money. Live health is added by who knows it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.billing import DRAFT
from crm_bridge.tables import AgreementRow, BillRow, CreditRow, CustomerRow, RatedLineRow, TicketRow, ViolationRow
from crm_bridge.ticketstates import WORKED_ON
from inventory.tables import ServiceRow
from policies.money import exact_sum, rounded

RECENT = 10
"""Violations and bills that are shown."""


@dataclass(frozen=True, slots=True)
class Balance:
    """In the customer's currency."""

    billed: Decimal
    """On bills that were sent; payments come later."""
    draft: Decimal
    unbilled: Decimal
    """Rated since, credits taken off, rounded."""


@dataclass(frozen=True, slots=True)
class CustomerView:
    customer: CustomerRow
    children: tuple[CustomerRow, ...]
    agreements: tuple[AgreementRow, ...]
    """In force."""
    services: tuple[ServiceRow, ...]
    """Not terminated."""
    tickets: tuple[TicketRow, ...]
    """That are worked on."""
    violations: tuple[ViolationRow, ...]
    bills: tuple[BillRow, ...]
    balance: Balance


def customer_view(session: Session, customer: CustomerRow, at: datetime) -> CustomerView:
    agreements = session.scalars(
        select(AgreementRow)
        .where(
            AgreementRow.customer_id == customer.id,
            AgreementRow.valid_from <= at,
            AgreementRow.valid_to.is_(None) | (AgreementRow.valid_to > at),
        )
        .order_by(AgreementRow.name)
    )
    services = session.scalars(
        select(ServiceRow)
        .where(ServiceRow.customer == customer.account_number, ServiceRow.state != "terminated")
        .order_by(ServiceRow.created_at, ServiceRow.id)
    )
    tickets = session.scalars(
        select(TicketRow)
        .where(TicketRow.customer_id == customer.id, TicketRow.status.in_(sorted(WORKED_ON)))
        .order_by(TicketRow.created_at)
    )
    children = session.scalars(select(CustomerRow).where(CustomerRow.parent_id == customer.id).order_by(CustomerRow.account_number))
    violations = session.scalars(
        select(ViolationRow)
        .join(AgreementRow, AgreementRow.id == ViolationRow.agreement_id)
        .where(AgreementRow.customer_id == customer.id)
        .order_by(ViolationRow.period_start.desc(), ViolationRow.id)
        .limit(RECENT)
    )
    bills = session.scalars(
        select(BillRow).where(BillRow.customer_id == customer.id).order_by(BillRow.period_start.desc()).limit(RECENT)
    )
    return CustomerView(
        customer=customer,
        children=tuple(children),
        agreements=tuple(agreements),
        services=tuple(services),
        tickets=tuple(tickets),
        violations=tuple(violations),
        bills=tuple(bills),
        balance=balance(session, customer),
    )


def balance(session: Session, customer: CustomerRow) -> Balance:
    """Over all bills, and what has been rated or granted since."""
    bills = session.execute(select(BillRow.state, BillRow.total).where(BillRow.customer_id == customer.id)).all()
    rated = session.scalars(
        select(RatedLineRow.amount).where(RatedLineRow.customer_id == customer.id, RatedLineRow.bill_line_id.is_(None))
    )
    granted = session.scalars(
        select(CreditRow.amount).where(CreditRow.customer_id == customer.id, CreditRow.bill_line_id.is_(None))
    )
    return Balance(
        billed=exact_sum(bill.total for bill in bills if bill.state not in DRAFT),
        draft=exact_sum(bill.total for bill in bills if bill.state in DRAFT),
        unbilled=rounded(exact_sum([*rated, *(-amount for amount in granted)]), customer.currency),
    )
