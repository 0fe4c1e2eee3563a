"""One ticket per problem and customer, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_bridge.errors import IllegalTransition, UnknownTicket
from crm_bridge.priority import Priority, priority
from crm_bridge.tables import EventRow, TicketRow
from crm_bridge.tickets import TicketReport, annotate, close_resolved, recovered, report, status_log, transition
from crm_bridge.ticketstates import STEPS, StatusChange, TicketStatus, clocks, level
from inventory.db import Database
from policies.calendar import ServiceHours
from policies.values import Interval, Severity
from tests.clock import EPOCH
from tests.crm_bridge.rows import party

S = TicketStatus
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
OFFICE = ServiceHours.model_validate({"weekly": [{"days": ["mon", "tue"], "from": "08:00", "to": "18:00"}]})


@pytest.fixture
def cut(database: Database) -> TicketReport:
    """A link cut that takes the service of one customer down."""
    with database.write() as session:
        customer = party(session, EPOCH - DAY).customer.id
    return TicketReport(
        customer, "prb-1", "link:core-1", "linkDown", ("svc-acme",), Severity.MAJOR, "Link core-1 is down", "…", None, since=EPOCH
    )


def statuses(ticket: TicketRow) -> list[str]:
    return [change.status for change in ticket.changes]


def events(session: Session) -> list[str]:
    types = session.scalars(select(EventRow.type).where(EventRow.type.like("troubleTicket%")).order_by(EventRow.sequence))
    return [name.removeprefix("troubleTicket").removesuffix("Event") for name in types]


def test_a_problem_reported_twice_has_one_ticket_and_one_event(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        first = report(session, cut, EPOCH).id
    with database.write() as session:
        again = report(session, cut, EPOCH + MINUTE)
        assert (again.id, again.repeats, again.updated_at) == (first, 0, EPOCH)
        assert events(session) == ["Create"]


def test_concurrent_reports_of_one_problem_make_one_ticket(database: Database, cut: TicketReport) -> None:
    def once(_: int) -> str:
        with database.write() as session:
            return report(session, cut, EPOCH).id

    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(once, range(24)))
    with database.read() as session:
        assert session.scalar(select(func.count(TicketRow.id))) == 1
    assert len(ids) == 1


def test_every_affected_customer_has_a_ticket_of_its_own(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        other = party(session, EPOCH, "Globex").customer.id
        assert report(session, cut, EPOCH).id != report(session, replace(cut, customer_id=other), EPOCH).id


def test_recovery_resolves_the_ticket_with_the_downtime_on_it(database: Database, cut: TicketReport) -> None:
    outage = Interval(EPOCH, EPOCH + timedelta(seconds=83))
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        assert [each.id for each in recovered(session, "prb-1", {"svc-acme": [outage]}, EPOCH + 2 * MINUTE)] == [ticket.id]
        assert recovered(session, "prb-1", {}, EPOCH + 3 * MINUTE) == []
    with database.read() as session:
        ticket = session.get_one(TicketRow, ticket.id)
        assert statuses(ticket) == ["acknowledged", "inProgress", "resolved"]
        assert (ticket.services[0].down_from, ticket.services[0].down_to) == (outage.start, outage.end)
        assert ticket.resolved_at == EPOCH + 2 * MINUTE
        assert "0:01:23" in ticket.notes[0].text
        assert events(session) == ["Create", "StatusChange", "Resolved"]


def test_a_problem_that_comes_back_within_the_window_reopens_its_ticket(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        recovered(session, "prb-1", {}, EPOCH + MINUTE)
        again = report(session, replace(cut, problem_id="prb-2"), EPOCH + DAY)
        assert (again.id, again.repeats, again.status, again.problem_id) == (ticket.id, 1, "inProgress", "prb-2")
        assert again.resolved_at is None
        assert [each.id for each in recovered(session, "prb-2", {}, EPOCH + DAY + MINUTE)] == [ticket.id]


def test_a_ticket_that_is_opened_again_is_due_by_the_new_outage(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        report(session, replace(cut, due_at=EPOCH + MINUTE), EPOCH)
        recovered(session, "prb-1", {}, EPOCH + MINUTE)
        again = report(session, replace(cut, problem_id="prb-2", due_at=EPOCH + 5 * DAY), EPOCH + DAY)
        assert again.due_at == EPOCH + 5 * DAY


def test_the_window_to_reopen_is_half_open(database: Database, cut: TicketReport) -> None:
    tick = timedelta(microseconds=1)
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        recovered(session, "prb-1", {}, EPOCH)
        assert report(session, replace(cut, problem_id="prb-2"), EPOCH + DAY - tick).id == ticket.id
        recovered(session, "prb-2", {}, EPOCH + DAY)
        assert report(session, replace(cut, problem_id="prb-3"), EPOCH + 2 * DAY).id != ticket.id


def test_two_problems_of_one_object_are_two_tickets_and_end_apart(database: Database, cut: TicketReport) -> None:
    other = replace(cut, problem_id="prb-2", problem_class="elementUnreachable")
    with database.write() as session:
        first, second = report(session, cut, EPOCH), report(session, other, EPOCH)
        assert [each.id for each in recovered(session, "prb-2", {}, EPOCH + MINUTE)] == [second.id]
        assert (first.status, second.status) == ("acknowledged", "resolved")


def test_a_recovery_that_nobody_reported_resolves_nothing(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        assert recovered(session, "prb-0", {}, EPOCH) == []
        assert ticket.status == "acknowledged"


def test_a_problem_that_comes_back_after_the_window_is_a_new_ticket(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        old = report(session, cut, EPOCH)
        recovered(session, "prb-1", {}, EPOCH)
        new = report(session, replace(cut, problem_id="prb-2"), EPOCH + DAY)
        assert new.id != old.id
        assert (old.status, old.open_key, new.status) == ("closed", None, "acknowledged")


def test_a_wider_or_worse_problem_is_written_on_the_same_ticket(database: Database, cut: TicketReport) -> None:
    worse = replace(cut, service_ids=("svc-acme", "svc-two"), severity=Severity.CRITICAL, due_at=EPOCH + DAY)
    with database.write() as session:
        ticket = report(session, replace(cut, due_at=EPOCH + 2 * DAY), EPOCH)
        report(session, worse, EPOCH + MINUTE)
        report(session, replace(cut, severity=Severity.MINOR), EPOCH + 2 * MINUTE)
        assert (ticket.severity, ticket.priority, ticket.due_at, ticket.repeats) == ("critical", "High", EPOCH + DAY, 0)
        assert {each.service_id for each in ticket.services} == {"svc-acme", "svc-two"}
        assert events(session) == ["Create", "AttributeValueChange"]


def test_what_nobody_objects_to_is_closed(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        recovered(session, "prb-1", {}, EPOCH)
        assert close_resolved(session, close_after=DAY, at=EPOCH + DAY - MINUTE) == []
        assert close_resolved(session, close_after=DAY, at=EPOCH + DAY) == [ticket]
        assert ticket.status == "closed"


@pytest.mark.parametrize("wanted", list(S))
@pytest.mark.parametrize(
    ("path", "state"), [((), S.ACKNOWLEDGED), ((S.IN_PROGRESS,), S.IN_PROGRESS), ((S.CANCELLED,), S.CANCELLED)]
)
def test_only_the_steps_of_the_state_machine_are_taken(
    database: Database, cut: TicketReport, path: tuple[S, ...], state: S, wanted: S
) -> None:
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        for step in path:
            transition(session, ticket.id, step, actor="noc", reason="", at=EPOCH)

        def go() -> TicketRow:
            return transition(session, ticket.id, wanted, actor="noc", reason="", at=EPOCH)

        if wanted in STEPS[state]:
            assert go().status == wanted
        else:
            with pytest.raises(IllegalTransition, match=f"is {state} and cannot become {wanted}"):
                go()


@pytest.mark.parametrize(
    "act",
    [
        lambda session: transition(session, "tkt-0", S.CLOSED, actor="noc", reason="", at=EPOCH),
        lambda session: annotate(session, "tkt-0", author="noc", text="?", at=EPOCH),
    ],
)
def test_an_unknown_ticket_is_named(database: Database, act: Callable[[Session], TicketRow]) -> None:
    with database.write() as session, pytest.raises(UnknownTicket, match="tkt-0"):
        act(session)


def test_notes_keep_their_order_within_one_instant(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        for number in range(12):
            annotate(session, ticket.id, author="noc", text=str(number), at=EPOCH)
    with database.read() as session:
        assert [note.text for note in session.get_one(TicketRow, ticket.id).notes] == [str(number) for number in range(12)]


@pytest.mark.parametrize(
    ("severity", "remaining", "expected"),
    [
        (Severity.CRITICAL, None, Priority.HIGH),
        (Severity.MAJOR, Fraction(1, 2), Priority.MEDIUM),
        (Severity.MAJOR, Fraction(1, 4), Priority.HIGH),
        (Severity.CRITICAL, Fraction(1, 4), Priority.CRITICAL),
        (Severity.WARNING, None, Priority.LOW),
        (Severity.WARNING, Fraction(0), Priority.CRITICAL),
    ],
)
def test_priority_rises_as_the_budget_runs_out(severity: Severity, remaining: Fraction | None, expected: Priority) -> None:
    assert priority(severity, remaining) is expected


def log(*steps: tuple[int, S]) -> list[StatusChange]:
    return [StatusChange(EPOCH + minutes * MINUTE, status) for minutes, status in steps]


@pytest.mark.parametrize(
    ("steps", "now", "response", "resolution", "running"),
    [
        ([(0, S.ACKNOWLEDGED)], 10, 10, 10, True),
        ([(0, S.ACKNOWLEDGED), (5, S.IN_PROGRESS)], 10, 5, 10, True),
        ([(0, S.ACKNOWLEDGED), (5, S.IN_PROGRESS), (6, S.PENDING)], 60, 5, 6, False),
        ([(0, S.ACKNOWLEDGED), (5, S.IN_PROGRESS), (6, S.HELD)], 60, 5, 60, True),
        ([(0, S.ACKNOWLEDGED), (5, S.IN_PROGRESS), (6, S.RESOLVED), (50, S.IN_PROGRESS)], 60, 5, 16, True),
        ([(0, S.ACKNOWLEDGED)], 24 * 60, 540 + 60, 540 + 60, True),  # office hours: until 18:00, and from 08:00 to 09:00
        ([(0, S.ACKNOWLEDGED), (5, S.CANCELLED)], 60, 5, 5, False),
    ],
)
def test_the_clocks_are_what_the_log_and_the_calendar_say(
    steps: list[tuple[int, S]], now: int, response: int, resolution: int, running: bool
) -> None:
    seen = clocks(log(*steps), OFFICE, EPOCH + now * MINUTE)
    assert (seen.first_response, seen.resolution, seen.running) == (response * MINUTE, resolution * MINUTE, running)


def test_the_log_of_a_ticket_can_be_folded(database: Database, cut: TicketReport) -> None:
    with database.write() as session:
        ticket = report(session, cut, EPOCH)
        transition(session, ticket.id, S.IN_PROGRESS, actor="noc", reason="on it", at=EPOCH + 3 * MINUTE)
        assert clocks(status_log(ticket), ServiceHours(), EPOCH + 9 * MINUTE).first_response == 3 * MINUTE


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, 0), (29, 0), (30, 50), (45, 75), (60, 100), (71, 100), (72, 120), (999, 120)]
)
def test_escalation_has_four_levels(minutes: int, expected: int) -> None:
    assert level(minutes * MINUTE, timedelta(hours=1)) == expected
