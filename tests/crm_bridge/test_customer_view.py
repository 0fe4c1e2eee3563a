"""One customer at a glance, on both databases."""

from datetime import timedelta
from decimal import Decimal

from crm_bridge.billing import bill, send
from crm_bridge.customer_view import Balance, balance, children, recent_violations
from crm_bridge.rating import rate
from crm_bridge.usage import UsageInput, receive
from crm_bridge.violations import Outage, assess
from inventory.db import Database
from policies.values import Interval
from tests.clock import EPOCH
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import party

FIVE = timedelta(minutes=5)
PERIOD = Interval(EPOCH, EPOCH + FIVE)
BOOK = Book()


def test_a_view_shows_who_is_below_what_was_missed_and_what_is_owed(database: Database) -> None:
    with database.write() as session:
        acme = party(session, EPOCH)
        globex = party(session, EPOCH, "Globex")
        globex.customer.parent_id = acme.customer.id
        acme_bill = bill(session, acme.customer, PERIOD, PERIOD.end, book=BOOK)
        later = Interval(PERIOD.end, PERIOD.end + FIVE)
        receive(session, UsageInput("radius", "1", acme.service.id, later, 3 * 10**9, 0), later.end)
        rate(session, acme.customer, until=later.end, at=later.end, book=BOOK)
        outage = Outage(Interval(later.start, later.start + timedelta(seconds=3)))
        assess(session, acme.agreement, acme.service.id, later, down=[outage], unknown=[], at=later.end, book=BOOK)
        assert [each.name for each in children(session, acme.customer)] == ["Globex"]
        assert [each.measured for each in recent_violations(session, acme.customer)] == [Decimal(99)]
        assert balance(session, acme.customer) == Balance(Decimal(0), acme_bill.total, Decimal("0.00"))
        send(session, acme_bill.id, later.end)
        assert balance(session, acme.customer).billed == acme_bill.total
