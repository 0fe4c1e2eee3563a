"""A bill for people and for programs, from one model."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from textwrap import wrap
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.billstates import DRAFT
from crm_bridge.tables import BillRow, CustomerRow
from inventory.tables import ServiceRow
from policies.money import plain
from policies.values import Interval

WIDTH = 100


@dataclass(frozen=True, slots=True)
class BillLine:
    id: str
    kind: str
    service: str
    """Name of the service, or its id when it has none."""
    description: str
    quantity: Decimal
    unit: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BillDocument:
    id: str
    number: int
    state: str
    draft: bool
    account_number: str
    customer: str
    period: Interval
    currency: str
    lines: tuple[BillLine, ...]
    total: Decimal
    coverage: Decimal | None


def bill_document(session: Session, bill: BillRow) -> BillDocument:
    customer = session.get_one(CustomerRow, bill.customer_id)
    ids = [line.service_id for line in bill.lines if line.service_id]
    names = {row.id: row.name for row in session.scalars(select(ServiceRow).where(ServiceRow.id.in_(ids)))}
    lines = tuple(
        BillLine(
            id=line.id,
            kind=line.kind,
            service=names.get(line.service_id or "", line.service_id or ""),
            description=line.description,
            quantity=line.quantity,
            unit=line.unit,
            amount=line.amount,
        )
        for line in bill.lines
    )
    return BillDocument(
        id=bill.id,
        number=bill.number,
        state=bill.state,
        draft=bill.state in DRAFT,
        account_number=customer.account_number,
        customer=customer.name,
        period=Interval(bill.period_start, bill.period_end),
        currency=bill.currency,
        lines=lines,
        total=bill.total,
        coverage=bill.coverage,
    )


def as_json(document: BillDocument) -> dict[str, Any]:
    """Decimals as strings, so that no reader makes binary fractions of money."""
    return {
        **asdict(document),
        "period": {"start": document.period.start.isoformat(), "end": document.period.end.isoformat()},
        "lines": [{**asdict(line), "quantity": f"{line.quantity:f}", "amount": f"{line.amount:f}"} for line in document.lines],
        "total": f"{document.total:f}",
        "coverage": None if document.coverage is None else f"{document.coverage:f}",
    }


def as_text(document: BillDocument) -> str:
    """Fixed width, for a terminal or a printer."""
    draft = f"  ({document.state}: not sent yet)" if document.draft else ""
    rows = [
        f"Bill {document.number}{draft}",
        f"{document.customer}, account {document.account_number}",
        f"{document.period.start:%Y-%m-%d %H:%M:%S} .. {document.period.end:%Y-%m-%d %H:%M:%S} UTC",
        "",
    ]
    service = None
    for line in document.lines:
        if line.service != service:
            service = line.service
            rows.append(service)
        rows += _line(line)
    rows += ["-" * WIDTH, f"{'Total ' + document.currency:<{WIDTH - 14}}{document.total:>14f}"]
    if document.coverage is not None:
        rows.append(f"Measured: {document.coverage:.2%} of the usage bins")
    return "\n".join(rows) + "\n"


def _line(line: BillLine) -> list[str]:
    """Long descriptions go on in the next row; nothing is cut off."""
    figures = f" {plain(line.quantity):>12} {line.unit:<6}{line.amount:>14f}"
    first, *more = wrap(line.description, WIDTH - 2 - len(figures)) or [""]
    rows = [f"  {first:<{WIDTH - 2 - len(figures)}}{figures}", *(f"  {row}" for row in more)]
    return [*rows, f"    {line.id}"]
