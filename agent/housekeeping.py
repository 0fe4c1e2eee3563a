"""What is thrown away or closed when its time has come: answers to idempotency keys, delivered events, tasks, accepted tickets."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from agent.api import idempotency
from agent.api.tmf import tasks
from agent.config import KeepSettings
from crm_bridge import outbox, tickets
from inventory.db import Database
from policies.values import Clock

log = structlog.get_logger(__name__)

BATCH = 500
"""Rows of one transaction: the single writer of SQLite is not held for long."""
MAX_BATCHES = 100
"""Of one kind in one turn; the rest waits for the next."""


class Housekeeping:
    def __init__(self, database: Database, clock: Clock, keep: KeepSettings) -> None:
        self._database, self._clock, self._keep = database, clock, keep

    async def tidy(self) -> None:
        """One turn; called by the scheduler."""
        await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        now = self._clock.now()
        before = now - timedelta(days=self._keep.events_days)
        close_after = timedelta(days=self._keep.resolved_tickets_days)
        with self._database.write() as session:
            keys = idempotency.forget(session, now)
        events = self._in_batches(lambda session: outbox.forget(session, before=before, limit=BATCH))
        closed = self._in_batches(
            lambda session: len(tickets.close_resolved(session, close_after=close_after, at=now, limit=BATCH))
        )
        answered = self._in_batches(lambda session: tasks.forget(session, before=before, limit=BATCH))
        if keys or events or closed or answered:
            log.info("tidied up", idempotency_keys=keys, events=events, tickets_closed=closed, tasks=answered)

    def _in_batches(self, work: Callable[[Session], int]) -> int:
        total = 0
        for _ in range(MAX_BATCHES):
            with self._database.write() as session:
                done = work(session)
            total += done
            if done < BATCH:
                break
        return total
