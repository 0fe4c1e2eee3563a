"""The lines of a bill: what was rated, gathered and rounded once, and the credits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crm_bridge.errors import CurrencyConflict
from crm_bridge.rating import FLAT, Unbilled, unbilled
from crm_bridge.tables import BillLineRow, BillRow, CreditRow, CustomerRow, RatedLineRow
from policies.money import exact_sum, plain, rounded

RECURRING, USAGE, CREDIT = "recurring", "usage", "credit"
_INSTANT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Draft:
    """One line before it has a place, with the rows it is made of."""

    kind: str
    service_id: str
    description: str
    quantity: Decimal
    unit: str
    amount: Decimal
    rated: tuple[str, ...] = ()
    credit_id: str | None = None


@dataclass(slots=True)
class Composition:
    """A bill's lines as they were written."""

    rows: list[BillLineRow] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """The sum of the rounded lines: what a person adds up on paper."""
        return exact_sum(row.amount for row in self.rows)


def compose(session: Session, bill: BillRow, customer: CustomerRow) -> Composition:
    """Write the lines of a new bill and mark what they are made of as on it."""
    written = Composition()
    for position, draft in enumerate(_drafts(session, bill, customer), start=1):
        row = BillLineRow(
            id=f"{bill.id}.l{position:04d}",
            bill_id=bill.id,
            position=position,
            kind=draft.kind,
            service_id=draft.service_id,
            description=draft.description,
            quantity=draft.quantity,
            unit=draft.unit,
            amount=draft.amount,
            credit_id=draft.credit_id,
        )
        session.add(row)
        session.flush()
        _mark(session, draft, row.id)
        written.rows.append(row)
    return written


def dissolve(session: Session, bill: BillRow) -> None:
    """Take the lines of a draft away again; what they were made of is free for the next composition.

    Charges by time are forgotten, to be written anew: a service may have ended within the period, an agreement or a tariff may have
    changed in it, since the draft was made, and their pieces would not be the same.
    """
    lines = select(BillLineRow.id).where(BillLineRow.bill_id == bill.id)
    by_time = delete(RatedLineRow).where(RatedLineRow.bill_line_id.in_(lines), RatedLineRow.basis == FLAT)
    session.execute(by_time.execution_options(synchronize_session="fetch"))
    for table in (RatedLineRow, CreditRow):
        statement = update(table).where(table.bill_line_id.in_(lines)).values(bill_line_id=None)
        session.execute(statement.execution_options(synchronize_session="fetch"))
    bill.lines.clear()
    session.flush()


def _drafts(session: Session, bill: BillRow, customer: CustomerRow) -> Iterator[Draft]:
    rated = unbilled(session, customer, bill.period_end)
    for each in rated:
        if each.currency != bill.currency:
            raise CurrencyConflict(customer.account_number, bill.currency, f"tariff {each.tariff}", each.currency)
    recurring = [each for each in rated if each.basis == FLAT]
    usage = [each for each in rated if each.basis != FLAT]
    yield from _gathered(RECURRING, recurring)
    yield from _gathered(USAGE, usage)
    credits_due = select(CreditRow).where(
        CreditRow.customer_id == customer.id, CreditRow.bill_line_id.is_(None), CreditRow.period_end <= bill.period_end
    )
    for credit in session.scalars(credits_due.order_by(CreditRow.period_start, CreditRow.id)):
        if credit.currency != bill.currency:
            raise CurrencyConflict(customer.account_number, bill.currency, f"credit {credit.id}", credit.currency)
        yield Draft(
            kind=CREDIT,
            service_id=credit.service_id,
            description=f"{credit.reason}: {credit.period_start:{_INSTANT}} .. {credit.period_end:{_INSTANT}} UTC",
            quantity=credit.percent,
            unit="%",
            amount=-rounded(credit.amount, credit.currency),
            credit_id=credit.id,
        )


def _gathered(kind: str, rated: Iterable[Unbilled]) -> Iterator[Draft]:
    """One line per service, charge and price; `rated` comes in that order."""
    for (service_id, _), of_charge in groupby(rated, key=lambda each: (each.service_id, each.charge)):
        by_price: dict[tuple[str, Decimal, str], list[Unbilled]] = {}
        for each in of_charge:
            by_price.setdefault((each.description, each.unit_price, each.unit), []).append(each)
        for (description, price, unit), rows in by_price.items():
            yield Draft(
                kind=kind,
                service_id=service_id,
                description=f"{description}, {plain(price)} {rows[0].currency} per {unit}",
                quantity=exact_sum(each.quantity for each in rows),
                unit=unit,
                amount=rounded(exact_sum(each.amount for each in rows), rows[0].currency),
                rated=tuple(each.id for each in rows),
            )


def _mark(session: Session, draft: Draft, line_id: str, batch: int = 500) -> None:
    for first in range(0, len(draft.rated), batch):
        statement = update(RatedLineRow).where(RatedLineRow.id.in_(draft.rated[first : first + batch])).values(bill_line_id=line_id)
        session.execute(statement.execution_options(synchronize_session="fetch"))
    if draft.credit_id is not None:
        session.get_one(CreditRow, draft.credit_id).bill_line_id = line_id
