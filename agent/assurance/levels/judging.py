"""What was promised, judged: periods that ended, budgets of those that go on, and the minutes that were measured for them."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from agent.assurance.levels import indicators
from agent.assurance.levels.budgets import BudgetWatch, Looked
from agent.assurance.levels.measuring import readings_of
from agent.assurance.levels.sla import CasesOf, Judge, Judged
from agent.assurance.writer import Writer
from agent.measurement.minutes import ServiceMinute
from agent.scheduler import Job
from crm_bridge.book import PolicyBook
from crm_bridge.promises import Promises
from inventory.db import Database
from policies.values import Clock

JUDGED_AT_ONCE = 500
"""Services whose periods are judged in one transaction."""


class Judging:
    def __init__(  # noqa: PLR0917  one place builds it
        self, database: Database, clock: Clock, writer: Writer, book: PolicyBook, cases_of: CasesOf, patience: timedelta
    ) -> None:
        """`patience`: how long after its end everything in a period is known."""
        self._database, self._clock, self._writer, self._patience = database, clock, writer, patience
        self._promises = Promises(book)
        self._periods, self._budgets = Judge(book, cases_of), BudgetWatch(self._promises)

    def jobs(self, every: timedelta) -> Iterator[Job]:
        yield Job("objectives", every, self.judge)
        yield Job("budgets", every, self.watch_budgets)

    async def judge(self) -> list[Judged]:
        """Judge the periods that have ended, once enough time has passed to know of everything in them."""
        return await asyncio.to_thread(self._judge)

    async def watch_budgets(self) -> Looked:
        """Look at the budgets of periods that go on: who burns them, and of whom too little is known."""
        return await self._writer.run(self._watch_budgets)

    def take_measured(self, session: Session, minutes: Sequence[ServiceMinute]) -> None:
        """Judge what was measured of services against what was promised for them."""
        indicators.record(session, self._promises, readings_of(minutes), self._clock.now())

    def _judge(self) -> list[Judged]:
        """In pieces: when a month ends for ten thousand services, others want to write meanwhile."""
        judged: list[Judged] = []
        while True:
            with self._database.write() as session:
                found = self._periods.run(session, self._clock.now(), grace=self._patience, limit=JUDGED_AT_ONCE)
            if not found:
                return judged
            judged += found

    def _watch_budgets(self) -> Looked:
        try:
            with self._database.write() as session:
                return self._budgets.look(session, self._clock.now())
        except BaseException:
            self._budgets = BudgetWatch(self._promises)
            raise
