from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.exc import OperationalError

from agent.fulfillment.errors import Interrupted
from agent.fulfillment.journal import Journal, no_checkpoint
from agent.fulfillment.participant import Note
from agent.fulfillment.plan import Step
from agent.fulfillment.points import write_set
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.views import plan_view
from drivers.port import Commitment
from inventory.allocation import allocate
from inventory.together import Together
from tests.agent.fulfillment.fakes import FAULTS, FakeElement
from tests.agent.fulfillment.world import World

MIXED = {"core": Commitment.CONFIRMED, "edge": Commitment.CONFIRMED, "switch": Commitment.IMMEDIATE}


class Unreadable:
    def read(self):
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    write = read


@pytest.fixture
def world(database, clock) -> World:
    return World(database, clock, *(FakeElement(name, commitment) for name, commitment in MIXED.items()))


def test_an_order_becomes_an_active_service_on_every_element(world):
    world.order(("1", "add", MIXED))
    assert world.work()
    assert world.order_row().state == "completed"
    assert world.service_states() == {"svc-1": "active"}
    assert world.plan().state == "done"
    assert world.lifecycle.told == [("activated", "svc-1", (1, 1, 1))]
    assert world.events() == [
        "serviceOrderStateChangeEvent",
        "serviceStateChangeEvent",
        "serviceOrderMilestoneEvent",
        "serviceOrderStateChangeEvent",
    ]
    world.assert_consistent()


def test_elements_that_cannot_undo_themselves_are_committed_last(world):
    for element in world.elements.values():
        element.calls = world.points
    world.order(("1", "add", MIXED))
    world.work()
    first = [call for call in world.points if call == "commit" or call.endswith((" commit", " decide"))]
    assert first == ["commit", "commit", "commit", "before commit", "after commit", "before decide", "after decide"]


def test_a_delete_leaves_no_trace_and_takes_the_last_reading_first(world):
    with world.database.write() as session:
        world.service(session, "svc-1", MIXED, state="active")
    world.order(("1", "delete", MIXED))
    world.work()
    assert world.service_states() == {"svc-1": "terminated"}
    assert world.lifecycle.told == [("terminated", "svc-1", (1, 1, 1))]
    assert world.allocations() == {"100": "quarantined"}
    world.assert_consistent()


def test_nothing_is_left_behind_anywhere_when_one_element_refuses(world):
    world.elements["switch"].fail("commit", FAULTS["refused"]("switch"))
    world.order(("1", "add", MIXED))
    world.work()
    row = world.order_row()
    assert row.state == "failed"
    (error,) = row.items[0].errors
    assert (error["element"], error["code"], error["message"]) == ("switch", "editRefused", "% Invalid input")
    assert world.service_states() == {}
    assert world.allocations() == {"100": "quarantined"}
    world.assert_consistent()


def test_a_refusal_at_staging_fails_at_once_and_its_values_were_never_used(world):
    world.elements["edge"].fail("stage", FAULTS["refused"]("edge"))
    world.order(("1", "add", MIXED))
    world.work()
    assert world.order_row().state == "failed"
    assert "commit" not in [call for element in world.elements.values() for call in element.calls]
    with world.database.write() as session:
        again = allocate(session, "vlans", owner="x", role="vlan", service_id="svc-x", at=world.clock.now())
    assert again.value == "100"


@pytest.mark.parametrize("phase", ["connect", "lock", "stage"])
@pytest.mark.parametrize("fault", ["timeout", "disconnected"])
def test_what_is_transient_is_tried_again_while_nothing_has_changed(world, phase, fault):
    world.elements["edge"].fail(phase, FAULTS[fault]("edge"))
    world.order(("1", "add", MIXED))
    world.work()
    assert (world.order_row().state, world.plan().state, world.holds()) == ("inProgress", "waiting", [])
    world.work_off()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_trying_again_has_an_end(world):
    world.elements["edge"].reachable = False
    world.order(("1", "add", MIXED))
    world.work_off()
    row = world.order_row()
    assert row.state == "failed"
    assert row.items[0].errors[0]["message"] == "no route to host"
    assert world.elements["edge"].calls.count("connect") == world.settings.attempts
    assert world.allocations() == {"100": "quarantined"}


def test_a_lock_held_by_somebody_else_is_waited_for_then_named(world):
    world.elements["edge"].locked_by = "17"
    world.order(("1", "add", MIXED))
    world.work()
    assert world.plan().state == "waiting"
    world.elements["edge"].locked_by = ""
    world.work_off()
    world.assert_consistent()
    world.elements["edge"].locked_by = "17"
    world.order(("2", "add", MIXED), order="ord-2")
    world.work_off()
    assert world.order_row("ord-2").items[0].errors[0]["message"] == "locked by session 17"


def test_a_port_that_is_down_reverts_everything(world):
    world.elements["edge"].ports_down.add("ge-0/0/1")
    world.order(("1", "add", MIXED))
    world.work()
    (error,) = world.order_row().items[0].errors
    assert error["message"] == "port ge-0/0/1 is down"
    world.assert_consistent()


def test_verification_waits_for_what_comes_a_little_later(world):
    edge = world.elements["edge"]
    edge.ports_down.add("ge-0/0/1")
    advance = world.clock.advance

    def comes_up(seconds):
        edge.ports_down.clear()
        return advance(seconds)

    world.clock.advance = comes_up
    world.order(("1", "add", MIXED))
    world.work()
    assert world.order_row().state == "completed"


def test_the_confirmation_timeout_starts_anew_while_verification_runs(world):
    world.settings = replace(world.settings, confirm_timeout=timedelta(seconds=4))
    edge = world.elements["edge"]
    edge.ports_down.add("ge-0/0/1")
    advance, waited = world.clock.advance, []

    def comes_up_late(seconds):
        waited.append(seconds)
        if sum(waited) > 10:
            edge.ports_down.clear()
        return advance(seconds)

    world.clock.advance = comes_up_late
    world.order(("1", "add", ["edge", "switch"]))
    world.work()
    assert world.order_row().state == "completed"
    assert edge.calls.count("extend") >= 3
    assert world.elements["switch"].calls.count("extend") == 0
    world.assert_consistent()


def test_a_journal_that_cannot_be_read_stops_the_push(world):
    world.order(("1", "add", ["edge"]))
    journal = Journal(Unreadable(), Together(Unreadable(), write_set), world.claim(), world.clock.now, no_checkpoint)
    with pytest.raises(Interrupted, match="nothing more is pushed"):
        journal.guard()


def test_a_journal_that_cannot_be_read_is_no_fault_of_the_element_whose_lock_is_waited_for(world):
    world.order(("1", "add", ["edge"]))
    journal = Journal(Unreadable(), Together(Unreadable(), write_set), world.claim(), world.clock.now, no_checkpoint)
    waiting = Note(world.clock.now(), Step.STAGE, "edge", "waiting")
    for ask in (journal.heed, partial(journal.remark, waiting)):
        with pytest.raises(Interrupted, match="it is tried again"):
            ask()


@pytest.mark.parametrize("asked", ["heed", "remark"])
def test_an_order_outlives_a_database_that_fails_while_it_waits_for_a_lock(world, monkeypatch, asked):
    world.elements["edge"].locked_by = "someone"
    world.order(("1", "add", ["edge"]))
    whole = getattr(Journal, asked)

    def first(journal, *said):
        world.elements["edge"].locked_by = ""
        monkeypatch.setattr(Journal, asked, whole)
        journal._database = Unreadable()
        whole(journal, *said)

    monkeypatch.setattr(Journal, asked, first)
    world.work_off()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_dependent_items_wait_and_start_when_what_they_need_is_done(world):
    world.order(("1", "add", ["edge"]), ("2", "add", ["core"], ["1"]))
    world.work()
    assert world.service_states() == {"svc-1": "active", "svc-2": "reserved"}
    assert world.order_row().state == "inProgress"
    world.work()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_what_depends_on_a_failed_item_fails_with_it_and_the_rest_goes_on(world):
    world.elements["edge"].fail("stage", FAULTS["refused"]("edge"))
    world.order(("1", "add", ["edge"]), ("2", "add", ["core"], ["1"]), ("3", "add", ["switch"], ["2"]), ("4", "add", ["core"]))
    world.work_off()
    row = world.order_row()
    assert [item.state for item in row.items] == ["failed", "failed", "failed", "completed"]
    assert row.items[2].errors[0]["message"] == "not tried: it depends on item 2, which was not completed"
    assert row.state == "partial"
    world.assert_consistent()


def test_a_plan_waits_for_an_element_that_another_holds_and_is_woken(world):
    world.order(("1", "add", ["edge"]))
    world.order(("2", "add", ["edge"]), order="ord-2")
    world.kill_at = "after hold"
    world.work()
    world.work()
    assert world.plan("2", "ord-2").state == "waiting"
    assert world.elements["edge"].calls.count("connect") == 1
    world.clock.advance(60)
    claims = [world.claim(), world.claim()]
    (mine,) = [claim for claim in claims if claim.work.key == "pln-ord-1-1"]
    other = next(claim for claim in claims if claim is not mine)
    PlanRunner(world.tools())(other)
    PlanRunner(world.tools())(mine)
    assert world.order_row().state == "completed"
    assert world.work()
    assert world.order_row("ord-2").state == "completed"
    world.assert_consistent()


def test_a_plan_that_waits_says_why_once(world):
    world.order(("1", "add", ["edge"]))
    world.kill_at = "after hold"
    world.work()
    world.order(("2", "add", ["edge"]), order="ord-2")
    for _ in range(5):
        world.work()
        world.clock.advance(world.settings.hold_wait)
    with world.database.read() as session:
        told = [moment.detail for moment in plan_view(session, "pln-ord-2-2").timeline if moment.outcome == "retrying"]
    (reason,) = told
    assert reason.startswith("edge is held by plan pln-ord-1-1 since 2026-")


def test_stopping_gives_back_what_has_changed_nothing(world):
    world.order(("1", "add", MIXED))
    world.stopping = True
    world.work()
    assert (world.plan().state, world.plan().step, world.holds()) == ("waiting", "connect", [])
    world.stopping = False
    world.work()
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_the_journal_tells_each_step_on_each_element(world):
    world.order(("1", "add", ["edge"]))
    world.work()
    assert world.journal() == [
        ("connect", None, "started"),
        ("connect", "edge", "done"),
        ("hold", None, "done"),
        ("stage", None, "started"),
        ("stage", "edge", "done"),
        ("commit", None, "started"),
        ("commit", "edge", "done"),
        ("verify", None, "started"),
        ("verify", "edge", "done"),
        ("decide", None, "done"),
        ("confirm", None, "started"),
        ("confirm", "edge", "done"),
        ("save", None, "started"),
        ("save", "edge", "done"),
        ("activate", None, "done"),
    ]


def test_a_driver_that_breaks_its_promises_fails_the_plan_not_the_worker(world):
    world.elements["edge"].fail("stage", ZeroDivisionError("oops"))
    world.order(("1", "add", ["edge"]))
    world.work()
    (error,) = world.order_row().items[0].errors
    assert error["code"] == "driverFailed"
    world.assert_consistent()
