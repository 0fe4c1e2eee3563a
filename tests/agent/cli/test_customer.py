"""`fabd customer`: customers from a file."""

import pytest
from sqlalchemy import select

from agent.security.tables import AuditRow
from tests.agent.cli.network import CUSTOMERS


@pytest.fixture
def filled(prepared, folder):
    (folder / "customers.yaml").write_text(CUSTOMERS)
    prepared.ok("customer", "import", "customers.yaml")
    return prepared


def account(terminal, external_id="ACME"):
    found = terminal.ok("customer", "list", "--json").json
    return next(each["account"] for each in found if each["externalId"] == external_id)


def test_an_import_gives_account_numbers_once(filled):
    first = account(filled)
    (acme, branch) = filled.ok("customer", "import", "customers.yaml", "--json").json
    assert acme == {"account": first, "externalId": "ACME", "outcome": "unchanged", "changes": []}
    assert branch["outcome"] == "unchanged"
    with filled.database().read() as session:
        rows = session.scalars(select(AuditRow)).all()
    assert sorted(row.object for row in rows) == sorted(f"customer {account(filled, each)}" for each in ("ACME", "BRANCH"))
    assert [row.before for row in rows] == [None, None]


def test_a_change_is_on_record_with_what_was_before(filled, folder):
    (folder / "customers.yaml").write_text(CUSTOMERS.replace("Acme", "Acme & Sons"))
    filled.ok("customer", "import", "customers.yaml")
    with filled.database().read() as session:
        about = select(AuditRow).where(AuditRow.object == f"customer {account(filled)}")
        _, row = session.scalars(about.order_by(AuditRow.id)).all()
    assert ("Sons" in row.before["name"], "Sons" in row.after["name"]) == (False, True)
    assert row.before["agreements"] == row.after["agreements"] != []


def test_a_dry_run_promises_no_number(prepared, folder):
    (folder / "customers.yaml").write_text(CUSTOMERS)
    said = prepared.ok("customer", "import", "customers.yaml", "--dry-run")
    assert "created" in said.out
    assert said.err == "nothing was changed\n"
    rows = prepared.ok("customer", "import", "customers.yaml", "--dry-run", "--json").json
    assert [row["account"] for row in rows] == [None, None]
    assert prepared.ok("customer", "list", "--json").json == []


def test_csv_is_read_by_its_name(prepared, folder):
    (folder / "c.csv").write_text("external_id,name,agreement,sla,tariff\nACME,Acme,standard,silver,business-internet\n")
    (row,) = prepared.ok("customer", "import", "c.csv", "--json").json
    assert (row["outcome"], row["changes"]) == ("created", ["agreement standard, version 1"])


def test_one_customer_is_shown_with_agreements_and_services(filled):
    said = filled.ok("customer", "show", account(filled))
    assert said.lines[0] == f"Acme, account {account(filled)}"
    assert "noc@acme.example" in said.out
    assert "business-internet" in said.out
    assert said.err == "no services\n"
    shown = filled.ok("customer", "show", account(filled, "BRANCH"), "--json").json
    assert (shown["name"], shown["parent"], shown["agreements"]) == ("Acme Ghent", account(filled), [])
    assert shown["balance"] == {"billed": "0", "draft": "0", "unbilled": "0.00"}


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("sla: silver", "sla: bronze", "customers.yaml:6: customers[0].agreements[0].sla"),
        ("parent: ACME", "parent: NOBODY", "no customer has the external id 'NOBODY'; add it to the file"),
        ("external_id: BRANCH", "external_id: ACME", "'ACME' stands here twice; remove one"),
        ("name: Acme Ghent", "nmae: Acme Ghent", "customers[1]"),
    ],
)
def test_every_mistake_has_its_place_and_nothing_is_changed(prepared, folder, before, after, complaint):
    assert before in CUSTOMERS
    (folder / "customers.yaml").write_text(CUSTOMERS.replace(before, after))
    said = prepared("customer", "import", "customers.yaml")
    assert said.code == 1
    assert complaint in said.complaint
    assert prepared.ok("customer", "list", "--json").json == []


def test_a_customer_that_does_not_exist_is_named(prepared):
    said = prepared("customer", "show", "10000119")
    assert (said.code, said.complaint) == (
        1,
        "customer 10000119: no account has this number; list them with `fabd customer list`",
    )


def test_without_customers_the_list_says_how_to_import_them(prepared):
    assert "fabd customer import FILE" in prepared.ok("customer", "list").err
