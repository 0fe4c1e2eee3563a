"""From usage and outages to a bill that adds up, is written once and explains itself. On both databases."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.bill_document import as_json, as_text, bill_document
from crm_bridge.billing import bill, next_period, send, validate_bill
from crm_bridge.errors import (
    BillNeedsReview,
    BillSealed,
    CurrencyConflict,
    NothingToExplain,
    PeriodBilled,
    PeriodOpen,
    UnknownBill,
)
from crm_bridge.explain import Explanation, explain
from crm_bridge.rating import rate
from crm_bridge.tables import BillRow, CreditRow, CustomerRow, RatedLineRow, UsageRecordRow, ViolationRow
from crm_bridge.tickets import TicketReport, report
from crm_bridge.usage import Quality, UsageInput, receive
from crm_bridge.violations import Assessment, Outage, assess
from inventory.db import Database
from policies.tariff import parse_tariff
from policies.values import Interval, Severity, derived_id
from tests.clock import EPOCH
from tests.crm_bridge.book import METERED, Book
from tests.crm_bridge.rows import Party, party

BOOK = Book()
BIN = timedelta(seconds=30)
FIVE = timedelta(minutes=5)
PERIOD = Interval(EPOCH, EPOCH + FIVE)
NEXT = Interval(PERIOD.end, PERIOD.end + FIVE)
DEAR = parse_tariff(METERED.replace("name: metered", "name: dear").replace("10.00", "100.00"), "dear.yaml")
TWO_TARIFFS = Book(tariffs={**BOOK.tariffs, "dear": DEAR})
HALF_GB = 5 * 10**8


def use(
    session: Session, number: int, *, octets: int = HALF_GB, quality: Quality = Quality.MEASURED, at: datetime = PERIOD.end
) -> str:
    start = EPOCH + number * BIN
    source_id = derived_id("use", "svc-acme", "prt-1", "octets", start.isoformat())
    evidence = {"bin": f"bin-{number}", "readings": [f"rdg-{number}", f"rdg-{number + 1}"], "port": "pe1/ge-0/0/1"}
    return receive(
        session,
        UsageInput("counters", source_id, "svc-acme", Interval(start, start + BIN), octets, 0, quality, evidence=evidence),
        at,
    ).id


def outage(start: int, end: int) -> Outage:
    span = Interval(EPOCH + timedelta(seconds=start), EPOCH + timedelta(seconds=end))
    return Outage(span, "prb-1", ("alm-1",), ("obs-1", "obs-2"))


def judge(session: Session, acme: Party, *down: Outage, at: datetime = PERIOD.end) -> Assessment:
    return assess(session, acme.agreement, acme.service.id, PERIOD, down=down, unknown=[], at=at, book=BOOK)


def amounts(row: BillRow) -> list[tuple[str, str]]:
    return [(line.kind, f"{line.amount:f}") for line in row.lines]


def test_the_whole_bill(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        for number in range(10):
            use(session, number)
        judge(session, acme, outage(10, 13))
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        # 10.00 for the period; 5 GB of which the first is free; 99 % of the time up: 10 % of 10.00 back
        assert amounts(row) == [("recurring", "10.00"), ("usage", "0.00"), ("usage", "2.00"), ("credit", "-1.00")]
        assert (row.total, row.number, row.state, row.coverage) == (Decimal(11), 1, "new", Decimal(1))


def test_the_same_period_is_the_same_bill(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        use(session, 0)
        first = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        before = (first.id, first.number, first.total, amounts(first))
    with database.write() as session:
        again = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        assert (again.id, again.number, again.total, amounts(again)) == before
        assert session.scalar(select(func.count(BillRow.id))) == 1
        assert session.scalar(select(func.count(RatedLineRow.id))) == 2


def test_a_draft_takes_in_what_comes_late_and_a_sent_bill_does_not(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        use(session, 0, octets=2 * 10**9)
        assert bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).total == Decimal("10.50")
        use(session, 1)
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        assert row.total == Decimal("10.75")
        send(session, row.id, PERIOD.end)
        late = use(session, 2)
        assert bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).total == Decimal("10.75")
        following = bill(session, acme.customer, NEXT, NEXT.end, book=BOOK)
        assert amounts(following) == [("recurring", "10.00"), ("usage", "0.25")]
        assert following.number == 2
        assert session.get_one(UsageRecordRow, late).status == "rated"
        send(session, following.id, NEXT.end)
        assert session.get_one(UsageRecordRow, late).status == "billed"


def test_usage_is_billed_once_over_all_bills(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        for number in range(20):
            use(session, number, octets=10**9, at=NEXT.end)
        rows = []
        for period in (PERIOD, NEXT):
            row = bill(session, acme.customer, period, NEXT.end, book=BOOK)
            send(session, row.id, NEXT.end)
            rows.append(row)
        # each period of the tariff has a scale of its own: ten GB, one of them free
        assert [row.total for row in rows] == [Decimal("14.50"), Decimal("14.50")]
        assert session.scalars(select(UsageRecordRow.status).distinct()).all() == ["billed"]
        assert session.scalar(select(func.count(RatedLineRow.id)).where(RatedLineRow.bill_line_id.is_(None))) == 0


def test_concurrent_runs_of_one_period_make_one_bill_and_numbers_have_no_gap(database: Database) -> None:
    with database.write() as session:
        parties = [party(session, EPOCH, name) for name in ("Acme", "Globex", "Initech")]
        for number in range(10):
            use(session, number, octets=10**9)

    def run(index: int) -> tuple[str, Decimal]:
        with database.write() as session:
            customer = session.get_one(CustomerRow, parties[index % 3].customer.id)
            row = bill(session, customer, PERIOD, PERIOD.end, book=BOOK)
            return row.id, row.total

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(run, range(12)))
    with database.read() as session:
        assert sorted(session.scalars(select(BillRow.number))) == [1, 2, 3]
        assert session.scalar(select(func.count(RatedLineRow.id))) == 3 + 10
    assert sorted(total for _, total in made) == [Decimal("10.00"), Decimal("10.00"), Decimal("14.50")]


def test_overlapping_periods_are_refused_and_name_the_bill(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        bill(session, acme.customer, PERIOD, NEXT.end, book=BOOK)
        for start, end in ((0, 60), (60, 900), (299, 301)):
            span = Interval(EPOCH + timedelta(seconds=start), EPOCH + timedelta(seconds=end))
            with pytest.raises(PeriodBilled, match="overlaps bill 1"):
                bill(session, acme.customer, span, NEXT.end + FIVE, book=BOOK)
        assert next_period(session, acme.customer, NEXT.end) == NEXT
        assert next_period(session, acme.customer, PERIOD.end) is None


def test_a_bill_on_demand_charges_up_to_the_second_and_the_next_one_the_rest(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        middle = EPOCH + timedelta(seconds=100)
        first = bill(session, acme.customer, Interval(EPOCH, middle), middle, book=BOOK)
        second = bill(session, acme.customer, Interval(middle, PERIOD.end), PERIOD.end, book=BOOK)
        assert (first.total, second.total) == (Decimal("3.33"), Decimal("6.67"))


def test_a_service_pays_only_while_it_was_there(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        acme.service.started_at = EPOCH + timedelta(seconds=60)
        acme.service.ended_at = EPOCH + timedelta(seconds=90)
        assert bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).total == Decimal("1.00")


def test_a_period_is_billed_after_its_end(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        with pytest.raises(PeriodOpen):
            bill(session, acme.customer, PERIOD, PERIOD.end - BIN, book=BOOK)


def test_a_bill_that_was_hardly_measured_is_looked_at_first(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        use(session, 0, quality=Quality.MISSING, octets=0)
        use(session, 1, quality=Quality.INTERPOLATED)
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        assert (row.coverage, row.state) == (Decimal("0.5000"), "onHold")
        with pytest.raises(BillNeedsReview, match=r"50\.0%"):
            send(session, row.id, PERIOD.end)
        validate_bill(session, row.id, PERIOD.end)
        assert send(session, row.id, PERIOD.end).state == "sent"
        with pytest.raises(BillSealed):
            validate_bill(session, row.id, PERIOD.end)


def test_an_unknown_bill_is_named(database: Database) -> None:
    with database.write() as session, pytest.raises(UnknownBill, match="bil-0"):
        send(session, "bil-0", EPOCH)


def test_a_tariff_in_another_currency_stops_the_bill_before_it_is_wrong(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        acme.customer.currency = "SEK"
        with pytest.raises(CurrencyConflict, match="SEK"):
            bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)


def test_rating_again_writes_nothing_new(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        use(session, 0, octets=2 * 10**9)
        first = rate(session, acme.customer, until=PERIOD.end, at=PERIOD.end, book=BOOK)
        again = rate(session, acme.customer, until=PERIOD.end, at=PERIOD.end, book=BOOK)
        assert ((first.records, first.lines), (again.records, again.lines)) == ((1, 2), (0, 0))


def test_usage_that_no_tariff_version_covers_waits_among_the_rejected(database: Database) -> None:
    book = Book(tariffs={"metered": parse_tariff(METERED.replace("2025-01-01", "2027-01-01"), "metered.yaml")})
    with database.write() as session:
        acme = party(session, EPOCH)
        record = use(session, 0)
        assert rate(session, acme.customer, until=PERIOD.end, at=PERIOD.end, book=book).rejected == [record]
        assert "no version" in session.get_one(UsageRecordRow, record).status_reason


@pytest.mark.parametrize(
    ("down", "measured", "percent", "amount"),
    [
        ((0, 0), None, None, None),
        ((0, 1), "99.666666", "10", "1"),
        ((0, 300), "0", "100", "10"),
        ((-60, 31), "89.666666", "100", "10"),
    ],
)
def test_a_missed_objective_gives_the_credit_of_its_tier(
    database: Database, down: tuple[int, int], measured: str | None, percent: str | None, amount: str | None
) -> None:
    with database.write() as session:
        seen = judge(session, party(session, EPOCH), outage(*down))
        if measured is None:
            assert (seen.violation, seen.credit) == (None, None)
            return
        assert seen.violation is not None
        assert seen.credit is not None
        assert (seen.violation.measured, seen.credit.percent, seen.credit.amount) == (
            Decimal(measured),
            Decimal(percent or 0),
            Decimal(amount or 0),
        )


def test_a_period_judged_twice_gives_one_credit(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        first = judge(session, acme, outage(0, 3))
        again = judge(session, acme, outage(0, 30))
        assert (again.violation, again.credit) == (first.violation, first.credit)
    with database.read() as session:
        assert session.scalar(select(func.count(CreditRow.id))) == session.scalar(select(func.count(ViolationRow.id))) == 1


def test_a_period_is_judged_after_its_end(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        with pytest.raises(PeriodOpen, match="svc-acme"):
            judge(session, acme, outage(0, 30), at=PERIOD.end - BIN)


def test_a_service_that_began_in_the_middle_is_judged_by_its_own_time(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        acme.service.started_at = EPOCH + timedelta(seconds=200)
        seen = judge(session, acme, outage(0, 250))
        assert seen.availability.percent == 50
        assert seen.credit is not None
        assert seen.credit.base_amount.quantize(Decimal("0.01")) == Decimal("3.33")


def test_a_credit_is_on_one_bill_only(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        judge(session, acme, outage(0, 3))
        send(session, bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).id, PERIOD.end)
        assert amounts(bill(session, acme.customer, NEXT, NEXT.end, book=BOOK)) == [("recurring", "10.00")]


def test_text_and_json_tell_the_same(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        for number in range(4):
            use(session, number)
        judge(session, acme, outage(10, 13))
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        document = bill_document(session, row)
        text, data = as_text(document), json.loads(json.dumps(as_json(document)))
        assert data["total"] == "9.50"
        assert acme.customer.account_number in text
        assert "Total EUR" in text
        for line in data["lines"]:
            assert line["id"] in text
            assert line["amount"] in text
        assert max(len(line) for line in text.splitlines()) <= 100


def test_every_step_from_a_line_to_its_evidence_is_told(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        for number in range(4):
            use(session, number)
        ticket = report(
            session,
            TicketReport(
                acme.customer.id, "prb-1", "link:a", "linkDown", ("svc-acme",), Severity.MAJOR, "Link a is down", "", None
            ),
            EPOCH,
        )
        judge(session, acme, outage(10, 13))
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        usage_line, credit_line = row.lines[2], row.lines[3]
        assert kinds(explain(session, usage_line.id)) == ["bill line", "rated line", "usage record", "evidence"]
        chain = explain(
            session, credit_line.id, follow=lambda known: Explanation(known, "alarm", "down", {}) if known == "alm-1" else None
        )
        assert kinds(chain) == ["bill line", "credit", "violation", "outage", "alarm"]
        evidence = chain.because[0].because[0].because[0].because
        assert [each.id for each in evidence] == ["alm-1", "obs-1", "obs-2", "prb-1", ticket.id]
        assert explain(session, row.id).because[3].id == credit_line.id


def kinds(node: Explanation) -> list[str]:
    """Down the first branch."""
    return [node.kind, *(kinds(node.because[0]) if node.because else [])]


def test_long_explanations_say_what_they_leave_out(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        for number in range(6):
            use(session, number, octets=10**9 + number)
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        told = explain(session, row.lines[2].id, shown=2)
        # the first of the six was free and stands on another line
        assert (len(told.because), told.left_out) == (2, 3)
        assert [each.facts["quantity"] for each in told.because] == ["1.000000005 GB", "1.000000004 GB"]


def test_what_the_bridge_does_not_know_is_said(database: Database) -> None:
    with database.read() as session, pytest.raises(NothingToExplain, match="xyz-1"):
        explain(session, "xyz-1")


def test_a_draft_forgets_what_turned_out_otherwise(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        assert bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).total == Decimal("10.00")
        acme.service.ended_at = EPOCH + timedelta(seconds=150)
        assert bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).total == Decimal("5.00")
        dearer = METERED[METERED.index("  - version") :].replace('"1"', '"2"').replace("2025-01-01", "2026-01-05T09:01:00Z")
        book = Book(tariffs={"metered": parse_tariff(METERED + dearer.replace("10.00", "20.00"), "metered.yaml")})
        # one minute at 10.00 and one and a half at 20.00 for five
        assert bill(session, acme.customer, PERIOD, PERIOD.end, book=book).total == Decimal("8.00")
        assert session.scalar(select(func.count(RatedLineRow.id))) == 2


def test_a_change_of_the_agreement_within_a_period_charges_each_part_by_its_own_tariff(database: Database) -> None:
    half = EPOCH + timedelta(seconds=150)
    with database.write() as session:
        acme = party(session, EPOCH)
        agree(session, acme.customer, AgreementTerms("internet", "gold", "dear"), since=half, at=half)
        down = [outage(0, 300)]
        seen = assess(session, acme.agreement, acme.service.id, PERIOD, down=down, unknown=[], at=NEXT.end, book=TWO_TARIFFS)
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=TWO_TARIFFS)
        assert amounts(row)[:2] == [("recurring", "5.00"), ("recurring", "50.00")]
        assert seen.credit is not None
        assert (seen.credit.base_amount, amounts(row)[-1]) == (Decimal(55), ("credit", "-55.00"))


def test_a_version_of_an_agreement_is_not_judged_by_the_time_before_it(database: Database) -> None:
    half = EPOCH + timedelta(seconds=150)
    with database.write() as session:
        acme = party(session, EPOCH)
        second, _ = agree(session, acme.customer, AgreementTerms("internet", "gold", "dear"), since=half, at=half)
        seen = assess(session, second, acme.service.id, PERIOD, down=[outage(0, 160)], unknown=[], at=NEXT.end, book=TWO_TARIFFS)
        assert seen.availability.agreed == timedelta(seconds=150)
        assert seen.availability.down == timedelta(seconds=10)


def test_two_versions_over_one_period_give_no_more_back_than_was_paid(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        first = judge(session, acme, outage(0, 300))
        second, _ = agree(
            session, acme.customer, AgreementTerms("internet", "gold", "metered", terms={"sla": {}}), since=EPOCH, at=EPOCH
        )
        again = assess(session, second, acme.service.id, PERIOD, down=[outage(0, 300)], unknown=[], at=NEXT.end, book=BOOK)
        assert first.credit is not None
        assert (first.credit.amount, again.credit) == (Decimal(10), None)


def test_a_period_of_unknown_time_alone_is_no_violation_unless_it_was_agreed_to_count_as_down(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        seen = assess(session, acme.agreement, "svc-acme", PERIOD, down=[], unknown=[PERIOD], at=NEXT.end, book=BOOK)
        assert (seen.availability.ratio, seen.violation) == (None, None)
        acme.agreement.terms = {"sla": {"unknown": "1"}}
        strict = assess(session, acme.agreement, "svc-acme", PERIOD, down=[], unknown=[PERIOD], at=NEXT.end, book=BOOK)
        assert strict.credit is not None
        assert strict.credit.amount == 10


def test_what_is_learnt_after_the_verdict_changes_neither_violation_nor_credit(database: Database) -> None:
    """A tier that the first verdict did not reach is not reached later; the bill may have been sent."""
    with database.write() as session:
        acme = party(session, EPOCH)
        acme.agreement.terms = {"sla": {"credits": [{"below": 99, "percent": 10}]}}
        first = judge(session, acme, outage(0, 1))
        send(session, bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).id, PERIOD.end)
        again = judge(session, acme, outage(0, 299))
        assert first.violation is again.violation
        assert (first.credit, again.credit) == (None, None)


def test_a_service_without_duration_costs_nothing_and_promises_nothing(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        acme.service.ended_at = EPOCH
        assert judge(session, acme, outage(0, 300)).violation is None
        assert amounts(bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)) == []


def test_a_credit_in_another_currency_is_never_taken_for_the_bills_own(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        credit = judge(session, acme, outage(0, 300)).credit
        assert credit is not None
        credit.currency = "SEK"
        with pytest.raises(CurrencyConflict, match=credit.id):
            bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)


def test_the_largest_counters_can_be_added_up_and_billed(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        for number in range(10):
            use(session, number, octets=2**64 - 1)
        row = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        octets = 10 * (2**64 - 1)
        exact = Decimal(octets - 10**9) / 10**9 / 2
        assert row.total == 10 + exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_usage_is_billed_when_the_bill_that_it_stands_on_is_sent(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        first, second = use(session, 0), use(session, 10)
        drafts = [bill(session, acme.customer, period, NEXT.end, book=BOOK).id for period in (PERIOD, NEXT)]
        send(session, drafts[1], NEXT.end)
        assert [session.get_one(UsageRecordRow, each).status for each in (first, second)] == ["rated", "billed"]
        send(session, drafts[0], NEXT.end)
        assert session.get_one(UsageRecordRow, first).status == "billed"


def test_a_bill_that_is_being_sent_is_not_composed_again(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        draft = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK).id
        use(session, 0, octets=3 * 10**9)

    def again() -> tuple[str, Decimal]:
        with database.write() as session:
            row = bill(session, session.get_one(CustomerRow, acme.customer.id), PERIOD, PERIOD.end, book=BOOK)
            return row.state, row.total

    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            send(session, draft, PERIOD.end)
            composing = pool.submit(again)
            wait([composing], timeout=0.3)
        assert composing.result(timeout=60) == ("sent", Decimal("10.00"))


def test_usage_that_arrives_while_a_bill_is_made_comes_with_the_next(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)

    def arrive() -> str:
        with database.write() as session:
            return use(session, 0, octets=3 * 10**9)

    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            row = bill(session, session.get_one(CustomerRow, acme.customer.id), PERIOD, PERIOD.end, book=BOOK)
            arriving = pool.submit(arrive)
            if not database.is_sqlite:  # where there is one writer only, it waits its turn
                arriving.result(timeout=60)
            send(session, row.id, PERIOD.end)
        late = arriving.result(timeout=60)
    with database.write() as session:
        following = bill(session, session.get_one(CustomerRow, acme.customer.id), NEXT, NEXT.end, book=BOOK)
        assert amounts(following) == [("recurring", "10.00"), ("usage", "0.00"), ("usage", "1.00")]
        assert session.get_one(UsageRecordRow, late).status == "rated"


def test_months_across_the_change_of_clocks_add_up_to_their_price(database: Database) -> None:
    berlin = METERED.replace("period: 5 minutes", "period: month\ntime_zone: Europe/Berlin\nanchor_day: 29")
    book = Book(tariffs={"metered": parse_tariff(berlin, "metered.yaml")})
    ends = [datetime(2026, 2, 27, 23, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC)]
    with database.write() as session:
        acme = party(session, ends[0])  # the last of February, in place of a 29th
        parts = [bill(session, acme.customer, Interval(start, end), ends[-1], book=book).total for start, end in pairwise(ends)]
        assert sum(parts) == Decimal("10.00")
        april = Interval(ends[-1], datetime(2026, 4, 28, 22, tzinfo=UTC))
        assert bill(session, acme.customer, april, april.end, book=book).total == Decimal("10.00")
