"""Whose plans are: asked of the database for all that are in hand, and good for a moment."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from agent.fulfillment.errors import Superseded
from agent.fulfillment.fences import FRESH_S, Fences, Hand
from agent.fulfillment.tables import PlanRow

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Desk:
    """Plans `a`, `b` and `c`, each with fence 1 and in hand, a clock that stands still, and how often the database was asked."""

    def __init__(self, database):
        self.database, self.now, self.asked = database, 100.0, 0
        with database.write() as session:
            for name in "abc":
                due = AT + timedelta(hours=1)
                row = PlanRow(id=name, order_id="", version=1, state="running", step="stage", fence=1, created_at=AT, deadline=due)
                session.add(row)
        self.fences = Fences(self, lambda: self.now)
        self.hands = {name: Hand(name, 1) for name in "abc"}
        for hand in self.hands.values():
            self.fences.enter(hand)

    def read(self):
        self.asked += 1
        return self.database.read()

    def overtake(self, name):
        with self.database.write() as session:
            session.execute(update(PlanRow).where(PlanRow.id == name).values(fence=2))

    def stale(self):
        return {name for name, hand in self.hands.items() if self.fences.stale(hand)}


@pytest.fixture
def desk(database):
    return Desk(database)


def test_what_one_asks_is_known_of_all_in_hand(desk):
    assert desk.stale() == {"a", "b", "c"}
    desk.fences.prove(desk.hands["b"])
    assert (desk.stale(), desk.asked) == (set(), 1)


def test_what_was_found_is_good_for_a_moment(desk):
    desk.fences.prove(desk.hands["a"])
    desk.now += FRESH_S * 0.9
    assert desk.stale() == set()
    desk.now += FRESH_S * 0.2
    assert desk.stale() == {"a", "b", "c"}


def test_a_point_proves_its_own_plan_alone(desk):
    desk.hands["a"].proved_at = desk.now
    assert desk.stale() == {"b", "c"}


def test_who_was_overtaken_hears_it_himself_and_keeps_nobody_else_from_going_on(desk):
    desk.overtake("a")
    desk.fences.prove(desk.hands["b"])
    assert desk.stale() == {"a"}
    with pytest.raises(Superseded, match="plan a was taken over"):
        desk.fences.prove(desk.hands["a"])
    assert desk.stale() == {"a"}


def test_a_plan_that_is_not_there_is_nobodys(desk):
    with pytest.raises(Superseded):
        desk.fences.prove(Hand("d", 1))


def test_two_hands_on_one_plan_are_told_apart(desk):
    desk.overtake("a")
    later = Hand("a", 2)
    desk.fences.enter(later)
    desk.fences.prove(desk.hands["c"])
    assert (desk.fences.stale(later), desk.stale()) == (False, {"a"})
    desk.fences.leave(later)
    assert desk.stale() == {"a"}


def test_who_has_left_is_not_asked_about(desk):
    desk.fences.leave(desk.hands["a"])
    desk.fences.prove(desk.hands["b"])
    assert desk.stale() == {"a"}


def test_what_cannot_be_asked_proves_nothing(desk):
    class Broken(Exception):
        pass

    def read():
        raise Broken

    desk.read = read
    with pytest.raises(Broken):
        desk.fences.prove(desk.hands["a"])
    assert desk.stale() == {"a", "b", "c"}
