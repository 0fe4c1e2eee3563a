"""Services as they come, change and go; and outages with several causes, whatever order the news comes in."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from agent.assurance.findings import Source
from agent.assurance.levels import health
from agent.assurance.tables import MonitorRow, PollRow, ReadingRow, ServiceStateRow, UsageBinRow
from agent.assurance.topology.watchlist import load_watchlist
from agent.measurement.readings import CounterReadings
from drivers.snmp import oids
from inventory.db import Database
from inventory.services import set_resources
from inventory.tables import EndpointRow, ServiceRow
from policies.values import Interval
from tests.agent.assurance.test_story import states
from tests.agent.assurance.world import World, metro
from tests.clock import EPOCH, FakeClock
from tests.inventory.factory import port_id

FOREVER = float("inf")


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    return metro(database, clock)


@pytest.mark.parametrize("downs", list(itertools.permutations([("pe1/c1", 10), ("pe2/c1", 20), ("pe1/x1", 30)])))
@pytest.mark.parametrize("backwards", [False, True])
def test_the_first_cause_begins_an_outage_and_the_last_repair_ends_it(
    world: World, downs: list[tuple[str, int]], backwards: bool
) -> None:
    """The instants are the elements' own; only the news is out of order."""
    world.order("line", "Acme", ["pe1/c1", "pe2/c1"], links=["west"])
    world.poll(1)
    for port, second in sorted(downs, key=lambda each: each[1]):
        world.clock.advance(second - (world.clock.now().timestamp() % 60))
        world.network.down(port)
    world.clock.advance(5)
    for port, _ in downs:
        world.trap(port)
    assert states(world, "line") == [("up", 0.0, 10.0), ("down", 10.0, None)]
    ups = sorted(downs, key=lambda each: each[1])
    for port, second in ups:
        world.clock.advance(second + 30 - (world.clock.now().timestamp() % 120))
        world.network.up(port)
    world.clock.advance(5)
    for port, _ in reversed(downs) if backwards else downs:
        world.trap(port, oids.LINK_UP)
    assert states(world, "line") == [("up", 0.0, 10.0), ("down", 10.0, 60.0), ("up", 60.0, None)]


def test_a_service_that_begins_on_a_port_that_is_down_is_down_from_its_start(world: World) -> None:
    world.order("old", "Acme", ["pe1/c1"])
    world.network.down("pe1/c1")
    world.poll()
    world.order("new", "Acme", ["pe1/c1"])
    assert states(world, "new") == [("down", 60.0, None)]


def test_a_service_that_moves_keeps_its_history_and_counts_on_its_new_port(world: World) -> None:
    world.order("web", "Acme", ["pe1/c1"])
    world.network.count("pe1/c1", 1000)
    world.poll(100)
    lifecycle = world.service.lifecycle
    readings = lifecycle.read_counters(["pe1/c2"], FOREVER)
    with world.database.write() as session:
        set_resources(session, "web", {port_id(session, "pe1/c2"): "endpoint"})
        session.expire_all()
        lifecycle.activated(session, session.get_one(ServiceRow, "web"), readings, world.clock.now())
    for _ in range(2):
        with world.database.write() as session:  # again: nothing happens
            lifecycle.activated(session, session.get_one(ServiceRow, "web"), readings, world.clock.now())
    world.network.count("pe1/c2", 2000)
    world.clock.advance(50)
    world.delete("web", ["pe1/c2"])
    with world.database.read() as session:
        names = {port_id(session, f"pe1/{name}"): name for name in ("c1", "c2")}
    octets = [(names[row.port_id], row.octets_in, row.quality) for row in world.rows(UsageBinRow, UsageBinRow.start)]
    assert octets == [("c1", 1000, "measured"), ("c2", 2000, "measured")]
    assert len(world.rows(MonitorRow)) == 4
    assert [state for state, *_ in states(world, "web")] == ["up"]
    assert world.rows(ServiceStateRow)[0].end == world.clock.now()


def test_a_service_has_what_it_had_unless_it_is_said_to_be_new_whatever_its_instants_are(world: World) -> None:
    world.order("web", "Acme", ["pe1/c1"])
    monitors = [row.id for row in world.rows(MonitorRow, MonitorRow.id)]
    with world.database.write() as session:
        row = session.get_one(ServiceRow, "web")
        world.service.lifecycle.suspended(session, row, CounterReadings(), world.clock.advance(10))
        row.started_at = world.clock.advance(10)
        world.service.lifecycle.all_activated(session, [(row, CounterReadings())], world.clock.now())
    again = world.rows(MonitorRow, MonitorRow.id)
    assert ([row.id for row in again], [row.ended_at for row in again]) == (monitors, [None] * len(monitors))


def test_a_reading_finds_a_port_that_moved_to_another_index(world: World) -> None:
    world.network.port("pe1/c1").index, world.network.port("pe1/c2").index = 2, 1
    world.network.count("pe1/c1", 11)
    readings = world.service.lifecycle.read_counters(["pe1/c1"], FOREVER)
    assert [(each.port, each.octets_in) for each in readings.readings] == [("pe1/c1", 11)]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("silent", "pe1: no answer in 1 s"),
        ("gone", "pe1/c1: the element lists no such port"),
        ("no endpoint", "its element has no SNMP endpoint"),
    ],
)
def test_what_cannot_be_read_is_data_with_its_reason(world: World, case: str, said: str) -> None:
    if case == "silent":
        world.network.elements["pe1"].silent = True
    elif case == "gone":
        world.network.port("pe1/c1").index = 70
        world.network.elements["pe1"].ports["c9"] = world.network.elements["pe1"].ports.pop("c1")
        world.network.port("pe1/c9").index = 1
    else:
        with world.database.write() as session:
            session.execute(delete(EndpointRow))
    readings = world.service.lifecycle.read_counters(["pe1/c1"], FOREVER)
    assert (readings.readings, readings.failures) == ((), {"pe1/c1": said})
    asked = [(poll.id, poll.failures) for poll in world.rows(PollRow)]
    assert asked == ([] if case == "no endpoint" else [(readings.poll_id, readings.failures)])


def test_where_a_port_is_read_may_be_looked_up_ahead_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.assurance.lifecycle.AHEAD_S", 3600.0)  # however slow the machine
    lifecycle = world.service.lifecycle
    with world.database.write() as session:
        lifecycle.look_ahead(session, ["pe1/c1"])
        session.execute(delete(EndpointRow))
    assert [reading.port for reading in lifecycle.read_counters(["pe1/c1"], FOREVER).readings] == ["pe1/c1"]
    assert lifecycle.read_counters(["pe1/c1"], FOREVER).failures == {"pe1/c1": "its element has no SNMP endpoint"}


def test_what_was_looked_up_ahead_long_ago_is_looked_up_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle = world.service.lifecycle
    with world.database.write() as session:
        lifecycle.look_ahead(session, ["pe1/c1"])
        session.execute(delete(EndpointRow))
    monkeypatch.setattr("agent.assurance.lifecycle.AHEAD_S", 0.0)
    assert lifecycle.read_counters(["pe1/c1"], FOREVER).failures == {"pe1/c1": "its element has no SNMP endpoint"}


def test_the_first_reading_is_kept_with_the_poll_that_made_it(world: World) -> None:
    world.network.count("pe1/c1", 7, 9)
    world.order("web", "Acme", ["pe1/c1"])
    (reading,) = world.rows(ReadingRow)
    with world.database.read() as session:
        poll = session.scalars(select(PollRow).where(PollRow.id == reading.poll_id)).one()
    assert (reading.occasion, reading.octets_in, reading.octets_out, poll.elements) == ("activation", 7, 9, 1)


def test_a_round_that_was_under_way_when_a_service_ended_adds_nothing_to_it(world: World) -> None:
    world.order("web", "Acme", ["pe1/c1"])
    world.poll()
    with world.database.read() as session:
        before = load_watchlist(session)
    world.clock.advance(10)
    world.delete("web", ["pe1/c1"])
    bins = len(world.rows(UsageBinRow))
    world.network.count("pe1/c1", 5000)
    world.clock.advance(1)
    world.run(world.service._visit(before, [before.elements["pe1"]], Source.POLL))
    assert len(world.rows(UsageBinRow)) == bins
    world.poll(600)
    assert len(world.rows(UsageBinRow)) == bins


def suspend(world: World, service_id: str, port: str) -> None:
    readings = world.service.lifecycle.read_counters([port], FOREVER)
    with world.database.write() as session:
        service = session.get_one(ServiceRow, service_id)
        world.service.lifecycle.suspended(session, service, readings, world.clock.now())
        service.state = "inactive"


def resume(world: World, service_id: str, port: str) -> None:
    readings = world.service.lifecycle.read_counters([port], FOREVER)
    with world.database.write() as session:
        service = session.get_one(ServiceRow, service_id)
        service.state = "active"
        session.flush()
        world.service.lifecycle.activated(session, service, readings, world.clock.now())


def test_a_service_that_moves_is_counted_to_its_last_octet_on_the_port_it_leaves(world: World) -> None:
    world.order("web", "Acme", ["pe1/c1"])
    world.poll()
    world.network.count("pe1/c1", 1000)
    world.clock.advance(10)
    lifecycle = world.service.lifecycle
    left = lifecycle.read_counters(["pe1/c1"], FOREVER)
    came = lifecycle.read_counters(["pe1/c2"], FOREVER)
    with world.database.write() as session:
        set_resources(session, "web", {port_id(session, "pe1/c2"): "endpoint"})
        session.expire_all()
        lifecycle.modified(session, session.get_one(ServiceRow, "web"), left, came, world.clock.now())
    bins = world.rows(UsageBinRow)
    assert sum(row.octets_in for row in bins) == 1000
    assert {row.quality for row in bins} == {"measured"}


def test_a_suspended_service_is_neither_up_nor_down_and_not_counted(world: World) -> None:
    world.order("web", "Acme", ["pe1/c1"])
    world.poll(60)
    world.clock.advance(30)
    suspend(world, "web", "pe1/c1")
    bins = len(world.rows(UsageBinRow))
    world.network.down("pe1/c1")
    world.network.count("pe1/c1", 5000)
    world.poll(30)
    world.network.up("pe1/c1")
    world.poll(60)
    assert states(world, "web") == [("up", 0.0, 90.0)]
    assert len(world.rows(UsageBinRow)) == bins
    resume(world, "web", "pe1/c1")
    assert states(world, "web") == [("up", 0.0, 90.0), ("up", 180.0, None)]
    world.network.count("pe1/c1", 70)
    world.poll(60)
    world.clock.advance(10)
    suspend(world, "web", "pe1/c1")
    assert sum(row.octets_in for row in world.rows(UsageBinRow)) == 70


def row(start: int, end: int | None) -> ServiceStateRow:
    return ServiceStateRow(start=EPOCH + timedelta(seconds=start), end=None if end is None else EPOCH + timedelta(seconds=end))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([(0, None)], []),
        ([(0, 40), (40, None)], []),
        ([(0, 40), (60, None)], [(40, 60)]),
        ([(0, 40)], [(40, 100)]),
        ([(0, 40), (60, 70)], [(40, 60), (70, 100)]),
        ([(50, None)], []),
        ([(-20, -10), (30, None)], [(0, 30)]),
    ],
    ids=["never", "always", "changed", "suspended", "suspended since", "twice", "begun later", "suspended before"],
)
def test_the_time_in_which_a_service_was_suspended_is_known_from_its_states(
    rows: list[tuple[int, int | None]], expected: list[tuple[int, int]]
) -> None:
    span = Interval(EPOCH, EPOCH + timedelta(seconds=100))
    found = health.rests([row(*each) for each in rows], span)
    assert [((part.start - EPOCH).total_seconds(), (part.end - EPOCH).total_seconds()) for part in found] == expected
