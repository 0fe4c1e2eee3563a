"""Everybody is asked once an interval, the many not all at once."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.collection.cycle import EVERYBODY, SPREAD_FROM, Cycle

NAMES = [f"pe{number}" for number in range(SPREAD_FROM)]
MINUTE = timedelta(minutes=1)


def asked(cycle: Cycle, times: list[float], elements: int = SPREAD_FROM) -> list[tuple[float, str]]:
    turns = [(now, cycle.turn(elements, now)) for now in times]
    return [(now, name) for now, turn in turns if turn is not None for name in NAMES if name in turn]


def test_few_are_asked_together_when_the_cycle_begins() -> None:
    cycle = Cycle(MINUTE)
    assert cycle.every == timedelta(seconds=5)
    turns = [cycle.turn(SPREAD_FROM - 1, 100.0 + 5 * number) for number in range(25)]
    assert [number for number, turn in enumerate(turns) if turn is not None] == [0, 12, 24]
    assert turns[0] is EVERYBODY
    assert "pe1" in EVERYBODY


def test_many_are_asked_in_turns_and_each_after_exactly_an_interval() -> None:
    found = asked(Cycle(MINUTE), [7.0 + 5 * number for number in range(36)])
    by_turn = [sum(now == 7.0 + 5 * number for now, _ in found) for number in range(12)]
    assert sum(by_turn) == SPREAD_FROM
    assert max(by_turn) < 2 * SPREAD_FROM / 12
    for name in NAMES:
        first, second, third = (now for now, each in found if each == name)
        assert (second - first, third - second) == (60.0, 60.0)


def test_a_cycle_says_where_it_begins_and_where_it_is_whole() -> None:
    cycle = Cycle(MINUTE)
    turns = [cycle.turn(SPREAD_FROM, 5.0 * number) for number in range(12)]
    assert [turn.first for turn in turns if turn] == [True, *[False] * 11]
    assert [turn.last for turn in turns if turn] == [*[False] * 11, True]


def test_after_a_start_everybody_is_asked_once_at_once_and_keeps_its_turn() -> None:
    cycle = Cycle(MINUTE)
    first = cycle.turn(SPREAD_FROM, 0.0)
    early = list(iter(cycle.early, None))
    assert first is not None
    assert {name for name in NAMES for turn in (first, *early) if name in turn} == set(NAMES)
    assert [turn.last for turn in early] == [*[False] * 10, True]
    assert not any(turn.first for turn in early)
    later = asked(cycle, [5.0 * number for number in range(1, 12)])
    assert {name for _, name in later} == {name for name in NAMES if name not in first}
    assert cycle.early() is None


def test_few_are_not_asked_twice_after_a_start() -> None:
    cycle = Cycle(MINUTE)
    assert cycle.turn(SPREAD_FROM - 1, 0.0) is EVERYBODY
    assert cycle.early() is None


def test_a_network_that_grows_later_is_not_asked_at_once() -> None:
    cycle = Cycle(MINUTE)
    for number in range(12):
        cycle.turn(SPREAD_FROM - 1, 5.0 * number)
    assert cycle.turn(SPREAD_FROM, 60.0) is not None
    assert cycle.early() is None


def test_an_interval_too_short_for_turns_is_one() -> None:
    cycle = Cycle(timedelta(seconds=9))
    assert cycle.every == timedelta(seconds=9)
    assert [cycle.turn(SPREAD_FROM, 9.0 * number) for number in range(3)] == [EVERYBODY] * 3


@given(st.lists(st.floats(-0.4, 30.0), min_size=40, max_size=60), st.sampled_from([SPREAD_FROM - 1, SPREAD_FROM]))
def test_turns_that_come_late_or_not_at_all_leave_nobody_out(delays: list[float], elements: int) -> None:
    cycle, now, times = Cycle(MINUTE), 0.0, []
    for delay in delays:
        times.append(now)
        now += 5.0 + delay
    found = asked(cycle, times, elements)
    last: dict[str, float] = {}
    for when, name in found:
        assert when - last.get(name, when) <= 60.0 + 35.0 + 5.0
        last[name] = when
    due = [when for when in times if times[-1] - when >= 95.0]
    assert not due or len(last) == len(NAMES)


def test_a_long_sleep_is_made_up_for_by_one_turn_for_all() -> None:
    cycle = Cycle(MINUTE)
    cycle.turn(SPREAD_FROM, 0.0)
    late = cycle.turn(SPREAD_FROM, 1000.0)
    assert late is not None
    assert all(name in late for name in NAMES)
    assert (late.first, late.last) == (True, True)
