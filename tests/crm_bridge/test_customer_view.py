"""One customer at a glance, on both databases."""

from datetime import timedelta
from decimal import Decimal

from crm_bridge.billing import bill, send
from crm_bridge.customer_view import customer_view
from crm_bridge.rating import rate
from crm_bridge.tickets import TicketReport, recovered, report
from crm_bridge.usage import UsageInput, receive
from crm_bridge.violations import Outage, assess
from inventory.db import Database
from policies.values import Interval, Severity
from tests.clock import EPOCH
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import add_service, party

FIVE = timedelta(minutes=5)
PERIOD = Interval(EPOCH, EPOCH + FIVE)
BOOK = Book()


def test_the_view_shows_what_is_open_and_what_is_owed(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        globex = party(session, EPOCH, "Globex")
        globex.customer.parent_id = acme.customer.id
        add_service(session, acme.customer, acme.agreement, "svc-old", EPOCH).state = "terminated"
        for customer, problem in ((acme.customer, "prb-1"), (acme.customer, "prb-2"), (globex.customer, "prb-2")):
            report(session, TicketReport(customer.id, problem, problem, "linkDown", (), Severity.MAJOR, problem, "", None), EPOCH)
        recovered(session, "prb-1", {}, EPOCH)
        acme_bill = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        later = Interval(PERIOD.end, PERIOD.end + FIVE)
        receive(session, UsageInput("radius", "1", acme.service.id, later, 3 * 10**9, 0), later.end)
        rate(session, acme.customer, until=later.end, at=later.end, book=BOOK)
        outage = Outage(Interval(later.start, later.start + timedelta(seconds=3)))
        assess(session, acme.agreement, acme.service.id, later, down=[outage], unknown=[], at=later.end, book=BOOK)
        view = customer_view(session, acme.customer, later.end)
        assert [each.name for each in view.children] == ["Globex"]
        assert [each.id for each in view.services] == ["svc-acme"]  # not the terminated one
        assert [each.problem_id for each in view.tickets] == ["prb-2"]
        assert [each.measured for each in view.violations] == [Decimal(99)]
        assert [each.id for each in view.agreements] == [acme.agreement.id]
        assert (view.balance.billed, view.balance.draft, view.balance.unbilled) == (Decimal(0), acme_bill.total, Decimal("0.00"))
        send(session, acme_bill.id, later.end)
        assert customer_view(session, acme.customer, later.end).balance.billed == acme_bill.total
