"""Missed objectives and the credits for them: once per agreement, service, rule and period, with the evidence kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.agreements import agreed_spans
from crm_bridge.book import PolicyBook, agreed_sla, agreed_tariff
from crm_bridge.errors import PeriodOpen
from crm_bridge.excuses import Excuses
from crm_bridge.once import insert_once
from crm_bridge.outbox import publish
from crm_bridge.rating import lifetime
from crm_bridge.tables import AgreementRow, CreditRow, ViolationRow
from inventory.tables import ServiceRow
from policies.intervals import common
from policies.money import EXACT, exact_sum
from policies.rating import recurring_fee
from policies.sla import Availability, Sla
from policies.values import Interval, derived_id, subtract
from policies.verdicts import Facts, Verdict, verdicts


@dataclass(frozen=True, slots=True)
class Outage:
    """One stretch of downtime of a service, with the ids of what it is known from."""

    span: Interval
    problem_id: str | None = None
    alarm_ids: tuple[str, ...] = ()
    observation_ids: tuple[str, ...] = ()
    ticket_ids: tuple[str, ...] = ()

    def as_evidence(self) -> dict[str, Any]:
        return {
            "start": self.span.start.isoformat(),
            "end": self.span.end.isoformat(),
            "seconds": str(self.span.duration.total_seconds()),
            "problem": self.problem_id,
            "alarms": list(self.alarm_ids),
            "observations": list(self.observation_ids),
            "tickets": list(self.ticket_ids),
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an objective was and what follows: no violation where it was kept, no credit where no tier was reached."""

    verdict: Verdict
    violation: ViolationRow | None
    credit: CreditRow | None

    @property
    def availability(self) -> Availability:
        """Of an objective over time."""
        if self.verdict.time is None:
            raise TypeError(f"{self.verdict.rule} counts cases, not time")
        return self.verdict.time


@dataclass(frozen=True, slots=True)
class Settling:
    """One period of one service, once it is over."""

    agreement: AgreementRow
    service: ServiceRow
    sla: Sla
    period: Interval
    excuses: Excuses


def assess(
    session: Session,
    agreement: AgreementRow,
    service_id: str,
    period: Interval,
    *,
    down: Sequence[Outage],
    unknown: Iterable[Interval],
    at: datetime,
    book: PolicyBook,
    excluded: Iterable[Interval] = (),
) -> Assessment:
    """Judge the availability of one service in one period by what is given.

    `excluded` is admitted maintenance. Time before the agreement's version or the service began, and after the service's end, is
    left out by itself. Raises `PeriodOpen`.
    """
    service, sla = session.get_one(ServiceRow, service_id), agreed_sla(book, agreement)
    excuses = Excuses(absent=(*excluded, *subtract([period], [alive(agreement, service, period)])))
    case = Settling(agreement, service, sla, period, excuses)
    facts = Facts(down=[each.span for each in down], unknown=list(unknown), excluded=excuses.spans)
    counted = sla.agreed(period, excuses.spans)
    outages = [each for each in down if common([each.span], counted)]
    return settle(session, case, verdicts(sla, period, facts)[0], outages=outages, at=at, book=book)


def settle(
    session: Session,
    case: Settling,
    verdict: Verdict,
    *,
    outages: Sequence[Outage] = (),
    evidence: Mapping[str, Any] | None = None,
    at: datetime,
    book: PolicyBook,
) -> Assessment:
    """Write a missed objective down; the same period again gives the same rows, whatever is known by then.

    `outages`: those that counted. Raises `PeriodOpen` before the end of the period: a credit's tier is not known earlier.
    """
    if at < case.period.end:
        raise PeriodOpen(f"service {case.service.id}", case.period, at)
    if verdict.kept:
        return Assessment(verdict, None, None)
    writing = _Writing(case, verdict, at)
    kept = {"outages": [each.as_evidence() for each in outages], **(evidence or {})}
    violation, new = _violation(session, writing, kept)
    if new:
        _grant(session, writing, violation, book=book)
    credit = session.get(CreditRow, writing.id("crd"))
    if new:
        _tell(session, violation, credit, at)
    return Assessment(verdict, violation, credit)


def alive(agreement: AgreementRow, service: ServiceRow, period: Interval) -> Interval:
    """The part of the period in which the service was there and this version of the agreement had begun."""
    there = lifetime(service, period)
    return Interval(min(max(there.start, agreement.valid_from), there.end), there.end)


@dataclass(frozen=True, slots=True)
class _Writing:
    case: Settling
    verdict: Verdict
    at: datetime

    @property
    def key(self) -> dict[str, Any]:
        """What a violation and its credit are unique by."""
        return {
            "agreement_id": self.case.agreement.id,
            "service_id": self.case.service.id,
            "rule": self.verdict.rule,
            "period_start": self.case.period.start,
        }

    def id(self, prefix: str) -> str:
        case = self.case
        return derived_id(prefix, case.agreement.id, case.service.id, self.verdict.rule, case.period.start.isoformat())


def _violation(session: Session, writing: _Writing, evidence: Mapping[str, Any]) -> tuple[ViolationRow, bool]:
    row_id, verdict, case = writing.id("vio"), writing.verdict, writing.case
    time = verdict.time
    new = insert_once(
        session,
        ViolationRow,
        {
            **writing.key,
            "id": row_id,
            "period_end": case.period.end,
            "objective": verdict.objective,
            "measured": verdict.measured or Decimal(0),
            "down_s": _seconds(time.down if time else timedelta()),
            "unknown_s": _seconds(time.unknown if time else timedelta()),
            "agreed_s": _seconds(time.agreed if time else timedelta()),
            "evidence": {
                **evidence,
                "unknown_counts_as": case.sla.unknown,
                **case.excuses.as_evidence(),
                "said": verdict.reason,
            },
            "found_at": writing.at,
        },
    )
    return session.get_one(ViolationRow, row_id), new


def _grant(session: Session, writing: _Writing, violation: ViolationRow, *, book: PolicyBook) -> None:
    case, verdict = writing.case, writing.verdict
    fee = _fee(session, case, book)
    amount = _capped(session, writing, _share(fee, verdict.percent), _share(fee, case.sla.cap_percent))
    if amount <= 0:
        return
    values = {
        **writing.key,
        "id": writing.id("crd"),
        "customer_id": case.agreement.customer_id,
        "period_end": case.period.end,
        "violation_id": violation.id,
        "percent": verdict.percent,
        "base_amount": fee,
        "amount": amount,
        "currency": agreed_tariff(book, case.agreement).currency,
        "reason": verdict.reason,
        "granted_at": violation.found_at,
    }
    insert_once(session, CreditRow, values)


def _fee(session: Session, case: Settling, book: PolicyBook) -> Decimal:
    """The recurring fee as it is charged: another version of the agreement within the period may have another tariff."""
    spans = agreed_spans(session, case.service, alive(case.agreement, case.service, case.period))
    return exact_sum(recurring_fee(agreed_tariff(book, version), span) for version, span in spans)


def _share(fee: Decimal, percent: Decimal) -> Decimal:
    return EXACT.scaleb(EXACT.multiply(fee, percent), -2)


def _capped(session: Session, writing: _Writing, amount: Decimal, cap: Decimal) -> Decimal:
    """No more for one service and period, over all rules and versions of the agreement, than the cap leaves."""
    others = session.scalars(
        select(CreditRow.amount).where(
            CreditRow.service_id == writing.case.service.id,
            CreditRow.period_start < writing.case.period.end,
            CreditRow.period_end > writing.case.period.start,
            CreditRow.id != writing.id("crd"),
        )
    )
    return max(Decimal(0), min(amount, EXACT.subtract(cap, exact_sum(others))))


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)).scaleb(-6)


def _tell(session: Session, violation: ViolationRow, credit: CreditRow | None, at: datetime) -> None:
    resource = {
        "id": violation.id,
        "serviceId": violation.service_id,
        "rule": violation.rule,
        "objective": str(violation.objective),
        "measured": str(violation.measured),
        "validFor": {"startDateTime": violation.period_start.isoformat(), "endDateTime": violation.period_end.isoformat()},
        "credit": None if credit is None else {"id": credit.id, "amount": str(credit.amount), "unit": credit.currency},
    }
    publish(
        session,
        aggregate=f"service:{violation.service_id}",
        type="slaViolationCreateEvent",
        payload={"slaViolation": resource},
        correlation_id=violation.id,
        at=at,
    )
