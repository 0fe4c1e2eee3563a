"""Periods that have ended, judged for every objective, once: violations, credits within the cap, and what is kept of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from agent.assurance.levels.indicators import Reading, record
from agent.assurance.levels.sla import Judge
from agent.assurance.tables import ObjectiveResultRow, ServiceStateRow
from crm_bridge.errors import ExclusionRefused
from crm_bridge.exclusions import NewExclusion, exclude
from crm_bridge.maintenance import announce
from crm_bridge.promises import Promises
from crm_bridge.tables import CreditRow, ViolationRow
from inventory.maintenance import NewMaintenance
from inventory.reach import Scope
from policies.sla import parse_sla
from policies.tariff import parse_tariff
from policies.values import Interval
from policies.verdicts import Case
from tests.crm_bridge.book import Book
from tests.crm_bridge.rows import add_service, party

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SLA = """
name: gold
availability: 99.9
maintenance: {allowance: 2 hours, notice: 1 day}
credits: [{below: 99.9, percent: 30}]
indicators: [{metric: delay, at_most: 30 ms, of_time: 99, credits: [{below: 99, percent: 30}]}]
cases: [{rule: repairOnTime, of_cases: 90, credits: [{below: 90, percent: 5}]}]
chronic: {outages: 3, of: 10 minutes, within: 60 days, percent: 50}
cap_percent: 50
"""
TARIFF = """
name: metered
versions: [{version: "1", since: 2025-01-01, charges: [{basis: flat, name: access, title: Access, price: 100.00}]}]
"""
BOOK = Book(slas={"gold": parse_sla(SLA, "gold.yaml")}, tariffs={"metered": parse_tariff(TARIFF, "metered.yaml")})


class Desk:
    def __init__(self, database):
        self.database = database
        with database.write() as session:
            self.acme = party(session, JANUARY)

    def states(self, *edges, service="svc-acme"):
        """(state, start), the last one open."""
        ends = [*(start for _, start in edges[1:]), None]
        with self.database.write() as session:
            for (state, start), end in zip(edges, ends, strict=True):
                bounds = {"start": start, "start_earliest": start, "start_latest": start, "end": end}
                session.add(ServiceStateRow(id=f"{service}-{start}", service_id=service, state=state, evidence={}, **bounds))

    def down(self, *outages):
        edges = [("up", JANUARY)]
        for start, length in outages:
            edges += [("down", start), ("up", start + length)]
        self.states(*edges)

    def judge(self, at, judge=None, **more):
        with self.database.write() as session:
            return (judge or Judge(BOOK)).run(session, at, **more)

    def rows(self, kind, order):
        with self.database.read() as session:
            return session.scalars(select(kind).order_by(order)).all()


@pytest.fixture
def desk(database):
    return Desk(database)


def test_a_period_has_a_result_for_every_objective_and_the_same_run_again_finds_nothing(desk):
    desk.down()
    assert len(desk.judge(FEBRUARY)) == 4
    assert desk.judge(FEBRUARY) == []
    rules = [row.rule for row in desk.rows(ObjectiveResultRow, ObjectiveResultRow.rule)]
    assert rules == ["availability", "chronic", "delay", "repairOnTime"]
    assert desk.rows(ViolationRow, ViolationRow.id) == []


def test_admitted_maintenance_and_excused_time_are_left_out_and_written_down(desk):
    noon = JANUARY + timedelta(days=10, hours=12)
    desk.down((noon, 4 * HOUR))
    with desk.database.write() as session:
        work = NewMaintenance(noon, noon + 3 * HOUR, "software", (Scope("customer", desk.acme.customer.account_number),))
        announce(session, work, noon - timedelta(days=3), by="noc")
        flood = NewExclusion("svc-acme", "forceMajeure", Interval(noon + 2 * HOUR, noon + 3.5 * HOUR), "flood")
        exclude(session, flood, noon + timedelta(days=1), by="boss")
    desk.judge(FEBRUARY)
    result = next(row for row in desk.rows(ObjectiveResultRow, ObjectiveResultRow.rule) if row.rule == "availability")
    # four hours less two of maintenance, all that is allowed, and one and a half of the flood
    assert (result.down_s, result.agreed_s) == (Decimal(1800), Decimal((31 * 24 - 3.5) * 3600))
    assert result.detail["exclusions"][0]["author"] == "boss"
    assert [each["end"] for each in result.detail["maintenance"]] == [(noon + 2 * HOUR).isoformat()]


def test_a_settled_period_stays_as_it_is(desk):
    noon = JANUARY + timedelta(days=10, hours=12)
    desk.down((noon, 4 * HOUR))
    desk.judge(FEBRUARY)
    late = NewExclusion("svc-acme", "forceMajeure", Interval(noon, noon + HOUR), "flood")
    with desk.database.write() as session, pytest.raises(ExclusionRefused, match="is settled by violation vio-"):
        exclude(session, late, FEBRUARY, by="boss")


def test_each_objective_is_credited_once_and_all_of_them_within_the_cap(desk):
    noon = JANUARY + timedelta(days=10, hours=12)
    desk.down(*((noon + timedelta(days=day), HOUR) for day in range(3)))
    bad = [Reading("svc-acme", "delay", noon + number * MINUTE, 60, 0.1) for number in range(600)]
    good = [Reading("svc-acme", "delay", noon + number * MINUTE, 60, 0.01) for number in range(600, 1200)]
    with desk.database.write() as session:
        record(session, Promises(BOOK), [*bad, *good], FEBRUARY)
    late = {"repairOnTime": [Case("tkt-1", noon, in_time=False)]}
    desk.judge(FEBRUARY, Judge(BOOK, lambda *_: late))
    violations = {row.rule: row for row in desk.rows(ViolationRow, ViolationRow.rule)}
    assert set(violations) == {"availability", "delay", "repairOnTime", "chronic"}
    assert [len(violations[rule].evidence["outages"]) for rule in ("availability", "chronic", "delay")] == [3, 3, 0]
    assert violations["delay"].measured == Decimal(50)
    assert violations["repairOnTime"].evidence["late"] == [{"id": "tkt-1", "due": noon.isoformat()}]
    granted = {row.rule: (row.percent, row.amount) for row in desk.rows(CreditRow, CreditRow.rule)}
    assert granted == {"availability": (30, 30), "delay": (30, 20)}  # of a hundred; then the cap of fifty is reached
    assert desk.judge(FEBRUARY) == []


def test_the_chronic_clause_looks_back_over_periods(desk):
    january = JANUARY + timedelta(days=25)
    desk.down((january, 11 * MINUTE), (january + 2 * HOUR, 11 * MINUTE), (FEBRUARY + HOUR, 11 * MINUTE))
    desk.judge(MARCH)
    chronic = [row for row in desk.rows(ObjectiveResultRow, ObjectiveResultRow.period_start) if row.rule == "chronic"]
    assert [(row.measured, row.violation_id is not None) for row in chronic] == [(2, False), (3, True)]


def test_a_limit_leaves_the_rest_to_the_next_run(desk):
    with desk.database.write() as session:
        for number in range(3):
            add_service(session, desk.acme.customer, desk.acme.agreement, f"svc-{number}", JANUARY)
    judge = Judge(BOOK)
    found = [len(desk.judge(FEBRUARY, judge, limit=1)) for _ in range(3)]
    assert sum(found) == 4 * 4
    assert found[-1] == 0
