"""Budgets while they last: who is told what, when, and that nothing is reckoned for services that are well."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from agent.assurance.alarms.handling import Word as By
from agent.assurance.alarms.handling import clear, close_unwatched
from agent.assurance.alarms.upkeep import Upkeep
from agent.assurance.levels.budgets import BLIND, BUDGET, BURN, BudgetWatch, longest_window
from agent.assurance.levels.indicators import Reading, record
from agent.assurance.tables import AlarmRow, ServiceStateRow
from agent.config import AssuranceSettings
from crm_bridge.promises import Promises
from crm_bridge.tables import AgreementRow, TicketRow
from crm_bridge.tickets import TicketReport, report
from inventory.maintenance import NewMaintenance, announce
from inventory.reach import Scope
from policies.sla import parse_sla
from policies.values import Severity
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import party

BEGAN = datetime(2026, 2, 1, tzinfo=UTC)
NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
GOLD = """
name: gold
availability: 99.9
unknown: exclude
maintenance: {allowance: 4 hours, notice: 1 day}
target_repair: 4 hours
indicators:
  - {metric: delay, at_most: 30 ms, of_time: 99}
"""
PLAIN = GOLD.partition("indicators")[0]


class Desk:
    """One service of Acme, and a watch over its budget."""

    def __init__(self, database, sla=PLAIN):
        self.database = database
        self.promises = Promises(Book(slas={"gold": parse_sla(sla, "gold.yaml")}))
        self.watch = BudgetWatch(self.promises)
        with database.write() as session:
            self.acme = party(session, BEGAN)
        self.state("up", BEGAN)

    def state(self, state, at):
        with self.database.write() as session:
            last = session.scalars(select(ServiceStateRow).where(ServiceStateRow.end.is_(None))).one_or_none()
            if last is not None:
                last.end = at
            session.add(
                ServiceStateRow(
                    id=f"hlt-{at.isoformat()}",
                    service_id="svc-acme",
                    state=state,
                    start=at,
                    start_earliest=at,
                    start_latest=at,
                    end=None,
                    evidence={},
                )
            )

    def look(self, at):
        with self.database.write() as session:
            return self.watch.look(session, at)

    def alarms(self):
        with self.database.read() as session:
            return session.scalars(select(AlarmRow)).all()

    def standing(self):
        with self.database.read() as session:
            rows = session.scalars(
                select(AlarmRow).where(AlarmRow.cleared_at.is_(None)).order_by(AlarmRow.cause, AlarmRow.qualifier)
            )
            return {(row.cause, row.qualifier): row.severity for row in rows}


@pytest.fixture
def desk(database):
    return Desk(database)


def test_a_service_that_is_well_is_never_reckoned(desk):
    assert [desk.look(NOON + minute * MINUTE).services for minute in range(3)] == [0, 0, 0]
    assert desk.standing() == {}


def test_a_total_outage_pages_within_52_seconds(desk):
    desk.look(NOON)
    desk.state("down", NOON)
    desk.look(NOON + 51 * SECOND)
    assert desk.standing() == {}
    desk.look(NOON + 52 * SECOND)
    assert desk.standing() == {(BURN, "availability"): "critical"}


def test_what_is_spent_is_told_at_half_at_four_fifths_and_when_it_is_gone(desk):
    desk.state("down", NOON)
    # February has 40,320 minutes: a budget of 40.32
    told = {}
    for minute in range(46):
        desk.look(NOON + minute * MINUTE)
        if (severity := desk.standing().get((BUDGET, "availability"))) is not None:
            told.setdefault(severity, minute)
    assert told == {"warning": 21, "minor": 33, "major": 41}


def test_when_it_is_over_the_burning_ends_and_what_is_spent_stays(desk):
    desk.state("down", NOON)
    desk.look(NOON + 25 * MINUTE)
    desk.state("up", NOON + 25 * MINUTE)
    # of the second rule's short window, half an hour, less than eleven seconds are left: 6 * 0.1 %
    for minute in range(26, 27 + 360 + 60, 1):
        desk.look(NOON + minute * MINUTE)
    assert desk.standing() == {(BUDGET, "availability"): "warning"}


def test_in_the_next_period_there_is_a_new_budget(desk):
    desk.state("down", NOON)
    desk.look(NOON + 25 * MINUTE)
    desk.state("up", NOON + 25 * MINUTE)
    march = datetime(2026, 3, 1, tzinfo=UTC)
    desk.look(march - MINUTE)
    assert desk.standing() == {(BUDGET, "availability"): "warning"}
    desk.look(march + MINUTE)
    assert desk.standing() == {}


def test_admitted_maintenance_spends_nothing_and_its_overrun_does(desk):
    with desk.database.write() as session:
        work = NewMaintenance(NOON, NOON + timedelta(hours=1), "software", (Scope("service", "svc-acme"),))
        announce(session, work, NOON - timedelta(days=2), by="noc")
    desk.state("down", NOON)
    for minute in range(60):
        desk.look(NOON + minute * MINUTE)
    assert desk.standing() == {}
    desk.look(NOON + 61 * MINUTE)
    assert desk.standing() == {(BURN, "availability"): "critical"}


def test_maintenance_that_was_written_down_too_late_excuses_nothing(desk):
    with desk.database.write() as session:
        work = NewMaintenance(NOON, NOON + timedelta(hours=1), "software", (Scope("service", "svc-acme"),))
        announce(session, work, NOON + MINUTE, by="noc")
    desk.state("down", NOON)
    desk.look(NOON + 2 * MINUTE)
    assert desk.standing() == {(BURN, "availability"): "critical"}


@pytest.mark.parametrize("kind", ["service", "customer"])
def test_maintenance_over_a_service_or_its_customer_holds_what_its_budget_says(desk, kind):
    """Written down too late for the contract, it still keeps people from being called."""
    scope = Scope(kind, {"service": "svc-acme", "customer": desk.acme.customer.account_number}[kind])
    with desk.database.write() as session:
        announce(session, NewMaintenance(NOON, NOON + HOUR, "new router", (scope,)), NOON, by="noc")
    desk.state("down", NOON)
    desk.look(NOON + 10 * MINUTE)
    assert {each.muted.partition(" ")[0] for each in desk.alarms()} == {"maintenance"}
    assert {each.untold for each in desk.alarms()} == {"raised"}
    upkeep = Upkeep(AssuranceSettings())
    with desk.database.write() as session:
        upkeep.run(session, NOON + 30 * MINUTE)
    assert {each.muted.partition(" ")[0] for each in desk.alarms()} == {"maintenance"}
    with desk.database.write() as session:
        upkeep.run(session, NOON + HOUR)
    assert {each.muted for each in desk.alarms()} == {""}


def test_maintenance_over_another_service_holds_nothing(desk):
    with desk.database.write() as session:
        other = party(session, BEGAN, name="Bolt")
        work = NewMaintenance(NOON, NOON + HOUR, "new router", (Scope("customer", other.customer.account_number),))
        announce(session, work, NOON, by="noc")
    desk.state("down", NOON)
    desk.look(NOON + 10 * MINUTE)
    assert {each.muted for each in desk.alarms()} == {""}


def test_the_longest_window_is_that_of_the_objective_with_the_longest():
    assert longest_window(parse_sla(GOLD, "gold.yaml")) == timedelta(days=3)
    assert longest_window(parse_sla(GOLD + "burn: [{budget: 50, long: 10 days}]", "gold.yaml")) == timedelta(days=10)


def test_a_rule_longer_than_the_period_so_far_looks_back_into_the_one_before(database):
    desk = Desk(database, PLAIN + "burn: [{budget: 60, long: 10 days, short: 2 days}]")
    march = datetime(2026, 3, 1, tzinfo=UTC)
    desk.state("down", march - timedelta(days=9))
    desk.state("up", march - timedelta(days=9) + 20 * MINUTE)
    desk.look(march - timedelta(days=9) + 20 * MINUTE)
    desk.state("down", march + HOUR)
    desk.look(march + HOUR + 7 * MINUTE)
    assert (BURN, "availability") in desk.standing()


def test_a_silent_element_makes_blind_and_burns_nothing(desk):
    desk.state("unknown", NOON)
    desk.look(NOON + 6 * MINUTE)
    assert desk.standing() == {}
    desk.look(NOON + 6 * MINUTE + MINUTE)
    assert desk.standing() == {(BLIND, "availability"): "warning"}
    desk.state("up", NOON + 7 * MINUTE)
    desk.look(NOON + 61 * MINUTE)
    desk.look(NOON + 70 * MINUTE)
    assert desk.standing() == {}


def test_a_watch_that_begins_anew_says_nothing_twice(desk):
    desk.state("down", NOON)
    desk.look(NOON + MINUTE)
    desk.watch = BudgetWatch(desk.promises)
    assert desk.look(NOON + 2 * MINUTE).raised == 0
    with desk.database.read() as session:
        assert [row.count for row in session.scalars(select(AlarmRow))] == [1]


def test_what_somebody_cleared_by_hand_and_still_holds_is_told_again(desk):
    desk.state("down", NOON)
    desk.look(NOON + MINUTE)
    with desk.database.write() as session:
        (alarm,) = session.scalars(select(AlarmRow.id))
        clear(session, [alarm], By("ann"), NOON + MINUTE)
    assert desk.standing() == {}
    desk.look(NOON + 2 * MINUTE)
    assert desk.standing() == {(BURN, "availability"): "critical"}


def test_a_service_to_which_nothing_is_promised_any_more_keeps_no_alarm(desk):
    desk.state("down", NOON)
    desk.look(NOON + MINUTE)
    with desk.database.write() as session:
        session.execute(update(AgreementRow).values(valid_to=NOON + 2 * MINUTE))
    desk.look(NOON + 20 * MINUTE)
    assert desk.standing() == {}


def test_alarms_of_budgets_outlive_a_look_at_the_inventory(desk):
    desk.state("down", NOON)
    desk.look(NOON + MINUTE)
    with desk.database.write() as session:
        assert close_unwatched(session, frozenset({"pe1"}), frozenset(), NOON + MINUTE) == []
    assert desk.standing() == {(BURN, "availability"): "critical"}


def test_a_burning_budget_makes_the_ticket_urgent(desk):
    cut = ("link:pe1--p1", "linkDown", ("svc-acme",), Severity.MINOR, "Link down", "The link is down.")
    with desk.database.write() as session:
        ticket = report(session, TicketReport(desk.acme.customer.id, "prb-1", *cut, due_at=None), NOON)
        assert ticket.priority == "Low"
    desk.state("down", NOON)
    desk.look(NOON + MINUTE)
    desk.look(NOON + 41 * MINUTE)
    with desk.database.read() as session:
        ticket = session.scalars(select(TicketRow)).one()
        assert ticket.priority == "Critical"
        assert "its budget goes too fast" in ticket.notes[0].text
        assert "2 % within 1 hour, 5 % within 6 hours" in ticket.notes[-1].text


def minutes(start, values):
    return [Reading("svc-acme", "delay", start + number * MINUTE, 60, value) for number, value in enumerate(values)]


def test_bad_minutes_burn_the_budget_of_their_own_objective(database):
    desk = Desk(database, GOLD)
    with database.write() as session:
        record(session, desk.promises, minutes(NOON - 60 * MINUTE, [0.02] * 40 + [0.05] * 20), NOON)
    desk.look(NOON)
    # a fifth of the hour is bad, which is 33 times as fast as 1 % allows
    assert desk.standing()[BURN, "delay"] == "critical"
    assert (BURN, "availability") not in desk.standing()


def test_an_indicator_that_is_not_measured_is_blind(database):
    desk = Desk(database, GOLD)
    with database.write() as session:
        record(session, desk.promises, minutes(NOON - 60 * MINUTE, [0.02] * 54 + [None] * 6), NOON)
    desk.look(NOON)
    assert desk.standing() == {}
    desk.look(NOON + 5 * MINUTE)
    assert desk.standing() == {(BLIND, "delay"): "warning"}
