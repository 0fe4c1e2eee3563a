"""From readings to usage: once, exactly, and with the reason where nothing is known."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.assurance.collection.meter import Meter
from agent.assurance.tables import MonitorRow, ReadingRow, UsageBinRow
from crm_bridge.tables import UsageRecordRow
from inventory.db import Database
from inventory.tables import ElementRow
from tests.agent.assurance.world import FakeNetwork, World, metro
from tests.clock import EPOCH, FakeClock

PORT = "pe1/c2"


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    """The service starts 10 s into a bin; polls follow at every full minute."""
    world = metro(database, clock)
    clock.advance(10)
    world.order("web", "Acme", [PORT])
    world.poll(50)
    return world


def bins(world: World) -> list[tuple[float, float, int, str, str]]:
    rows = sorted(world.rows(UsageBinRow), key=lambda row: row.start)
    return [
        (
            (row.start - EPOCH).total_seconds(),
            (row.end - EPOCH).total_seconds(),
            row.octets_in,
            row.quality,
            row.gap_reason,
        )
        for row in rows
    ]


def run_for(world: World, seconds: int, octets: int = 1_000_000) -> None:
    """Traffic before every poll."""
    for _ in range(seconds // 60):
        world.network.count(PORT, octets, 1)
        world.poll()


def test_the_first_bin_begins_with_the_service_and_each_holds_what_its_polls_saw(world: World) -> None:
    run_for(world, 600)
    # polls at 60 … 660; the one at 300 is the first of the second bin
    assert bins(world) == [
        (10.0, 300.0, 3_000_000, "measured", ""),
        (300.0, 600.0, 5_000_000, "measured", ""),
    ]


def test_each_bin_is_one_usage_record_that_names_its_evidence(world: World) -> None:
    run_for(world, 600)
    records = world.rows(UsageRecordRow, UsageRecordRow.start)
    assert [(record.octets_in, record.octets_out, record.status) for record in records] == [
        (3_000_000, 3, "guided"),
        (5_000_000, 5, "guided"),
    ]
    rows = {row.id: row for row in world.rows(UsageBinRow)}
    readings = {row.id for row in world.rows(ReadingRow)}
    for record in records:
        assert rows[record.evidence["bin"]].usage_id == record.id
        assert set(record.evidence["readings"]) <= readings
        assert (record.evidence["element"], record.evidence["port"]) == ("pe1", "c2")


def test_only_readings_that_usage_stands_on_are_stored(world: World) -> None:
    run_for(world, 600)
    stored = [(row.occasion, (row.at - EPOCH).total_seconds()) for row in world.rows(ReadingRow, ReadingRow.at)]
    assert stored == [("activation", 10.0), ("poll", 240.0), ("poll", 540.0)]


def test_missed_bins_of_an_unbroken_counter_are_spread_and_say_so(world: World) -> None:
    run_for(world, 240)
    world.network.elements["pe1"].silent = True  # after the reading at 300
    run_for(world, 660)
    world.network.elements["pe1"].silent = False
    run_for(world, 600)
    assert bins(world) == [
        (10.0, 300.0, 3_000_000, "measured", ""),
        (300.0, 600.0, 6_000_000, "interpolated", ""),
        (600.0, 900.0, 5_000_000, "interpolated", ""),
        (900.0, 1200.0, 4_000_000, "interpolated", ""),
        (1200.0, 1500.0, 5_000_000, "measured", ""),
    ]


@pytest.mark.parametrize("how", ["reboot", "discontinuity", "reset"])
def test_a_broken_counter_makes_its_bin_missing_and_heals(world: World, how: str) -> None:
    run_for(world, 360)
    if how == "reboot":
        world.network.reboot("pe1")
    elif how == "discontinuity":
        world.network.port(PORT).discontinuity = world.network.uptime("pe1")
    else:
        world.network.port(PORT).octets_in = 0
    run_for(world, 600)
    found = bins(world)
    assert found[1] == (300.0, 600.0, 0, "missing", how)
    assert found[2] == (600.0, 900.0, 5_000_000, "measured", "")
    assert world.service.figures().counter_gaps == {how: 1}


def test_a_jump_faster_than_the_port_is_not_billed(world: World) -> None:
    run_for(world, 240)
    run_for(world, 300, octets=10**11)
    run_for(world, 300)
    assert [row[3:] for row in bins(world)[1:]] == [("missing", "implausible")] * 2
    run_for(world, 300)
    assert bins(world)[-1] == (900.0, 1200.0, 5_000_000, "measured", "")


def test_an_agent_that_counts_every_three_minutes_is_billed_to_the_octet(world: World) -> None:
    """At nine tenths of a gigabit what it shows at last is too fast for the last minute, and right for all three."""
    octets = 900_000_000 // 8 * 180
    for _ in range(4):
        world.poll()
        world.poll()
        world.network.count(PORT, octets)
        world.poll()
    run_for(world, 300)
    assert world.service.figures().counter_gaps == {}
    assert sum(row[2] for row in bins(world)) >= 4 * octets
    assert {row[3] for row in bins(world)} == {"measured"}


def test_slow_ports_are_billed_by_32_bit_counters_that_wrap_and_fast_ones_are_refused(world: World) -> None:
    world.network.narrow, world.network.speed_mbps = True, 10
    world.network.port(PORT).octets_in = 2**32 - 1_000_000
    run_for(world, 900)
    assert world.service.figures().samples_dropped == {}
    assert bins(world)[-1][2:4] == (5_000_000, "measured")
    before = len(bins(world))
    world.network.speed_mbps = 1000
    run_for(world, 600)
    assert world.service.figures().samples_dropped == {"32-bit counters": 10}
    assert len(bins(world)) - before <= 1


def test_a_restart_loses_no_octet(world: World) -> None:
    run_for(world, 420)
    world.restarted()
    run_for(world, 480)
    found = bins(world)
    assert [row[3] for row in found] == ["measured", "measured", "measured"]
    assert sum(row[2] for row in found) == 3_000_000 + 5_000_000 + 5_000_000


def test_a_service_that_ends_is_counted_to_its_last_reading(world: World) -> None:
    run_for(world, 360)
    world.network.count(PORT, 777)
    world.clock.advance(30)
    world.delete("web", [PORT])
    assert bins(world) == [
        (10.0, 300.0, 3_000_000, "measured", ""),
        (300.0, 450.0, 3_000_777, "measured", ""),
    ]
    assert [row.occasion for row in world.rows(ReadingRow, ReadingRow.at)] == ["activation", "poll", "final"]
    assert all(row.ended_at == world.clock.now() for row in world.rows(MonitorRow))
    run_for(world, 600)
    assert len(bins(world)) == 2


def test_not_even_the_last_fraction_of_a_second_is_lost(world: World) -> None:
    run_for(world, 360)
    world.network.count(PORT, 777)
    world.clock.advance(0.5)
    world.delete("web", [PORT])
    assert bins(world)[-1] == (300.0, 420.5, 3_000_777, "measured", "")


def test_without_a_last_reading_the_rest_is_missing_and_the_known_part_is_kept(world: World) -> None:
    run_for(world, 360)
    world.clock.advance(30)
    world.delete("web", [PORT], read=False)
    assert bins(world)[1:] == [
        (300.0, 420.0, 3_000_000, "measured", ""),
        (420.0, 450.0, 0, "missing", "no reading before the end"),
    ]


def test_without_a_first_reading_the_first_bin_is_missing(database: Database, clock: FakeClock) -> None:
    world = metro(database, clock)
    world.network.elements["pe1"].silent = True
    world.order("web", "Acme", [PORT])
    world.network.elements["pe1"].silent = False
    run_for(world, 660)
    assert [row[2:] for row in bins(world)] == [(0, "missing", "no reading at activation"), (5_000_000, "measured", "")]


def test_a_port_that_moved_to_another_index_is_found_again_and_starts_a_new_segment(world: World) -> None:
    run_for(world, 360)
    world.network.port(PORT).index = 99
    run_for(world, 840)
    found = bins(world)
    assert found[1] == (300.0, 600.0, 0, "missing", "identity")
    assert found[2] == (600.0, 900.0, 5_000_000, "measured", "")


STEPS = st.one_of(
    st.tuples(st.sampled_from(["poll", "missed", "trap", "tick"]), st.floats(0.01, 700)),
    st.tuples(st.just("restart"), st.just(0.0)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=20), st.booleans())
def test_an_unbroken_counter_is_billed_to_the_last_octet(
    database: Database, steps: list[tuple[str, float]], polled_meanwhile: bool
) -> None:
    """Whenever polls come, get lost or overtake the last reading, traps are verified, or the daemon restarts between them."""
    clock = FakeClock()
    world = World(database, clock, metro_network(database, clock))
    service = f"web{len(world.rows(MonitorRow))}"
    world.order(service, "Acme", [PORT])
    total = 0
    for number, (kind, seconds) in enumerate([*steps, ("poll", 2.0)], start=1000):
        world.network.count(PORT, number)
        total += number
        _step(world, kind, seconds)
    if polled_meanwhile:
        readings = world.service.lifecycle.read_counters([PORT], deadline=float("inf"))
        world.poll(3)
        world.delete(service, [PORT], readings=readings)
    else:
        clock.advance(2)
        world.delete(service, [PORT])
    rows = sorted((row for row in world.rows(UsageBinRow) if row.service_id == service), key=lambda row: row.start)
    assert sum(row.octets_in for row in rows) == total
    assert rows[0].start == EPOCH
    assert rows[-1].end == clock.now()
    assert all(a.end == b.start for a, b in pairwise(rows))


def _step(world: World, kind: str, seconds: float) -> None:
    world.network.elements["pe1"].silent = kind == "missed"
    match kind:
        case "restart":
            world.restarted()
        case "trap":
            world.clock.advance(seconds)
            world.trap(PORT)
        case "tick":
            world.tick(seconds)
        case _:
            world.poll(seconds)


def metro_network(database: Database, clock: FakeClock) -> FakeNetwork:
    """One inventory for all examples, a new network for each."""
    network = FakeNetwork(clock)
    if not World(database, clock, network).rows(ElementRow):
        return metro(database, clock).network
    for name, ports in {"pe1": ["c1", "c2", "x1"], "p1": ["x1", "x2"], "pe2": ["c1", "x1", "u1"], "sw1": ["c1", "u1"]}.items():
        network.add(name, ports)
    return network


@pytest.mark.parametrize(("polls", "exact"), [(False, True), (True, False)])
def test_who_only_begins_and_ends_services_bills_what_those_who_poll_have_left(database: Database, clock, polls, exact) -> None:
    """Who carries orders out knows nothing of what others have read meanwhile, and must not take what it remembers for all."""
    world = metro(database, clock)
    clock.advance(10)
    here, elsewhere = world.service, world.restarted().lifecycle
    elsewhere._meter = Meter(timedelta(minutes=5), timedelta(minutes=1), polls=polls)  # as it is built there
    world.service = here
    here.lifecycle = elsewhere
    service = world.order("web", "Acme", [PORT])
    world.poll(50)
    run_for(world, 600, octets=2_000_000)
    world.network.count(PORT, 250_000, 1)
    clock.advance(30)
    world.delete(service, [PORT])
    assert (sum(row[2] for row in bins(world)) == 20_250_000) is exact
