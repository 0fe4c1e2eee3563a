"""Milestones, the expected completion, and alerts when the promised day is in danger."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.fulfillment.errors import OrderMalformed
from agent.fulfillment.jeopardy import Lookout
from agent.fulfillment.journal import no_checkpoint
from agent.fulfillment.pace import FIRST_GUESS, Pace, longest_way
from agent.fulfillment.requests import FARTHEST
from agent.fulfillment.tables import OrderItemRow, OrderRow
from tests.agent.fulfillment.house import House
from tests.agent.fulfillment.network import delete, eline, internet

HOUR = timedelta(hours=1)
DEPENDS = (("dependsOn", "1"),)


@pytest.fixture
def house(database, clock) -> House:
    return House(database, clock)


def look(house) -> int:
    return Lookout(house.database, house.announcer, house.pace).look(house.clock.now())


def milestones(house, order_id):
    return [(each["name"], each["items"]) for each in house.order_row(order_id).milestones]


def test_an_order_says_what_it_has_come_to(house):
    order = house.place(internet(), eline("2", related=DEPENDS))
    assert milestones(house, order.id) == [("orderAccepted", []), ("resourcesAllocated", ["1", "2"])]
    house.work_due()
    done = [(name, [item]) for item in ("1", "2") for name in ("networkCommitted", "serviceActive")]
    assert milestones(house, order.id)[2:] == done
    assert house.types_told(order.id).count("serviceOrderMilestoneEvent") == 2
    (gone,) = [order.items[0].service_id]
    ended = house.place(delete(gone))
    house.work_due()
    assert milestones(house, ended.id)[-1] == ("serviceTerminated", ["1"])


def test_a_service_that_rests_and_is_changed_rests_on(house):
    (service,) = house.active(internet(port="pe2/Gi0/1"))
    for state, port, told in (
        ("inactive", "pe2/Gi0/1", "serviceInactive"),
        ("", "pe3/eth1", "serviceInactive"),
        ("active", "pe3/eth1", "serviceActive"),
        ("", "pe2/Gi0/1", "serviceActive"),
    ):
        item = replace(internet(port=port), action="modify", service_id=service, state=state)
        order = house.place(item)
        house.work_due()
        assert house.order_row(order.id).state == "completed"
        assert milestones(house, order.id)[-1] == (told, ["1"])


def test_milestones_are_numbered_and_dated(house):
    order = house.place(internet())
    house.clock.advance(60)
    house.work_due()
    reached = house.order_row(order.id).milestones
    assert [each["id"] for each in reached] == ["1", "2", "3", "4"]
    assert reached[-1]["at"] == house.clock.now().isoformat()


def test_before_anything_was_learned_a_plan_is_guessed(house):
    order = house.place(internet(), eline("2", related=DEPENDS))
    assert order.expected_completion == house.clock.now() + 2 * FIRST_GUESS
    later = house.place(internet("1", "pe3/eth1"), requested_start=house.clock.now() + HOUR)
    assert later.expected_completion == house.clock.now() + HOUR + FIRST_GUESS


def test_it_is_learned_from_plans_that_held_also_those_of_earlier_processes(house):
    order = house.place(internet())
    house.checkpoint = lambda name: house.clock.advance(10) if name == "before commit" else None
    house.work_due()
    (plan,) = house.plans(order.id)
    took = plan.finished_at - plan.started_at
    assert took >= timedelta(seconds=10)
    house.checkpoint = no_checkpoint
    fresh = Pace()
    with house.database.read() as session:
        assert fresh.expected(session, house.place(eline()), house.clock.now()) == house.clock.now() + took
    house.pace.learn(took)
    assert house.place(internet("1", "pe3/eth1")).expected_completion <= house.clock.now() + 2 * took


def test_a_plan_that_ended_before_it_began_by_a_clock_that_was_set_back_promises_nothing_for_yesterday(house):
    house.pace.learn(-HOUR)
    order = house.place(internet())
    assert order.expected_completion >= order.order_date


def test_who_carries_out_nothing_looks_up_now_and_then_what_plans_take(house):
    elsewhere = Pace(learns=False)

    def usual(order: OrderRow) -> timedelta:
        with house.database.read() as session:
            return elsewhere.expected(session, order, house.clock.now()) - house.clock.now()

    house.checkpoint = lambda name: house.clock.advance(20) if name == "before commit" else None
    assert usual(house.place(internet())) == FIRST_GUESS
    house.work_due()
    other = house.place(internet("1", "pe3/eth1"))
    found = usual(other)
    assert timedelta(seconds=20) <= found < FIRST_GUESS
    house.checkpoint = lambda name: house.clock.advance(50) if name == "before commit" else None
    house.work_due()
    assert usual(other) == found
    house.clock.advance(60)
    assert usual(other) > found


def test_who_stands_before_it_in_the_queue_counts(database, clock):
    house = House(database, clock, workers=1)
    first = house.place(internet())
    clock.advance(5)
    second = house.place(eline())
    assert second.expected_completion - clock.now() > first.expected_completion - first.order_date


@pytest.mark.parametrize(
    ("needs", "plans"), [({}, 0), ({"1": [], "2": []}, 1), ({"1": [], "2": ["1"], "3": ["2", "1"]}, 3), ({"2": ["1"], "1": []}, 2)]
)
def test_only_what_waits_for_each_other_takes_one_after_the_other(needs, plans):
    items = [OrderItemRow(reference=name, depends_on=others, state="acknowledged") for name, others in needs.items()]
    assert longest_way(items) == plans


def test_an_order_that_is_expected_late_is_in_jeopardy_at_once(house):
    order = house.place(internet(), requested_completion=house.clock.now() + timedelta(seconds=1))
    (alert,) = order.jeopardy
    assert (alert["type"], alert["items"]) == ("Hazard", ["1"])
    assert house.types_told(order.id) == ["serviceOrderCreateEvent", "serviceOrderJeopardyEvent"]


def test_what_keeps_it_is_in_the_alert_and_each_kind_is_told_once(house):
    waits = replace(internet(), waits_for="fibre-17")
    order = house.place(waits, requested_completion=house.clock.now() + HOUR)
    house.work_due()
    assert look(house) == 0
    house.clock.advance(3600)
    assert (look(house), look(house)) == (1, 0)
    (alert,) = house.order_row(order.id).jeopardy
    assert (alert["type"], alert["name"]) == ("Critical", "completionLate")
    assert "fibre-17" in alert["exception"]
    assert house.types_told(order.id).count("serviceOrderJeopardyEvent") == 1


def test_what_takes_longer_than_was_expected_is_expected_anew(house):
    order = house.place(internet(), requested_completion=house.clock.now() + FIRST_GUESS + timedelta(seconds=20))
    assert order.jeopardy == []
    house.clock.advance(FIRST_GUESS.total_seconds())
    assert look(house) == 1
    assert house.order_row(order.id).expected_completion == house.clock.now() + FIRST_GUESS
    assert house.order_row(order.id).jeopardy[0]["type"] == "Hazard"


def test_what_has_ended_is_in_no_danger(house):
    order = house.place(internet(), requested_completion=house.clock.now() + HOUR)
    house.work_due()
    house.clock.advance(7200)
    assert look(house) == 0
    assert house.order_row(order.id).jeopardy == []


DATES = {
    "dateTooFar": {"requested_start": FARTHEST + HOUR},
    "completionBeforeStart": {"requested_start": 2 * HOUR, "requested_completion": HOUR},
}


@pytest.mark.parametrize("code", DATES)
def test_dates_that_cannot_be_meant_are_refused_by_name(house, code):
    with pytest.raises(OrderMalformed) as error:
        house.place(internet(), **{name: house.clock.now() + ahead for name, ahead in DATES[code].items()})
    assert error.value.refusals[0].code == code


WAITS = {
    "waitsForNothing": {"wait_until": HOUR},
    "waitOver": {"waits_for": "x", "wait_until": -HOUR},
    "dateTooFar": {"waits_for": "x", "wait_until": FARTHEST + HOUR},
}


@pytest.mark.parametrize("code", WAITS)
def test_waits_that_cannot_be_meant_are_refused_by_name(house, code):
    said = {name: house.clock.now() + each if name == "wait_until" else each for name, each in WAITS[code].items()}
    with pytest.raises(OrderMalformed) as error:
        house.place(replace(internet(), **said))
    assert error.value.refusals[0].code == code


def test_a_date_that_is_past_is_taken_as_it_is(house):
    order = house.place(internet(), requested_start=house.clock.now() - HOUR, requested_completion=house.clock.now() - HOUR)
    assert order.jeopardy[0]["type"] == "Critical"
    house.work_due()
    assert house.order_row(order.id).state == "completed"
