"""Whether anybody carries out what is placed here: for a daemon that leaves that to other processes."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from inventory.db import Database
from inventory.tables import WorkItemRow
from inventory.work import OPEN
from policies.values import Clock

PATIENCE = timedelta(seconds=60)
"""A process that carries out and is begun again takes its work up within that."""


class Attendance:
    def __init__(self, database: Database, clock: Clock, kinds: Collection[str]) -> None:
        """`kinds` of work that others are to do."""
        self._database, self._clock, self._kinds = database, clock, sorted(kinds)
        self.fault = ""
        """Why nothing is carried out; "" when it is, or when there is nothing to do. As it was at the last look."""

    async def look(self) -> None:
        """For the scheduler."""
        self.fault = await asyncio.to_thread(self._fault, self._clock.now())

    def _fault(self, at: datetime) -> str:
        with self._database.read() as session:
            if not self._waits(session, at - PATIENCE) or self._attended(session, at - PATIENCE, at):
                return ""
        return (
            f"what is placed has waited for more than {PATIENCE.total_seconds():.0f} s, and no process takes it up; "
            "start `fabd work`, or set fulfillment.carry_out"
        )

    def _waits(self, session: Session, since: datetime) -> bool:
        due = WorkItemRow.state.in_(OPEN), WorkItemRow.run_at <= since, WorkItemRow.kind.in_(self._kinds)
        return session.scalar(select(WorkItemRow.id).where(*due).limit(1)) is not None

    def _attended(self, session: Session, since: datetime, at: datetime) -> bool:
        """Whether somebody has work in hand, or has ended some of late."""
        held = and_(WorkItemRow.state == "claimed", WorkItemRow.run_at > at)
        ended = and_(WorkItemRow.state == "done", WorkItemRow.finished_at > since)
        found = select(WorkItemRow.id).where(WorkItemRow.kind.in_(self._kinds), or_(held, ended)).limit(1)
        return session.scalar(found) is not None
