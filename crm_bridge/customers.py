"""Customers: accounts with a number that never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from crm_bridge.errors import CurrencyFixed, UnknownCustomer
from crm_bridge.numbers import is_account_number, next_account_number
from crm_bridge.outbox import publish
from crm_bridge.tables import BillRow, CustomerRow
from inventory.postponed import remembered, settle
from inventory.prepared import Prepared
from inventory.tables import ServiceRow
from policies.values import new_id


@dataclass(frozen=True, slots=True)
class CustomerData:
    """What a person or another CRM says about a customer."""

    name: str
    external_id: str | None = None
    currency: str = "EUR"
    contact: Mapping[str, Any] = field(default_factory=dict)
    status: str = "active"


@dataclass(frozen=True, slots=True)
class Account:
    """Of whom something is ordered."""

    id: str
    account_number: str


def customer_by_account(session: Session, number: str) -> CustomerRow:
    """Raises `UnknownCustomer`; a number with a wrong check digit is not even looked for."""
    row = None
    if is_account_number(number):
        row = session.scalars(_BY_ACCOUNT, {"number": number}).one_or_none()
    if row is None:
        other = customer_by_external_id(session, number)
        raise UnknownCustomer(number, other.account_number if other else None)
    return row


def account(session: Session, number: str) -> Account:
    """As `customer_by_account`, where no more is to be known."""
    known = remembered(session)
    if (account, number) not in known:
        settle(session, _CUSTOMERS)
        known[account, number] = _ACCOUNT.first(session.connection(), {"number": number}) if is_account_number(number) else None
    found = cast("tuple[str, str] | None", known[account, number])
    if found is None:
        other = customer_by_external_id(session, number)
        raise UnknownCustomer(number, other.account_number if other else None)
    return Account(*found)


def customer_by_external_id(session: Session, external_id: str) -> CustomerRow | None:
    return session.scalars(select(CustomerRow).where(CustomerRow.external_id == external_id)).one_or_none()


def customers(session: Session, *, offset: int = 0, limit: int = 100) -> list[CustomerRow]:
    """By account number."""
    return list(session.scalars(select(CustomerRow).order_by(CustomerRow.account_number).offset(offset).limit(limit)))


def create_customer(session: Session, data: CustomerData, at: datetime) -> CustomerRow:
    row = CustomerRow(
        id=new_id("cus", at),
        account_number=next_account_number(session),
        external_id=data.external_id,
        name=data.name,
        status=data.status,
        currency=data.currency,
        contact=dict(data.contact),
        created_at=at,
    )
    session.add(row)
    session.flush()
    _tell(session, row, "customerCreateEvent", at)
    return row


def update_customer(session: Session, row: CustomerRow, data: CustomerData, at: datetime) -> list[str]:
    """The names of the fields that changed; no event when there are none. The account number is not among them, ever.

    Raises `CurrencyFixed`: what was charged in one currency is not paid in another.
    """
    if data.currency != row.currency and _charged(session, row):
        raise CurrencyFixed(row.account_number, row.currency, data.currency)
    changed = [name for name, value in _fields(data).items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, _fields(data)[name])
    if changed:
        session.flush()
        _tell(session, row, "customerAttributeValueChangeEvent", at)
    return changed


def _charged(session: Session, row: CustomerRow) -> bool:
    ordered = exists().where(ServiceRow.customer == row.account_number)
    billed = exists().where(BillRow.customer_id == row.id)
    return bool(session.scalar(select(or_(ordered, billed))))


def _fields(data: CustomerData) -> dict[str, object]:
    return {"name": data.name, "currency": data.currency, "contact": dict(data.contact), "status": data.status}


def _tell(session: Session, row: CustomerRow, event: str, at: datetime) -> None:
    resource = {"id": row.account_number, "name": row.name, "status": row.status}
    publish(session, aggregate=f"customer:{row.id}", type=event, payload={"customer": resource}, correlation_id=row.id, at=at)


_CUSTOMERS = cast("Table", CustomerRow.__table__)
_ACCOUNT = Prepared(select(CustomerRow.id, CustomerRow.account_number).where(CustomerRow.account_number == bindparam("number")))
_BY_ACCOUNT = select(CustomerRow).where(CustomerRow.account_number == bindparam("number"))
