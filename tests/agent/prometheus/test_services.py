"""Numbers of services: how they are, and what is left of what was promised."""

from decimal import Decimal

import pytest
from sqlalchemy import delete

from agent.assurance.levels.indicators import Reading, record
from agent.assurance.tables import ObjectiveResultRow
from agent.prometheus.services import of_services
from crm_bridge.promises import Promises
from inventory.tables import ServiceRow
from policies.sla import parse_sla
from tests.agent.assurance.levels.test_budgets import BEGAN, GOLD, HOUR, MINUTE, NOON, PLAIN, Desk
from tests.clock import FakeClock
from tests.crm_bridge.book import Book

SERVICE = {"service_id": "svc-acme"}


class Page:
    def __init__(self, database, sla=PLAIN):
        self.desk, self.clock = Desk(database, sla), FakeClock(NOON)
        self.book = Book(slas={"gold": parse_sla(sla, "gold.yaml")})
        self.families = of_services(database, self.clock, self.book)

    def shown(self):
        return {
            (family.name, sample.labels.get("rule", "")): sample.value for family in self.families() for sample in family.samples
        }


@pytest.fixture
def page(database):
    return Page(database)


def test_names_are_on_the_information_alone(page):
    (info,) = [family for family in page.families() if family.name == "fabd_service_info"]
    assert set(info.samples[0].labels) == {"service_id", "name", "customer_id", "customer", "specification"}
    others = [sample for family in page.families() if family is not info for sample in family.samples if family.name != info.name]
    assert all(set(sample.labels) <= {"service_id", "rule"} for sample in others)


def test_a_service_is_up_down_or_not_known(page):
    assert page.shown()["fabd_service_up", ""] == 1
    assert page.shown()["fabd_service_state_change_timestamp_seconds", ""] == BEGAN.timestamp()
    page.desk.state("down", NOON - HOUR)
    assert page.shown()["fabd_service_up", ""] == 0
    page.desk.state("unknown", NOON)
    assert ("fabd_service_up", "") not in page.shown()


def test_what_is_spent_of_a_budget_is_a_share_of_it_and_a_minute_old_at_most(page):
    shown = page.shown()
    assert shown["fabd_objective_target_ratio", "availability"] == 0.999
    assert shown["fabd_objective_budget_spent_ratio", "availability"] == 0
    page.desk.state("down", NOON - HOUR)
    page.desk.state("up", NOON - HOUR + 20 * MINUTE)
    assert page.shown()["fabd_objective_budget_spent_ratio", "availability"] == 0
    page.clock.advance(60)
    assert page.shown()["fabd_objective_budget_spent_ratio", "availability"] == pytest.approx(20 / (28 * 24 * 60 * 0.001))


def test_an_objective_that_will_be_missed_says_when(page):
    assert ("fabd_objective_breach_timestamp_seconds", "availability") not in page.shown()
    page.desk.state("down", NOON)
    page.clock.advance(61)
    breach = NOON.timestamp() + 28 * 24 * 3600 * 0.001
    assert page.shown()["fabd_objective_breach_timestamp_seconds", "availability"] == pytest.approx(breach)


def test_measured_objectives_and_the_latest_minute_are_shown(database):
    page = Page(database, GOLD)
    with database.write() as session:
        minutes = [Reading("svc-acme", "delay", NOON - n * MINUTE, 60, 0.01 * n) for n in (2, 1, 9)]
        record(session, Promises(page.book), minutes, NOON)
    shown = page.shown()
    assert shown["fabd_service_delay_seconds", ""] == 0.01
    assert ("fabd_service_loss_ratio", "") not in shown
    assert shown["fabd_objective_target_ratio", "delay"] == 0.99
    page.clock.advance(600)
    assert ("fabd_service_delay_seconds", "") not in page.shown()


def test_of_periods_that_ended_the_last_one_is_shown(page, database):
    for number, measured in ((2, "99.95"), (1, "98.5")):
        end = NOON - number * 24 * HOUR
        with database.write() as session:
            session.add(
                ObjectiveResultRow(
                    id=f"r{number}",
                    service_id="svc-acme",
                    agreement_id="agr",
                    rule="availability",
                    period_start=end - HOUR,
                    period_end=end,
                    objective=Decimal(99),
                    measured=Decimal(measured),
                    agreed_s=Decimal(1),
                    down_s=Decimal(0),
                    unknown_s=Decimal(0),
                    judged_at=end,
                )
            )
    assert page.shown()["fabd_objective_last_period_ratio", "availability"] == 0.985


def test_services_that_are_gone_are_not_shown(page, database):
    with database.write() as session:
        session.get_one(ServiceRow, "svc-acme").state = "terminated"
    assert page.shown() == {}


def test_a_database_that_does_not_answer_shows_nothing(page, database):
    with database.write() as session:
        session.execute(delete(ServiceRow).where(ServiceRow.id == "none"))
        session.connection().exec_driver_sql("DROP TABLE indicator")
    assert page.shown() == {}
