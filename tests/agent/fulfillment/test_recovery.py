"""kill -9 at every journal point and inside every phase; what is left is what the decision row says."""

import pytest

from drivers.port import Commitment
from tests.agent.fulfillment.fakes import FAULTS, FakeElement, Killed
from tests.agent.fulfillment.world import World

MIXED = {"core": Commitment.CONFIRMED, "edge": Commitment.CONFIRMED, "switch": Commitment.IMMEDIATE}
FORWARD = ("take", "hold", "stage", "commit", "decide", "confirm", "activate")
POINTS = [f"{when} {point}" for point in FORWARD for when in ("before", "after")]
BEFORE_COMMIT = POINTS[: POINTS.index("after stage")]
DECIDED = POINTS[POINTS.index("after decide") :]
BACKWARD = ("decide", "undone")
PHASES = ("connect", "lock", "stage", "commit", "verify", "confirm", "save", "abort")
ACTIONS = ("add", "delete")


@pytest.fixture
def world(database, clock) -> World:
    return World(database, clock, *(FakeElement(name, commitment) for name, commitment in MIXED.items()))


def order(world, action):
    if action == "delete":
        with world.database.write() as session:
            world.service(session, "svc-1", MIXED, state="active")
    world.order(("1", action, MIXED))


def restart(world, *, cut, expired):
    """The daemon was killed. `cut`: its connections went with it; `expired`: it stayed away longer than commits wait."""
    for element in world.elements.values():
        if cut:
            element.locked_by = ""
        else:
            element.frozen = True
        if expired:
            element.expire()


@pytest.mark.parametrize("expired", [False, True], ids=["soon", "late"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_plan_ends_as_the_journal_says(world, point, action, expired):
    order(world, action)
    world.kill_at = point
    world.work()
    restart(world, cut=True, expired=expired)
    world.work_off()
    done = point in DECIDED or point in BEFORE_COMMIT
    assert world.order_row().state == ("completed" if done else "failed")
    world.assert_consistent()


def test_every_journal_point_is_killed_at_above(world):
    order(world, "add")
    world.work()
    assert world.points == POINTS


@pytest.mark.parametrize("point", [f"{when} {point}" for point in BACKWARD for when in ("before", "after")])
@pytest.mark.parametrize("action", ACTIONS)
def test_killed_on_the_way_back_it_still_goes_back(world, point, action):
    order(world, action)
    world.elements["switch"].fail("commit", FAULTS["refused"]("switch"), when="after")
    world.kill_at = point
    world.work()
    restart(world, cut=True, expired=False)
    world.work_off()
    assert world.order_row().state == "failed"
    world.assert_consistent()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("element", MIXED)
@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_the_middle_of_a_phase_nothing_is_half_configured(world, phase, element, when):
    order(world, "add")
    world.elements[element].fail(phase, Killed(), when=when)
    world.work()
    restart(world, cut=True, expired=False)
    world.work_off()
    assert world.order_row().state in ("completed", "failed")
    world.assert_consistent()


@pytest.mark.parametrize("element", MIXED)
@pytest.mark.parametrize("phase", ["revert", "standing"])
def test_killed_in_the_middle_of_a_revert_it_is_reverted(world, phase, element):
    order(world, "add")
    world.elements["core"].fail("verify", FAULTS["refused"]("core"))
    world.elements[element].fail(phase, Killed(), when="after")
    world.work()
    restart(world, cut=True, expired=False)
    world.work_off()
    assert world.order_row().state == "failed"
    world.assert_consistent()


@pytest.mark.parametrize("point", ["after hold", "after stage", "after commit", "after decide"])
def test_sessions_that_a_dead_worker_left_open_are_ended_first(world, point):
    order(world, "add")
    world.kill_at = point
    for element in world.elements.values():
        element.frozen = False
    checkpoint = world.checkpoint

    def kill_without_cutting(name):
        if name == world.kill_at:
            restart(world, cut=False, expired=False)
        checkpoint(name)

    world.checkpoint = kill_without_cutting
    world.work()
    assert any(element.locked_by for element in world.elements.values()) == (point != "after hold")
    world.work_off()
    assert all("end" in element.calls for element in world.elements.values())
    world.assert_consistent()


def test_a_reboot_of_an_element_after_the_decision_is_repaired(world):
    order(world, "add")
    world.kill_at = "after decide"
    world.work()
    for element in world.elements.values():
        element.reboot()
    world.work_off()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_a_half_applied_change_is_pushed_again_after_the_decision(world):
    order(world, "add")
    world.kill_at = "after decide"
    world.work()
    switch = world.elements["switch"]
    switch.locked_by = ""
    switch.running.discard("svc-1 on switch")
    world.work_off()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_a_worker_that_was_overtaken_touches_nothing_more(world):
    order(world, "add")
    points = []

    def overtaken(name):
        points.append(name)
        if name == "after stage":
            world.clock.advance(world.settings.lease)
            world.checkpoint = points.append
            assert world.work()
            assert world.order_row().state == "failed"

    world.checkpoint = overtaken
    world.work()
    assert points.count("before commit") == 0
    assert "commit" not in [call for element in world.elements.values() for call in element.calls]
    world.assert_consistent()


def test_a_plan_that_crashes_its_worker_again_and_again_is_given_up(world):
    order(world, "add")
    for _ in range(world.settings.attempts):
        world.kill_at = "before hold"
        world.work()
        world.clock.advance(world.settings.lease)
    world.work_off()
    assert world.order_row().items[0].errors[0]["code"] == "givenUp"
    world.assert_consistent()


@pytest.mark.parametrize("phase", ["verify", "confirm"])
def test_a_session_of_ours_that_fell_silent_is_ended_by_the_next_one(world, phase):
    edge = world.elements["edge"]
    edge.fail(phase, FAULTS["timeout"]("edge"), when="after")
    order(world, "add")
    world.work()
    assert world.order_row().state == "completed"
    assert edge.calls.count("end") == 1
    world.assert_consistent()
