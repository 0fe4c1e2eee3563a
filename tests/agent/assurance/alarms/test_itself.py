"""Alarms of the daemon itself: raised while a part does not do its work, and left behind by nobody."""

import asyncio

from sqlalchemy import select
from structlog.testing import capture_logs

from agent.assurance.alarms.itself import Faults, Itself
from agent.assurance.tables import AlarmRow
from agent.assurance.writer import Writer
from inventory.db import Database
from tests.clock import FakeClock


def look(database: Database, clock: FakeClock, faults: Faults, host: str = "here") -> list[tuple[str, str]]:
    """As after a start of the daemon there; element and text of what stands."""
    asyncio.run(Itself(Writer(database), clock, host, faults).look())
    with database.read() as session:
        rows = session.scalars(select(AlarmRow).where(AlarmRow.cleared_at.is_(None)).order_by(AlarmRow.element))
        return [(row.element, row.text) for row in rows]


def test_its_end_is_no_warning(database: Database, clock: FakeClock) -> None:
    with capture_logs() as logs:
        look(database, clock, {"collectors": lambda: "stuck"})
        look(database, clock, {"collectors": lambda: ""})
    told = [(each["log_level"], each["event"], each["part"]) for each in logs]
    assert told == [("warning", "of the daemon itself", "daemon:collectors"), ("info", "well again", "daemon:collectors")]


def test_it_ends_with_the_part_when_that_is_switched_off(database: Database, clock: FakeClock) -> None:
    stuck = [("daemon:collectors", "collectors on here: stuck")]
    assert look(database, clock, {"collectors": lambda: "stuck"}) == stuck
    clock.advance(60)
    assert look(database, clock, {}, host="there") == stuck
    assert look(database, clock, {}) == []
