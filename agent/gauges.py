"""What the database knows of the daemon's work, counted when Prometheus asks."""

from collections.abc import Callable, Iterator
from typing import Any

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from agent.assurance.tables import AlarmRow, ProblemRow
from agent.fulfillment.plan import PlanState
from agent.fulfillment.tables import ElementHoldRow, PlanRow
from agent.metrics import Family, Sample
from crm_bridge.deliveries import snapshot
from crm_bridge.tables import CreditRow, TicketRow, UsageRecordRow, ViolationRow
from crm_bridge.ticketstates import ENDED
from crm_bridge.usagestates import UsageStatus
from inventory.db import Database
from inventory.tables import ServiceRow, WorkItemRow
from policies.values import Clock

log = structlog.get_logger(__name__)

UNFINISHED = (PlanState.WAITING, PlanState.RUNNING, PlanState.IN_DOUBT)


def stored(database: Database, clock: Clock) -> Callable[[], list[Family]]:
    """A source for `Metrics.add`; when the database does not answer, that is what it says."""

    def families() -> list[Family]:
        try:
            with database.read() as session:
                return [_up(1), *_families(session, clock)]
        except SQLAlchemyError as error:
            log.warning("numbers are missing from metrics", error=str(error))
            return [_up(0)]

    return families


def _families(session: Session, clock: Clock) -> Iterator[Family]:
    open_work = WorkItemRow.state.in_(["ready", "claimed", "dead"])
    yield _counted(session, "fabd_work_items", "Work that waits, runs or was given up.", WorkItemRow.state, open_work)
    unfinished = PlanRow.state.in_([state.value for state in UNFINISHED])
    yield _counted(session, "fabd_plans", "Plans that are not finished.", PlanRow.state, unfinished)
    in_doubt = session.scalar(select(func.count()).select_from(ElementHoldRow).where(ElementHoldRow.in_doubt)) or 0
    yield _one("fabd_elements_in_doubt", "Elements whose configuration nobody knows.", in_doubt)
    yield _counted(session, "fabd_services", "Services that are not gone.", ServiceRow.state, ServiceRow.state != "terminated")
    yield _counted(session, "fabd_alarms_active", "Alarms that stand.", AlarmRow.severity, AlarmRow.cleared_at.is_(None))
    yield _counted(session, "fabd_problems_open", "Root causes not repaired.", ProblemRow.state, ProblemRow.state == "open")
    worked_on = TicketRow.status.not_in([status.value for status in ENDED])
    yield _counted(session, "fabd_tickets_open", "Tickets not closed.", TicketRow.status, worked_on)
    rejected = UsageRecordRow.status == UsageStatus.REJECTED.value
    yield _counted(session, "fabd_usage_rejected", "Usage nobody could be found for.", UsageRecordRow.status, rejected)
    yield _totalled(session, "fabd_violations_total", "Objectives missed in periods that were judged.", ViolationRow.rule)
    yield _totalled(session, "fabd_credits_total", "Credits granted.", CreditRow.currency)
    outbox = snapshot(session, clock.now())
    yield _one("fabd_outbox_deliveries_due", "Events that wait for their subscribers.", outbox.due)
    yield _one("fabd_outbox_deliveries_dead", "Events given up; see fabd outbox replay.", outbox.dead)
    yield _one("fabd_outbox_subscriptions_disabled", "Subscribers that get nothing any more.", outbox.disabled_subscriptions)
    yield _one("fabd_outbox_lag_seconds", "Age of the oldest event that waits.", outbox.lag_s)


def _counted(
    session: Session,
    name: str,
    text: str,
    column: InstrumentedAttribute[Any],
    condition: ColumnElement[bool],
) -> Family:
    """By the values of a column, which gives the label its name."""
    rows = session.execute(select(column, func.count()).where(condition).group_by(column).order_by(column))
    return Family(name, "gauge", text, [Sample({column.key: value}, number) for value, number in rows])


def _totalled(session: Session, name: str, text: str, column: InstrumentedAttribute[Any]) -> Family:
    rows = session.execute(select(column, func.count()).group_by(column).order_by(column))
    return Family(name, "counter", text, [Sample({column.key: value}, number) for value, number in rows])


def _one(name: str, text: str, value: float) -> Family:
    return Family(name, "gauge", text, [Sample({}, value)])


def _up(value: int) -> Family:
    return _one("fabd_database_up", "Whether the database answered.", value)
