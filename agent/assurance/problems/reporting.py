"""From a problem to its tickets: one per affected customer, due before the SLA of the services breaks."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.levels.accounts import accounts
from agent.assurance.levels.health import clip, history, troubled
from agent.assurance.levels.impact import DOWN
from agent.assurance.tables import ProblemRow
from crm_bridge.book import PolicyBook
from crm_bridge.customers import customer_by_account
from crm_bridge.errors import UnknownCustomer
from crm_bridge.promises import Promises
from crm_bridge.tables import TicketRow
from crm_bridge.tickets import TicketReport, recovered, report
from inventory.tables import ServiceRow
from policies.breach import RATE_WINDOWS, Forecast, forecast, repair_due, repair_expected
from policies.sla import Sla
from policies.values import Interval, Severity

log = structlog.get_logger(__name__)

TEXTS = {
    "linkDown": "The link {name} is down.",
    "linkSilent": "The link {name} passes nothing, though the ports at both of its ends are up.",
    "portDown": "The port {name} is down.",
    "elementUnreachable": "The network element {name} does not answer; the state of its services is not known.",
}


class Reporter:
    """`book` tells what was agreed; without an agreement a ticket has no due time."""

    def __init__(self, book: PolicyBook) -> None:
        self._promises = Promises(book)

    def report(
        self, session: Session, problem: ProblemRow, severity: Severity, at: datetime, *, told: Iterable[str] = ()
    ) -> list[str]:
        """A ticket for every customer with a service in `problem.evidence["services"]`; customers in `told` have one already."""
        services = _services(session, problem.evidence.get("services", ()))
        spared = set(told)
        tickets = []
        for number in sorted({service.customer for service in services}):
            try:
                customer = customer_by_account(session, number)
            except UnknownCustomer as error:
                log.warning("no ticket", problem=problem.id, customer=number, reason=str(error))
                continue
            if customer.id not in spared:
                own = [service for service in services if service.customer == number]
                tickets.append(
                    report(
                        session, self._report_of(session, problem, own, severity=severity, customer_id=customer.id, at=at), at
                    ).id
                )
        return tickets

    def recovered(self, session: Session, problem: ProblemRow, at: datetime) -> None:
        """The problem is over: resolve its tickets, with the exact outages of every service."""
        span = Interval(problem.opened_at, max(problem.opened_at, at))
        outages = {
            service_id: [
                outage
                for row in history(session, service_id, span)
                if row.state == DOWN and (outage := clip(row, span)) is not None
            ]
            for service_id in problem.evidence.get("services", ())
        }
        recovered(session, problem.id, outages, at)

    def _report_of(
        self,
        session: Session,
        problem: ProblemRow,
        services: Sequence[ServiceRow],
        *,
        severity: Severity,
        customer_id: str,
        at: datetime,
    ) -> TicketReport:
        ids = tuple(service.id for service in services)
        forecasts = self._forecasts(session, ids, at)
        due = [instant for sla, view in forecasts if (instant := repair_due(sla, view.breach_at, at)) is not None]
        down = [row.start for row in troubled(session, ids).values()]
        return TicketReport(
            customer_id=customer_id,
            problem_id=problem.id,
            root_object=problem.root_object,
            problem_class=problem.problem_class,
            service_ids=ids,
            severity=severity,
            name=f"{problem.problem_class}: {problem.root_object}",
            description=_description(problem, services),
            due_at=min(due, default=None),
            expected_at=min((repair_expected(sla, view.breach_at, at) for sla, view in forecasts), default=None),
            remaining_budget=min((view.remaining_share for _, view in forecasts), default=None),
            reopen_window=min((sla.reopen_window for sla, _ in forecasts), default=timedelta(hours=24)),
            since=min(down, default=problem.opened_at),
        )

    def _forecasts(self, session: Session, services: Sequence[str], at: datetime) -> list[tuple[Sla, Forecast]]:
        """Of the availability of each of them that anything was promised for."""
        promises = self._promises.of(session, services, at)
        if not promises:
            return []
        periods = {key: promise.sla.period_at(at) for key, promise in promises.items()}
        since = min([at - max(RATE_WINDOWS), *(period.start for period in periods.values())])
        known = accounts(session, promises, Interval(since, at), max(period.end for period in periods.values()))
        return [
            (promise.sla, forecast(promise.sla, known[key].health(periods[key], at))) for key, promise in sorted(promises.items())
        ]


def told_already(session: Session, problems: Iterable[str]) -> frozenset[str]:
    """Customers with a ticket for any of these problems."""
    statement = select(TicketRow.customer_id).where(TicketRow.problem_id.in_(list(problems)))
    return frozenset(session.scalars(statement))


def _services(session: Session, ids: Iterable[str]) -> list[ServiceRow]:
    statement = select(ServiceRow).where(ServiceRow.id.in_(list(ids)), ServiceRow.state == "active")
    return list(session.scalars(statement.order_by(ServiceRow.id)))


def _description(problem: ProblemRow, services: Sequence[ServiceRow]) -> str:
    name = problem.root_object.partition(":")[2]
    text = TEXTS.get(problem.problem_class, "{name} is in trouble.").format(name=name)
    listed = ", ".join(f"{service.name} ({service.id})" for service in services)
    return f"{text} Since {problem.opened_at.isoformat()}. Affected: {listed}."
