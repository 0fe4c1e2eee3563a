"""Bringing a customer file into the database: the same file again changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customer_file import AgreementEntry, CustomerDocument, CustomerEntry
from crm_bridge.customers import CustomerData, create_customer, customer_by_external_id, update_customer
from crm_bridge.errors import AccountCircle
from crm_bridge.tables import CustomerRow


@dataclass(frozen=True, slots=True)
class ImportedCustomer:
    """What the import did, or on a dry run would do, to one customer."""

    external_id: str
    account_number: str
    outcome: Literal["created", "updated", "unchanged"]
    changes: tuple[str, ...]
    """E.g. "name", "agreement internet, version 2"."""


def external_ids(session: Session) -> set[str]:
    """Of all customers; what a file may name as parents."""
    return {key for key in session.scalars(select(CustomerRow.external_id)) if key is not None}


def import_customers(
    session: Session, document: CustomerDocument, at: datetime, *, dry_run: bool = False
) -> list[ImportedCustomer]:
    """Creates and updates by `external_id`; removes nobody. A dry run says the same and leaves nothing behind.

    Raises `CurrencyFixed` and `AccountCircle`.
    """
    with session.begin_nested() as savepoint:
        report = [_import(session, entry, at) for entry in document.customers]
        for entry in document.customers:
            _place(session, entry)
        if dry_run:
            savepoint.rollback()
    return report


def _import(session: Session, entry: CustomerEntry, at: datetime) -> ImportedCustomer:
    data = CustomerData(entry.name, entry.external_id, entry.currency, entry.contact, entry.status)
    row = customer_by_external_id(session, entry.external_id)
    created = row is None
    changes = []
    if row is None:
        row = create_customer(session, data, at)
    else:
        changes += update_customer(session, row, data, at)
    for agreement in entry.agreements:
        version, changed = agree(session, row, _terms(agreement), since=agreement.valid_from or at, at=at)
        if changed:
            changes.append(f"agreement {version.name}, version {version.version}")
    outcome: Literal["created", "updated", "unchanged"] = "created" if created else "updated" if changes else "unchanged"
    return ImportedCustomer(entry.external_id, row.account_number, outcome, tuple(changes))


def _terms(entry: AgreementEntry) -> AgreementTerms:
    return AgreementTerms(entry.name, entry.sla, entry.tariff, entry.specification, entry.terms)


def _place(session: Session, entry: CustomerEntry) -> None:
    """Under its parent, once all of the file are there. Raises `AccountCircle`; the file alone does not show every circle."""
    row = customer_by_external_id(session, entry.external_id)
    parent = customer_by_external_id(session, entry.parent) if entry.parent else None
    if row is None or parent is None:
        return
    above: CustomerRow | None = parent
    while above is not None:
        if above.id == row.id:
            raise AccountCircle(entry.external_id, parent.external_id or parent.account_number)
        above = session.get(CustomerRow, above.parent_id) if above.parent_id else None
    row.parent_id = parent.id
