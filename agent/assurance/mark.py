"""How often the alarms were changed: one counter, and one writer of alarms at a time.

Whoever keeps alarms in memory compares the counter with the one it knows, and reads them anew when another process (or an operator)
has written since.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from agent.assurance.tables import MarkRow
from crm_bridge.once import insert_once

ALARMS = "alarms"


def seen(session: Session) -> int:
    return session.scalar(select(MarkRow.value).where(MarkRow.name == ALARMS)) or 0


def take_turn(session: Session) -> int:
    """Until the transaction ends nobody else writes alarms. Gives the counter as it is with one's own change counted."""
    insert_once(session, MarkRow, {"name": ALARMS, "value": 0})
    own = update(MarkRow).where(MarkRow.name == ALARMS).values(value=MarkRow.value + 1).returning(MarkRow.value)
    return session.scalars(own.execution_options(synchronize_session=False)).one()
