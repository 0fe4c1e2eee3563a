"""Orders, first responses and repairs as cases: due in which period, and in time or not."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.fulfillment.tables import OrderItemRow, OrderRow
from agent.punctuality import cases_of
from crm_bridge.promises import Promises
from crm_bridge.tickets import TicketReport, recovered, report, transition
from crm_bridge.ticketstates import TicketStatus
from policies.sla import parse_sla
from policies.values import Interval, Severity
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import party

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
PERIOD = Interval(JANUARY, FEBRUARY)
HOUR = timedelta(hours=1)
SLA = """
name: gold
availability: 99.9
service_hours: {weekly: [{days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00"}]}
first_response: 1 hour
target_repair: 4 hours
cases:
  - {rule: ordersOnTime, of_cases: 90}
  - {rule: firstResponse, of_cases: 90}
  - {rule: repairOnTime, of_cases: 90}
"""
FRIDAY = datetime(2026, 1, 9, 17, tzinfo=UTC)


class Desk:
    def __init__(self, database):
        self.database = database
        with database.write() as session:
            self.acme = party(session, JANUARY)

    def cases(self, rule, period=PERIOD):
        with self.database.read() as session:
            promise = Promises(Book(slas={"gold": parse_sla(SLA, "gold.yaml")})).of(session, ["svc-acme"], period.start)["svc-acme"]
            return [(case.id, case.due, case.in_time) for case in cases_of(session, promise, period)[rule]]

    def ticket(self, at):
        cut = ("link:pe1--p1", "linkDown", ("svc-acme",), Severity.MAJOR, "Link down", "The link is down.")
        with self.database.write() as session:
            return report(session, TicketReport(self.acme.customer.id, "prb-1", *cut, due_at=None), at).id

    def step(self, ticket, status, at):
        with self.database.write() as session:
            transition(session, ticket, status, actor="noc", reason="", at=at)


@pytest.fixture
def desk(database):
    return Desk(database)


@pytest.mark.parametrize(("hours", "in_time"), [(0.5, True), (1, True), (63.5, False), (64.5, False)])
def test_a_first_response_is_due_within_service_hours(desk, hours, in_time):
    """From Friday five o'clock; 63 hours later it is Monday eight."""
    ticket = desk.ticket(FRIDAY)
    desk.step(ticket, TicketStatus.IN_PROGRESS, FRIDAY + hours * HOUR)
    assert desk.cases("firstResponse") == [(ticket, FRIDAY + HOUR, in_time)]


def test_a_repair_is_due_after_its_service_hours_and_waiting_for_the_customer_does_not_count(desk):
    ticket = desk.ticket(FRIDAY)
    monday = FRIDAY + 63 * HOUR
    desk.step(ticket, TicketStatus.IN_PROGRESS, FRIDAY)
    desk.step(ticket, TicketStatus.PENDING, monday + HOUR)
    desk.step(ticket, TicketStatus.IN_PROGRESS, monday + 6 * HOUR)
    with desk.database.write() as session:
        recovered(session, "prb-1", {}, monday + 8 * HOUR)
    assert desk.cases("repairOnTime") == [(ticket, monday + 3 * HOUR, True)]


def test_what_was_never_answered_is_late(desk):
    ticket = desk.ticket(FRIDAY)
    assert desk.cases("firstResponse") == [(ticket, FRIDAY + HOUR, False)]
    assert desk.cases("repairOnTime") == [(ticket, FRIDAY + 66 * HOUR, False)]


def test_a_case_belongs_to_the_period_in_which_it_was_due(desk):
    ticket = desk.ticket(datetime(2026, 1, 30, 17, tzinfo=UTC))  # a Friday; four hours later it is Monday, in February
    assert desk.cases("repairOnTime") == []
    (found,) = desk.cases("repairOnTime", Interval(FEBRUARY, datetime(2026, 3, 1, tzinfo=UTC)))
    assert found[0] == ticket


@pytest.mark.parametrize(
    ("state", "done", "cases"),
    [
        ("completed", -1, [True]),
        ("completed", 0, [True]),
        ("completed", 1, [False]),
        ("failed", -1, [False]),
        ("cancelled", -1, []),
    ],
)
def test_an_order_is_in_time_when_it_was_completed_by_the_day_that_was_asked_for(desk, state, done, cases):
    wanted = FRIDAY
    order = {"id": "ord-1", "client": "crm", "body_digest": "", "customer": "1", "document": {}, "correlation_id": ""}
    with desk.database.write() as session:
        session.add(
            OrderRow(
                **order,
                state=state,
                order_date=JANUARY,
                requested_completion=wanted,
                completed_at=wanted + done * HOUR,
                items=[
                    OrderItemRow(
                        id="itm-1",
                        reference="1",
                        position=1,
                        action="add",
                        state=state,
                        specification="internet-access",
                        service_id="svc-acme",
                        document={},
                    )
                ],
            )
        )
    assert [in_time for _, _, in_time in desk.cases("ordersOnTime")] == cases
