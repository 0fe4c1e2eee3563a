"""What the poller measured of services' ports becomes history, through the whole service."""

from datetime import timedelta

import numpy as np
import pytest

from agent.assurance.collection.rates import METRICS, Rates
from agent.assurance.history.feed import values_of
from agent.assurance.history.points import Resolution
from agent.assurance.history.store import SeriesKey, read, series_of
from policies.values import Interval
from tests.agent.assurance.world import metro
from tests.clock import EPOCH

PORT = "pe1/c2"


@pytest.fixture
def world(database, clock):
    world = metro(database, clock)
    world.order("web", "Acme", [PORT])
    world.poll()
    return world


def means(world, metric):
    with world.database.read() as session:
        found = read(session, SeriesKey(f"port:{PORT}", metric), Interval(EPOCH, EPOCH + timedelta(minutes=10)), Resolution.MINUTE)
    return [None if np.isnan(each) else round(each, 6) for each in found.mean.tolist()]


def test_traffic_of_services_is_kept_minute_by_minute_and_of_nobody_else(world):
    for octets in (7_500_000, 15_000_000):
        world.network.count(PORT, octets, 750_000)
        world.network.count("pe1/c1", octets)
        world.poll()
    world.run(world.service.keeping.write())
    assert means(world, "in_bps")[1:5] == [None, 1e6, 2e6, None]
    assert means(world, "out_bps")[1:5] == [None, 1e5, 1e5, None]
    assert means(world, "utilisation_ratio")[1:5] == [None, 0.001, 0.002, None]
    with world.database.read() as session:
        kept = series_of(session)
    assert {key.subject for key in kept} == {f"port:{PORT}"}
    assert {key.metric for key in kept} <= METRICS.keys()


def test_a_reset_counter_and_a_silent_element_leave_gaps(world):
    for broken in (False, True, False):
        if broken:
            world.network.reboot("pe1")
        world.network.count(PORT, 7_500_000)
        world.poll()
    world.run(world.service.keeping.write())
    assert means(world, "in_bps")[2:5] == [1e6, None, 1e6]


def test_what_is_measured_is_written_when_the_daemon_stops(world):
    world.network.count(PORT, 7_500_000)
    world.poll()
    world.run(world.service.stop())
    assert means(world, "in_bps")[2] == 1e6


def test_ports_that_were_read_in_two_minutes_are_kept_in_both():
    walls = np.array([59.5, 60.5])
    rates = Rates(("a/1", "b/2"), walls, {"in_bps": np.array([1.0, 2.0])})
    found = [(at.timestamp(), {key.subject: value for key, value in values.items()}) for at, values in values_of([rates])]
    assert found == [(0.0, {"port:a/1": 1.0}), (60.0, {"port:b/2": 2.0})]
