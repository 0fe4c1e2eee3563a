"""The audit trail: a row for every change, in the transaction of the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from agent.security.tables import AuditRow
from inventory.postponed import later
from inventory.prepared import Prepared
from policies.values import new_id


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and from where."""

    name: str
    """Token name, "cli:<user>" or "daemon"."""
    role: str
    source: str
    """Address of the caller, "local" for the command line."""
    correlation_id: str = ""


DAEMON = Actor("daemon", "daemon", "local")


def record(
    session: Session,
    actor: Actor,
    action: str,
    changed: str,
    at: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write who did `action` to the object `changed` ("order ord-…"), with the object before and after as plain JSON."""
    line = {
        "id": new_id("aud", at),
        "at": at,
        "actor": actor.name,
        "role": actor.role,
        "source": actor.source,
        "action": action,
        "object": changed,
        "before": None if before is None else dict(before),
        "after": None if after is None else dict(after),
        "correlation_id": actor.correlation_id,
    }
    later(session, _TRAIL, _LINE, [line])


_TRAIL = cast("Table", AuditRow.__table__)
_LINE = Prepared(
    insert(_TRAIL),
    ["id", "at", "actor", "role", "source", "action", "object", "before", "after", "correlation_id"],
)
