"""The counter rules for whole columns say of every port what the rules for one pair of readings say; and what slow agents get."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.assurance.collection import counters
from agent.assurance.collection.counters import Delta, Gap, Skip, compare
from agent.assurance.collection.deltas import PATIENCE, REASONS, Deltas, Meta, Outcome, Readings, State, follow

GIGABIT = 10**9
SECOND = 100


def reading(
    *values: int, wall: float, uptime: int, mono: float | None = None, disc: int = 0, index: int = 3, up: bool = True
) -> Readings:
    """Of one port."""
    one = np.array([values], np.uint64).T
    return Readings(
        np.array([wall]),
        np.array([wall if mono is None else mono]),
        np.array([uptime % 2**32]),
        np.array([disc], np.uint64),
        np.array([index]),
        one,
        np.ones_like(one, np.bool_),
        np.array([up]),
    )


def side_by_side(readings: list[Readings]) -> Readings:
    return Readings(
        np.concatenate([each.wall for each in readings]),
        np.concatenate([each.monotonic for each in readings]),
        np.concatenate([each.uptime for each in readings]),
        np.concatenate([each.discontinuity for each in readings]),
        np.concatenate([each.identity for each in readings]),
        np.concatenate([each.values for each in readings], axis=1),
        np.concatenate([each.present for each in readings], axis=1),
        np.concatenate([each.up for each in readings]),
    )


def meta(speed: int = GIGABIT, counters: int = 1, *, wraps: bool = False, ports: int = 1) -> Meta:
    return Meta(np.full(ports, speed, np.uint64), np.ones(counters, np.bool_), np.full(counters, wraps))


def run(*readings: Readings, about: Meta | None = None) -> list[Deltas]:
    state, found = State.nothing(len(readings[0].values), 1), []
    for each in readings:
        deltas, state = follow(state, each, about or meta(counters=len(each.values)))
        found.append(deltas)
    return found


def only(deltas: Deltas) -> tuple[Outcome, int]:
    return Outcome(int(deltas.outcome[0, 0])), int(deltas.values[0, 0])


BEFORE = reading(1_000, wall=1000.0, uptime=500_000)

KNOWN_FAILURES = {
    "a false reboot after 497 days": (
        reading(1_000, wall=0.0, uptime=2**32 - 1000),
        reading(9_000, wall=60.0, uptime=5_000),
        meta(),
        (Outcome.DELTA, 8_000),
    ),
    "3.8e17 bit/s of a 64-bit counter taken for wrapped": (
        reading(2**63, wall=0.0, uptime=0),
        reading(5, wall=60.0, uptime=6_000),
        meta(),
        (Outcome.RESET, 0),
    ),
    "a gap filled with the last delta": (
        reading(1_000, wall=0.0, uptime=50_000),
        reading(2_000, wall=60.0, uptime=100),
        meta(),
        (Outcome.REBOOT, 0),
    ),
    "another port's counter subtracted after the indices moved": (
        reading(1_000, wall=0.0, uptime=0, index=3),
        reading(9_000, wall=60.0, uptime=6_000, index=4),
        meta(),
        (Outcome.IDENTITY, 0),
    ),
    "a spike after a card was reset without a reboot": (
        reading(1_000, wall=0.0, uptime=0),
        reading(9_000, wall=60.0, uptime=6_000, disc=3_000),
        meta(),
        (Outcome.DISCONTINUITY, 0),
    ),
    "more than the port can carry": (
        reading(0, wall=0.0, uptime=0),
        reading(10**10, wall=60.0, uptime=6_000),
        meta(),
        (Outcome.IMPLAUSIBLE, 0),
    ),
    "a wrapped 32-bit counter lost": (
        reading(2**32 - 500, wall=0.0, uptime=0),
        reading(500, wall=10.0, uptime=1_000),
        meta(10**7, wraps=True),
        (Outcome.DELTA, 1_000),
    ),
    "a 32-bit counter that may have wrapped twice": (
        reading(2**32 - 500, wall=0.0, uptime=0),
        reading(500, wall=60.0, uptime=6_000),
        meta(wraps=True),
        (Outcome.RESET, 0),
    ),
    "a negative rate because our clock stepped back": (
        reading(1_000, wall=100.0, uptime=0),
        reading(2_000, wall=40.0, uptime=6_000, mono=160.0),
        meta(),
        (Outcome.CLOCK, 0),
    ),
}


@pytest.mark.parametrize(("first", "second", "about", "expected"), KNOWN_FAILURES.values(), ids=KNOWN_FAILURES)
def test_what_others_get_wrong(first: Readings, second: Readings, about: Meta, expected: tuple[Outcome, int]) -> None:
    assert only(run(first, second, about=about)[1]) == expected


def test_a_series_heals_after_every_gap() -> None:
    rebooted = reading(50, wall=1060.0, uptime=100)
    after = reading(150, wall=1120.0, uptime=6_100)
    found = run(BEFORE, rebooted, after)
    assert [only(each) for each in found] == [(Outcome.FIRST, 0), (Outcome.REBOOT, 0), (Outcome.DELTA, 100)]


def test_what_was_not_read_breaks_nothing() -> None:
    absent = replace(reading(0, wall=1060.0, uptime=506_000), present=np.zeros((1, 1), np.bool_))
    after = reading(4_000, wall=1120.0, uptime=512_000)
    found = run(BEFORE, absent, after)
    assert only(found[1]) == (Outcome.ABSENT, 0)
    assert (only(found[2]), found[2].ticks.tolist()) == ((Outcome.DELTA, 3_000), [120 * SECOND])


def slow(values: list[int], *, up: bool = True) -> list[tuple[Outcome, int, int]]:
    readings = [reading(value, wall=1000.0 + 10 * n, uptime=1000 * n, up=up) for n, value in enumerate(values)]
    found = run(*readings, about=meta(8_000))
    return [(*only(each), int(each.ticks[0])) for each in found[1:]]


def test_a_slow_agent_widens_the_interval_instead_of_looking_implausible() -> None:
    """8 kbit/s are 10,000 octets in 10 s; the agent counts every 30 s, and what it then shows is not too fast."""
    assert slow([0, 10_000, 10_000, 10_000, 40_000]) == [
        (Outcome.DELTA, 10_000, 1_000),
        (Outcome.SAME, 0, 1_000),
        (Outcome.SAME, 0, 2_000),
        (Outcome.DELTA, 30_000, 3_000),
    ]


def test_a_port_that_is_really_idle_is_known_to_be_so_after_some_readings() -> None:
    found = slow([0, 10_000] + [10_000] * (PATIENCE + 3))
    assert [outcome for outcome, _, _ in found] == [Outcome.DELTA, *[Outcome.SAME] * PATIENCE, *[Outcome.DELTA] * 3]
    assert found[PATIENCE + 1] == (Outcome.DELTA, 0, (PATIENCE + 1) * 1_000)
    assert found[PATIENCE + 2] == (Outcome.DELTA, 0, 1_000)


def test_a_port_that_is_down_is_idle_at_once() -> None:
    assert [outcome for outcome, _, _ in slow([0, 10_000, 10_000], up=False)] == [Outcome.DELTA, Outcome.DELTA]


near = st.one_of(
    st.integers(0, 2000),
    st.integers(2**32 - 2000, 2**32 + 2000),
    st.integers(2**63 - 2, 2**63 + 2),
    st.integers(2**64 - 2000, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)
ticks = st.one_of(st.integers(0, 20_000), st.integers(2**32 - 20_000, 2**32 - 1), st.integers(0, 2**32 - 1))
clock = st.one_of(st.integers(0, 10_000), st.integers(0, 10**8)).map(lambda hundredths: hundredths / 100)
ports = st.tuples(
    near, near, ticks, ticks, clock, clock, clock, clock, st.integers(0, 1), st.integers(0, 1), st.integers(0, 2), st.integers(0, 2)
)
speeds = st.one_of(st.just(0), st.integers(1, 10**6), st.sampled_from([10**7, 10**9, 10**11, 4 * 10**11, 3 * 10**12]))


@given(st.lists(st.tuples(ports, speeds), min_size=1, max_size=12), st.booleans())
@settings(max_examples=300, deadline=None)
def test_columns_and_single_pairs_decide_alike(rows: list[tuple[tuple[float, ...], int]], wraps: bool) -> None:
    first, second, expected = [], [], []
    for (old, new, up0, up1, wall0, wall1, mono0, mono1, disc0, disc1, index0, index1), speed in rows:
        first.append(reading(int(old), wall=wall0, uptime=int(up0), mono=mono0, disc=int(disc0), index=int(index0)))
        second.append(reading(int(new), wall=wall1, uptime=int(up1), mono=mono1, disc=int(disc1), index=int(index1)))
        scalar = [
            counters.Reading(wall, mono, int(uptime), int(disc), (int(value),), str(index) if index else "")
            for wall, mono, uptime, disc, value, index in (
                (wall0, mono0, up0, disc0, old, index0),
                (wall1, mono1, up1, disc1, new, index1),
            )
        ]
        expected.append(compare(scalar[0], scalar[1], counters.Meta(speed, 32 if wraps else 64)))
    count = len(rows)
    about = Meta(np.array([speed for _, speed in rows], np.uint64), np.array([True]), np.array([wraps]))
    _, state = follow(State.nothing(1, count), side_by_side(first), about)
    found, _ = follow(state, side_by_side(second), about)
    for row, outcome in enumerate(expected):
        code = Outcome(int(found.outcome[0, row]))
        match outcome:
            case Delta(values, spent):
                assert (code, int(found.values[0, row]), int(found.ticks[row])) == (Outcome.DELTA, values[0], spent)
            case Gap(reason) | Skip(reason):
                assert (REASONS[code], int(found.values[0, row])) == (reason, 0)


@given(st.permutations(range(4)), st.integers(0, 3))
def test_what_is_kept_follows_its_port_into_another_order(order: list[int], gone: int) -> None:
    first = side_by_side([reading(n * 100, wall=0.0, uptime=0) for n in range(4)])
    _, state = follow(State.nothing(1, 4), first, meta(ports=4))
    rows = np.array([n for n in order if n != gone] + [-1])
    later = side_by_side([reading(max(n, 0) * 100 + 7, wall=60.0, uptime=6_000) for n in rows.tolist()])
    found, _ = follow(state.rows(rows), later, meta(ports=4))
    assert found.values[0].tolist() == [7, 7, 7, 0]
    assert found.outcome[0, 3] == Outcome.FIRST
