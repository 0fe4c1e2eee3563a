"""Rating runs: from guided usage and from time to rated lines, each written once however often a run is repeated."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm_bridge.agreements import agreed_spans, versions_of
from crm_bridge.book import PolicyBook, agreed_tariff, in_force
from crm_bridge.errors import NoAgreement
from crm_bridge.once import insert_all_once, insert_once
from crm_bridge.tables import AgreementRow, CustomerRow, RatedLineRow, RatingTotalRow, UsageRecordRow
from crm_bridge.usagestates import UsageStatus
from inventory.tables import ServiceRow
from policies.rating import Line, Volume, rate_recurring, rate_volume
from policies.tariff import Tariff
from policies.values import Interval, derived_id

BATCH = 2000
FIRST_RUN = 1
FLAT = "flat"
"""The basis of charges by time."""


@dataclass(slots=True)
class RatingRun:
    """What one run did."""

    records: int = 0
    lines: int = 0
    rejected: list[str] = field(default_factory=list)
    """Records without an agreement or a tariff version for their time."""


def rate(session: Session, customer: CustomerRow, *, until: datetime, at: datetime, book: PolicyBook) -> RatingRun:
    """Rate the customer's guided records that begin before `until`, late ones included."""
    run = RatingRun()
    rating = _Rating(session, book, at)
    while records := _guided(session, customer, until):
        lines = [line for record in records for line in _rate_record(rating, record, customer, run)]
        run.lines += insert_all_once(session, RatedLineRow, lines)
        session.flush()
    return run


def rate_time(session: Session, customer: CustomerRow, period: Interval, *, at: datetime, book: PolicyBook) -> int:
    """Write the recurring charges of all the customer's services for `period`; how many lines are new."""
    lines = []
    for service in services_of(session, customer, period):
        for agreement, span in agreed_spans(session, service, lifetime(service, period)):
            tariff = agreed_tariff(book, agreement)
            for line in rate_recurring(tariff, [span]):
                owner = derived_id("rec", service.id, line.charge, line.span.start.isoformat(), line.span.end.isoformat())
                lines.append(_row(_Charged(owner, service.id, customer.id), tariff, line, at))
    return insert_all_once(session, RatedLineRow, lines)


def services_of(session: Session, customer: CustomerRow, period: Interval) -> list[ServiceRow]:
    """Those that were in service at any time of `period`."""
    statement = select(ServiceRow).where(
        ServiceRow.customer == customer.account_number,
        ServiceRow.started_at < period.end,
        or_(ServiceRow.ended_at.is_(None), ServiceRow.ended_at > period.start),
    )
    return list(session.scalars(statement.order_by(ServiceRow.id)))


def lifetime(service: ServiceRow, period: Interval) -> Interval:
    """The part of `period` in which the service was there; empty when it was not."""
    start = max(period.start, service.started_at or period.end)
    return Interval(min(start, period.end), max(min(start, period.end), min(period.end, service.ended_at or period.end)))


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A rated line as a bill takes it up, apart from its row: there may be very many."""

    id: str
    service_id: str
    charge: str
    basis: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Decimal
    currency: str
    tariff: str


def unbilled(session: Session, customer: CustomerRow, until: datetime) -> list[Unbilled]:
    """Rated lines on no bill yet that begin before `until`, late ones included; by service, charge and time."""
    statement = (
        select(*(getattr(RatedLineRow, each.name) for each in fields(Unbilled)))
        .where(RatedLineRow.customer_id == customer.id, RatedLineRow.bill_line_id.is_(None), RatedLineRow.start < until)
        .order_by(RatedLineRow.service_id, RatedLineRow.charge, RatedLineRow.start, RatedLineRow.id)
    )
    return [Unbilled(*row) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class _Charged:
    owner: str
    """The usage record, or the derived id of a recurring charge."""
    service_id: str
    customer_id: str


class _Rating:
    """What one run has looked up already: agreements, tariffs, and where on the graduated scales the services stand."""

    def __init__(self, session: Session, book: PolicyBook, at: datetime) -> None:
        self.session, self.book, self.at = session, book, at
        self._totals: dict[tuple[str, str, str, datetime], RatingTotalRow] = {}
        self._versions: dict[str, list[AgreementRow]] = {}
        self._tariffs: dict[str, Tariff] = {}
        self._services: dict[str | None, ServiceRow] = {}

    def service(self, service_id: str | None) -> ServiceRow:
        """Held, because a session forgets rows that nobody holds, and would read each again for every record."""
        if service_id not in self._services:
            self._services[service_id] = self.session.get_one(ServiceRow, service_id)
        return self._services[service_id]

    def tariff(self, service: ServiceRow, at: datetime) -> Tariff:
        """Raises `NoAgreement`."""
        if service.id not in self._versions:
            self._versions[service.id] = versions_of(self.session, service)
        agreement = next((row for row in self._versions[service.id] if in_force(row, at)), None)
        if agreement is None:
            raise NoAgreement(service.customer, service.specification, at)
        if agreement.id not in self._tariffs:
            self._tariffs[agreement.id] = agreed_tariff(self.book, agreement)
        return self._tariffs[agreement.id]

    def total(self, service_id: str, tariff: Tariff, version: str, cycle: Interval) -> RatingTotalRow:
        key = (service_id, tariff.name, version, cycle.start)
        row = self._totals.get(key)
        if row is None:
            values = dict(zip(("service_id", "tariff", "tariff_version", "cycle_start"), key, strict=True))
            insert_once(self.session, RatingTotalRow, values)
            row = self.session.get_one(RatingTotalRow, key, with_for_update=True)
            self._totals[key] = row
        return row


def _guided(session: Session, customer: CustomerRow, until: datetime) -> list[UsageRecordRow]:
    statement = (
        select(UsageRecordRow)
        .where(
            UsageRecordRow.customer_id == customer.id,
            UsageRecordRow.status == UsageStatus.GUIDED,
            UsageRecordRow.start < until,
        )
        .order_by(UsageRecordRow.start, UsageRecordRow.id)
        .limit(BATCH)
        .with_for_update()
    )
    return list(session.scalars(statement))


def _rate_record(rating: _Rating, record: UsageRecordRow, customer: CustomerRow, run: RatingRun) -> list[dict[str, object]]:
    """The rows of its lines."""
    service = rating.service(record.service_id)
    try:
        tariff = rating.tariff(service, record.start)
    except NoAgreement as error:
        return _reject(record, str(error), run)
    version = tariff.version_at(record.start)
    if version is None:
        return _reject(record, f"tariff {tariff.name} has no version for {record.start.isoformat()}", run)
    total = rating.total(service.id, tariff, version.version, tariff.period_at(record.start))
    usage = Volume(record.octets_in, record.octets_out)
    before = Volume(int(total.octets_in), int(total.octets_out))
    lines = rate_volume(version, before, usage, Interval(record.start, record.end))
    total.octets_in += usage.octets_in
    total.octets_out += usage.octets_out
    record.status = UsageStatus.RATED.value
    run.records += 1
    return [_row(_Charged(record.id, service.id, customer.id), tariff, line, rating.at) for line in lines]


def _reject(record: UsageRecordRow, reason: str, run: RatingRun) -> list[dict[str, object]]:
    record.status, record.status_reason = UsageStatus.REJECTED.value, reason
    run.rejected.append(record.id)
    return []


def _row(charged: _Charged, tariff: Tariff, line: Line, at: datetime) -> dict[str, object]:
    version = tariff.version_at(line.span.start)
    number = "" if version is None else version.version
    return {
        "id": derived_id("rtl", charged.owner, line.charge, tariff.name, number, FIRST_RUN),
        "usage_id": charged.owner,
        "charge": line.charge,
        "tariff": tariff.name,
        "tariff_version": number,
        "run": FIRST_RUN,
        "service_id": charged.service_id,
        "customer_id": charged.customer_id,
        "basis": line.basis,
        "description": line.description,
        "start": line.span.start,
        "end": line.span.end,
        "quantity": line.quantity,
        "unit": line.unit,
        "unit_price": line.unit_price,
        "amount": line.amount,
        "currency": tariff.currency,
        "rated_at": at,
    }
