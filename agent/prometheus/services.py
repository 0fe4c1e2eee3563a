"""Numbers of services and of what was promised for them, for `/metrics/services`: read from the database when Prometheus asks."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from agent.assurance.levels.impact import DOWN, UP
from agent.assurance.tables import IndicatorRow, ObjectiveResultRow, ServiceStateRow
from agent.metrics import Family, Sample
from agent.prometheus.budgets import Budget, BudgetBook
from crm_bridge.book import PolicyBook
from crm_bridge.tables import CustomerRow
from inventory.db import Database
from inventory.tables import ServiceRow
from policies.values import Clock

log = structlog.get_logger(__name__)

RECENT = timedelta(minutes=5)
"""How long a measurement is shown that no other followed."""
PERIODS = timedelta(days=100)
"""How long ago the last judged period of a service may have ended."""
INDICATORS = {
    "delay": ("fabd_service_delay_seconds", "Delay of the service, there and back as measured"),
    "jitter": ("fabd_service_jitter_seconds", "Variation of the delay"),
    "loss": ("fabd_service_loss_ratio", "Share of test packets that were lost"),
    "throughput": ("fabd_service_throughput_bits_per_second", "Throughput of the service, as measured"),
}

Families = Callable[[], Sequence[Family]]


def of_services(database: Database, clock: Clock, book: PolicyBook) -> Families:
    """When the database does not answer there is nothing, and `/metrics` says why."""
    budgets = BudgetBook(book)

    def families() -> Sequence[Family]:
        try:
            with database.read() as session:
                return [*_services(session), *_objectives(session, budgets, clock.now()), *_measured(session, clock.now())]
        except SQLAlchemyError as error:
            log.warning("numbers of services are missing from metrics", error=str(error))
            return []

    return families


def _services(session: Session) -> Iterator[Family]:
    names = ("service_id", "name", "customer_id", "customer", "specification")
    columns = (ServiceRow.id, ServiceRow.name, ServiceRow.customer, func.coalesce(CustomerRow.name, ""), ServiceRow.specification)
    known = select(*columns).join(CustomerRow, CustomerRow.account_number == ServiceRow.customer, isouter=True)
    rows = session.execute(known.where(ServiceRow.state == "active").order_by(ServiceRow.id)).all()
    info = [Sample(dict(zip(names, row, strict=True)), 1) for row in rows]
    yield Family("fabd_service_info", "gauge", "Active services by their names.", info)
    row = ServiceStateRow
    standing = session.execute(
        select(row.service_id, row.state, row.start)
        .join(ServiceRow, ServiceRow.id == row.service_id)
        .where(row.end.is_(None), ServiceRow.state == "active")
        .order_by(row.service_id)
    ).all()
    up = [Sample({"service_id": each}, int(state == UP)) for each, state, _ in standing if state in {UP, DOWN}]
    yield Family("fabd_service_up", "gauge", "Whether the service works; no series while that is not known.", up)
    since = [Sample({"service_id": each}, start.timestamp()) for each, _, start in standing]
    yield Family("fabd_service_state_change_timestamp_seconds", "gauge", "Since when the service is as it is.", since)


def _objectives(session: Session, book: BudgetBook, at: datetime) -> Iterator[Family]:
    budgets = book.of_all(session, at)
    target = [(each, float(each.target / 100)) for each in budgets]
    yield _of_budgets("fabd_objective_target_ratio", "What is promised, as a share of the agreed time.", target)
    spent = [(each, each.spent) for each in budgets]
    yield _of_budgets("fabd_objective_budget_spent_ratio", "Share of the period's allowed bad time that is gone.", spent)
    breach = [(each, each.breach_at.timestamp()) for each in budgets if each.breach_at is not None]
    yield _of_budgets("fabd_objective_breach_timestamp_seconds", "When the objective is missed if it goes on like this.", breach)
    yield Family("fabd_objective_last_period_ratio", "gauge", "What was measured of the period judged last.", _judged(session, at))


def _of_budgets(name: str, text: str, values: Sequence[tuple[Budget, float]]) -> Family:
    return Family(
        name, "gauge", text, [Sample({"service_id": each.service_id, "rule": each.rule}, value) for each, value in values]
    )


def _judged(session: Session, at: datetime) -> list[Sample]:
    row = ObjectiveResultRow
    columns = (row.service_id, row.rule, row.measured)
    recent = select(*columns).where(row.period_end > at - PERIODS, row.measured.is_not(None)).order_by(row.period_end)
    latest = {(service_id, rule): float((measured or 0) / 100) for service_id, rule, measured in session.execute(recent)}
    return [Sample({"service_id": service_id, "rule": rule}, value) for (service_id, rule), value in sorted(latest.items())]


def _measured(session: Session, at: datetime) -> Iterator[Family]:
    row = IndicatorRow
    recent = (row.start > at - RECENT, row.value.is_not(None), row.metric.in_(INDICATORS))
    found = session.execute(select(row.service_id, row.metric, row.value).where(*recent).order_by(row.start))
    latest = {(metric, service_id): value for service_id, metric, value in found if value is not None}
    for metric, (name, text) in INDICATORS.items():
        samples = [Sample({"service_id": each}, value) for (of, each), value in sorted(latest.items()) if of == metric]
        yield Family(name, "gauge", f"{text}; the latest minute.", samples)
