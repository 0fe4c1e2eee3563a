"""When whom to ask."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.collectors.roster import Assignment, Place
from agent.assurance.collectors.turns import LONGEST_PAUSE_S, Turns
from tests.agent.assurance.collectors.field import COLLECTORS

NEIGHBOURS, OPTICS = COLLECTORS["neighbours"], COLLECTORS["optics"]


def roster(count, *collectors):
    names = [f"pe{number}" for number in range(count)]
    return {(name, "ssh"): Assignment(Place(name, "frr", "ssh", name, 22, "shell"), collectors or (NEIGHBOURS,)) for name in names}


def free(_key):
    return True


def nobody(_element):
    return False


def test_first_turns_are_spread_over_the_interval_and_always_the_same():
    wanted = roster(1000)
    turns, again = Turns(60), Turns(60)
    turns.keep(wanted, 1000.0)
    again.keep(wanted, 1000.0)
    assert turns.due == again.due
    by_second = [sum(1000 + second <= at < 1001 + second for at in turns.due.values()) for second in range(60)]
    assert sum(by_second) == 1000
    assert max(by_second) < 40


def test_each_is_asked_once_in_an_interval_and_keeps_its_place():
    wanted = roster(50)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    asked = []
    for second in range(1, 241):
        asked += [(assignment.place.element, second) for assignment, _ in turns.take(wanted, float(second), free)]
    assert len(asked) == 200
    seconds = [second for name, second in asked if name == "pe7"]
    assert [later - earlier for earlier, later in itertools.pairwise(seconds)] == [60, 60, 60]


def test_a_collector_of_a_longer_interval_is_asked_less_often_over_the_same_session():
    wanted = roster(1, NEIGHBOURS, OPTICS)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    asked = [each.name for second in range(1, 601) for _, group in turns.take(wanted, float(second), free) for each in group]
    assert (asked.count("neighbours"), asked.count("optics")) == (10, 2)


def test_who_has_waited_longest_comes_first_and_who_is_busy_keeps_its_turn():
    wanted = roster(20)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    order = sorted(turns.due, key=turns.due.__getitem__)
    places = iter([True] * 3)
    first = [each.place.element for each, _ in turns.take(wanted, 60.0, lambda _: next(places, False))]
    assert first == [name for name, _, _ in order[:3]]
    assert len(list(turns.take(wanted, 60.0, free))) == 17
    assert turns.lateness(60.0, nobody) <= 0


def test_turns_that_were_missed_are_left_out():
    wanted = roster(1)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    assert len(list(turns.take(wanted, 1000.0, free))) == 1
    assert list(turns.take(wanted, 1000.0, free)) == []


def test_an_element_that_cannot_be_spoken_to_is_asked_less_and_less_often():
    wanted = roster(1)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    asked = []
    for second in range(1, 7200):
        for _ in turns.take(wanted, float(second), free):
            asked.append(second)
            turns.done(("pe0", "ssh"), float(second), reached=False)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps[:4] == [60, 120, 240, 480]
    assert max(gaps) <= LONGEST_PAUSE_S + 60
    turns.done(("pe0", "ssh"), 7200.0, reached=True)
    assert list(turns.take(wanted, 7260.0, free))


def test_who_is_left_alone_is_not_late():
    wanted = roster(2)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    for key in wanted:
        turns.due[*key, "neighbours"] = 100.0
    assert turns.lateness(400.0, nobody) == 300.0
    assert turns.lateness(400.0, {"pe0", "pe1"}.__contains__) == 0
    turns.done(("pe0", "ssh"), 400.0, reached=False)
    assert turns.lateness(405.0, {"pe1"}.__contains__) < 0
    assert turns.lateness(465.0, {"pe1"}.__contains__) == 5.0


def test_a_second_look_comes_beside_the_turn_which_stays_where_it_is():
    wanted = roster(1)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    (_,) = turns.take(wanted, 60.0, free)
    due = dict(turns.due)
    turns.soon(("pe0", "ssh"), "neighbours", 63.0)
    turns.soon(("gone", "ssh"), "neighbours", 63.0)
    assert list(turns.take(wanted, 62.0, free)) == []
    assert len(list(turns.take(wanted, 63.0, free))) == 1
    assert list(turns.take(wanted, 64.0, free)) == []
    assert (turns.due, turns.once) == (due, {})


def test_what_left_the_inventory_is_forgotten():
    turns = Turns(60)
    turns.keep(roster(2), 0.0)
    turns.done(("pe1", "ssh"), 0.0, reached=False)
    turns.keep(roster(1), 1.0)
    assert {name for name, _, _ in turns.due} == {"pe0"}
    assert (turns.failures, turns.paused) == ({}, {})


@given(st.lists(st.floats(0, 500), min_size=1, max_size=30))
def test_whenever_one_looks_nobody_has_two_turns_within_an_interval(moments):
    wanted = roster(3)
    turns = Turns(60)
    turns.keep(wanted, 0.0)
    asked: dict[str, int] = {}
    for now in sorted(moments):
        for assignment, _ in turns.take(wanted, now, free):
            asked[assignment.place.element] = asked.get(assignment.place.element, 0) + 1
    assert all(count <= 500 / 60 + 1 for count in asked.values())
