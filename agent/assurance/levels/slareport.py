"""The service level report: of each service and objective what was promised, what was measured, and what stands behind it.

One model for all formats (`agent.reports`), so that a customer reads the same numbers on paper and in a spreadsheet.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.levels.accounts import Account, Spell, accounts
from agent.assurance.levels.impact import DOWN, UNKNOWN
from agent.assurance.levels.sla import CasesOf, no_cases, outages_of
from agent.assurance.tables import ProblemRow
from crm_bridge.book import PolicyBook
from crm_bridge.excuses import Excused
from crm_bridge.promises import Promise, Promises
from crm_bridge.tables import CreditRow, CustomerRow
from inventory.tables import ServiceRow
from policies.breach import forecast
from policies.calendar import zone
from policies.intervals import common
from policies.maintenance import Counted
from policies.periods import month_of
from policies.sla import Sla, UnknownPolicy
from policies.values import Interval, subtract, total
from policies.verdicts import Verdict, verdicts

POLICIES: dict[UnknownPolicy, str] = {"0": "counts as up", "1": "counts as down", "exclude": "counts as no time at all"}
_BY_NAME = frozenset({"current", "previous"})
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class OutageLine:
    """One outage, and how much of it counted."""

    span: Interval
    earliest: datetime
    """With `latest` the bounds of its beginning, as far as it was known."""
    latest: datetime
    counted: timedelta
    excluded: tuple[Interval, ...]
    cause: str
    problem_id: str | None
    ticket_ids: tuple[str, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class CreditLine:
    id: str
    rule: str
    amount: Decimal
    currency: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceReport:
    service_id: str
    name: str
    customer: str
    """Account number."""
    customer_name: str
    agreement: str
    """Name and version."""
    sla: str
    period: Interval
    until: datetime
    """Up to when it is known; the end of a period that is over."""
    time_zone: str
    unknown_counts: str
    objectives: tuple[Verdict, ...]
    budget: timedelta
    """Of availability over the whole period."""
    spent: timedelta
    breach_at: datetime | None
    outages: tuple[OutageLine, ...]
    unknown: tuple[Interval, ...]
    maintenance: tuple[Counted, ...]
    exclusions: tuple[Excused, ...]
    credits: tuple[CreditLine, ...]

    @property
    def is_final(self) -> bool:
        return self.until >= self.period.end


@dataclass(frozen=True, slots=True)
class Which:
    """A period: the present one, the one before, one that begins in a month (2026-01), or the one that holds an instant."""

    text: str = "current"

    def __post_init__(self) -> None:
        """Raises `ValueError`."""
        if self.text not in _BY_NAME and not _MONTH.fullmatch(self.text):
            self._instant()

    def of(self, sla: Sla, at: datetime) -> datetime:
        """An instant within it."""
        if self.text == "current":
            return at
        if self.text == "previous":
            return sla.period_at(at).start - _TICK
        if _MONTH.fullmatch(self.text):
            year, month = map(int, self.text.split("-"))
            return month_of(datetime(year, month, 15, tzinfo=UTC), zone(sla.time_zone)).end - _TICK
        return self._instant()

    def _instant(self) -> datetime:
        try:
            at = datetime.fromisoformat(self.text)
        except ValueError:
            raise ValueError(f"{self.text!r} is no period; write current, previous, a month as 2026-01, or an instant") from None
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class SlaReports:
    """`cases_of` tells of orders and tickets that were due in a period."""

    def __init__(self, book: PolicyBook, cases_of: CasesOf = no_cases) -> None:
        self._promises, self._cases_of = Promises(book), cases_of

    def of(self, session: Session, services: Sequence[str], which: Which, at: datetime) -> list[ServiceReport]:
        """Of one period of each service, as it is known at `at`; services without an SLA then are left out."""
        return [report for service_id in sorted(services) for report in self._one(session, service_id, which, at)]

    def _one(self, session: Session, service_id: str, which: Which, at: datetime) -> Iterator[ServiceReport]:
        """By the version of the agreement that held when the period began, or when the service did."""
        now = self._promises.of(session, [service_id], at).get(service_id)
        if now is None:
            return
        instant = which.of(now.sla, at)
        period = now.sla.period_at(instant)
        began = max(period.start, now.service.started_at or period.start)
        then = self._promises.of(session, [service_id], min(began, at)).get(service_id)
        if then is not None and began < min(period.end, now.service.ended_at or period.end) and period.start <= at:
            yield self._report(session, then, instant, at)

    def _report(self, session: Session, promise: Promise, instant: datetime, at: datetime) -> ServiceReport:
        sla, service = promise.sla, promise.service
        period = sla.period_at(instant)
        until = max(period.start, min(at, period.end))
        begin = period.start if sla.chronic is None else min(period.start, period.end - sla.chronic.within)
        account = accounts(session, {service.id: promise}, Interval(begin, until), period.end)[service.id]
        past = Interval(period.start, until)
        cases = self._cases_of(session, promise, past) if sla.cases else {}
        excuses = account.excuses(period)
        view = forecast(sla, account.health(period, min(until, period.end - _TICK)))
        judged = verdicts(sla, period, account.facts_until(period, until, cases))
        name, customer = _names(session, service.id, service.customer)
        return ServiceReport(
            service_id=service.id,
            name=name,
            customer=service.customer,
            customer_name=customer,
            agreement=f"{promise.agreement.name} (version {promise.agreement.version})",
            sla=sla.title or sla.name,
            period=period,
            until=until,
            time_zone=sla.time_zone,
            unknown_counts=POLICIES[sla.unknown],
            objectives=tuple(judged),
            budget=view.budget,
            spent=view.spent,
            breach_at=view.breach_at,
            outages=tuple(_outages(session, account, past)),
            unknown=tuple(common(account.agreed(period), subtract(_of(account, UNKNOWN, past), _of(account, DOWN, past)))),
            maintenance=excuses.maintenance,
            exclusions=excuses.exclusions,
            credits=tuple(_credits(session, service.id, period)),
        )


def services_of(session: Session, account_number: str) -> list[str]:
    """Ids of all services of a customer that have ever been in operation."""
    statement = select(ServiceRow.id).where(ServiceRow.customer == account_number, ServiceRow.started_at.is_not(None))
    return list(session.scalars(statement.order_by(ServiceRow.id)))


def _of(account: Account, state: str, within: Interval) -> list[Interval]:
    return common([within], [spell.span for spell in account.spells if spell.state == state])


def _outages(session: Session, account: Account, past: Interval) -> Iterator[OutageLine]:
    spells = [spell for spell in account.spells if spell.state == DOWN and spell.span.intersect(past)]
    causes = _causes(session, spells)
    agreed = account.agreed(account.promise.sla.period_at(past.start))
    for spell, outage in zip(spells, outages_of(session, account.promise.service.id, spells), strict=True):
        span = spell.span.intersect(past)
        if span is not None:
            counted = common([span], agreed)
            yield OutageLine(
                span=span,
                earliest=spell.earliest,
                latest=spell.latest,
                counted=total(counted),
                excluded=tuple(subtract([span], counted)),
                cause=causes.get(outage.problem_id or "", spell.reason),
                problem_id=outage.problem_id,
                ticket_ids=outage.ticket_ids,
                open=spell.open,
            )


def _causes(session: Session, spells: Sequence[Spell]) -> dict[str, str]:
    """Problem → what broke."""
    wanted = {problem for spell in spells for problem in spell.evidence.get("problems", [])}
    if not wanted:
        return {}
    rows = session.execute(
        select(ProblemRow.id, ProblemRow.problem_class, ProblemRow.root_object).where(ProblemRow.id.in_(sorted(wanted)))
    )
    return {problem: f"{kind}: {root}" for problem, kind, root in rows}


def _credits(session: Session, service_id: str, period: Interval) -> Iterator[CreditLine]:
    same = (CreditRow.service_id == service_id, CreditRow.period_start == period.start)
    for row in session.scalars(select(CreditRow).where(*same).order_by(CreditRow.rule)):
        yield CreditLine(row.id, row.rule, row.amount, row.currency, row.reason)


def _names(session: Session, service_id: str, account_number: str) -> tuple[str, str]:
    name = session.scalar(select(ServiceRow.name).where(ServiceRow.id == service_id)) or service_id
    customer = session.scalar(select(CustomerRow.name).where(CustomerRow.account_number == account_number)) or account_number
    return name, customer
