"""Usage records (TMF635): taken in once, given to a service and its customer, and kept aside with a reason when that fails."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from crm_bridge.agreements import agreement_of
from crm_bridge.customers import customer_by_account
from crm_bridge.errors import IllegalTransition, NoAgreement, UnknownCustomer, UnknownUsage, UsageConflict
from crm_bridge.once import insert_once
from crm_bridge.tables import UsageRecordRow
from crm_bridge.usagestates import UsageStatus
from inventory.tables import ServiceRow
from policies.values import Interval, derived_id

COUNTERS = "counters"
"""The source of records made from polled ports; their ids are derived already, from service, port, counter and bin."""

LATE_LIMIT = timedelta(days=92)
"""How far back a record may reach; older ones wait among the rejected for a person."""


class Quality(StrEnum):
    MEASURED = "measured"
    INTERPOLATED = "interpolated"
    """The counter went on over the gap: exact in sum, spread over the bins."""
    MISSING = "missing"
    """No octets are known; the record says that a bin was not measured."""


@dataclass(frozen=True, slots=True)
class UsageInput:
    """One record as a source delivers it."""

    source: str
    source_id: str
    service_id: str
    span: Interval
    octets_in: int
    octets_out: int
    quality: Quality = Quality.MEASURED
    usage_type: str = "internet-octets"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What it is made of: `{"bin": id, "readings": [ids], "element": name, "port": name}`."""

    def __post_init__(self) -> None:
        if not (0 <= self.octets_in < 2**64 and 0 <= self.octets_out < 2**64):
            raise ValueError(f"usage {self.source_id}: octets must be between 0 and 2^64-1")
        if not self.source or not self.source_id:
            raise ValueError("a usage record needs its source and its id there; they are what keeps it from counting twice")

    @property
    def id(self) -> str:
        return self.source_id if self.source == COUNTERS else derived_id("use", self.source, self.source_id)

    @property
    def digest(self) -> str:
        """Of what is charged; evidence may be told in other words."""
        content = [self.usage_type, self.service_id, self.span.start.isoformat(), self.span.end.isoformat()]
        text = json.dumps([*content, self.octets_in, self.octets_out, self.quality])
        return hashlib.sha256(text.encode()).hexdigest()


def receive(session: Session, usage: UsageInput, at: datetime) -> UsageRecordRow:
    """Take the record in and guide it; the same record again is the one that is there. Raises `UsageConflict`."""
    customer_id, reason = _guided(session, usage.service_id, usage.span.start, oldest=at - LATE_LIMIT)
    insert_once(
        session,
        UsageRecordRow,
        {
            "id": usage.id,
            "source": usage.source,
            "source_id": usage.source_id,
            "digest": usage.digest,
            "usage_type": usage.usage_type,
            "status": (UsageStatus.REJECTED if reason else UsageStatus.GUIDED).value,
            "status_reason": reason,
            "service_id": usage.service_id,
            "customer_id": customer_id,
            "start": usage.span.start,
            "end": usage.span.end,
            "octets_in": usage.octets_in,
            "octets_out": usage.octets_out,
            "quality": usage.quality.value,
            "evidence": dict(usage.evidence),
            "received_at": at,
        },
    )
    row = session.get(UsageRecordRow, usage.id)
    if row is None or row.digest != usage.digest:
        raise UsageConflict(usage.id, usage.source, usage.source_id)
    return row


def recycle(session: Session, usage_id: str, *, service_id: str | None = None) -> UsageRecordRow:
    """Try a rejected record again, as it is or for the service that a person names. A person's word lifts the limit of age."""
    row = session.scalars(select(UsageRecordRow).where(UsageRecordRow.id == usage_id).with_for_update()).one_or_none()
    if row is None:
        raise UnknownUsage(usage_id)
    if row.status != UsageStatus.REJECTED:
        raise IllegalTransition("usage record", row.id, row.status, UsageStatus.RECYCLED, ())
    row.service_id = service_id or row.service_id
    row.customer_id, row.status_reason = _guided(session, row.service_id, row.start, oldest=None)
    row.status = (UsageStatus.REJECTED if row.status_reason else UsageStatus.GUIDED).value
    session.flush()
    return row


def rejected(session: Session, *, limit: int = 100) -> list[UsageRecordRow]:
    """The queue of what could not be guided, the oldest first."""
    statement = select(UsageRecordRow).where(UsageRecordRow.status == UsageStatus.REJECTED)
    return list(session.scalars(statement.order_by(UsageRecordRow.received_at, UsageRecordRow.id).limit(limit)))


def _guided(session: Session, service_id: str | None, start: datetime, *, oldest: datetime | None) -> tuple[str | None, str]:
    """The customer whose usage it is, or why it is nobody's."""
    service = session.get(ServiceRow, service_id, options=[lazyload("*")]) if service_id else None
    if service is None:
        return None, f"there is no service {service_id}; recycle it for the right one"
    if oldest is not None and start < oldest:
        return None, f"it is older than {LATE_LIMIT.days} days; recycle it if it shall be charged nevertheless"
    try:
        agreement_of(session, service, start)
        return customer_by_account(session, service.customer).id, ""
    except (UnknownCustomer, NoAgreement) as error:
        return None, str(error)
