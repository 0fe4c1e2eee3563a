"""The maintenance calendar towards customers: what is announced is told, and each contract says what of it counts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.errors import UnknownCustomer
from crm_bridge.outbox import publish
from crm_bridge.tables import CustomerRow
from inventory import maintenance
from inventory.maintenance import NewMaintenance, Window
from inventory.tables import MaintenanceRow
from policies.maintenance import Maintenance

CREATED, CHANGED = "maintenanceCreateEvent", "maintenanceStateChangeEvent"


def announce(session: Session, new: NewMaintenance, at: datetime, *, by: str) -> MaintenanceRow:
    """As `inventory.maintenance.announce`, and tell it. Raises also `UnknownCustomer`."""
    for scope in new.scopes:
        if scope.kind == "customer" and not _is_customer(session, scope.name):
            raise UnknownCustomer(scope.name)
    row = maintenance.announce(session, new, at, by=by)
    _tell(session, row, CREATED, at)
    return row


def cancel(session: Session, maintenance_id: str, at: datetime, *, by: str, reason: str = "") -> MaintenanceRow:
    row = maintenance.cancel(session, maintenance_id, at, by=by, reason=reason)
    _tell(session, row, CHANGED, at)
    return row


def skip(session: Session, maintenance_id: str, start: datetime, at: datetime) -> MaintenanceRow:
    row = maintenance.skip(session, maintenance_id, start, at)
    _tell(session, row, CHANGED, at)
    return row


def for_contracts(windows: Iterable[Window]) -> list[Maintenance]:
    """As `policies.maintenance` judges them."""
    return [Maintenance(each.span, each.notice_at, each.recorded_at, each.maintenance_id) for each in windows]


def as_resource(row: MaintenanceRow) -> dict[str, Any]:
    """As it is told."""
    return {
        "id": row.id,
        "reason": row.reason,
        "validFor": {"startDateTime": row.start.isoformat(), "endDateTime": row.end.isoformat()},
        "recurrence": row.rule,
        "timeZone": row.time_zone,
        "skipped": list(row.skipped),
        "noticeDate": row.notice_at.isoformat(),
        "state": "cancelled" if row.cancelled_at else "planned",
        "cancellationDate": row.cancelled_at.isoformat() if row.cancelled_at else None,
        "author": row.created_by,
        "scope": [{"kind": scope.kind, "name": scope.name} for scope in row.scopes],
    }


def _is_customer(session: Session, account_number: str) -> bool:
    return session.scalar(select(CustomerRow.id).where(CustomerRow.account_number == account_number)) is not None


def _tell(session: Session, row: MaintenanceRow, event: str, at: datetime) -> None:
    payload = {"maintenance": as_resource(row)}
    publish(session, aggregate=f"maintenance:{row.id}", type=event, payload=payload, correlation_id=row.id, at=at)
