from datetime import timedelta

from sqlalchemy import func, select

from agent.api.tables import RecordRow
from agent.config import KeepSettings
from agent.housekeeping import BATCH, Housekeeping
from crm_bridge.outbox import publish
from crm_bridge.tables import EventRow
from inventory.db import Database
from tests.clock import FakeClock


def _events(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(EventRow)) or 0


def test_events_that_nobody_is_owed_go_when_their_time_has_come(database: Database, clock: FakeClock) -> None:
    with database.write() as session:
        for number in range(BATCH + 10):
            publish(session, aggregate="a:1", type="t", payload={"n": number}, correlation_id="c", at=clock.now())
    housekeeping = Housekeeping(database, clock, KeepSettings(events_days=30))
    housekeeping._tidy()
    assert _events(database) == BATCH + 10
    clock.advance(timedelta(days=31))
    housekeeping._tidy()
    assert _events(database) == 1  # the newest stays, so that numbers never come twice


def test_answered_tasks_go_with_the_events_and_unanswered_ones_stay(database: Database, clock: FakeClock) -> None:
    kept = {"client": "t", "created_at": clock.now(), "updated_at": clock.now(), "document": {}}
    with database.write() as session:
        session.add(RecordRow(id="1", kind="monitor", state="Completed", **kept))
        session.add(RecordRow(id="2", kind="monitor", state="InProgress", **kept))
        session.add(RecordRow(id="3", kind="checkServiceQualification", state="done", **kept))
        session.add(RecordRow(id="4", kind="serviceCategory", state="", **kept))
    clock.advance(timedelta(days=31))
    Housekeeping(database, clock, KeepSettings(events_days=30))._tidy()
    with database.read() as session:
        assert sorted(session.scalars(select(RecordRow.id))) == ["2", "4"]
