"""Plans that wait: for an element, for their dependencies, for their day. Nothing wakes them for the wrong reason."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.tables import ElementHoldRow, JournalRow
from inventory.tables import ServiceRow, WorkItemRow
from inventory.work import Work
from tests.agent.fulfillment.fakes import FakeElement, Killed
from tests.agent.fulfillment.world import World


@pytest.fixture
def world(database, clock) -> World:
    return World(database, clock, FakeElement("core"), FakeElement("edge"))


def journal_length(world, plan) -> int:
    with world.database.read() as session:
        return session.scalar(select(func.count()).where(JournalRow.plan_id == plan))


def postpone(world, plan, to) -> None:
    with world.database.write() as session:
        session.execute(update(WorkItemRow).where(WorkItemRow.id == Work(PLAN_WORK, plan).id).values(run_at=to))


def take_element_and_let_go(world, order="ord-9") -> None:
    world.order(("9", "add", ["core"]), order=order)
    assert world.work()
    assert world.order_row(order).state == "completed"


def test_a_free_element_does_not_start_a_plan_before_its_requested_start(world):
    world.order(("1", "add", ["core"]))
    tomorrow = world.clock.now() + timedelta(days=1)
    postpone(world, "pln-ord-1-1", tomorrow)
    take_element_and_let_go(world)
    assert not world.work()
    assert world.order_row().state == "acknowledged"
    world.clock.advance(timedelta(days=1))
    world.work_off()
    assert world.order_row().state == "completed"


def test_a_free_element_does_not_start_a_plan_whose_dependency_is_not_done(world):
    world.order(("1", "add", ["edge"]), ("2", "add", ["core"], ["1"]))
    postpone(world, "pln-ord-1-1", world.clock.now() + timedelta(hours=1))
    take_element_and_let_go(world)
    assert not world.work()
    assert [item.state for item in world.order_row().items] == ["acknowledged", "acknowledged"]


def test_looking_for_a_held_element_again_and_again_leaves_no_trail_in_the_journal(world):
    world.order(("1", "add", ["core"]))
    holder = world.claim()
    runner = PlanRunner(world.tools())
    world.kill_at = "after hold"
    with pytest.raises(Killed):
        runner(holder)
    world.order(("2", "add", ["core"]), order="ord-2")
    lengths = []
    for _ in range(5):
        assert world.work()
        lengths.append(journal_length(world, "pln-ord-2-2"))
        world.clock.advance(world.settings.hold_wait)
    assert lengths == [1] * 5


def hold(world, order, *elements) -> None:
    """A plan whose worker died holding the elements."""
    world.order((order[-1], "add", list(elements)), order=order)
    world.kill_at = "after hold"
    assert world.work()


def due(world) -> list[str]:
    with world.database.read() as session:
        ready = select(WorkItemRow.key).where(WorkItemRow.state == "ready", WorkItemRow.run_at <= world.clock.now())
        return sorted(session.scalars(ready))


def test_a_free_element_goes_to_the_next_in_line_when_the_first_needs_another_one(world):
    hold(world, "ord-1", "edge")
    hold(world, "ord-2", "core")
    world.order(("3", "add", ["core", "edge"]), order="ord-3")
    world.order(("4", "add", ["core"]), order="ord-4")
    assert world.work()
    assert world.work()
    world.clock.advance(timedelta(minutes=1) - world.settings.hold_wait)
    claims = {claim.work.key: claim for claim in (world.claim() for _ in range(2))}
    assert sorted(claims) == ["pln-ord-3-3", "pln-ord-4-4"]
    for claim in claims.values():
        PlanRunner(world.tools())(claim)
    world.clock.advance(world.settings.hold_wait)
    finished = {claim.work.key: claim for claim in (world.claim() for _ in range(2))}["pln-ord-2-2"]
    PlanRunner(world.tools())(finished)
    assert due(world) == ["pln-ord-3-3"]
    assert world.work()
    assert due(world) == ["pln-ord-4-4"]
    assert world.work()
    assert world.order_row("ord-4").state == "completed"


def test_the_longer_a_plan_waits_the_less_often_it_looks_and_never_less_than_the_setting_says(world):
    hold(world, "ord-1", "core")
    with world.database.write() as session:
        session.execute(update(WorkItemRow).values(lease_until=None, run_at=world.clock.now() + timedelta(days=1)))
    world.order(("2", "add", ["core"]), order="ord-2")
    pauses = []
    for _ in range(20):
        assert world.work()
        ((run_at,),) = world.rows(WorkItemRow, WorkItemRow.run_at)[:1]
        pauses.append(run_at - world.clock.now())
        world.clock.advance(pauses[-1])
    assert pauses[0] == world.settings.hold_wait
    assert pauses == sorted(pauses)
    assert pauses[-1] == world.settings.longest_hold_wait


def test_a_plan_that_waits_behind_one_after_the_other_says_so_once(world):
    hold(world, "ord-1", "core")
    world.order(("8", "add", ["core"]), order="ord-8")
    assert world.work()
    with world.database.write() as session:
        session.execute(update(ElementHoldRow).values(since=world.clock.now() + timedelta(seconds=1)))
    world.clock.advance(world.settings.hold_wait)
    assert world.work()
    assert journal_length(world, "pln-ord-8-8") == 1


def test_a_no_change_about_a_service_that_never_came_to_be_ends(world):
    world.order(("1", "noChange", []))
    with world.database.read() as session:
        assert session.get(ServiceRow, "svc-1") is None
    world.work_off()
    assert world.order_row().state == "completed"
    assert world.open_work() == 0
