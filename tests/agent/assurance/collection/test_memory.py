"""What the poller concludes from readings: states that change, when they changed, and whom to ask again when."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.collection.memory import Evidence, Memory, PortStatus
from agent.assurance.findings import FindingKind, Source, Transition, last_change
from tests.clock import EPOCH

POLL = Evidence(Source.POLL, "pll-1")
UPTIME = 10_000_000


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def status(seconds: float, oper: int, changed: int | None = None) -> PortStatus:
    """`changed`: seconds since EPOCH at which the port entered its state, by the element's clock."""
    ticks = None if changed is None else UPTIME + changed * 100
    return PortStatus(at(seconds).timestamp(), seconds, UPTIME + round(seconds * 100), oper, 1, ticks)


def memory(failures: int = 3, successes: int = 1) -> Memory:
    return Memory(failures, successes, interval_s=60)


def read(known: Memory, *statuses: PortStatus) -> list[tuple[FindingKind, float]]:
    found = [known.port_read("pe1", "x1", each, POLL) for each in statuses]
    return [(each.kind, (each.transition.instant - EPOCH).total_seconds()) for each in found if each is not None]


@pytest.mark.parametrize(
    ("case", "statuses", "expected"),
    [
        ("up from the start is no news", [status(0, 1), status(60, 1)], []),
        ("down from the start is", [status(0, 2, -500)], [(FindingKind.LINK_DOWN, -500.0)]),
        ("the element's own instant", [status(0, 1), status(60, 2, 42)], [(FindingKind.LINK_DOWN, 42.0)]),
        ("never before the last good reading", [status(0, 1), status(60, 2, -42)], [(FindingKind.LINK_DOWN, 0.0)]),
        ("without a word of its own: when it was seen", [status(0, 1), status(60, 2)], [(FindingKind.LINK_DOWN, 60.0)]),
        ("down stays one finding", [status(0, 1), status(60, 2, 5), status(120, 7, 5)], [(FindingKind.LINK_DOWN, 5.0)]),
        ("and up again", [status(0, 2, -9), status(60, 1, 33)], [(FindingKind.LINK_DOWN, -9.0), (FindingKind.LINK_UP, 33.0)]),
        ("an answer that overtook another says nothing", [status(60, 1), status(30, 2, 10)], []),
        ("unknown is no state", [status(0, 1), status(60, 4), status(120, 1)], []),
    ],
)
def test_ports(case: str, statuses: list[PortStatus], expected: list[tuple[FindingKind, float]]) -> None:
    assert read(memory(), *statuses) == expected, case


@pytest.mark.parametrize(
    ("case", "uptime", "ticks", "age"),
    [
        ("changed a second ago", 1000, 900, 1.0),
        ("the agent never fills it in", 1000, 0, None),
        ("it does not have it", 1000, None, None),
        ("across the wrap of sysUpTime", 50, 2**32 - 50, 1.0),
        ("in the future: an agent's mistake", 1000, 5000, None),
    ],
)
def test_the_elements_own_word_is_taken_where_it_makes_sense(case: str, uptime: int, ticks: int | None, age: float | None) -> None:
    found = last_change(EPOCH, uptime, ticks)
    assert (None if found is None else (EPOCH - found).total_seconds()) == age, case


@given(*[st.integers(-1000, 1000) for _ in range(2)], st.none() | st.integers(-2000, 2000))
def test_a_transition_lies_between_its_bounds(before: int, seen: int, own: int | None) -> None:
    moment = Transition.between(at(before), at(seen), None if own is None else at(own))
    assert moment.earliest <= moment.instant <= moment.latest


def test_three_failures_in_a_row_make_silence_that_began_with_the_last_answer() -> None:
    known = memory()
    known.answered("pe1", at(0).timestamp(), 0, POLL)
    found = [known.failed("pe1", at(60 + step), 60.0 + step, POLL, {}) for step in range(4)]
    assert [each is not None for each in found] == [False, False, True, False]
    silence = found[2]
    assert silence is not None
    assert (silence.transition.instant, silence.transition.latest, silence.hold_from) == (at(0), at(60), at(60))


def test_one_answer_between_failures_begins_the_count_anew() -> None:
    known = memory()
    for step in range(8):
        act = (
            known.answered("pe1", at(step).timestamp(), step, POLL)
            if step % 3 == 2
            else known.failed("pe1", at(step), step, POLL, {})
        )
        assert act is None
    assert not known.silent("pe1")


def test_as_many_answers_as_set_end_silence() -> None:
    known = memory(failures=1, successes=2)
    assert known.failed("pe1", at(0), 0, POLL, {}) is not None
    assert known.answered("pe1", at(1).timestamp(), 1, POLL) is None
    found = known.answered("pe1", at(2).timestamp(), 2, POLL)
    assert found is not None
    assert (found.kind, found.transition.earliest, found.transition.instant) == (FindingKind.REACHABLE, at(0), at(2))


@pytest.mark.parametrize(
    ("silent_for", "pause"), [(0, 5), (5, 30), (299, 30), (301, 300), (43_000, 300), (43_201, 600), (432_001, 3600)]
)
def test_the_pauses_before_the_next_call_grow(silent_for: int, pause: int) -> None:
    known = memory(failures=1)
    known.failed("pe1", at(0), 1000.0, POLL, {})
    known.failed("pe1", at(silent_for + 1), 1000.0 + silent_for, POLL, {})
    asked_again = 1000.0 + silent_for + pause
    assert known.silent_due(asked_again - 0.1) == frozenset()
    assert known.silent_due(asked_again) == {"pe1"}


def test_what_lies_beside_something_that_came_back_is_asked_at_once_if_it_is_silent() -> None:
    known = memory(failures=1)
    known.failed("pe1", at(0), 1000.0, POLL, {})
    known.put_off(["pe1"], 1400.0)
    known.answered("pe2", at(0).timestamp(), 1000.0, POLL)
    assert known.silent_due(1500.0) == frozenset()
    known.call(["pe1", "pe2", "never-heard-of"], 1500.0)
    assert known.silent_due(1500.0) == {"pe1"}
