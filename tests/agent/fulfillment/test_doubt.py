"""Elements that cannot be asked when it matters: kept from everybody until they answer or an operator speaks."""

import pytest

from agent.fulfillment.errors import Interrupted, Missing, ResolutionRefused
from agent.fulfillment.items import tell
from agent.fulfillment.plan import Failure, Verb
from agent.fulfillment.resolution import resolve
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.tables import OrderItemRow
from drivers.port import Commitment
from tests.agent.fulfillment.fakes import FAULTS, FakeElement
from tests.agent.fulfillment.world import World
from tests.clock import EPOCH

MIXED = {"core": Commitment.CONFIRMED, "edge": Commitment.CONFIRMED, "switch": Commitment.IMMEDIATE}
LONG = 3600


@pytest.fixture
def world(database, clock) -> World:
    return World(database, clock, *(FakeElement(name, commitment) for name, commitment in MIXED.items()))


def lost_before_decision(world, element="switch"):
    """The element vanishes after its commit, before the decision."""

    def vanish(name):
        world.points.append(name)
        if name == "after commit":
            world.elements[element].reachable = False

    world.checkpoint = vanish
    world.order(("1", "add", MIXED))
    world.work()


def lost_after_decision(world, element="edge"):
    def vanish(name):
        world.points.append(name)
        if name == "after decide":
            world.elements[element].reachable = False

    world.checkpoint = vanish
    world.order(("1", "add", MIXED))
    world.work()


def say(world, element, verb):
    with world.database.write() as session:
        return resolve(session, world.queue, element, verb, by="noc", at=world.clock.now())


def test_an_element_that_cannot_be_reverted_is_in_doubt_and_the_others_are_free(world):
    lost_before_decision(world)
    assert world.plan().state == "inDoubt"
    assert world.holds() == [("switch", True)]
    row = world.order_row()
    assert (row.state, row.items[0].state) == ("held", "held")
    assert row.items[0].errors[0]["element"] == "switch"
    assert world.elements["core"].running == world.elements["edge"].running == set()
    assert [change.state for change in world.plan().change_sets] == ["reverted", "reverted", "inDoubt"]


def test_it_is_tried_again_more_and_more_seldom_until_it_answers(world):
    lost_before_decision(world)
    tries = 0
    for _ in range(LONG // 5):
        world.clock.advance(5)
        tries += world.work()
    assert 5 < tries < 30
    world.elements["switch"].reachable = True
    world.work_off(300)
    assert world.order_row().state == "failed"
    world.assert_consistent()


def test_no_other_plan_touches_an_element_in_doubt_and_one_that_waits_too_long_says_why(world):
    lost_before_decision(world)
    before = len(world.elements["switch"].calls)
    world.order(("2", "add", ["switch"]), order="ord-2")
    world.order(("3", "add", ["edge"]), order="ord-3")
    world.work()
    world.work()
    for _ in range(LONG // 20):
        world.clock.advance(20)
        while world.work():
            pass
    assert world.order_row("ord-3").state == "completed"
    (error,) = world.order_row("ord-2").items[0].errors
    assert error["code"] == "elementHeld"
    assert "switch is in doubt since" in error["message"]
    assert "fabd element resolve switch" in error["message"]
    assert set(world.elements["switch"].calls[before:]) <= {"connect", "end"}


def test_after_the_decision_the_service_comes_when_the_element_does(world):
    lost_after_decision(world)
    assert world.plan().state == "inDoubt"
    assert world.service_states() == {"svc-1": "reserved"}
    assert [change.state for change in world.plan().change_sets] == ["saved", "inDoubt", "saved"]
    world.elements["edge"].expire()
    world.elements["edge"].reachable = True
    world.clock.advance(LONG)
    world.work()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_replaced_before_the_decision_there_is_nothing_to_undo(world):
    lost_before_decision(world)
    say(world, "switch", Verb.REPLACED)
    world.elements["switch"].running.clear()
    world.work()
    assert world.order_row().state == "failed"
    world.assert_consistent()


def test_replaced_after_the_decision_the_new_device_gets_the_service(world):
    lost_after_decision(world)
    edge = world.elements["edge"]
    edge.reachable, edge.running, edge.before, edge.persist, edge.locked_by = True, set(), None, "", ""
    say(world, "edge", Verb.REPLACED)
    world.work()
    assert world.order_row().state == "completed"
    world.assert_consistent()


@pytest.mark.parametrize(
    ("lose", "element", "state"), [(lost_before_decision, "switch", "failed"), (lost_after_decision, "edge", "completed")]
)
def test_kept_it_is_not_touched_again(world, lose, element, state):
    lose(world)
    calls = len(world.elements[element].calls)
    say(world, element, Verb.KEEP)
    world.work()
    assert world.order_row().state == state
    assert len(world.elements[element].calls) == calls
    assert world.holds() == []
    assert {change.element: change.state for change in world.plan().change_sets}[element] == "kept"


def test_an_operator_can_overrule_the_decision_and_everything_goes_back_saved(world):
    lost_after_decision(world)
    say(world, "edge", Verb.REVERT)
    world.elements["edge"].reachable = True
    world.work()
    row = world.order_row()
    assert row.state == "failed"
    assert row.items[0].errors[0]["message"] == "noc decided to revert it while it was in doubt"
    world.assert_consistent()


def test_an_operator_who_reverts_can_wait_for_the_element_too(world):
    lost_after_decision(world)
    say(world, "edge", Verb.REVERT)
    world.work()
    assert world.plan().state == "inDoubt"
    assert world.elements["core"].startup == set()
    world.elements["edge"].reachable = True
    world.work_off()
    assert world.order_row().state == "failed"
    world.assert_consistent()


def test_an_operator_who_overrules_while_the_plan_is_being_tried_is_heard(world):
    """The verb comes between the element's answer and the point that would activate the service."""
    lost_after_decision(world)
    world.elements["edge"].reachable = True

    def overrule(name):
        if name == "before activate":
            world.checkpoint = world.points.append
            say(world, "edge", Verb.REVERT)

    world.checkpoint = overrule
    world.clock.advance(LONG)
    claim = world.claim()
    with pytest.raises(Interrupted, match="overruled"):
        PlanRunner(world.tools())(claim)
    assert world.service_states() == {"svc-1": "reserved"}
    world.work_off()
    assert world.order_row().state == "failed"
    world.assert_consistent()


def test_a_revert_that_the_element_refuses_is_in_doubt(world):
    world.elements["switch"].fail("verify", FAULTS["refused"]("switch"))
    world.elements["switch"].fail("revert", FAULTS["refused"]("switch"))
    world.order(("1", "add", MIXED))
    world.work()
    assert world.holds() == [("switch", True)]
    world.work_off()
    assert world.order_row().state == "failed"
    world.assert_consistent()


def test_the_same_words_are_told_once():
    item, failure = OrderItemRow(), Failure("pe3", "refused", "not now")
    tell([item], [failure, failure, Failure("pe4", "refused", "not now")], EPOCH)
    assert [error["element"] for error in item.errors] == ["pe3", "pe4"]


def test_only_what_is_in_doubt_can_be_resolved(world):
    with pytest.raises(ResolutionRefused, match="edge is not in doubt"):
        say(world, "edge", Verb.KEEP)
    with pytest.raises(Missing, match="there is no element 'pe9'"):
        say(world, "pe9", Verb.KEEP)


def test_taking_back_what_was_saved_ends_no_session_that_others_may_use_by_now(world):
    lost_after_decision(world)
    for name in ("core", "switch"):
        world.elements[name].calls.clear()
    world.elements["edge"].reachable = True
    say(world, "edge", Verb.REVERT)
    world.work_off()
    assert all("end" not in world.elements[name].calls for name in ("core", "switch"))
    world.assert_consistent()
