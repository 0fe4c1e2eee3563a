"""What operations do to a watcher: clocks step, the daemon is away, answers overtake others, services move, secrets get lost."""

import asyncio
from datetime import timedelta

import pytest

from agent.assurance.collection.poller import Visit
from agent.assurance.findings import Source
from agent.assurance.tables import AlarmRow, ObservationRow, PollRow, ProblemRow, ReadingRow, UsageBinRow
from agent.measurement.readings import CounterReadings
from crm_bridge.tables import TicketRow
from drivers.port import Credential
from inventory.db import Database
from inventory.elements import set_administrative
from inventory.services import set_resources
from inventory.tables import ServiceRow
from tests.agent.assurance.test_story import states
from tests.agent.assurance.world import World, metro
from tests.clock import FakeClock
from tests.inventory.factory import port_id

HOUR = timedelta(hours=1)


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("web", "Acme", ["pe1/c1"])
    world.poll()
    world.poll()
    return world


# -- the time of day steps back


def test_a_fault_is_seen_although_the_clock_was_set_back(world: World) -> None:
    world.clock.step_to(world.clock.now() - HOUR)
    world.network.down("pe1/c1")
    world.poll()
    assert [alarm.object for alarm in world.rows(AlarmRow)] == ["c1"]
    assert len(world.rows(TicketRow)) == 1
    assert states(world, "web") == [("up", 0.0, 120.0), ("down", 120.0, None)]


def test_silence_is_seen_although_the_clock_was_set_back(world: World) -> None:
    world.clock.step_to(world.clock.now() - HOUR)
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    assert [alarm.cause for alarm in world.rows(AlarmRow)] == ["elementUnreachable"]
    world.network.elements["pe1"].silent = False
    world.poll()
    assert all(alarm.cleared_at is not None for alarm in world.rows(AlarmRow))


def test_a_repair_ends_the_outage_although_the_clock_was_set_back(world: World) -> None:
    world.network.down("pe1/c1")
    world.poll()
    world.poll()
    world.clock.step_to(world.clock.now() - HOUR)
    world.network.up("pe1/c1")
    world.poll()
    assert world.rows(AlarmRow)[0].cleared_at is not None
    assert world.rows(ProblemRow)[0].state == "resolved"
    # when it ended nobody can say; it lasted at least as long as it had been seen
    assert states(world, "web") == [("up", 0.0, 120.0), ("down", 120.0, 240.0), ("up", 240.0, None)]


# -- nobody was looking


def test_time_in_which_the_daemon_was_away_is_unknown_not_up(world: World) -> None:
    world.clock.advance(600)
    world.network.down("pe1/c1")
    world.clock.advance(600)
    world.network.up("pe1/c1")
    world.clock.advance(600)
    world.restarted()
    world.poll()
    assert states(world, "web") == [("up", 0.0, 120.0), ("unknown", 120.0, 1980.0), ("up", 1980.0, None)]
    assert {(row.element, row.finding) for row in world.rows(ObservationRow)} == {
        (name, "unseen") for name in ("pe1", "p1", "pe2", "sw1")
    }
    assert world.rows(AlarmRow) == []


def test_what_the_element_itself_vouches_for_is_not_unknown(world: World) -> None:
    world.network.port("pe1/c1").changed = world.network.uptime("pe1") - 6000
    world.clock.advance(1800)
    world.restarted()
    world.poll()
    assert states(world, "web") == [("up", 0.0, None)]


def test_an_outage_that_began_while_nobody_looked_begins_when_the_element_says(world: World) -> None:
    world.clock.advance(600)
    world.network.down("pe1/c1")
    world.clock.advance(600)
    world.restarted()
    world.poll()
    assert states(world, "web") == [("up", 0.0, 120.0), ("unknown", 120.0, 720.0), ("down", 720.0, None)]


def test_an_outage_that_ended_while_nobody_looked_ends_when_the_element_says(world: World) -> None:
    world.network.down("pe1/c1")
    world.poll()
    world.clock.advance(600)
    world.network.up("pe1/c1")
    world.clock.advance(600)
    world.restarted()
    world.poll()
    found = states(world, "web")
    assert found[1] == ("down", 120.0, 780.0)
    assert found[-1][0] == "up"
    assert world.rows(TicketRow)[0].status == "resolved"


def test_a_short_restart_leaves_no_trace(world: World) -> None:
    world.clock.advance(90)
    world.restarted()
    world.poll()
    assert states(world, "web") == [("up", 0.0, None)]
    assert world.rows(ObservationRow) == []


def test_readings_of_services_do_not_hide_that_nobody_polled(world: World) -> None:
    world.clock.advance(1800)
    world.restarted()
    world.service.lifecycle.read_counters(["pe1/c1"], deadline=float("inf"))
    world.poll()
    assert [state for state, *_ in states(world, "web")] == ["up", "unknown", "up"]


# -- answers out of order, and readings between a last one and its end


async def _visit(world: World, source: Source) -> Visit:
    watchlist = await world.service._watchlist()
    return await world.service._poller.visit(watchlist.elements.values(), source)


def test_a_reading_that_was_overtaken_breaks_no_counter(world: World) -> None:
    async def overlap() -> None:
        early = await _visit(world, Source.POLL)
        world.clock.advance(2)
        world.network.count("pe1/c1", 1000)
        late = await _visit(world, Source.VERIFY)
        watchlist = await world.service._watchlist()
        world.service._rounds.store(watchlist, late, ())
        world.service._rounds.store(watchlist, early, ())

    world.clock.advance(20)
    asyncio.run(overlap())
    for _ in range(5):
        world.poll()
    (row,) = world.rows(UsageBinRow)
    assert (row.octets_in, row.quality) == (1000, "measured")
    assert world.service.figures().samples_dropped == {"late": 1}


def test_a_poll_between_the_last_reading_and_the_end_breaks_no_counter(world: World) -> None:
    world.network.count("pe1/c1", 1000)
    readings = world.service.lifecycle.read_counters(["pe1/c1"], deadline=float("inf"))
    world.network.count("pe1/c1", 1)
    world.poll(5)
    world.clock.advance(5)
    world.delete("web", ["pe1/c1"], readings=readings)
    (found,) = world.rows(UsageBinRow)
    assert (found.octets_in, found.quality, found.end) == (1001, "measured", world.clock.now())
    assert {row.occasion for row in world.rows(ReadingRow)} == {"activation", "final", "poll"}


def test_octets_between_two_lives_of_a_service_are_nobodys(world: World) -> None:
    world.network.count("pe1/c1", 1000)
    world.poll(200)
    world.delete("web", ["pe1/c1"], read=False)
    world.network.count("pe1/c1", 5000)
    world.clock.advance(600)
    with world.database.write() as session:
        row = session.get_one(ServiceRow, "web")
        row.state, row.ended_at = "active", None
        set_resources(session, "web", {port_id(session, "pe1/c1"): "endpoint"}, [])
        session.flush()
        session.expire_all()
        world.service.lifecycle.activated(session, session.get_one(ServiceRow, "web"), CounterReadings(), world.clock.now())
    world.restarted()
    for _ in range(6):
        world.poll()
    assert sum(row.octets_in for row in world.rows(UsageBinRow)) == 1000


# -- services that move, elements that cannot be asked


def test_a_service_that_moves_off_a_broken_port_is_up(world: World) -> None:
    world.network.down("pe1/c1")
    world.poll()
    assert states(world, "web")[-1][0] == "down"
    world.clock.advance(5)
    with world.database.write() as session:
        set_resources(session, "web", {port_id(session, "pe1/c2"): "endpoint"}, [])
        session.flush()
        session.expire_all()
        world.service.lifecycle.activated(session, session.get_one(ServiceRow, "web"), CounterReadings(), world.clock.now())
    assert states(world, "web") == [("up", 0.0, 120.0), ("down", 120.0, 185.0), ("up", 185.0, None)]
    world.poll()
    world.poll()
    assert world.rows(TicketRow)[0].status == "resolved"


def test_services_over_an_element_without_credential_are_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(reference: str) -> Credential:
        raise LookupError(f"no credential {reference!r}")

    monkeypatch.setattr(world.service._poller, "_resolve", resolve)
    for _ in range(3):
        world.poll()
    assert states(world, "web") == [("up", 0.0, 120.0), ("unknown", 120.0, None)]
    alarm = next(alarm for alarm in world.rows(AlarmRow) if alarm.element == "pe1")
    assert alarm.text == "pe1 cannot be asked: credential: no credential 'public'"


def test_a_silent_element_that_is_locked_costs_nothing(world: World) -> None:
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    with world.database.write() as session:
        set_administrative(session, "pe1", "locked")
    before = len(world.rows(PollRow))
    for _ in range(100):
        world.tick()
    assert len(world.rows(PollRow)) == before


def test_silent_elements_are_called_apart_from_the_cycle_and_its_verification(world: World) -> None:
    world.network.elements["sw1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    world.network.asked.clear()
    world.clock.advance(60)
    world.run(world.service.poll_once())
    world.run(world.service.tick())
    assert {name for name, _ in world.network.asked} == {"pe1", "p1", "pe2"}
    world.run(world.service.call_silent())
    assert world.network.asked[-1] == ("sw1", ("u1",))


def test_nothing_is_kept_of_elements_that_are_not_watched_any_more(world: World) -> None:
    world.poll()
    assert "pe1" in world.network.kept
    with world.database.write() as session:
        set_administrative(session, "pe1", "locked")
    world.poll()
    assert "pe1" not in world.network.kept
