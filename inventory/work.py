"""The work queue: what one part of fabd asks another to do, surviving restarts.

A port (`WorkQueue`), so that another engine can carry it later. Work is named by (kind, key) and there is one item per name:
submitting what is already open brings it forward, submitting what is finished opens it again. A claim carries a lease and a
fence that rises with every claim of the item, for as long as the database lives; whoever holds a lower fence is too late.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Select, case, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.db import Database
from inventory.tables import WorkItemRow
from policies.values import derived_id

DEFAULT_PRIORITY = 100
OPEN = ("ready", "claimed")


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done. `payload` is JSON."""

    kind: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return derived_id("wrk", self.kind, self.key)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one piece of work until the lease ends. `attempts` counts this one."""

    work: Work
    worker: str
    fence: int
    attempts: int

    @property
    def id(self) -> str:
        return self.work.id


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before trying again: doubling from `first` up to `longest`."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)

    def delay(self, attempts: int) -> timedelta:
        """`attempts`: how many have been made, at least 1."""
        doublings = min(max(attempts - 1, 0), 32)
        return min(self.first * (1 << doublings), self.longest)


class WorkQueue(Protocol):
    """`submit`, `finish` and `release` belong to the caller's transaction: the work and the fact it follows from are one."""

    def submit(
        self, session: Session, work: Work, at: datetime, *, run_at: datetime | None = None, priority: int = DEFAULT_PRIORITY
    ) -> None:
        """Due at `run_at` (now when none is given). An item that waits already is brought forward and never made less urgent; one

        that is being done is left alone.
        """
        ...

    def claim(self, kinds: Collection[str], worker: str, at: datetime, lease: timedelta, *, limit: int = 1) -> tuple[Claim, ...]:
        """Up to `limit` due items, most urgent first; items whose lease has ended are due again."""
        ...

    def renew(self, claims: Collection[Claim], at: datetime, lease: timedelta) -> frozenset[str]:
        """Start the leases anew; the ids of those still held."""
        ...

    def finish(self, session: Session, claim: Claim, at: datetime) -> bool:
        """Done. False when the claim is no longer held: then nothing the caller did in this transaction may stand."""
        ...

    def release(
        self, session: Session, claim: Claim, at: datetime, *, run_at: datetime | None, error: str = "", counted: bool = True
    ) -> bool:
        """Give back, due again at `run_at`; without one, for good (dead). Not `counted`: waiting was not the work's own fault."""
        ...

    def abandon(self, gone: Callable[[str], bool], at: datetime) -> int:
        """Make due at once what is claimed by workers of which `gone(worker)` holds; how many that were."""
        ...


class DatabaseQueue:
    """The queue on the `work_item` table: skip-locked rows on PostgreSQL, the single writer on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(
        self, session: Session, work: Work, at: datetime, *, run_at: datetime | None = None, priority: int = DEFAULT_PRIORITY
    ) -> None:
        due = run_at or at
        values = {
            "payload": dict(work.payload),
            "state": "ready",
            "priority": priority,
            "run_at": due,
            "lease_until": None,
            "worker": None,
            "attempts": 0,
            "last_error": "",
            "created_at": at,
            "finished_at": None,
        }
        table = WorkItemRow.__table__.c
        waiting = table.state == "ready"
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = insert(WorkItemRow).values(id=work.id, kind=work.kind, key=work.key, fence=0, **values)
        reopened = {
            name: case((waiting, table[name]), else_=statement.excluded[name])
            for name in values
            if name not in ("run_at", "priority")
        }
        sooner = case((waiting & (table.run_at < due), table.run_at), else_=statement.excluded.run_at)
        more_urgent = case((waiting & (table.priority < priority), table.priority), else_=statement.excluded.priority)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={**reopened, "run_at": sooner, "priority": more_urgent},
                where=table.state != "claimed",
            )
        )

    def claim(self, kinds: Collection[str], worker: str, at: datetime, lease: timedelta, *, limit: int = 1) -> tuple[Claim, ...]:
        due = _due(kinds, at, limit)
        with self._database.read() as session:  # looking costs nobody the writer's place
            if session.scalars(due).first() is None:
                return ()
        with self._database.write() as session:
            rows = session.scalars(due.with_for_update(skip_locked=True)).all()
            return tuple(_claimed(row, worker, at + lease) for row in rows)

    def renew(self, claims: Collection[Claim], at: datetime, lease: timedelta) -> frozenset[str]:
        with self._database.write() as session:
            return frozenset(claim.id for claim in claims if _change(session, claim, lease_until=at + lease, run_at=at + lease))

    def finish(self, session: Session, claim: Claim, at: datetime) -> bool:
        return _change(session, claim, state="done", lease_until=None, worker=None, finished_at=at, last_error="")

    def release(
        self, session: Session, claim: Claim, at: datetime, *, run_at: datetime | None, error: str = "", counted: bool = True
    ) -> bool:
        attempts = claim.attempts if counted else claim.attempts - 1
        if run_at is None:
            return _change(
                session, claim, state="dead", lease_until=None, worker=None, finished_at=at, last_error=error, attempts=attempts
            )
        return _change(
            session, claim, state="ready", lease_until=None, worker=None, run_at=run_at, last_error=error, attempts=attempts
        )

    def abandon(self, gone: Callable[[str], bool], at: datetime) -> int:
        with self._database.write() as session:
            claimed = session.scalars(select(WorkItemRow).where(WorkItemRow.state == "claimed").with_for_update()).all()
            left = [row for row in claimed if row.worker is None or gone(row.worker)]
            for row in left:
                row.lease_until = row.run_at = at
            return len(left)


def _due(kinds: Collection[str], at: datetime, limit: int) -> Select[WorkItemRow]:
    """`run_at` of a claimed item is the end of its lease, so that one index finds what waits and what was left behind."""
    return (
        select(WorkItemRow)
        .where(WorkItemRow.state.in_(OPEN), WorkItemRow.run_at <= at, WorkItemRow.kind.in_(kinds))
        .order_by(WorkItemRow.priority, WorkItemRow.run_at, WorkItemRow.id)
        .limit(limit)
    )


def _claimed(row: WorkItemRow, worker: str, until: datetime) -> Claim:
    row.state = "claimed"
    row.worker = worker
    row.fence += 1
    row.attempts += 1
    row.lease_until = row.run_at = until
    return Claim(Work(row.kind, row.key, row.payload), worker, row.fence, row.attempts)


def _change(session: Session, claim: Claim, **values: object) -> bool:
    changed = session.execute(
        update(WorkItemRow)
        .where(WorkItemRow.id == claim.id, WorkItemRow.state == "claimed", WorkItemRow.fence == claim.fence)
        .values(**values)
        .returning(WorkItemRow.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None
