"""How often the alarms of failures were changed: one counter, and one writer of alarms at a time.

Whoever keeps alarms in memory compares the counter with the one it knows, and reads them anew when another process (or an operator)
has written since.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from agent.assurance.tables import MarkRow
from crm_bridge.once import insert_once

ALARMS = "alarms"


def seen(session: Session) -> int:
    return session.scalar(select(MarkRow.value).where(MarkRow.name == ALARMS)) or 0


@dataclass(slots=True)
class Turn:
    """Of writing alarms, until the transaction ends."""

    value: int
    """The counter, with what was written in this turn."""

    def advance(self, session: Session) -> None:
        """The alarms of failures are others now."""
        own = update(MarkRow).where(MarkRow.name == ALARMS).values(value=MarkRow.value + 1)
        session.execute(own.execution_options(synchronize_session=False))
        self.value += 1


def take_turn(session: Session) -> Turn:
    """Nobody else writes alarms until the transaction ends."""
    insert_once(session, MarkRow, {"name": ALARMS, "value": 0})
    return Turn(session.scalars(select(MarkRow.value).where(MarkRow.name == ALARMS).with_for_update()).one())
