"""Somebody sets fabd's clock, by hours, at the worst moment: nothing stops, nothing is told twice, nothing is invented.

Time that the clock jumped over is time of which nobody knows; time that it lives through twice counts once.
"""

from datetime import timedelta

import pytest

from agent.assurance.problems.correlator import Patience
from agent.assurance.tables import AlarmRow, ProblemRow, ServiceStateRow, UsageBinRow
from crm_bridge.tables import TicketRow
from drivers.snmp import oids
from inventory.db import Database
from tests.agent.assurance.test_story import states
from tests.agent.assurance.world import World, metro
from tests.clock import EPOCH, FakeClock

HOURS = timedelta(hours=3)
BOTH_WAYS = pytest.mark.parametrize("step", [-HOURS, HOURS], ids=["back", "forth"])


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("web", "Acme", ["pe1/c1"])
    world.poll()
    world.poll()
    return world


def set_clock(world: World, step: timedelta) -> None:
    """Elements have clocks of their own, and go on as they were."""
    world.clock.step_to(world.clock.now() + step)
    for element in world.network.elements.values():
        element.booted += step


@BOTH_WAYS
def test_a_quiet_network_stays_quiet(world: World, step: timedelta) -> None:
    set_clock(world, step)
    for _ in range(3):
        world.poll()
    assert world.rows(AlarmRow) == []
    assert world.rows(TicketRow) == []
    assert states(world, "web")[-1][0] == "up"


def test_hours_that_the_clock_jumped_over_are_not_up(world: World) -> None:
    """Unless the element vouches for them by its own clock."""
    set_clock(world, HOURS)
    for port in world.network.elements["pe1"].ports.values():
        port.changed = 0
    world.poll()
    skipped = 120.0 + HOURS.total_seconds() + 60.0
    assert states(world, "web") == [("up", 0.0, 120.0), ("unknown", 120.0, skipped), ("up", skipped, None)]


@BOTH_WAYS
def test_silence_is_told_in_time_though_the_clock_is_set_while_it_is_held(world: World, step: timedelta) -> None:
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    assert [alarm.standing for alarm in world.rows(AlarmRow)] == ["pending"]
    set_clock(world, step)
    for _ in range(12):
        world.tick()
    assert [alarm.standing for alarm in world.rows(AlarmRow)] == ["root"]
    assert len(world.rows(TicketRow)) == 1


@pytest.mark.parametrize(
    ("back", "left"), [(0, 60), (1, 60), (59, 60), (61, None), (3600, None)], ids=["not", "a little", "less", "more", "hours"]
)
def test_a_step_back_that_is_less_than_one_waits_anyway_shortens_nothing(back: int, left: int | None) -> None:
    patience = Patience(hold=timedelta(seconds=10), recheck=timedelta(seconds=60))
    until, now = EPOCH + patience.recheck, EPOCH - timedelta(seconds=back)
    waited = [second for second in range(200) if patience.waits(until, now + timedelta(seconds=second))]
    assert len(waited) >= left if left else not patience.waits(until, now)
    assert len(waited) <= 2 * patience.recheck.total_seconds()


@BOTH_WAYS
def test_an_outage_ends_with_its_repair(world: World, step: timedelta) -> None:
    world.network.down("pe1/c1")
    world.poll()
    set_clock(world, step)
    world.poll()
    world.network.up("pe1/c1")
    world.clock.advance(1)
    world.trap("pe1/c1", oids.LINK_UP)
    assert [alarm.cleared_at is not None for alarm in world.rows(AlarmRow)] == [True]
    assert [problem.state for problem in world.rows(ProblemRow)] == ["resolved"]
    assert [ticket.status for ticket in world.rows(TicketRow)] == ["resolved"]
    rows = [row for row in world.rows(ServiceStateRow, ServiceStateRow.start) if row.service_id == "web"]
    assert [row.state for row in rows][-1] == "up"
    assert all(row.end is None or row.start <= row.end for row in rows)


@BOTH_WAYS
def test_silent_elements_are_called_again_as_often_as_before(world: World, step: timedelta) -> None:
    world.network.elements["sw1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    set_clock(world, step)
    world.network.asked.clear()
    for _ in range(30):
        world.tick(10)
    assert 9 <= sum(name == "sw1" for name, _ in world.network.asked) <= 11


@BOTH_WAYS
def test_octets_are_counted_once_through_a_step(world: World, step: timedelta) -> None:
    counted = 0
    for turn in range(12):
        if turn == 6:
            set_clock(world, step)
        world.network.count("pe1/c1", 1000)
        counted += 1000
        world.poll()
    bins = world.rows(UsageBinRow)
    assert 0 < sum(each.octets_in for each in bins) <= counted
    assert len({(each.service_id, each.start) for each in bins}) == len(bins)
