"""The work queue: what one part of fabd asks another to do, surviving restarts.

A port (`WorkQueue`), so that another engine can carry it later. Work is named by (kind, key) and there is one item per name:
submitting what is already open brings it forward, submitting what is finished opens it again. A claim carries a lease and a
fence that rises with every claim of the item, for as long as the database lives; whoever holds a lower fence is too late.

What waits is due by the time of day of who looks for it (`at`). So are leases where one daemon looks; where several do, they are
counted by the time of the database server, so that no daemon's clock ends another one's.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol, cast

from sqlalchemy import (
    Boolean,
    Integer,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy import cast as cast_as
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.db import Database, UtcDateTime
from inventory.postponed import later, untold
from inventory.prepared import Prepared, among
from inventory.servertime import ServerTime
from inventory.tables import WorkItemRow
from policies.values import derived_id

DEFAULT_PRIORITY = 100
OPEN = ("ready", "claimed")
CHANNEL = "fabd_work"
"""What PostgreSQL is asked to notify of work that is due."""
LONGEST_WAIT = timedelta(minutes=10)
"""Nothing that is put back to be tried again waits longer; only what waits for a day does."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done. `payload` is JSON."""

    kind: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return _id(self.kind, self.key)


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
        """Start the leases anew; the ids of those still held. What is being finished or given back at that moment is left alone."""
        ...

    def finish(self, session: Session, claim: Claim, at: datetime) -> bool:
        """Done. False when the claim is no longer held: then nothing the caller did in this transaction may stand."""
        ...

    def finish_all(self, session: Session, claims: Collection[Claim], at: datetime) -> frozenset[str]:
        """As `finish`, of several; the ids of those that were still held."""
        ...

    def release(
        self, session: Session, claim: Claim, at: datetime, *, run_at: datetime | None, error: str = "", counted: bool = True
    ) -> bool:
        """Give back, due again at `run_at`; without one, for good (dead). Not `counted`: waiting was not the work's own fault."""
        ...

    def abandon(self, gone: Callable[[str], bool], at: datetime) -> int:
        """Make due at once what is claimed by workers of which `gone(worker)` holds; how many that were."""
        ...

    def hasten(self, by: timedelta, at: datetime) -> None:
        """The time of day was set back by so much, to `at`: what was to wait for a while is due, instead of so much later.

        What was to wait for a day may come too early by that, once: who does it looks at the calendar.
        """
        ...

    def common_time(self, session: Session, at: datetime) -> datetime:
        """The time by which leases are counted, where the caller's clock says `at`: the same for all that share the queue."""
        ...


class DatabaseQueue:
    """The queue on the `work_item` table: skip-locked rows on PostgreSQL, the single writer on SQLite.

    On PostgreSQL a transaction that makes work due notifies `CHANNEL` as it commits (`inventory.notices`).
    """

    def __init__(self, database: Database, *, server_time: ServerTime | None = None) -> None:
        """`server_time`: by which leases are counted on PostgreSQL; without it, and on SQLite, by the `at` of who asks."""
        self._database = database
        self._server_time = None if database.is_sqlite else server_time
        self._submit = Prepared(_submission(sqlite.insert if database.is_sqlite else postgresql.insert))

    def submit(
        self, session: Session, work: Work, at: datetime, *, run_at: datetime | None = None, priority: int = DEFAULT_PRIORITY
    ) -> None:
        due = run_at or at
        new = {
            "id": work.id,
            "kind": work.kind,
            "key": work.key,
            "payload": dict(work.payload),
            "priority": priority,
            "run_at": due,
            "created_at": at,
        }
        if any(told["id"] == new["id"] for told in untold(session, self._submit)):
            session.flush()  # the next one brings forward what that one has submitted
        later(session, _ITEM, self._submit, [new])
        if not self._database.is_sqlite and due <= at and not session.info.get(_NOTIFIED):
            session.info[_NOTIFIED] = not session.in_nested_transaction()  # a savepoint that is taken back takes its notice along
            session.connection().execute(_NOTIFY)

    def claim(self, kinds: Collection[str], worker: str, at: datetime, lease: timedelta, *, limit: int = 1) -> tuple[Claim, ...]:
        due: dict[str, object] = {"kinds": sorted(kinds), "at": at, "most": limit}
        if self._server_time is None:
            with self._database.read() as session:  # looking costs nobody the writer's place
                if _ANY_DUE.first(session.connection(), due) is None:
                    return ()
            locked, until = _DUE_LOCKED, at + lease
        else:
            found, now = self._look(self._server_time, due, lease)
            if not found:
                return ()
            locked, until = _SERVED_LOCKED, now + lease
            due["ends"] = self._server_time.ends_leases
        with self._database.write() as session:
            rows = locked.named(session.connection(), due)
            _CLAIM.run_all(session.connection(), [{"key_": row.id, "by": worker, "until": until} for row in rows])
        return tuple(Claim(Work(row.kind, row.key, row.payload), worker, row.fence + 1, row.attempts + 1) for row in rows)

    def _look(self, server_time: ServerTime, due: Mapping[str, object], lease: timedelta) -> tuple[bool, datetime]:
        """Whether anything may be due, and the server's time."""
        with self._database.read() as session:
            connection, asked = session.connection(), server_time.monotonic()
            ((now, found),) = _SERVED.rows(connection, {**due, "ends": server_time.ends_leases})
            back = server_time.heard(now, asked, lease)
        if back:
            with self._database.write() as session:
                session.connection().execute(_SHORTEN, {"until": now + lease})
        return found is not None, now

    def renew(self, claims: Collection[Claim], at: datetime, lease: timedelta) -> frozenset[str]:
        names = [claim.id for claim in claims]
        with self._database.write() as session:
            until = self.common_time(session, at) + lease
            fences = {row.id: row.fence for row in session.connection().execute(_FENCES, {"names": names})}
            free = set(session.connection().scalars(_FREE, {"names": names}))
            held = [claim for claim in claims if fences.get(claim.id) == claim.fence]
            renewed = [{"key_": claim.id, "held": claim.fence, "until": until} for claim in held if claim.id in free]
            if renewed:
                session.connection().execute(_RENEW, renewed)
        return frozenset(claim.id for claim in held)

    def finish(self, session: Session, claim: Claim, at: datetime) -> bool:
        return claim.id in self.finish_all(session, [claim], at)

    def finish_all(self, session: Session, claims: Collection[Claim], at: datetime) -> frozenset[str]:
        names, held = [claim.id for claim in claims], [f"{claim.id} {claim.fence} claimed" for claim in claims]
        return frozenset(name for (name,) in _FINISH.rows(session.connection(), {"names": names, "held": held, "at": at}))

    def release(
        self, session: Session, claim: Claim, at: datetime, *, run_at: datetime | None, error: str = "", counted: bool = True
    ) -> bool:
        attempts = claim.attempts if counted else claim.attempts - 1
        if run_at is None:
            return _changed(session, _BURY, claim, at=at, error=error, tries=attempts)
        return _changed(session, _PUT_BACK, claim, due=run_at, error=error, tries=attempts)

    def abandon(self, gone: Callable[[str], bool], at: datetime) -> int:
        with self._database.write() as session:
            claimed = session.scalars(select(WorkItemRow).where(WorkItemRow.state == "claimed").with_for_update()).all()
            left = [row for row in claimed if row.worker is None or gone(row.worker)]
            now = self.common_time(session, at)
            for row in left:
                row.lease_until = row.run_at = min(row.run_at, now)  # what was left long ago has waited since
            return len(left)

    def hasten(self, by: timedelta, at: datetime) -> None:
        with self._database.write() as session:
            session.connection().execute(_HASTEN, {"now": at, "last": at + by + LONGEST_WAIT})

    def common_time(self, session: Session, at: datetime) -> datetime:
        if self._server_time is None:
            return at
        ((now,),) = _SERVER_NOW.rows(session.connection(), {})
        return cast("datetime", now)


# Statements are built once: with a few thousand a second, building them costs more than carrying them out.

_ITEM = cast("Table", WorkItemRow.__table__)
_NOTIFIED = "work notified"
_NOTIFY = select(func.pg_notify(CHANNEL, ""))
_HELD = (_ITEM.c.id == bindparam("key_"), _ITEM.c.state == "claimed", _ITEM.c.fence == bindparam("held"))
_FREED: dict[str, object] = {"lease_until": None, "worker": None, "last_error": bindparam("error"), "attempts": bindparam("tries")}

_OF_KINDS = select(_ITEM.c.id, _ITEM.c.kind, _ITEM.c.key, _ITEM.c.payload, _ITEM.c.fence, _ITEM.c.attempts).where(
    among(_ITEM.c.kind, "kinds")
)
_FIRST = _ITEM.c.priority, _ITEM.c.run_at, _ITEM.c.id
_MOST = bindparam("most", type_=Integer)
_DUE = _OF_KINDS.where(or_(*(_ITEM.c.state == state for state in OPEN)), _ITEM.c.run_at <= bindparam("at"))
"""`run_at` of a claimed item is the end of its lease, so that one index finds what waits and what was left behind."""
_ANY_DUE = Prepared(_DUE.limit(1))
_DUE_LOCKED = Prepared(_DUE.order_by(*_FIRST).limit(_MOST).with_for_update(skip_locked=True))
_NOW = func.statement_timestamp(type_=UtcDateTime())
_SERVER_NOW = Prepared(select(_NOW))
_DUE_THERE = _OF_KINDS.where(
    or_(
        and_(_ITEM.c.state == "ready", _ITEM.c.run_at <= bindparam("at")),
        and_(_ITEM.c.state == "claimed", _ITEM.c.run_at <= _NOW, bindparam("ends", type_=Boolean)),
    )
)
"""The same where leases are counted by the server's time."""
_ONE = _DUE_THERE.limit(1).subquery()
_SERVED = Prepared(select(_NOW.label("now"), _ONE.c.id).select_from(select(literal(1)).subquery().outerjoin(_ONE, true())))
"""One row, with what time it is."""
_SERVED_LOCKED = Prepared(_DUE_THERE.order_by(*_FIRST).limit(_MOST).with_for_update(skip_locked=True))
_CLAIM = Prepared(
    update(_ITEM)
    .where(_ITEM.c.id == bindparam("key_"))
    .values(
        state="claimed",
        worker=bindparam("by"),
        fence=_ITEM.c.fence + 1,
        attempts=_ITEM.c.attempts + 1,
        lease_until=bindparam("until"),
        run_at=bindparam("until"),
    )
)
_NAMED = _ITEM.c.state == "claimed", _ITEM.c.id.in_(bindparam("names", expanding=True))
_FENCES = select(_ITEM.c.id, _ITEM.c.fence).where(*_NAMED)
_FREE = select(_ITEM.c.id).where(*_NAMED).with_for_update(skip_locked=True)
"""To wait for one would keep all others from being renewed."""
_RENEW = update(_ITEM).where(*_HELD).values(lease_until=bindparam("until"), run_at=bindparam("until"))
_SHORTEN = (
    update(_ITEM)
    .where(_ITEM.c.state == "claimed", _ITEM.c.run_at > bindparam("until"))
    .values(lease_until=bindparam("until"), run_at=bindparam("until"))
)
_HASTEN = (
    update(_ITEM)
    .where(_ITEM.c.state == "ready", _ITEM.c.run_at > bindparam("now"), _ITEM.c.run_at <= bindparam("last"))
    .values(run_at=bindparam("now"))
)
_FINISH = Prepared(
    update(_ITEM)
    .values(state="done", lease_until=None, worker=None, finished_at=bindparam("at", type_=_ITEM.c.finished_at.type), last_error="")
    .where(
        among(_ITEM.c.id, "names"),
        # the state by itself would lead SQLite through all that is claimed
        among(_ITEM.c.id + " " + cast_as(_ITEM.c.fence, String) + " " + _ITEM.c.state, "held"),
    )
    .returning(_ITEM.c.id)
)
_BURY = update(_ITEM).where(*_HELD).values(state="dead", finished_at=bindparam("at"), **_FREED)
_PUT_BACK = update(_ITEM).where(*_HELD).values(state="ready", run_at=bindparam("due"), **_FREED)


@lru_cache(maxsize=4096)
def _id(kind: str, key: str) -> str:
    return derived_id("wrk", kind, key)


def _changed(session: Session, statement: Update, claim: Claim, **values: object) -> bool:
    """Whether the claim was still held."""
    return session.connection().execute(statement, {"key_": claim.id, "held": claim.fence, **values}).rowcount == 1


def _submission(insert: Callable[[Table], sqlite.Insert | postgresql.Insert]) -> sqlite.Insert | postgresql.Insert:
    """What is open already is brought forward, what is finished opened again, what is being done left alone."""
    fresh = {
        "state": "ready",
        "fence": 0,
        "lease_until": None,
        "worker": None,
        "attempts": 0,
        "last_error": "",
        "finished_at": None,
    }
    given = {
        name: bindparam(name, type_=_ITEM.c[name].type)
        for name in ("id", "kind", "key", "payload", "priority", "run_at", "created_at")
    }
    statement = insert(_ITEM).values(**fresh, **given)
    waiting, new = _ITEM.c.state == "ready", statement.excluded
    anew = ("payload", "state", "lease_until", "worker", "attempts", "last_error", "created_at", "finished_at")
    reopened = {name: case((waiting, _ITEM.c[name]), else_=new[name]) for name in anew}
    sooner = case((waiting & (_ITEM.c.run_at < new.run_at), _ITEM.c.run_at), else_=new.run_at)
    more_urgent = case((waiting & (_ITEM.c.priority < new.priority), _ITEM.c.priority), else_=new.priority)
    return statement.on_conflict_do_update(
        index_elements=["id"], set_={**reopened, "run_at": sooner, "priority": more_urgent}, where=_ITEM.c.state != "claimed"
    )
