"""Pools that run low: an alarm that comes, changes and goes, and that no correlation takes for a failure."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.assurance.alarms.board import Board
from agent.assurance.alarms.handling import close_unwatched
from agent.assurance.history.poolwatch import PoolWatch
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObservationRow, ProblemRow
from crm_bridge.tables import EventRow
from inventory.allocation import allocate, release_service
from inventory.tables import AllocationRow, PoolRow
from tests.inventory.factory import add_pool


@pytest.fixture
def watch(database, clock):
    with database.write() as session:
        add_pool(session, "vlans", "vlan", ranges=[[100, 109]], low_watermark=50)
        add_pool(session, "links", "ipv4-prefix", prefix="10.0.0.0/24", length=31)
    return PoolWatch(database, clock)


def take(database, clock, *owners):
    with database.write() as session:
        for owner in owners:
            allocate(session, "vlans", owner=owner, role="vlan", service_id=f"svc-{owner}", at=clock.now())


def alarms(database):
    with database.read() as session:
        return [
            (row.element, row.cause, row.severity, row.standing, row.cleared_at is None)
            for row in session.scalars(select(AlarmRow).order_by(AlarmRow.id))
        ]


def changes(database):
    with database.read() as session:
        return list(session.scalars(select(AlarmChangeRow.change).order_by(AlarmChangeRow.id)))


def events(database):
    with database.read() as session:
        rows = session.scalars(select(EventRow).where(EventRow.type.like("alarm%")).order_by(EventRow.sequence))
        return [(row.type, row.payload["alarm"]["alarmedObjectType"], row.payload["alarm"]["state"]) for row in rows]


def test_a_pool_with_enough_raises_nothing(watch, database):
    watch.look_now()
    assert alarms(database) == []


def test_an_alarm_comes_below_the_watermark_and_goes_above_it(watch, database, clock):
    take(database, clock, *"abcde")
    watch.look_now()
    assert alarms(database) == []
    take(database, clock, "f")
    watch.look_now()
    assert alarms(database) == [("pool:vlans", "lowWatermark", "minor", "root", True)]
    with database.read() as session:
        assert (
            session.scalars(select(AlarmRow.text))
            .one()
            .startswith("pool vlans runs low: 4 of 10 free (40 %), its low watermark is 50 %")
        )
    with database.write() as session:
        release_service(session, "svc-a", clock.now())
    watch.look_now()
    assert alarms(database) == [("pool:vlans", "lowWatermark", "minor", "root", False)]
    assert ("alarmCreateEvent", "pool", "raised") in events(database)
    assert events(database)[-1] == ("alarmStateChangeEvent", "pool", "cleared")


def test_an_alarm_that_stands_is_told_again_only_when_it_gets_worse_or_better(watch, database, clock):
    take(database, clock, *"abcdef")
    for _ in range(5):
        watch.look_now()
    assert changes(database) == ["raised"]
    take(database, clock, "g")
    watch.look_now()
    assert changes(database)[1:] == ["updated"]
    with database.read() as session:
        assert len(session.scalars(select(ObservationRow.id)).all()) == 2


def test_it_is_no_failure_of_the_network(watch, database, clock):
    take(database, clock, *"abcdef")
    watch.look_now()
    with database.write() as session:
        assert list(Board.read(session).alarms) == []
        assert close_unwatched(session, set(), set(), clock.now()) == []
        assert session.scalars(select(ProblemRow.id)).all() == []
    assert alarms(database)[0][-1] is True


def test_the_alarm_of_a_pool_that_is_gone_is_cleared(watch, database, clock):
    take(database, clock, *"abcdef")
    watch.look_now()
    with database.write() as session:
        session.query(AllocationRow).delete()
        session.query(PoolRow).where(PoolRow.name == "vlans").delete()
    watch.look_now()
    assert alarms(database)[0][-1] is False


def test_figures_show_use_and_the_days_that_are_left_where_they_are_known(watch, database, clock):
    for day in "abcd":
        take(database, clock, day)
        watch.look_now()
        clock.advance(timedelta(days=1))
    series = {(family.name, sample.labels["pool"]): sample.value for family in watch.families() for sample in family.samples}
    assert series["fabd_pool_size", "vlans"] == 10
    assert (series["fabd_pool_used", "vlans"], series["fabd_pool_free", "vlans"]) == (4, 6)
    assert series["fabd_pool_days_left", "vlans"] == 6
    assert ("fabd_pool_days_left", "links") not in series
