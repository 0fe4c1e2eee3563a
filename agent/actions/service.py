"""The closed loop as the daemon, the API and the command line use it."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select

from agent.actions.deciding import ACTION_WORK, Decider
from agent.actions.deeds.bounce import Bounce
from agent.actions.deeds.deed import Deed
from agent.actions.deeds.move import Move
from agent.actions.deeds.redeploy import Redeploy
from agent.actions.deeds.retest import Retest
from agent.actions.desk import ActionDesk
from agent.actions.loop import Loop
from agent.actions.modes import with_modes
from agent.actions.runner import ActionRunner
from agent.actions.tables import ActionRow
from agent.config import ActionSettings
from agent.fulfillment.freezes import WeeklyFreeze
from agent.fulfillment.service import FulfilmentService
from agent.measurement.testing import ServiceTesting
from agent.metrics import Family, Sample
from inventory.db import Database
from inventory.work import WorkQueue
from policies.acting.guards import Limits
from policies.acting.rules import Deed as Kind
from policies.acting.rules import Rule
from policies.values import Clock

__all__ = ["ACTION_WORK", "ActionService", "Parts"]

BATCH = 500
"""Rows of one transaction that forgets."""


@dataclass(frozen=True, slots=True)
class Parts:
    database: Database
    clock: Clock
    queue: WorkQueue
    fulfilment: FulfilmentService
    tests: ServiceTesting
    rules: Sequence[Rule]
    settings: ActionSettings
    freezes: Sequence[WeeklyFreeze] = field(default=())


class ActionService:
    def __init__(self, parts: Parts) -> None:
        """Raises `ConfigurationError` for a mode of a rule that is not there."""
        self._parts = parts
        settings = parts.settings
        deeds: Mapping[Kind, Deed] = {
            Kind.REDEPLOY: Redeploy(parts.fulfilment),
            Kind.BOUNCE: Bounce(parts.fulfilment),
            Kind.TEST: Retest(parts.tests),
            Kind.MOVE: Move(parts.fulfilment),
        }
        decider = Decider(
            rules=with_modes(parts.rules, settings.modes),
            deeds=deeds,
            limits=Limits(settings.most_per_hour, timedelta(hours=1), settings.most_elements),
            freezes=parts.freezes,
            queue=parts.queue,
            patience=timedelta(seconds=settings.approval_wait_s),
        )
        self.rules = decider.rules
        self.desk = ActionDesk(decider, parts.fulfilment.wake)
        self.loop = Loop(parts.database, parts.clock, decider, parts.fulfilment.wake)
        self.runner = ActionRunner(parts.database, parts.clock, decider)

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self._parts.settings.look_every_s)

    async def look(self) -> None:
        """One turn; for the scheduler."""
        await asyncio.to_thread(self.loop.turn)

    async def tidy(self) -> None:
        """Forget what ended long ago; for the scheduler."""
        before = self._parts.clock.now() - timedelta(days=self._parts.settings.keep_days)
        while await asyncio.to_thread(self.loop.forget, before, BATCH) == BATCH:
            pass

    def families(self) -> Iterable[Family]:
        """For `/metrics`: by rule and state, those that ended as they ended."""
        with self._parts.database.read() as session:
            rows = session.execute(select(ActionRow.rule, ActionRow.state, func.count()).group_by(ActionRow.rule, ActionRow.state))
            counted = Counter({(rule, state): number for rule, state, number in rows})
        samples = [Sample({"rule": rule, "state": state}, number) for (rule, state), number in sorted(counted.items())]
        yield Family("fabd_actions", "gauge", "Actions of the closed loop that are kept, by how they stand or ended.", samples)
