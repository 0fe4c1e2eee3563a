"""What it costs to judge many services every minute: `python -m bench.objectives --services 10000`.

On SQLite, in one process, CPU seconds of this process. Of every hundred services one has had an outage this month; then one of ten
goes down at once, and at last every minute of an indicator is taken in for all of them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, update
from sqlalchemy.engine import URL

from agent.assurance.levels.budgets import BudgetWatch
from agent.assurance.levels.indicators import Reading, record
from agent.assurance.levels.sla import Judge
from agent.assurance.tables import ServiceStateRow
from agent.tables import metadata
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from crm_bridge.promises import Promises
from inventory.db import Database
from inventory.tables import ServiceRow
from policies.sla import Sla, parse_sla
from policies.tariff import Tariff, parse_tariff

BEGAN = datetime(2026, 2, 1, tzinfo=UTC)
NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLA = """
name: gold
availability: 99.9
maintenance: {allowance: 4 hours, notice: 5 days}
credits: [{below: 99.9, percent: 10}]
"""
TARIFF = """
name: metered
versions: [{version: "1", since: 2025-01-01, charges: [{basis: flat, name: access, title: Access, price: 10.00}]}]
"""
DELAY = "indicators: [{metric: delay, at_most: 30 ms, of_time: 99}]\n"


class Book:
    def __init__(self, sla: str) -> None:
        self._sla, self._tariff = parse_sla(sla, "gold.yaml"), parse_tariff(TARIFF, "metered.yaml")

    def sla(self, _name: str) -> Sla:
        return self._sla

    def tariff(self, _name: str) -> Tariff:
        return self._tariff


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--services", type=int, default=10_000)
    count = arguments.parse_args().services
    with tempfile.TemporaryDirectory() as folder:
        database = Database(URL.create("sqlite", database=str(Path(folder) / "fabd.db")))
        metadata.create_all(database.engine)
        populate(database, count)
        print(json.dumps({"services": count, **measure(database, count)}, indent=2))
        database.close()


def measure(database: Database, count: int) -> dict[str, float]:
    promises = Promises(Book(SLA))
    judge, watch = Judge(Book(SLA)), BudgetWatch(promises)

    def look(at: datetime) -> Callable[[], int]:
        def once() -> int:
            with database.write() as session:
                return watch.look(session, at).services

        return once

    def judged(at: datetime) -> Callable[[], int]:
        def once() -> int:
            with database.write() as session:
                return len(judge.run(session, at))

        return once

    found = {}
    found["judge_first_run_s"], _ = cpu(judged(NOON))
    found["judge_next_run_s"], _ = cpu(judged(NOON + MINUTE))
    found["watch_first_run_s"], found["watch_first_run_services"] = cpu(look(NOON))
    found["watch_quiet_run_s"], found["watch_quiet_run_services"] = cpu(look(NOON + MINUTE))
    go_down(database, count, NOON + MINUTE)
    found["watch_tenth_down_s"], found["watch_tenth_down_services"] = cpu(look(NOON + 2 * MINUTE))
    found["watch_tenth_down_next_s"], found["watch_tenth_down_next_services"] = cpu(look(NOON + 3 * MINUTE))
    measured = Promises(Book(SLA + DELAY))
    minutes = [Reading(f"svc-{number:06d}", "delay", NOON, 60, 0.02 + (number % 50 == 0)) for number in range(count)]
    following = [Reading(each.service_id, each.metric, NOON + MINUTE, 60, each.value) for each in minutes]
    for name, readings in (("indicators_first_minute_s", minutes), ("indicators_next_minute_s", following)):

        def take(readings: list[Reading] = readings) -> int:
            with database.write() as session:
                return record(session, measured, readings, NOON + 2 * MINUTE)

        found[name], _ = cpu(take)
    found["judge_month_s"], found["judge_month_verdicts"] = cpu(judged(datetime(2026, 3, 1, 1, tzinfo=UTC)))
    return found


def cpu(work: Callable[[], int]) -> tuple[float, int]:
    before = time.process_time()
    result = work()
    return round(time.process_time() - before, 3), result


def populate(database: Database, count: int) -> None:
    with database.write() as session:
        customer = create_customer(session, CustomerData("Acme"), BEGAN)
        agreement, _ = agree(session, customer, AgreementTerms("internet", "gold", "metered"), since=BEGAN, at=BEGAN)
        service = {
            "name": "line",
            "specification": "internet-access",
            "specification_version": "1",
            "state": "active",
            "customer": customer.account_number,
            "agreement": agreement.id,
            "characteristics": {},
            "created_at": BEGAN,
            "started_at": BEGAN,
        }
        session.execute(insert(ServiceRow), [{**service, "id": f"svc-{number:06d}"} for number in range(count)])
        session.execute(insert(ServiceStateRow), [state for number in range(count) for state in states(number)])


def states(number: int) -> list[dict[str, object]]:
    outage = BEGAN + timedelta(days=5, minutes=number % 1000)
    edges = [("up", BEGAN), ("down", outage), ("up", outage + 10 * MINUTE)] if number % 100 == 0 else [("up", BEGAN)]
    ends = [*(start for _, start in edges[1:]), None]
    return [state(number, kind, start, end) for (kind, start), end in zip(edges, ends, strict=True)]


def state(number: int, kind: str, start: datetime, end: datetime | None) -> dict[str, object]:
    return {
        "id": f"hlt-{number}-{start.isoformat()}",
        "service_id": f"svc-{number:06d}",
        "state": kind,
        "start": start,
        "start_earliest": start,
        "start_latest": start,
        "end": end,
        "reason": "",
        "evidence": {},
    }


def go_down(database: Database, count: int, at: datetime) -> None:
    with database.write() as session:
        hit = [f"svc-{number:06d}" for number in range(0, count, 10)]
        for begin in range(0, len(hit), 500):
            open_now = (ServiceStateRow.service_id.in_(hit[begin : begin + 500]), ServiceStateRow.end.is_(None))
            session.execute(update(ServiceStateRow).where(*open_now).values(end=at))
        session.execute(insert(ServiceStateRow), [state(number, "down", at, None) for number in range(0, count, 10)])


if __name__ == "__main__":
    main()
