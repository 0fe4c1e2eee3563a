"""Many traps: what one element says or does not answer must cost neither the others nor the database."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from agent.assurance.events import traps
from agent.assurance.events.claims import Claim
from agent.assurance.events.directory import Directory
from agent.assurance.events.hints import WRITTEN_EVERY_S
from agent.assurance.events.intake import NOT_UNDERSTOOD, Piece
from agent.assurance.events.restraint import BURST, BURST_OF_ALL, PER_SECOND, PER_SECOND_OF_ALL, Restraint
from agent.assurance.events.trapdesk import TrapDesk
from agent.assurance.tables import AlarmRow, ObservationRow, PollRow
from agent.assurance.topology.watchlist import WatchedElement
from crm_bridge.tables import TicketRow
from drivers.snmp import oids
from drivers.snmp.batch import PollBatch, PollJob
from drivers.snmp.traps import Trap
from inventory.db import Database
from tests.agent.assurance.world import World, metro
from tests.clock import FakeClock


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("web", "Acme", ["pe1/c1"])
    world.order("shop", "Bolt", ["sw1/c1"])
    world.poll()
    world.clock.advance(1)
    world.network.asked.clear()
    return world


def trap(world: World, reference: str, oid: str = oids.LINK_DOWN) -> Trap:
    element, _, name = reference.partition("/")
    index = world.network.port(f"{element}/{name}").index
    return Trap(world.clock.now(), world.host(element), "v2c", oid, 0, ((f"{oids.IF_INDEX}.{index}", index),))


def asked(world: World) -> Counter[str]:
    return Counter(name for name, _ in world.network.asked)


def test_a_storm_of_one_element_is_read_at_a_bounded_rate_and_ends_in_the_truth(world: World) -> None:
    before = len(world.rows(PollRow))
    storm = trap(world, "pe1/c1")
    for _ in range(1000):
        world.run(world.service.hearing.desk.handle([storm] * 10))
        world.clock.advance(0.01)
    assert BURST <= asked(world)["pe1"] <= BURST + PER_SECOND * 10
    assert len(world.rows(PollRow)) - before == asked(world)["pe1"]
    assert world.service.figures().traps_processed == 10_000
    world.network.down("pe1/c1")
    world.run(world.service.hearing.desk.handle([storm]))
    world.clock.advance(1)
    world.run(world.service.look_again())
    assert [alarm.object for alarm in world.rows(AlarmRow)] == ["c1"]


def test_what_was_said_meanwhile_is_kept_as_evidence_with_its_number(world: World) -> None:
    storm = trap(world, "pe1/c1")
    for _ in range(BURST + 30):
        world.run(world.service.hearing.desk.handle([storm, storm]))
    world.clock.advance(1)
    world.run(world.service.look_again())
    world.clock.advance(WRITTEN_EVERY_S)
    world.run(world.service.settle_hints())
    assert [row.detail["times"] for row in world.rows(ObservationRow)] == [2 * (BURST + 30)]


@pytest.mark.parametrize("at_once", [True, False], ids=["read at once", "put off"])
def test_what_was_said_outlives_a_read_that_could_not_be_stored(
    world: World, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    desk, poll = world.service.hearing.desk, world.network.poll
    if not at_once:
        for _ in range(BURST):
            world.run(desk.handle([trap(world, "pe1/c1")]))

    async def fails(_: Sequence[PollJob]) -> PollBatch:
        raise OSError("the database is gone")

    monkeypatch.setattr(world.network, "poll", fails)
    said = trap(world, "pe1/c1", oids.COLD_START)
    if at_once:
        with pytest.raises(OSError, match="gone"):
            world.run(desk.handle([said]))
    else:
        world.run(desk.handle([said]))
        world.clock.advance(1)
        with pytest.raises(OSError, match="gone"):
            world.run(world.service.look_again())
    monkeypatch.setattr(world.network, "poll", poll)
    world.clock.advance(1)
    world.run(world.service.look_again())
    assert [row.detail["times"] for row in world.rows(ObservationRow) if row.finding == "coldStart"] == [1]


def test_a_storm_of_one_element_delays_no_other(world: World) -> None:
    for _ in range(BURST + 5):
        world.run(world.service.hearing.desk.handle([trap(world, "pe1/c1")]))
    world.clock.advance(0.01)
    world.network.down("sw1/c1")
    world.run(world.service.hearing.desk.handle([trap(world, "pe1/c1"), trap(world, "sw1/c1")]))
    assert len(world.rows(TicketRow)) == 1


def test_an_element_that_does_not_answer_delays_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pe1 sends traps and takes for ever to answer; meanwhile sw1 is heard."""
    asked, answers, heard = asyncio.Event(), asyncio.Event(), asyncio.Event()
    poll, turn = world.network.poll, TrapDesk.turn

    async def slowly(jobs: Sequence[PollJob]) -> PollBatch:
        if any(job.target.element == "pe1" for job in jobs):
            asked.set()
            await answers.wait()
        return await poll(jobs)

    async def turned(desk: TrapDesk) -> None:
        await turn(desk)
        heard.set()

    monkeypatch.setattr(world.network, "poll", slowly)
    monkeypatch.setattr(TrapDesk, "turn", turned)
    queue: asyncio.Queue[Trap] = asyncio.Queue()

    async def story() -> int:
        listening = asyncio.create_task(world.service.hearing.desk.listen(queue))
        world.network.down("sw1/c1")
        queue.put_nowait(trap(world, "pe1/c1"))
        await asyncio.wait_for(asked.wait(), 60)
        queue.put_nowait(trap(world, "sw1/c1"))
        await asyncio.wait_for(heard.wait(), 60)
        tickets = len(world.rows(TicketRow))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        return tickets

    assert asyncio.run(story()) == 1


def test_a_word_that_nobody_can_make_sense_of_costs_the_others_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claimed = traps.claim_of

    def stumbles(piece: Piece, element: WatchedElement, directory: Directory) -> Claim | None:
        if element.name == "sw1":
            raise ValueError("odd")
        return claimed(piece, element, directory)

    monkeypatch.setattr(traps, "claim_of", stumbles)
    world.network.down("pe1/c1", "sw1/c1")
    for _ in range(2):
        world.run(world.service.hearing.desk.handle([trap(world, "sw1/c1"), trap(world, "pe1/c1")]))
    assert [alarm.element for alarm in world.rows(AlarmRow)] == ["pe1"]
    assert world.service.figures().traps_dropped == {NOT_UNDERSTOOD: 2}
    assert capsys.readouterr().out.count("events are not understood") == 1
    world.run(world.service.hearing.look_out())
    assert world.service.hearing.status().storms == {"sw1": 2}


def test_restraint_fills_again_with_time_and_keeps_elements_apart() -> None:
    restraint = Restraint()
    assert sum(restraint.allows("a", 0.0) for _ in range(BURST + 10)) == BURST
    assert restraint.allows("b", 0.0)
    assert sum(restraint.allows("a", 1.0) for _ in range(10)) == PER_SECOND
    assert sum(restraint.allows("a", 1000.0) for _ in range(BURST + 10)) == BURST


def test_a_storm_of_all_elements_leaves_the_daemon_to_others() -> None:
    restraint = Restraint()
    names = [f"r{number}" for number in range(BURST_OF_ALL + 10)]
    assert sum(restraint.allows(name, 0.0) for name in names) == BURST_OF_ALL
    assert sum(restraint.allows(name, 1.0) for name in names) == PER_SECOND_OF_ALL
