"""The work queue's twin in memory: for tests and for programs that embed fabd without wanting its work to outlive them."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from inventory.db import once_committed
from inventory.work import DEFAULT_PRIORITY, LONGEST_WAIT, Claim, Work


@dataclass(frozen=True, slots=True)
class _Item:
    work: Work
    state: str
    priority: int
    run_at: datetime
    fence: int = 0
    attempts: int = 0
    worker: str = ""


class MemoryQueue:
    """Same promises as `DatabaseQueue`; what a rolled-back session submitted never happened here either."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._guard = threading.Lock()

    def submit(
        self, session: Session, work: Work, at: datetime, *, run_at: datetime | None = None, priority: int = DEFAULT_PRIORITY
    ) -> None:
        once_committed(session, lambda: self._open(work, run_at or at, priority))

    def claim(self, kinds: Collection[str], worker: str, at: datetime, lease: timedelta, *, limit: int = 1) -> tuple[Claim, ...]:
        with self._guard:
            due = [
                item
                for item in self._items.values()
                if item.state in ("ready", "claimed") and item.run_at <= at and item.work.kind in kinds
            ]
            due.sort(key=lambda item: (item.priority, item.run_at, item.work.id))
            return tuple(self._claim(item, worker, at + lease) for item in due[:limit])

    def renew(self, claims: Collection[Claim], at: datetime, lease: timedelta) -> frozenset[str]:
        with self._guard:
            held = [claim for claim in claims if self._holds(claim)]
            for claim in held:
                self._items[claim.id] = replace(self._items[claim.id], run_at=at + lease)
            return frozenset(claim.id for claim in held)

    def finish(self, session: Session, claim: Claim, at: datetime) -> bool:
        del at
        return self._give_back(session, claim, state="done")

    def finish_all(self, session: Session, claims: Collection[Claim], at: datetime) -> frozenset[str]:
        return frozenset(claim.id for claim in claims if self.finish(session, claim, at))

    def release(
        self, session: Session, claim: Claim, at: datetime, *, run_at: datetime | None, error: str = "", counted: bool = True
    ) -> bool:
        del error
        attempts = claim.attempts if counted else claim.attempts - 1
        state = "dead" if run_at is None else "ready"
        return self._give_back(session, claim, state=state, run_at=run_at or at, attempts=attempts)

    def abandon(self, gone: Callable[[str], bool], at: datetime) -> int:
        with self._guard:
            left = [item for item in self._items.values() if item.state == "claimed" and gone(item.worker)]
            for item in left:
                self._items[item.work.id] = replace(item, run_at=min(item.run_at, at))
            return len(left)

    def hasten(self, by: timedelta, at: datetime) -> None:
        with self._guard:
            for item in list(self._items.values()):
                if item.state == "ready" and at < item.run_at <= at + by + LONGEST_WAIT:
                    self._items[item.work.id] = replace(item, run_at=at)

    def common_time(self, session: Session, at: datetime) -> datetime:
        del session
        return at

    def _open(self, work: Work, run_at: datetime, priority: int) -> None:
        with self._guard:
            known = self._items.get(work.id)
            if known is None or known.state in ("done", "dead"):
                self._items[work.id] = _Item(work, "ready", priority, run_at, fence=known.fence if known else 0)
            elif known.state == "ready":
                self._items[work.id] = replace(known, run_at=min(known.run_at, run_at), priority=min(known.priority, priority))

    def _claim(self, item: _Item, worker: str, until: datetime) -> Claim:
        taken = replace(item, state="claimed", worker=worker, fence=item.fence + 1, attempts=item.attempts + 1, run_at=until)
        self._items[item.work.id] = taken
        return Claim(taken.work, worker, taken.fence, taken.attempts)

    def _holds(self, claim: Claim) -> bool:
        item = self._items.get(claim.id)
        return item is not None and item.state == "claimed" and item.fence == claim.fence

    def _give_back(
        self, session: Session, claim: Claim, *, state: str, run_at: datetime | None = None, attempts: int | None = None
    ) -> bool:
        with self._guard:
            if not self._holds(claim):
                return False
        once_committed(session, lambda: self._put_back(claim, state, run_at, attempts))
        return True

    def _put_back(self, claim: Claim, state: str, run_at: datetime | None, attempts: int | None) -> None:
        with self._guard:
            if self._holds(claim):
                item = self._items[claim.id]
                self._items[claim.id] = replace(
                    item,
                    state=state,
                    worker="",
                    run_at=run_at or item.run_at,
                    attempts=item.attempts if attempts is None else attempts,
                )
