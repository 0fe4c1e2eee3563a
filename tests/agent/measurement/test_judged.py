"""What was measured of services reaches objectives and history."""

from datetime import timedelta

from agent.assurance.tables import IndicatorRow
from agent.config import MeasurementSettings
from agent.measurement.minutes import ServiceMinute
from agent.measurement.service import MeasurementService
from policies.catalog import Catalog
from tests.agent.assurance.world import metro


def test_minutes_are_kept_once_and_what_is_not_known_is_missing(database, clock):
    world = metro(database, clock)
    start = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=2)
    minutes = [ServiceMinute("svc-1", start, 60, 0.0, 0.01, 0.002), ServiceMinute("svc-1", start + timedelta(minutes=1), 60, 1.0)]
    for _ in range(2):
        world.run(world.service.take_measured(minutes))
    rows = world.rows(IndicatorRow, IndicatorRow.start, IndicatorRow.metric)
    assert [(row.metric, row.value, row.quality) for row in rows] == [
        ("delay", 0.01, "measured"),
        ("jitter", 0.002, "measured"),
        ("loss", 0.0, "measured"),
        ("delay", None, "missing"),
        ("jitter", None, "missing"),
        ("loss", 1.0, "measured"),
    ]
    world.run(world.service.keeping.write())
    assert world.run(world.service.keeping.write()) == 0  # all of it is written


def test_minutes_that_could_not_be_taken_are_handed_over_again(database, clock):
    world = metro(database, clock)
    measurement = MeasurementService(database, clock, Catalog(), lambda _: None, MeasurementSettings())
    minute = ServiceMinute("svc-1", clock.now(), 60, 0.0)
    measurement._waiting = [minute]
    taken = []

    async def refuse(_minutes):
        raise ConnectionError

    async def take(minutes):
        taken.extend(minutes)

    for work in (refuse, take, take):
        try:
            world.run(measurement.hand_over(work))
        except ConnectionError:
            assert taken == []
    assert taken == [minute]


def test_nothing_is_measured_all_the_time_where_that_is_switched_off(database, clock):
    world = metro(database, clock)
    off = MeasurementService(database, clock, Catalog(), lambda _: None, MeasurementSettings(enabled=False))
    off.watch.refresh = None
    world.run(off.refresh())
    values = {family.name: next(iter(family.samples)).value for family in off.families()}
    assert values == {
        "fabd_measured_services": 0,
        "fabd_measurement_sessions": 0,
        "fabd_measurement_packets_total": 0,
        "fabd_measurement_strange_total": 0,
        "fabd_measurement_results_dropped_total": 0,
        "fabd_measurement_failures_total": 0,
    }
