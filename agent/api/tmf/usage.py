"""TMF635 Usage 4.0."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import needs
from agent.api.answers import list_answer, one_answer
from agent.api.listing import Listing
from agent.api.openapi import TAG_USAGE, described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.tmf.paths import USAGE, service_href, usage_href
from agent.api.tmf.presenter import said, text_of
from agent.api.tmf.shapes import USAGE_RECORD
from agent.security.roles import Role
from crm_bridge.tables import CustomerRow, RatedLineRow, UsageRecordRow

router = APIRouter(prefix=USAGE, tags=[TAG_USAGE])


def _render(session: Session, rows: Sequence[UsageRecordRow]) -> list[Document]:
    wanted = {row.customer_id for row in rows if row.customer_id}
    customers = {row.id: row for row in session.scalars(select(CustomerRow).where(CustomerRow.id.in_(wanted)))}
    rated: dict[str, list[RatedLineRow]] = defaultdict(list)
    lines = select(RatedLineRow).where(RatedLineRow.usage_id.in_([row.id for row in rows])).order_by(RatedLineRow.id)
    for line in session.scalars(lines):
        rated[line.usage_id].append(line)
    return [_usage(row, customers.get(row.customer_id or ""), rated[row.id]) for row in rows]


def _usage(row: UsageRecordRow, customer: CustomerRow | None, rated: Sequence[RatedLineRow]) -> Document:
    service = {"id": row.service_id, "href": service_href(row.service_id), "@referredType": "Service"} if row.service_id else None
    parties = [_party(customer)] if customer else []
    return said(
        {
            "@type": "Usage",
            "id": row.id,
            "href": usage_href(row.id),
            "usageDate": text_of(row.start),
            "usageType": row.usage_type,
            "description": f"{text_of(row.start)} .. {text_of(row.end)}",
            "status": row.status,
            "statusReason": row.status_reason or None,
            "relatedParty": parties,
            "service": service,
            "usageCharacteristic": [
                _characteristic("start", text_of(row.start)),
                _characteristic("end", text_of(row.end)),
                _characteristic("octetsIn", row.octets_in),
                _characteristic("octetsOut", row.octets_out),
                _characteristic("quality", row.quality),
                _characteristic("source", row.source),
                _characteristic("sourceId", row.source_id),
            ],
            "ratedProductUsage": [_rated(line) for line in rated],
        }
    )


def _party(customer: CustomerRow) -> dict[str, Any]:
    known = {"id": customer.account_number, "name": customer.name, "role": "customer"}
    return {**known, "@type": "RelatedParty", "@referredType": "Customer"}


def _characteristic(name: str, value: str | int | None) -> dict[str, Any]:
    kind = "integer" if isinstance(value, int) else "string"
    return {"name": name, "valueType": kind, "value": value, "@type": "UsageCharacteristic"}


def _rated(line: RatedLineRow) -> dict[str, Any]:
    """TMF635 has amounts as JSON numbers: near enough for people; the exact ones are on the bill."""
    return {
        "isBilled": line.bill_line_id is not None,
        "offerTariffType": line.basis,
        "ratingDate": text_of(line.rated_at),
        "usageRatingTag": "usage",
        "taxExcludedRatingAmount": {"unit": line.currency, "value": float(line.amount)},
        "@type": "RatedProductUsage",
    }


_ACCOUNT = select(CustomerRow.account_number).where(CustomerRow.id == UsageRecordRow.customer_id).scalar_subquery()

RECORDS = Listing(
    UsageRecordRow,
    _render,
    texts={
        "id": UsageRecordRow.id,
        "status": UsageRecordRow.status,
        "usageType": UsageRecordRow.usage_type,
        "service.id": UsageRecordRow.service_id,
        "relatedParty.id": _ACCOUNT,
    },
    instants={"usageDate": UsageRecordRow.start},
    order=(UsageRecordRow.start, UsageRecordRow.id),
    key=UsageRecordRow.id,
)


@router.get("/usage", dependencies=[needs(Role.VIEWER)], **described("List usage records", 206, answer=USAGE_RECORD))
def list_usage(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, RECORDS)


@router.get("/usage/{usage_id}", dependencies=[needs(Role.VIEWER)], **described("Show one usage record", 404, answer=USAGE_RECORD))
def show_usage(request: Request, parts: PartsOf, usage_id: str) -> Response:
    return one_answer(request, parts, RECORDS, usage_id)
