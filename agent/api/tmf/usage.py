"""TMF635 Usage 4.0: the usage that fabd measures and charges, and what clients keep beside it.

A client's usage is a record: it is kept and never rated; what is charged comes from counters. So is a usage specification.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.api.body import Instant
from agent.api.listing import Listing
from agent.api.openapi import TAG_USAGE
from agent.api.parts import Parts
from agent.api.patch import PatchRules
from agent.api.query import Document
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Text
from agent.api.tmf.paths import USAGE, service_href, usage_href
from agent.api.tmf.presenter import said, text_of
from agent.api.tmf.records import RecordKind, record_routes
from agent.api.tmf.shapes import USAGE_RECORD, USAGE_SPECIFICATION
from crm_bridge.tables import CustomerRow, RatedLineRow, UsageRecordRow
from crm_bridge.usagestates import UsageStatus

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
            "usageSpecification": {"id": row.usage_type, "name": row.usage_type, "@referredType": "UsageSpecification"},
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
    shape=USAGE_RECORD,
    words={"status": [*UsageStatus]},
)

_STEPS = {
    "received": ("guided", "rejected"),
    "guided": ("rated", "rejected"),
    "rated": ("rerated", "billed"),
    "rerated": ("rated",),
    "rejected": ("recycled",),
    "recycled": ("guided", "rejected"),
    "billed": (),
}
"""TMF635."""


class UsageValue(Open):
    name: Text
    value: Any


class UsageEntry(Open):
    """What is read of TMF635's Usage_Create."""

    description: str | None = None
    usage_date: Instant | None = None
    usage_type: str | None = None
    status: Literal["received", "rejected", "recycled", "guided", "rated", "rerated", "billed"] | None = None
    usage_characteristic: tuple[UsageValue, ...] = ()


class UsageSpecificationEntry(Open):
    """What is read of TMF635's UsageSpecification_Create."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    lifecycle_status: str | None = None
    is_bundle: bool | None = None


def _received(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    return {"status": sent.get("status", "received"), "usageDate": sent.get("usageDate", text_of(at))}


def _specified(sent: Mapping[str, Any], _at: datetime) -> Mapping[str, Any]:
    return {"isBundle": sent.get("isBundle", False), "lifecycleStatus": sent.get("lifecycleStatus", "active")}


SENT = RecordKind(
    "usage",
    USAGE,
    "usr",
    UsageEntry,
    USAGE_RECORD,
    rules=PatchRules(state="status", transitions=_STEPS, required=frozenset({"status"})),
    defaults=_received,
    remedy="it is what was measured, and evidence of bills",
)
SPECIFICATIONS = RecordKind(
    "usageSpecification",
    USAGE,
    "uss",
    UsageSpecificationEntry,
    USAGE_SPECIFICATION,
    rules=PatchRules(server_set=frozenset({"lastUpdate"})),
    defaults=_specified,
    stamp="lastUpdate",
)
EXAMPLE = {"usageType": "voice-minutes", "description": "June", "usageCharacteristic": [{"name": "minutes", "value": 120}]}
SPECIFICATION_EXAMPLE = {"name": "voice-minutes", "description": "Minutes of outgoing calls"}


def _own(_parts: Parts) -> Sequence[Listing[UsageRecordRow]]:
    return (RECORDS,)


record_routes(router, SENT, others=_own, example=EXAMPLE)
record_routes(router, SPECIFICATIONS, example=SPECIFICATION_EXAMPLE)
hub_routes(
    router,
    Hub(
        USAGE,
        {
            "usage": ("Create", "AttributeValueChange", "StateChange", "Delete"),
            "usageSpecification": ("Create", "AttributeValueChange", "Delete"),
        },
    ),
)
