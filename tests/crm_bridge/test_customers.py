"""Accounts, agreements and the customer file, on both databases."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from crm_bridge.agreements import AgreementTerms, agree, agreed_spans, agreement_for
from crm_bridge.book import agreed_sla
from crm_bridge.customer_file import CustomerDocument, KnownNames, read_customers
from crm_bridge.customer_import import external_ids, import_customers
from crm_bridge.customers import CustomerData, create_customer, customer_by_account, update_customer
from crm_bridge.errors import AccountCircle, CurrencyFixed, InvalidDocument, UnknownCustomer
from crm_bridge.numbers import is_account_number, take_number, with_check_digits
from crm_bridge.tables import AgreementRow, CustomerRow, EventRow, NumberSequenceRow
from inventory.db import Database
from policies.values import Interval
from tests.clock import EPOCH, FakeClock
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import party

HOUR = timedelta(hours=1)
KNOWN = KnownNames(Book(), {"internet-access", "l3vpn"})
YAML = """
customers:
  - external_id: acme
    name: Acme Ltd
    contact: {email: noc@acme.example}
    agreements:
      - {name: internet, specification: internet-access, sla: gold, tariff: metered, valid_from: 2026-01-01}
  - external_id: acme-lab
    name: Acme Laboratories
    parent: acme
    agreements:
      - {name: everything, sla: gold, tariff: metered, terms: {sla: {period: 1 hour}}}
"""
CSV = """external_id,name,email,parent,agreement,specification,sla,tariff,valid_from
acme,Acme Ltd,noc@acme.example,,internet,internet-access,gold,metered,2026-01-01
acme,Acme Ltd,noc@acme.example,,vpn,l3vpn,gold,metered,
acme-lab,"Acme, Laboratories",,acme,,,,,
"""


def document(text: str = YAML, file: str = "customers.yaml") -> CustomerDocument:
    return read_customers(text, file, KNOWN)


@given(st.integers(1, 10**12))
def test_every_account_number_is_one(serial: int) -> None:
    assert is_account_number(with_check_digits(serial))


@given(st.integers(100_000, 10**8), st.integers(0, 9), st.integers(0, 9))
def test_a_wrong_digit_and_a_swapped_pair_are_noticed(serial: int, position: int, digit: int) -> None:
    number = with_check_digits(serial)
    position %= len(number)
    mistyped = number[:position] + str(digit) + number[position + 1 :]
    assert is_account_number(mistyped) == (mistyped == number)
    for index, (left, right) in enumerate(pairwise(number)):
        swapped = number[:index] + right + left + number[index + 2 :]
        assert is_account_number(swapped) == (left == right)


@pytest.mark.parametrize("text", ["", "97", "x", "10000141 ", "\u0661\u0660\u0660", "9" * 5000])
def test_what_is_no_account_number(text: str) -> None:
    assert not is_account_number(text)


def test_numbers_have_no_gap_after_a_rollback(database: Database) -> None:
    with database.write() as session:
        assert [take_number(session, "x"), take_number(session, "x")] == [1, 2]
    with database.write() as session, session.begin_nested() as lost:
        take_number(session, "x")
        lost.rollback()
    with database.write() as session:
        assert take_number(session, "x") == 3


def test_a_customer_is_found_by_its_account_number(database: Database) -> None:
    with database.write() as session:
        created = create_customer(session, CustomerData("Acme"), EPOCH)
        assert customer_by_account(session, created.account_number) is created
        with pytest.raises(UnknownCustomer, match="99999999"):
            customer_by_account(session, "99999999")


def test_an_external_id_taken_for_the_account_number_is_told_with_the_number(database: Database) -> None:
    with database.write() as session:
        created = create_customer(session, CustomerData("Acme", external_id="ACME"), EPOCH)
        with pytest.raises(UnknownCustomer, match=f"external id of account {created.account_number}"):
            customer_by_account(session, "ACME")


@pytest.mark.parametrize(("text", "file", "agreements"), [(YAML, "c.yaml", 2), (CSV, "c.csv", 2)])
def test_a_file_imported_again_changes_nothing(database: Database, text: str, file: str, agreements: int) -> None:
    with database.write() as session:
        first = import_customers(session, document(text, file), EPOCH)
    with database.write() as session:
        events = session.scalar(select(func.count(EventRow.id)))
        again = import_customers(session, document(text, file), EPOCH + timedelta(days=1))
        assert [each.outcome for each in first] == ["created", "created"]
        assert [each.outcome for each in again] == ["unchanged", "unchanged"]
        assert [each.account_number for each in first] == [each.account_number for each in again]
        assert session.scalar(select(func.count(AgreementRow.id))) == agreements
        assert session.scalar(select(func.count(EventRow.id))) == events
        assert external_ids(session) == {"acme", "acme-lab"}
        child = session.scalars(select(CustomerRow).where(CustomerRow.external_id == "acme-lab")).one()
        assert child.parent_id == customer_by_account(session, first[0].account_number).id


def test_a_dry_run_says_the_same_and_leaves_nothing(database: Database) -> None:
    with database.write() as session:
        dry = import_customers(session, document(), EPOCH, dry_run=True)
    with database.write() as session:
        for table in (CustomerRow, AgreementRow, EventRow, NumberSequenceRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert import_customers(session, document(), EPOCH) == dry


def test_a_changed_agreement_is_a_new_version_from_now_on(database: Database, clock: FakeClock) -> None:
    with database.write() as session:
        import_customers(session, document(), clock.now())
    later = clock.advance(3600)
    with database.write() as session:
        report = import_customers(session, document(YAML.replace("{period: 1 hour}", "{period: 2 hours}")), later)
        assert report[1].changes == ("agreement everything, version 2",)
        customer = customer_by_account(session, report[1].account_number)
        before = agreement_for(session, customer.id, "l3vpn", later - timedelta(seconds=1))
        after = agreement_for(session, customer.id, "l3vpn", later)
        assert before is not None
        assert after is not None
        assert (before.version, before.valid_to, after.version, after.valid_to) == (1, later, 2, None)


def test_an_agreement_that_names_the_specification_goes_first(database: Database) -> None:
    with database.write() as session:
        customer = create_customer(session, CustomerData("Acme"), EPOCH)
        agree(session, customer, AgreementTerms("all", "gold", "metered"), since=EPOCH, at=EPOCH)
        agree(session, customer, AgreementTerms("own", "gold", "metered", "l3vpn"), since=EPOCH, at=EPOCH)
        names = [
            found.name if (found := agreement_for(session, customer.id, specification, EPOCH)) else None
            for specification in ("l3vpn", "internet-access")
        ]
        assert names == ["own", "all"]
        assert agreement_for(session, customer.id, "l3vpn", EPOCH - timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            "sla: gold, tariff: metered, valid_from",
            "sla: platinum, tariff: metered, valid_from",
            7,
            "agreements[0].sla: no sla is called 'platinum'",
        ),
        ("tariff: metered, terms", "tariff: free, terms", 12, "no tariff is called 'free'"),
        ("specification: internet-access", "specification: telepathy", 7, "fabd spec list"),
        ("external_id: acme-lab", "external_id: acme", 8, "twice"),
        ("parent: acme", "parent: globex", 10, "no customer has the external id"),
        ("parent: acme", "parent: acme-lab", 10, "above itself"),
        ("{period: 1 hour}", "{period: never}", 12, "terms.sla.period"),
        ("{sla: {period: 1 hour}}", "{slo: {}}", 12, "terms.slo"),
        ("name: Acme Ltd", "name: Acme Ltd\n    currency: SEK", 8, "pays in SEK"),
        ("name: Acme Ltd", "nom: Acme Ltd", 4, "spelling"),
        ("name: Acme Ltd", "name: ''", 4, "at least 1"),
        ("valid_from: 2026-01-01", "valid_from: soon", 7, "valid_from"),
    ],
)
def test_mistakes_are_named_with_their_place(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        document(YAML.replace(old, new, 1))
    assert [problem.line for problem in caught.value.problems if said in str(problem)] == [line]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("vpn,l3vpn,gold", "vpn,l3vpn,platinum", 3, "agreements[1].sla"),
        ("external_id,name", "external_id,nmae", 1, "nmae"),
        ("external_id,name", "id,name", 1, "no such column"),
        ('"Acme, Laboratories"', '"Acme" Laboratories', 4, "not CSV"),
        ("acme-lab,", ",", 4, "external_id"),
    ],
)
def test_mistakes_in_csv_are_named_with_their_line(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        document(CSV.replace(old, new, 1), "c.csv")
    assert line in [problem.line for problem in caught.value.problems if said in str(problem)]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('"Acme, Laboratories"', "Acme, Laboratories", 4, "quotes"),
        ("gold,metered,\n", "gold,metered,,what\n", 3, "more values than columns"),
        (",valid_from\n", ",name\n", 1, "name stands there twice"),
        ("acme,Acme Ltd,noc@acme.example,,vpn", "acme,Acme GmbH,noc@acme.example,,vpn", 3, "'Acme GmbH' here and was 'Acme Ltd'"),
        ("acme,Acme Ltd,noc@acme.example,,vpn", "acme,,noc@globex.example,,vpn", 3, "email of 'acme'"),
        ("acme,Acme Ltd,noc@acme.example,,vpn", "acme,Acme Ltd,noc@acme.example,,internet", 3, "two agreements 'internet'"),
        ("Acme, Laboratories", "Acme\u001b[2J", 4, "cannot be printed"),
    ],
)
def test_a_csv_line_is_never_half_understood(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        document(CSV.replace(old, new, 1), "c.csv")
    assert line in [problem.line for problem in caught.value.problems if said in str(problem)]


@pytest.mark.parametrize(
    "written", [f"\ufeff{CSV}", CSV.replace("\n", "\r\n"), CSV.replace("acme,Acme Ltd,noc@acme.example,,vpn", "acme,,,,vpn")]
)
def test_a_csv_file_as_spreadsheets_write_it_is_the_same_file(written: str) -> None:
    assert document(written, "c.csv") == document(CSV, "c.csv")


def test_a_formula_is_a_name_like_any_other() -> None:
    assert document(CSV.replace("Acme Ltd", "=cmd|calc"), "c.csv").customers[0].name == "=cmd|calc"


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ("{tariff: {currency: SEK}}", "is in SEK, but the customer pays in EUR"),
        ("{sla: {name: platinum}}", "terms.sla.name: terms do not rename"),
        ("{sla: {availability: .nan}}", "finite"),
        ("{sla: {period: 999999999 weeks}}", "hundred years"),
        ("{sla: {anchor_day: 15}}", "for periods of a fixed length write anchor"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(terms: str, said: str) -> None:
    with pytest.raises(InvalidDocument, match=said):
        document(YAML.replace("{sla: {period: 1 hour}}", terms))


def test_terms_with_dates_are_kept_and_are_the_same_the_next_time(database: Database) -> None:
    dated = YAML.replace("{period: 1 hour}", "{period: 1 hour, anchor: 2026-01-15, service_hours: {closed: [2026-12-25]}}")
    with database.write() as session:
        import_customers(session, document(dated), EPOCH)
    with database.write() as session:
        assert [each.outcome for each in import_customers(session, document(dated), EPOCH)] == ["unchanged", "unchanged"]
        agreement = session.scalars(select(AgreementRow).where(AgreementRow.name == "everything")).one()
        sla = agreed_sla(Book(), agreement)
        assert sla.service_hours.closed == (date(2026, 12, 25),)
        assert sla.anchor == datetime(2026, 1, 15, tzinfo=UTC)


def test_no_two_versions_are_in_force_however_they_are_announced(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)

        def announce(number: int, *, since: int, at: int) -> None:
            terms = AgreementTerms("internet", "gold", "metered", terms={"sla": {"period": f"{number} hours"}})
            agree(session, acme.customer, terms, since=EPOCH + since * HOUR, at=EPOCH + at * HOUR)

        announce(2, since=100, at=1)  # a change to come, which is overtaken by one at once
        announce(3, since=2, at=2)
        announce(4, since=0, at=3)
        spans = agreed_spans(session, acme.service, Interval(EPOCH, EPOCH + 200 * HOUR))
        hours = [(row.version, (span.start - EPOCH) // HOUR, (span.end - EPOCH) // HOUR) for row, span in spans]
        assert sorted(hours) == [(1, 0, 2), (3, 2, 3), (4, 3, 200)]


def test_a_customer_with_services_keeps_its_currency(database: Database) -> None:
    in_kronor = CustomerData("Acme", currency="SEK")
    with database.write() as session:
        acme = party(session, EPOCH).customer
        with pytest.raises(CurrencyFixed, match="cannot change to SEK"):
            update_customer(session, acme, in_kronor, EPOCH)
        fresh = create_customer(session, CustomerData("Globex"), EPOCH)
        assert update_customer(session, fresh, CustomerData("Globex", currency="SEK"), EPOCH) == ["currency"]


def test_no_account_is_above_itself_even_over_two_files(database: Database) -> None:
    with database.write() as session:
        import_customers(session, document(), EPOCH)
        known = KnownNames(Book(), (), external_ids(session))
        turned = read_customers("customers: [{external_id: acme, name: Acme Ltd, parent: acme-lab}]", "c.yaml", known)
        with pytest.raises(AccountCircle, match="acme-lab cannot be above"):
            import_customers(session, turned, EPOCH)
