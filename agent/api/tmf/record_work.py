"""Work on a record that is done when the daemon has time: what it comes to is written where the record is still there for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.api.query import Document
from agent.api.tables import RecordRow
from agent.api.tmf.records import RecordKind
from agent.security.audit import DAEMON
from inventory.db import Database
from inventory.work import Claim, WorkQueue
from policies.values import Clock


@dataclass(frozen=True, slots=True)
class Asked:
    """A record, as it was when its work began."""

    kind: str
    document: Document
    client: str


def carry_out(
    database: Database,
    clock: Clock,
    queue: WorkQueue,
    claim: Claim,
    *,
    kinds: Mapping[str, RecordKind],
    news: Callable[[Asked], Mapping[str, Any]],
) -> None:
    """`news`: what is to be said of the record from now on; asked outside of any transaction. A deleted record wants nothing."""
    with database.read() as session:
        row = session.get(RecordRow, claim.work.key)
        asked = None if row is None else Asked(row.kind, dict(row.document), row.client)
    told = {} if asked is None else news(asked)
    at = clock.now()
    with database.write() as session:
        row = session.get(RecordRow, claim.work.key, with_for_update=True)
        if not queue.finish(session, claim, at):
            session.rollback()
        elif row is not None and asked is not None:
            kinds[asked.kind].settle(session, row, told, DAEMON, at)
