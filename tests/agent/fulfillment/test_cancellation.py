"""Cancelling before anything has begun, at every point of a plan's way, and after something of the order was completed."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.fulfillment.errors import Missing, StateRefused
from agent.fulfillment.requests import Related
from agent.fulfillment.states import FINAL
from inventory.allocation import held
from inventory.tables import ServiceRow
from tests.agent.fulfillment.fakes import FAULTS
from tests.agent.fulfillment.house import House
from tests.agent.fulfillment.network import delete, eline, internet

DEPENDS = (("dependsOn", "1"),)
UNDECIDED = ["hold", "stage", "commit", "decide"]
DECIDED = ["confirm", "activate"]


@pytest.fixture
def house(database, clock) -> House:
    return House(database, clock)


def at_point(house, name, action):
    """Something happens just then, once."""

    def checkpoint(point):
        house.points.append(point)
        if point == name and house.points.count(point) == 1:
            action()

    house.checkpoint = checkpoint


def test_what_has_not_begun_is_cancelled_at_once_and_nothing_of_it_is_left(house):
    order = house.place(internet(), eline("2"))
    row = house.cancel(order.id, reason="changed his mind")
    assert (row.state, row.effective_at) == ("done", house.clock.now())
    row = house.order_row(order.id)
    assert (row.state, row.cancellation_reason, row.cancelled_at) == ("cancelled", "changed his mind", house.clock.now())
    assert house.item_states(order.id) == {"1": "cancelled", "2": "cancelled"}
    assert [plan.state for plan in house.plans(order.id)] == ["cancelled", "cancelled"]
    assert house.told(order.id, "cancelled") == ["the order was cancelled; changed his mind"] * 2
    house.work_off()
    assert house.points == ["before take", "after take"] * 2
    house.assert_empty()


def test_its_states_are_told_as_the_state_machine_has_them(house):
    order = house.place(internet())
    house.cancel(order.id)
    assert house.order_states_told(order.id) == ["assessingCancellation", "pendingCancellation", "cancelled"]
    kinds = [kind for kind in house.types_told(order.id) if kind.startswith("cancel")]
    assert kinds == ["cancelServiceOrderCreateEvent", *["cancelServiceOrderStateChangeEvent"] * 2]


@pytest.mark.parametrize("point", [f"{when} {name}" for name in UNDECIDED for when in ("before", "after")][:-1])
def test_a_plan_that_has_not_decided_reverts(house, point):
    order = house.place(internet())
    at_point(house, point, lambda: house.cancel(order.id))
    house.work_off()
    assert house.order_row(order.id).state == "cancelled"
    assert house.plans(order.id)[0].decision == "revert"
    house.assert_empty()


def at_a_pause(house, action):
    """Something happens whenever a plan waits."""
    tools = house.tools

    def pause(seconds):
        house.clock.advance(seconds)
        action()

    house.tools = lambda: replace(tools(), pause=pause)


@pytest.mark.parametrize("lasting", [True, False])
def test_a_plan_that_waits_for_somebody_s_lock_hears_it_at_once(house, lasting):
    order = house.place(internet())
    edge, begun = house.elements["pe1"], house.clock.monotonic()
    edge.locked_by = "noc"

    def cancel():
        if not house.order_row(order.id).cancellation_id:
            house.cancel(order.id)
            edge.locked_by = "noc" if lasting else ""

    at_a_pause(house, cancel)
    house.work_due()
    assert house.clock.monotonic() - begun < house.settings.stage_timeout.total_seconds() / 4
    assert house.order_row(order.id).state == "cancelled"
    edge.locked_by = ""
    house.assert_empty()


def test_a_plan_that_waits_for_somebody_s_lock_gives_itself_back_as_the_daemon_stops(house):
    order = house.place(internet())
    edge, begun = house.elements["pe1"], house.clock.monotonic()
    edge.locked_by = "noc"
    at_a_pause(house, lambda: setattr(house, "stopping", True))
    assert house.work()
    (plan,) = house.plans(order.id)
    assert (plan.state, plan.decision) == ("waiting", None)
    assert house.clock.monotonic() - begun < 1
    house.stopping, edge.locked_by = False, ""
    house.work_off()
    assert house.order_row(order.id).state == "completed"


@pytest.mark.parametrize("point", ["after decide", *[f"{when} {name}" for name in DECIDED for when in ("before", "after")][:-1]])
def test_a_plan_that_has_decided_ends_as_decided_and_is_undone_by_an_order_of_its_own(house, point):
    order = house.place(internet())
    at_point(house, point, lambda: house.cancel(order.id))
    house.work_off()
    row = house.order_row(order.id)
    assert (row.state, row.items[0].state) == ("cancelled", "cancelled")
    assert house.plans(order.id)[0].decision == "commit"
    cancellation = house.cancellation(row.cancellation_id)
    undoing = house.order_row(cancellation.undone_by)
    assert (cancellation.state, undoing.state, undoing.undoes) == ("done", "completed", cancellation.id)
    assert [item.action for item in undoing.items] == ["delete"]
    assert house.service_states() == {row.items[0].service_id: "terminated"}
    house.assert_empty()


@pytest.mark.parametrize("killed", [f"{when} {name}" for name in ("take", "decide", "undone") for when in ("before", "after")])
def test_a_worker_that_is_killed_meanwhile_changes_nothing_of_that(house, killed):
    order = house.place(internet())
    at_point(house, "before commit", lambda: house.cancel(order.id))
    noticing = house.checkpoint

    def checkpoint(point):
        noticing(point)
        type(house).checkpoint(house, point)

    house.checkpoint, house.kill_at = checkpoint, killed
    house.work_off()
    assert house.kill_at == ""
    assert house.order_row(order.id).state == "cancelled"
    house.assert_empty()


def test_what_was_completed_is_undone_in_the_opposite_order_and_what_waited_for_it_never_begins(house):
    order = house.place(internet(), internet("2", "pe3/eth1", DEPENDS), eline("3", related=(("dependsOn", "2"),)))
    assert house.work()
    assert house.work()
    assert house.item_states(order.id) == {"1": "completed", "2": "completed", "3": "acknowledged"}
    house.cancel(order.id)
    assert house.order_row(order.id).state == "pendingCancellation"
    assert house.item_states(order.id) == {"1": "completed", "2": "completed", "3": "cancelled"}
    house.work_off()
    row = house.order_row(order.id)
    undoing = house.order_row(house.cancellation(row.cancellation_id).undone_by)
    assert row.state == "cancelled"
    assert {item.reference: item.depends_on for item in undoing.items} == {"1": ["2"], "2": []}
    house.assert_empty()


def test_what_was_modified_is_set_back(house):
    (service,) = house.active(internet())
    with house.database.read() as session:
        before = _characteristics(session, service)
    changed = replace(delete(service), action="modify", characteristics={**before, "description": "other"})
    order = house.place(changed, internet("2", "pe3/eth1", DEPENDS))
    assert house.work()
    assert house.item_states(order.id) == {"1": "completed", "2": "acknowledged"}
    house.cancel(order.id)
    house.work_off()
    assert house.order_row(order.id).state == "cancelled"
    with house.database.read() as session:
        assert _characteristics(session, service) == before
    assert house.service_states()[service] == "active"


@pytest.mark.parametrize("chosen", [{}, {"vlan": 105}], ids=["chosen by fabd", "asked for"])
def test_what_is_set_back_has_the_values_that_it_had(house, chosen):
    (service,) = house.active(internet(accessPort="sw1/1", **chosen))
    with house.database.read() as session:
        before, values = _characteristics(session, service), _values(session, service)
    changed = replace(delete(service), action="modify", characteristics={**before, "vlan": 123})
    order = house.place(changed, internet("2", "pe3/eth1", DEPENDS))
    assert house.work()
    with house.database.read() as session:
        assert _values(session, service)["vlan"] == "123"
    house.cancel(order.id)
    house.work_off()
    assert house.order_row(order.id).state == "cancelled"
    with house.database.read() as session:
        assert _values(session, service) == values


def _values(session, service_id):
    return {role: given.value for role, given in held(session, service_id).items()}


def _characteristics(session, service_id):
    return dict(session.get_one(ServiceRow, service_id).characteristics)


def test_what_cannot_be_undone_stays_and_is_named(house):
    (service,) = house.active(internet())
    order = house.place(delete(service), internet("2", "pe3/eth1", DEPENDS))
    assert house.work()
    row = house.cancel(order.id)
    house.work_off()
    row = house.cancellation(row.id)
    assert row.state == "terminatedWithError"
    assert [error["message"] for error in row.errors] == [
        f"item 1 stays: service {service} is terminated and cannot be brought back; order it anew"
    ]
    assert house.order_row(order.id).state == "partial"
    assert house.item_states(order.id) == {"1": "completed", "2": "cancelled"}


def test_when_what_undoes_it_fails_the_service_stays_and_the_order_says_why(house):
    order = house.place(internet(), eline("2", related=DEPENDS))
    assert house.work()
    cancellation = house.cancel(order.id)
    house.elements["pe1"].fail("stage", FAULTS["refused"]("pe1"))
    house.work_off()
    cancellation = house.cancellation(cancellation.id)
    assert cancellation.state == "terminatedWithError"
    assert "% Invalid input" in cancellation.errors[0]["message"]
    row = house.order_row(order.id)
    assert (row.state, row.cancellation_id, row.cancelled_at) == ("partial", "", None)
    assert house.item_states(order.id) == {"1": "completed", "2": "cancelled"}
    assert house.service_states()[row.items[0].service_id] == "active"


def test_a_plan_that_fails_by_itself_meanwhile_is_cancelled_with_its_words(house):
    order = house.place(internet())
    house.elements["pe1"].fail("commit", FAULTS["refused"]("pe1"))
    at_point(house, "after stage", lambda: house.cancel(order.id))
    house.work_off()
    row = house.order_row(order.id)
    assert row.state == "cancelled"
    assert row.items[0].errors[0]["message"] == "% Invalid input"
    house.assert_empty()


def test_an_element_in_doubt_keeps_the_cancellation_open_until_it_answers(house):
    order = house.place(internet())

    def vanish():
        house.cancel(order.id)
        house.elements["pe1"].reachable = False

    at_point(house, "after commit", vanish)
    assert house.work()
    row = house.order_row(order.id)
    assert (row.state, row.items[0].state) == ("pendingCancellation", "held")
    assert row.items[0].errors[0]["element"] == "pe1"
    house.elements["pe1"].reachable = True
    house.elements["pe1"].expire()
    house.work_off(100)
    assert house.order_row(order.id).state == "cancelled"
    house.assert_empty()


def test_it_waits_for_its_day(house):
    order = house.place(internet(), requested_start=house.clock.now() + timedelta(hours=3))
    row = house.cancel(order.id, requested_at=house.clock.now() + timedelta(hours=2))
    assert (row.state, house.order_row(order.id).state) == ("accepted", "acknowledged")
    house.work_due()
    assert house.order_row(order.id).state == "acknowledged"
    house.clock.advance(2 * 3600)
    house.work_due()
    assert house.cancellation(row.id).state == "done"
    assert house.order_row(order.id).state == "cancelled"
    house.work_off()
    house.assert_empty()


def test_taken_up_too_early_it_waits_on(house):
    order = house.place(internet(), requested_start=house.clock.now() + timedelta(hours=3))
    row = house.cancel(order.id, requested_at=house.clock.now() + timedelta(minutes=5))
    house.queue.hasten(timedelta(), house.clock.now())
    house.work_due()
    assert (house.cancellation(row.id).state, house.order_row(order.id).state) == ("accepted", "acknowledged")
    house.clock.advance(300)
    house.work_due()
    assert house.cancellation(row.id).state == "done"


def test_an_order_that_ends_before_that_day_is_not_cancelled(house):
    order = house.place(internet())
    row = house.cancel(order.id, requested_at=house.clock.now() + timedelta(hours=2))
    house.work_due()
    assert house.order_row(order.id).state == "completed"
    house.clock.advance(2 * 3600)
    house.work_due()
    row = house.cancellation(row.id)
    assert (row.state, row.errors[0]["code"]) == ("terminatedWithError", "orderEnded")
    assert house.order_row(order.id).state == "completed"


def test_one_that_waits_for_its_day_gives_way_to_one_that_comes_earlier(house):
    order = house.place(internet(), requested_start=house.clock.now() + timedelta(hours=3))
    late = house.cancel(order.id, requested_at=house.clock.now() + timedelta(hours=2))
    sooner = house.cancel(order.id, requested_at=house.clock.now() + timedelta(hours=1))
    assert house.cancellation(late.id).errors[0]["code"] == "overtaken"
    now = house.cancel(order.id)
    house.work_off()
    assert [house.cancellation(row.id).state for row in (late, sooner, now)] == [
        "terminatedWithError",
        "terminatedWithError",
        "done",
    ]
    assert house.order_row(order.id).state == "cancelled"
    house.clock.advance(3 * 3600)
    house.work_off()
    house.assert_empty()


def refused(house, order_id, **options):
    with pytest.raises(StateRefused) as error:
        house.cancel(order_id, **options)
    return error.value.refusals[0].code


def test_what_has_ended_or_is_being_cancelled_cannot_be(house):
    done = house.place(internet())
    house.work_off()
    assert refused(house, done.id) == "orderEnded"
    later = house.place(eline(), requested_start=house.clock.now() + timedelta(days=1))
    house.cancel(later.id, requested_at=house.clock.now() + timedelta(hours=1))
    assert refused(house, later.id, requested_at=house.clock.now() + timedelta(hours=1)) == "beingCancelled"
    assert refused(house, later.id, requested_at=house.clock.now() + timedelta(hours=2)) == "beingCancelled"
    far = house.place(internet("1", "pe3/eth1"))
    assert refused(house, far.id, requested_at=house.clock.now() + timedelta(days=1000)) == "dateTooFar"
    with pytest.raises(Missing):
        house.cancel("ord-none")


def test_an_order_that_undoes_another_cannot_be_cancelled(house):
    order = house.place(internet(), eline("2", related=DEPENDS))
    assert house.work()
    cancellation = house.cancel(order.id)
    while not house.cancellation(cancellation.id).undone_by:
        assert house.work()
    assert refused(house, house.cancellation(cancellation.id).undone_by) == "undoes"


def test_items_of_one_plan_are_undone_by_one_plan(house):
    bundle = (Related("bundle", "1"),)
    order = house.place(internet(), replace(internet("2", "pe3/eth1"), related=bundle), eline("3", related=DEPENDS))
    assert house.work()
    cancellation = house.cancel(order.id)
    house.work_off()
    assert len(house.plans(house.cancellation(cancellation.id).undone_by)) == 1
    house.assert_empty()


ROUNDS = 6


def test_cancelled_by_one_thread_while_others_work_nothing_of_an_order_is_left(house):
    """Whichever comes first: the cancellation, or the end of the order, which then refuses it."""
    went_on = set()
    for number in range(ROUNDS):
        order = house.place(internet(), internet("2", "pe3/eth1"), eline("3", related=DEPENDS))
        with ThreadPoolExecutor(3) as pool:
            working = [pool.submit(house.work_due) for _ in range(2)]
            cancelling = pool.submit(cancel_after, house, order.id, number)
            for each in (*working, cancelling):
                each.result(60)
        house.work_off(100)
        state = house.order_row(order.id).state
        went_on.add(state)
        assert state == ("cancelled" if cancelling.result() else "completed")
        if state == "completed":
            house.place(*(delete(item.service_id, item.reference) for item in order.items))
            house.work_off(100)
        house.assert_empty()
        house.clock.advance(60)  # until values may be given again
    assert "cancelled" in went_on


def cancel_after(house, order_id, points) -> bool:
    """Once the workers have passed so many points more; whether it was still possible."""
    seen = len(house.points)
    deadline = time.monotonic() + 60
    while len(house.points) < seen + 4 * points and time.monotonic() < deadline:
        if house.order_row(order_id).state in FINAL:
            break
    try:
        house.cancel(order_id)
    except StateRefused:
        return False
    return True
