"""Bills on demand."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, PlainTextResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.answers import list_answer
from agent.api.body import BodyOf, Instant, read_model
from agent.api.errors import BadRequest, Conflict
from agent.api.idempotency import Answer, Attempt, perform
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns, plain
from agent.api.openapi import WRITES, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import TEXT, named, row, value
from agent.security.audit import Actor, record
from agent.security.roles import Role
from crm_bridge import billing
from crm_bridge.bill_document import BillDocument, as_json, as_text, bill_document
from crm_bridge.billstates import BillState
from crm_bridge.customers import customer_by_account
from crm_bridge.errors import UnknownBill
from crm_bridge.tables import BillRow, CustomerRow
from policies.values import Interval

router = APIRouter(prefix=ROOT, tags=["Bills"])

BILL = named("Bill", row(BillRow, "customer_id", account_number=TEXT))
BILL_DOCUMENT = named("BillDocument", value(BillDocument))


class BillRequest(BaseModel):
    """Half-open, `[start, end)`. `end` is now and `start` the end of the last bill unless given."""

    model_config = ConfigDict(extra="forbid")

    start: Instant | None = None
    end: Instant | None = None


def _render(session: Session, rows: Sequence[BillRow]) -> list[Document]:
    of_these = CustomerRow.id.in_({row.customer_id for row in rows})
    numbers = dict(session.execute(select(CustomerRow.id, CustomerRow.account_number).where(of_these)).all())
    return [columns(row, "customer_id") | {"account_number": numbers[row.customer_id]} for row in rows]


_OF_BILL = select(CustomerRow.account_number).where(CustomerRow.id == BillRow.customer_id).scalar_subquery()

BILLS = Listing(
    BillRow,
    _render,
    texts={"id": BillRow.id, "state": BillRow.state, "account_number": _OF_BILL},
    instants={"period_start": BillRow.period_start, "period_end": BillRow.period_end, "created_at": BillRow.created_at},
    order=(BillRow.number.desc(),),
    key=BillRow.id,
    shape=BILL,
    words={"state": [*BillState]},
)


@router.get("/bills", dependencies=[needs(Role.VIEWER)], **described("List bills, the latest first", 206, answer=BILL))
def list_bills(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, BILLS)


async def _printed(request: Request) -> bool:
    return request.headers.get("accept", "").partition(",")[0].strip().startswith("text/plain")


PrintedOf = Annotated[bool, Depends(_printed)]


@router.get(
    "/bills/{bill_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one bill, as JSON or printed", 404, answer=BILL_DOCUMENT, printed=True),
)
def show_bill(printed: PrintedOf, parts: PartsOf, bill_id: str) -> Response:
    """`Accept: text/plain` gives it printed. By id or by number."""
    with parts.database.read_at_length() as session:
        document = bill_document(session, _bill(session, bill_id))
    if printed:
        return PlainTextResponse(as_text(document))
    return JSONResponse(as_json(document))


@router.post(
    "/customers/{account_number}/bills",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described("Make a bill", 404, *WRITES, answer=BILL_DOCUMENT, body=BillRequest, example={}),
)
def create_bill(request: Request, parts: PartsOf, actor: ActorOf, account_number: str, body: BodyOf) -> Response:
    """Recurring charges, usage and credits of a period that is over. The same period again gives the same bill."""
    wanted = read_model(BillRequest, body.data)
    at = parts.clock.now()

    def make(session: Session) -> Answer:
        customer = customer_by_account(session, account_number)
        period = _period(session, customer, wanted, at)
        before = _as_it_was(session, customer, period)
        row = billing.bill(session, customer, period, at, book=parts.catalog)
        after = _essence(row)
        if after != before:
            record(session, actor, "bill", f"bill {row.id}", at, before=before, after=after)
        return Answer(HTTPStatus.CREATED, as_json(bill_document(session, row)), {"Location": f"{ROOT}/bills/{row.id}"})

    return perform(parts.database, Attempt.of(request, actor.name, body.raw), at, make).response()


@router.post(
    "/bills/{bill_id}/validate",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Accept a bill that needs review", 404, 409, answer=BILL_DOCUMENT),
)
def validate_bill(parts: PartsOf, actor: ActorOf, bill_id: str) -> Response:
    return _become(parts, actor, bill_id, "validate")


@router.post(
    "/bills/{bill_id}/send",
    dependencies=[needs(Role.PROVISIONER)],
    **described("Send a bill; it never changes again", 404, 409, answer=BILL_DOCUMENT),
)
def send_bill(parts: PartsOf, actor: ActorOf, bill_id: str) -> Response:
    return _become(parts, actor, bill_id, "send")


def _become(parts: PartsOf, actor: Actor, bill_id: str, action: str) -> Response:
    at = parts.clock.now()
    with parts.database.write() as session:
        row = _bill(session, bill_id)
        before = row.state
        row = billing.validate_bill(session, row.id, at) if action == "validate" else billing.send(session, row.id, at)
        record(session, actor, action, f"bill {row.id}", at, before={"state": before}, after={"state": row.state})
        return JSONResponse(as_json(bill_document(session, row)))


def _bill(session: Session, bill_id: str) -> BillRow:
    same = BillRow.number == int(bill_id) if bill_id.isdecimal() and len(bill_id) < 10 else BillRow.id == bill_id  # noqa: PLR2004  fits an integer column
    row = session.scalars(select(BillRow).where(same)).first()
    if row is None:
        raise UnknownBill(bill_id)
    return row


def _as_it_was(session: Session, customer: CustomerRow, period: Interval) -> Document | None:
    """The bill of that period, when there is one already: a draft is made anew."""
    same = (BillRow.customer_id == customer.id, BillRow.period_start == period.start, BillRow.period_end == period.end)
    row = session.scalars(select(BillRow).where(*same)).first()
    return None if row is None else _essence(row)


def _essence(row: BillRow) -> Document:
    essence: Document = plain(
        {"number": row.number, "period": Interval(row.period_start, row.period_end), "total": row.total, "state": row.state}
    )
    return essence


def _period(session: Session, customer: CustomerRow, wanted: BillRequest, at: datetime) -> Interval:
    end = wanted.end or at
    if wanted.start is None:
        period = billing.next_period(session, customer, end)
        if period is None:
            raise Conflict("nothingToBill", f"customer {customer.account_number}: nothing is left to bill until {end.isoformat()}")
        return period
    if wanted.start >= end:
        raise BadRequest("invalidValue", "the period ends before it starts; give an end after the start", pointer="/end")
    return Interval(wanted.start, end)
