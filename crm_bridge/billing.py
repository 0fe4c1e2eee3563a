"""Bills (TMF678): on demand for any period that is over. A draft may be composed again; a sent bill never changes."""

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from crm_bridge.bill_lines import compose, dissolve
from crm_bridge.billstates import DRAFT, BillState
from crm_bridge.book import PolicyBook
from crm_bridge.errors import BillNeedsReview, BillSealed, PeriodBilled, PeriodOpen, UnknownBill
from crm_bridge.numbers import take_number
from crm_bridge.outbox import publish
from crm_bridge.rating import rate, rate_time
from crm_bridge.tables import BillLineRow, BillRow, CustomerRow, RatedLineRow, UsageRecordRow
from crm_bridge.usage import Quality
from crm_bridge.usagestates import UsageStatus
from inventory.tables import ServiceRow
from policies.values import Interval, new_id

REVIEW_BELOW = Decimal("0.95")
"""The share of measured bins below which a person looks at a bill before it is sent."""


def bill(session: Session, customer: CustomerRow, period: Interval, at: datetime, *, book: PolicyBook) -> BillRow:
    """The customer's bill for `period`: recurring charges, usage (late records included) and credits.

    The same period again gives the same bill, composed anew while it is a draft. Raises `PeriodOpen` before the end of the period
    and `PeriodBilled` when another bill covers a part of it.
    """
    if period.end > at:
        raise PeriodOpen(f"customer {customer.account_number}", period, at)
    _lock_account(session, customer.id)
    row = _covering(session, customer, period)
    if row is not None and row.state not in DRAFT:
        return row
    if row is not None:
        dissolve(session, row)
    rate(session, customer, until=period.end, at=at, book=book)
    rate_time(session, customer, period, at=at, book=book)
    new = row is None
    row = row or _number(session, customer, period, at)
    row.total = compose(session, row, customer).total
    row.coverage = _coverage(session, customer, period)
    row.state = (BillState.ON_HOLD if row.coverage is not None and row.coverage < REVIEW_BELOW else BillState.NEW).value
    session.flush()
    session.refresh(row)
    _tell(session, row, customer, "customerBillCreateEvent" if new else "customerBillAttributeValueChangeEvent", at)
    return row


def next_period(session: Session, customer: CustomerRow, until: datetime) -> Interval | None:
    """What is not billed yet: from the end of the last bill, or from the first service; None when there is nothing."""
    last = session.scalar(select(func.max(BillRow.period_end)).where(BillRow.customer_id == customer.id))
    first = session.scalar(select(func.min(ServiceRow.started_at)).where(ServiceRow.customer == customer.account_number))
    start = last or first
    return None if start is None or start >= until else Interval(start, until)


def validate_bill(session: Session, bill_id: str, at: datetime) -> BillRow:
    """A person has looked at it and found it right."""
    row = _locked(session, bill_id)
    if row.state not in DRAFT:
        raise BillSealed(row.number, row.state)
    return _become(session, row, BillState.VALIDATED, at)


def send(session: Session, bill_id: str, at: datetime) -> BillRow:
    """Seal the bill; its usage is billed from now on. Raises `BillNeedsReview` while it is on hold."""
    row = _locked(session, bill_id)
    if row.state not in DRAFT:
        return row
    if row.state == BillState.ON_HOLD:
        raise BillNeedsReview(row.number, f"{row.coverage or 0:.1%}")
    row.state = BillState.SENT.value
    _seal_usage(session, row)
    return _become(session, row, BillState.SENT, at)


def _lock_account(session: Session, customer_id: str) -> None:
    """Whoever changes bills of a customer takes turns, the customer first and then the bill. New usage, tickets and lines of the
    customer only refer to its row, and do not wait.
    """
    session.execute(select(CustomerRow.id).where(CustomerRow.id == customer_id).with_for_update(key_share=True))


def _seal_usage(session: Session, row: BillRow) -> None:
    """Records are billed once all their lines stand on bills that were sent."""
    sent = exists().where(BillLineRow.id == RatedLineRow.bill_line_id, BillLineRow.bill_id == BillRow.id, ~BillRow.state.in_(DRAFT))
    waiting = exists().where(RatedLineRow.usage_id == UsageRecordRow.id, or_(RatedLineRow.bill_line_id.is_(None), ~sent))
    session.execute(
        update(UsageRecordRow)
        .where(
            UsageRecordRow.customer_id == row.customer_id,
            UsageRecordRow.status == UsageStatus.RATED,
            UsageRecordRow.start < row.period_end,
            ~waiting,
        )
        .values(status=UsageStatus.BILLED.value)
        .execution_options(synchronize_session="fetch")
    )


def _covering(session: Session, customer: CustomerRow, period: Interval) -> BillRow | None:
    statement = select(BillRow).where(
        BillRow.customer_id == customer.id, BillRow.period_start < period.end, BillRow.period_end > period.start
    )
    locked = statement.order_by(BillRow.period_start).with_for_update().execution_options(populate_existing=True)
    for row in session.scalars(locked):
        billed = Interval(row.period_start, row.period_end)
        if billed != period:
            raise PeriodBilled(customer.account_number, period, row.number, billed)
        return row
    return None


def _number(session: Session, customer: CustomerRow, period: Interval, at: datetime) -> BillRow:
    row = BillRow(
        id=new_id("bil", at),
        number=take_number(session, "bill"),
        customer_id=customer.id,
        state=BillState.NEW.value,
        period_start=period.start,
        period_end=period.end,
        currency=customer.currency,
        total=Decimal(0),
        coverage=None,
        created_at=at,
    )
    session.add(row)
    session.flush()
    return row


def _coverage(session: Session, customer: CustomerRow, period: Interval) -> Decimal | None:
    """The share of bins that were measured, rounded down; None when nothing was to be measured."""
    statement = (
        select(UsageRecordRow.quality, func.count().label("bins"))
        .where(UsageRecordRow.customer_id == customer.id, UsageRecordRow.start >= period.start, UsageRecordRow.start < period.end)
        .group_by(UsageRecordRow.quality)
    )
    counts = {row.quality: row.bins for row in session.execute(statement)}
    bins = sum(counts.values())
    known = bins - counts.get(Quality.MISSING, 0)
    return (Decimal(known) / bins).quantize(Decimal("0.0001"), rounding=ROUND_FLOOR) if bins else None


def _locked(session: Session, bill_id: str) -> BillRow:
    owner = session.scalar(select(BillRow.customer_id).where(BillRow.id == bill_id))
    if owner is None:
        raise UnknownBill(bill_id)
    _lock_account(session, owner)
    statement = select(BillRow).where(BillRow.id == bill_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def _become(session: Session, row: BillRow, state: BillState, at: datetime) -> BillRow:
    row.state = state.value
    session.flush()
    _tell(session, row, session.get_one(CustomerRow, row.customer_id), "customerBillStateChangeEvent", at)
    return row


def _tell(session: Session, row: BillRow, customer: CustomerRow, event: str, at: datetime) -> None:
    resource = {
        "id": row.id,
        "billNo": str(row.number),
        "state": row.state,
        "amountDue": {"unit": row.currency, "value": str(row.total)},
        "relatedParty": [{"id": customer.account_number, "role": "customer", "@referredType": "Customer"}],
    }
    publish(session, aggregate=f"bill:{row.id}", type=event, payload={"customerBill": resource}, correlation_id=row.id, at=at)
