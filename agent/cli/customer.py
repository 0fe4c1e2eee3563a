"""`fabd customer`: who orders and pays, and what was agreed."""

from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.api.native.plain import columns, plain
from agent.catalog import load_catalog
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.files import read_text
from agent.cli.options import AsJson, DryRun, InputFile, Limit, argument
from agent.cli.output import in_json, note, print_json, print_rows, show_facts, show_rows
from agent.security.audit import record
from crm_bridge.customer_file import KnownNames, read_customers
from crm_bridge.customer_import import ImportedCustomer, external_ids, import_customers
from crm_bridge.customer_view import balance
from crm_bridge.customers import customer_by_account, customer_by_external_id, customers
from crm_bridge.tables import AgreementRow, CustomerRow
from inventory.tables import ServiceRow

app = typer.Typer(no_args_is_help=True, help="Customers and their agreements: import them from a file, look at them.")


@app.command("import")
@local
def import_(desk: Desk, file: InputFile, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Create and update customers and agreements from a YAML or CSV file; the same file again changes nothing.

    Customers are known by their external_id and get an account number of ours, which orders and bills name. Nobody is removed.
    """
    text, catalog = read_text(file), load_catalog(desk.settings.catalog)
    at = desk.clock.now()
    with desk.writing() as session:
        known = KnownNames(catalog, frozenset(catalog.specifications), external_ids(session))
        document = read_customers(text, str(file), known)
        before = {entry.external_id: _whole(session, entry.external_id) for entry in document.customers}
        report = import_customers(session, document, at, dry_run=dry_run)
        for entry in report:
            if not dry_run and entry.outcome != "unchanged":
                after = {"file": str(file), **(_whole(session, entry.external_id) or {})}
                about = f"customer {entry.account_number}"
                record(session, desk.actor, "import", about, at, before=before[entry.external_id], after=after)
    rows = [_imported(entry, dry_run=dry_run) for entry in report]
    print_rows(rows, as_json=as_json, empty="the file has no customers")
    if dry_run:
        note("nothing was changed")


@app.command("list")
@local
def list_customers(desk: Desk, limit: Limit = 1000, as_json: AsJson = False) -> None:
    """Every customer with its account number."""
    with desk.reading() as session:
        rows = customers(session, limit=limit)
    listed = [_document(row) for row in rows]
    print_rows(listed, as_json=as_json, empty="there are no customers; import them with `fabd customer import FILE`")


@app.command("show")
@local
def show_(
    desk: Desk,
    account: Annotated[str, argument("ACCOUNT", "The account number.")],
    as_json: AsJson = False,
) -> None:
    """One customer with what it owes, agreements and services."""
    with desk.reading() as session:
        row = customer_by_account(session, account)
        agreements, services = _agreements(session, row), _services(session, account)
        parent = session.get(CustomerRow, row.parent_id) if row.parent_id else None
        money = plain(balance(session, row))
    if as_json:
        whole = {**_document(row), "contact": row.contact, "parent": parent.account_number if parent else None, "balance": money}
        print_json(in_json(whole) | {"agreements": [in_json(_agreement(each)) for each in agreements], "services": services})
        return
    above = f"{parent.account_number} {parent.name}" if parent else ""
    owed = {"billed": money["billed"], "in draft": money["draft"], "rated since, less credits": money["unbilled"]}
    show_facts(f"{row.name}, account {row.account_number}", {**_document(row), **row.contact, "under": above, **owed})
    show_rows([_agreement(each) for each in agreements], empty="no agreements")
    show_rows(services, empty="no services")


def _whole(session: Session, external_id: str) -> dict[str, object] | None:
    """For the audit trail."""
    row = customer_by_external_id(session, external_id)
    if row is None:
        return None
    return columns(row) | {"agreements": [columns(each, "customer_id") for each in _agreements(session, row)]}


def _agreements(session: Session, customer: CustomerRow) -> list[AgreementRow]:
    query = select(AgreementRow).where(AgreementRow.customer_id == customer.id)
    return list(session.scalars(query.order_by(AgreementRow.name, AgreementRow.version)))


def _services(session: Session, account: str) -> list[dict[str, object]]:
    rows = session.scalars(select(ServiceRow).where(ServiceRow.customer == account).order_by(ServiceRow.id))
    return [{"service": row.id, "name": row.name, "specification": row.specification, "state": row.state} for row in rows]


def _document(row: CustomerRow) -> dict[str, object]:
    return {
        "account": row.account_number,
        "name": row.name,
        "external id": row.external_id,
        "status": row.status,
        "currency": row.currency,
    }


def _agreement(row: AgreementRow) -> dict[str, object]:
    return {
        "agreement": row.name,
        "version": row.version,
        "specification": row.specification,
        "sla": row.sla,
        "tariff": row.tariff,
        "from": row.valid_from,
        "to": row.valid_to,
    }


def _imported(entry: ImportedCustomer, *, dry_run: bool) -> dict[str, object]:
    return {
        "account": None if dry_run and entry.outcome == "created" else entry.account_number,
        "external id": entry.external_id,
        "outcome": entry.outcome,
        "changes": list(entry.changes),
    }
