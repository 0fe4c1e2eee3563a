"""What one customer owes and was owed: the parts of a view of it that no single table has."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.billstates import DRAFT
from crm_bridge.tables import AgreementRow, BillRow, CreditRow, CustomerRow, RatedLineRow, ViolationRow
from policies.money import exact_sum, rounded

RECENT = 10
"""Violations that are shown."""


@dataclass(frozen=True, slots=True)
class Balance:
    """In the customer's currency."""

    billed: Decimal
    """On bills that were sent; payments come later."""
    draft: Decimal
    unbilled: Decimal
    """Rated since, credits taken off, rounded."""


def children(session: Session, customer: CustomerRow) -> list[CustomerRow]:
    """Accounts under this one."""
    return list(
        session.scalars(select(CustomerRow).where(CustomerRow.parent_id == customer.id).order_by(CustomerRow.account_number))
    )


def recent_violations(session: Session, customer: CustomerRow) -> list[ViolationRow]:
    """The latest first."""
    statement = (
        select(ViolationRow)
        .join(AgreementRow, AgreementRow.id == ViolationRow.agreement_id)
        .where(AgreementRow.customer_id == customer.id)
        .order_by(ViolationRow.period_start.desc(), ViolationRow.id)
        .limit(RECENT)
    )
    return list(session.scalars(statement))


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
