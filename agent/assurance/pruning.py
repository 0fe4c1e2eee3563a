"""What assurance forgets: poll cycles with nothing standing on them, alarms that cleared long ago, minutes of indicators."""

import asyncio
from datetime import timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.upkeep import Upkeep
from agent.assurance.levels import indicators
from agent.assurance.tables import ObservationRow, PollRow, ReadingRow
from agent.assurance.writer import in_pieces
from inventory.db import Database
from policies.values import Clock

PRUNED_AT_ONCE = 1000
"""Poll cycles in one transaction."""


class Pruning:
    def __init__(self, database: Database, clock: Clock, upkeep: Upkeep, keep: timedelta) -> None:
        self._database, self._clock, self._upkeep, self._keep = database, clock, upkeep, keep

    async def prune(self) -> int:
        """One turn; how many poll cycles went."""
        return await asyncio.to_thread(self._prune)

    def _prune(self) -> int:
        before = self._clock.now() - self._keep
        read = exists().where(ReadingRow.poll_id == PollRow.id)
        observed = exists().where(ObservationRow.poll_id == PollRow.id)
        old = select(PollRow.id).where(PollRow.started_at < before, ~read, ~observed).limit(PRUNED_AT_ONCE)

        def polls(session: Session) -> int:
            return len(session.scalars(delete(PollRow).where(PollRow.id.in_(old)).returning(PollRow.id)).all())

        in_pieces(self._database, lambda session: self._upkeep.forget(session, self._clock.now()))
        in_pieces(self._database, lambda session: indicators.prune(session, before))
        return in_pieces(self._database, polls)
