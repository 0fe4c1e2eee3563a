"""Whether anybody carries out what is placed here: for a daemon that leaves that to other processes."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from inventory.db import Database
from inventory.tables import WorkItemRow
from inventory.work import WorkQueue
from policies.values import Clock

PATIENCE = timedelta(seconds=60)
"""A process that carries out and is begun again takes its work up within that."""


class Attendance:
    def __init__(self, database: Database, queue: WorkQueue, clock: Clock, kinds: Collection[str]) -> None:
        """`kinds` of work that others are to do."""
        self._database, self._queue, self._clock, self._kinds = database, queue, clock, sorted(kinds)
        self.fault = ""
        """Why nothing is carried out; "" when it is, or when there is nothing to do. As it was at the last look."""

    async def look(self) -> None:
        """For the scheduler."""
        self.fault = await asyncio.to_thread(self._fault, self._clock.now())

    def _fault(self, at: datetime) -> str:
        with self._database.read() as session:
            leases = self._queue.common_time(session, at)
            if not self._waits(session, at, leases) or self._attended(session, at, leases):
                return ""
        return (
            f"what is placed has waited for more than {PATIENCE.total_seconds():.0f} s, and no process takes it up; "
            "start `fabd work`, or set fulfillment.carry_out"
        )

    def _waits(self, session: Session, at: datetime, leases: datetime) -> bool:
        """Whether anything is due for long, or was left behind long ago. `leases`: the time by which those are counted."""
        due = and_(WorkItemRow.state == "ready", WorkItemRow.run_at <= at - PATIENCE)
        left = and_(WorkItemRow.state == "claimed", WorkItemRow.run_at <= leases - PATIENCE)
        return self._has_any(session, or_(due, left))

    def _attended(self, session: Session, at: datetime, leases: datetime) -> bool:
        """Whether somebody has work in hand, or has ended some of late."""
        held = and_(WorkItemRow.state == "claimed", WorkItemRow.run_at > leases)
        ended = and_(WorkItemRow.state == "done", WorkItemRow.finished_at > at - PATIENCE)
        return self._has_any(session, or_(held, ended))

    def _has_any(self, session: Session, which: ColumnElement[bool]) -> bool:
        found = select(WorkItemRow.id).where(WorkItemRow.kind.in_(self._kinds), which).limit(1)
        return session.scalar(found) is not None
