"""Missed objectives and the credits for them: once per agreement, service, rule and period, with the evidence kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.agreements import agreed_spans
from crm_bridge.book import PolicyBook, agreed_sla, agreed_tariff
from crm_bridge.errors import PeriodOpen
from crm_bridge.once import insert_once
from crm_bridge.outbox import publish
from crm_bridge.rating import lifetime
from crm_bridge.tables import AgreementRow, CreditRow, ViolationRow
from inventory.tables import ServiceRow
from policies.intervals import common
from policies.money import EXACT, exact_sum
from policies.rating import recurring_fee
from policies.sla import Availability, Sla, availability
from policies.values import Interval, derived_id, subtract

AVAILABILITY = "availability"
"""The rule; loss, delay and others get names of their own."""


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
    """What a period was and what follows: no violation where the objective was kept, no credit where no tier was reached."""

    availability: Availability
    violation: ViolationRow | None
    credit: CreditRow | None


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
    """Judge one period of one service; the same period again gives the same rows, whatever is known by then.

    `excluded` is admitted maintenance (`policies.maintenance.admitted`). Time before the agreement's version or the service began,
    and after the service's end, is left out by itself. Raises `PeriodOpen` before the end of the period: a credit's tier is not
    known earlier.
    """
    if at < period.end:
        raise PeriodOpen(f"service {service_id}", period, at)
    service = session.get_one(ServiceRow, service_id)
    case = _Case(agreement, service, period, agreed_sla(book, agreement), tuple(down), tuple(excluded))
    measured = case.measure(unknown)
    if measured.keeps(case.sla.objective):
        return Assessment(measured, None, None)
    violation, new = _violation(session, case, measured, at)
    if new:
        _grant(session, case, violation, measured, book=book)
    credit = session.get(CreditRow, case.id("crd"))
    if new:
        _tell(session, violation, credit, at)
    return Assessment(measured, violation, credit)


@dataclass(frozen=True, slots=True)
class _Case:
    agreement: AgreementRow
    service: ServiceRow
    period: Interval
    sla: Sla
    down: tuple[Outage, ...]
    maintenance: tuple[Interval, ...]

    @property
    def alive(self) -> Interval:
        """The part of the period in which the service was there and this version of the agreement had begun."""
        there = lifetime(self.service, self.period)
        return Interval(min(max(there.start, self.agreement.valid_from), there.end), there.end)

    @property
    def left_out(self) -> list[Interval]:
        return [*self.maintenance, *subtract([self.period], [self.alive])]

    def measure(self, unknown: Iterable[Interval]) -> Availability:
        return availability(
            self.period,
            self.sla.service_hours,
            down=[each.span for each in self.down],
            unknown=unknown,
            excluded=self.left_out,
            policy=self.sla.unknown,
        )

    def evidence(self) -> dict[str, Any]:
        counted = self.sla.agreed(self.period, self.left_out)
        return {
            "outages": [each.as_evidence() for each in self.down if common([each.span], counted)],
            "unknown_counts_as": self.sla.unknown,
            "maintenance": [{"start": each.start.isoformat(), "end": each.end.isoformat()} for each in self.maintenance],
        }

    def key(self) -> dict[str, Any]:
        """What a violation and its credit are unique by."""
        return {
            "agreement_id": self.agreement.id,
            "service_id": self.service.id,
            "rule": AVAILABILITY,
            "period_start": self.period.start,
        }

    def id(self, prefix: str) -> str:
        return derived_id(prefix, self.agreement.id, self.service.id, AVAILABILITY, self.period.start.isoformat())


def _violation(session: Session, case: _Case, measured: Availability, at: datetime) -> tuple[ViolationRow, bool]:
    row_id = case.id("vio")
    new = insert_once(
        session,
        ViolationRow,
        {
            **case.key(),
            "id": row_id,
            "period_end": case.period.end,
            "objective": case.sla.availability,
            "measured": measured.percent or Decimal(0),
            "down_s": _seconds(measured.down),
            "unknown_s": _seconds(measured.unknown),
            "agreed_s": _seconds(measured.agreed),
            "evidence": case.evidence(),
            "found_at": at,
        },
    )
    return session.get_one(ViolationRow, row_id), new


def _grant(session: Session, case: _Case, violation: ViolationRow, measured: Availability, *, book: PolicyBook) -> None:
    percent = Decimal(0) if measured.ratio is None else case.sla.credit_percent(measured.ratio)
    fee = _fee(session, case, book)
    amount = _capped(session, case, _share(fee, percent), _share(fee, case.sla.cap_percent))
    if amount <= 0:
        return
    values = {
        **case.key(),
        "id": case.id("crd"),
        "customer_id": case.agreement.customer_id,
        "period_end": case.period.end,
        "violation_id": violation.id,
        "percent": percent,
        "base_amount": fee,
        "amount": amount,
        "currency": agreed_tariff(book, case.agreement).currency,
        "reason": f"Availability {violation.measured.normalize():f} %, agreed {violation.objective.normalize():f} %",
        "granted_at": violation.found_at,
    }
    insert_once(session, CreditRow, values)


def _fee(session: Session, case: _Case, book: PolicyBook) -> Decimal:
    """The recurring fee as it is charged: another version of the agreement within the period may have another tariff."""
    spans = agreed_spans(session, case.service, case.alive)
    return exact_sum(recurring_fee(agreed_tariff(book, version), span) for version, span in spans)


def _share(fee: Decimal, percent: Decimal) -> Decimal:
    return EXACT.scaleb(EXACT.multiply(fee, percent), -2)


def _capped(session: Session, case: _Case, amount: Decimal, cap: Decimal) -> Decimal:
    """No more for one service and period, over all rules and versions of the agreement, than the cap leaves."""
    others = session.scalars(
        select(CreditRow.amount).where(
            CreditRow.service_id == case.service.id,
            CreditRow.period_start < case.period.end,
            CreditRow.period_end > case.period.start,
            CreditRow.id != case.id("crd"),
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
