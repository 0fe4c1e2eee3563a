"""The counter rules: each known failure of others by name, and all of them against a reference model."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.collection.counters import (
    Delta,
    Gap,
    GapReason,
    Meta,
    Reading,
    Skip,
    SkipReason,
    billable,
    compare,
)

GIGABIT = 10**9
BEFORE = Reading(wall=1000.0, monotonic=50.0, uptime=500_000, discontinuity=0, values=(1_000, 2_000), identity="3 eth0")


def later(seconds: float = 60.0, **changes: object) -> Reading:
    """A reading `seconds` after BEFORE on every clock."""
    moved = replace(
        BEFORE,
        wall=BEFORE.wall + seconds,
        monotonic=50.0 + seconds,
        uptime=(500_000 + round(seconds * 100)) % 2**32,
        values=(1_500, 2_600),
    )
    return replace(moved, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "current", "meta", "expected"),
    [
        ("growth", later(), Meta(GIGABIT), Delta((500, 600), 6000)),
        ("standing still", later(values=(1_000, 2_000)), Meta(GIGABIT), Delta((0, 0), 6000)),
        ("less than a second", later(0.99), Meta(), Skip(SkipReason.TOO_SOON)),
        ("exactly a second", later(1.0), Meta(), Delta((500, 600), 100)),
        ("our wall clock stepped back", later(wall=999.0), Meta(), Gap(GapReason.CLOCK)),
        ("our monotonic clock stepped back", later(monotonic=49.0), Meta(), Gap(GapReason.CLOCK)),
        ("our wall clock stepped forward is no matter", later(wall=90_000.0), Meta(GIGABIT), Delta((500, 600), 6000)),
        ("another port bears the index", later(identity="3 eth1"), Meta(), Gap(GapReason.IDENTITY)),
        ("the port got another index", later(identity="7 eth0"), Meta(), Gap(GapReason.IDENTITY)),
        ("rebooted", later(uptime=200), Meta(), Gap(GapReason.REBOOT)),
        ("discontinuity", later(discontinuity=499_000), Meta(), Gap(GapReason.DISCONTINUITY)),
        ("a smaller 64-bit counter is a reset, not 3.8e17 bit/s", later(values=(999, 2_600)), Meta(), Gap(GapReason.RESET)),
        ("faster than the port", later(values=(1_000 + 10**10, 2_600)), Meta(GIGABIT), Gap(GapReason.IMPLAUSIBLE)),
        ("nobody knows the speed", later(values=(1_000 + 10**10, 2_600)), Meta(0), Delta((10**10, 600), 6000)),
        ("no uptime: our own clock counts", later(uptime=None), Meta(), Delta((500, 600), 6000)),
    ],
)
def test_one_rule_each(case: str, current: Reading, meta: Meta, expected: object) -> None:
    assert compare(BEFORE, current, meta) == expected, case


def test_the_first_reading_gives_no_delta() -> None:
    assert compare(None, BEFORE) == Skip(SkipReason.FIRST)


def test_the_limit_of_speed_is_105_per_cent_and_belongs_to_it() -> None:
    exactly = 1_050_000 // 8 * 60
    meta = Meta(1_000_000)
    assert compare(BEFORE, later(values=(1_000 + exactly, 2_000)), meta) == Delta((exactly, 0), 6000)
    assert compare(BEFORE, later(values=(1_000 + exactly + 1, 2_000)), meta) == Gap(GapReason.IMPLAUSIBLE)


@pytest.mark.parametrize("seconds", [60, 3600])
def test_an_uptime_that_wraps_after_497_days_is_no_reboot(seconds: int) -> None:
    before = replace(BEFORE, uptime=2**32 - 1000)
    current = later(seconds, uptime=seconds * 100 - 1000)
    assert compare(before, current, Meta(GIGABIT)) == Delta((500, 600), seconds * 100)


def test_a_reboot_long_before_the_wrap_is_a_reboot() -> None:
    before = replace(BEFORE, uptime=2**32 - 100_000)
    assert compare(before, later(60, uptime=500), Meta()) == Gap(GapReason.REBOOT)


@pytest.mark.parametrize(
    ("case", "speed", "seconds", "value", "expected"),
    [
        ("a true wrap", 10_000_000, 60, 2_000, Delta((3_000, 600), 6000)),
        ("could have wrapped twice", 10**10, 60, 2_000, Gap(GapReason.RESET)),
        ("a wrap would be too fast: a reset", 10_000_000, 60, 2**31, Gap(GapReason.RESET)),
        ("without a speed nothing can be told", 0, 60, 2_000, Gap(GapReason.RESET)),
    ],
)
def test_32_bit_counters_wrap_only_where_they_can(case: str, speed: int, seconds: int, value: int, expected: object) -> None:
    before = replace(BEFORE, values=(2**32 - 1_000, 2_000))
    assert compare(before, later(seconds, values=(value, 2_600)), Meta(speed, width=32)) == expected, case


@pytest.mark.parametrize(
    ("speed", "width", "yes"), [(20_000_000, 32, True), (20_000_001, 32, False), (0, 32, False), (10**11, 64, True), (0, 64, True)]
)
def test_fast_ports_are_not_billed_by_32_bit_counters(speed: int, width: int, yes: bool) -> None:
    assert billable(speed, width) is yes


uptimes = st.none() | st.integers(0, 2**32 - 1) | st.integers(2**32 - 20_000, 2**32 - 1) | st.integers(0, 20_000)
counters = st.integers(0, 2**64 - 1) | st.integers(0, 10_000)
readings = st.builds(
    Reading,
    wall=st.integers(0, 10_000).map(float),
    monotonic=st.none() | st.integers(0, 10_000).map(float),
    uptime=uptimes,
    discontinuity=st.integers(0, 2),
    values=st.tuples(counters, counters),
    identity=st.sampled_from(["", "1 a", "2 b"]),
)
metas = st.builds(Meta, speed_bps=st.sampled_from([0, 1_000, 10**9]), width=st.sampled_from([32, 64]))


def reference(previous: Reading, current: Reading, meta: Meta) -> object:  # noqa: C901, PLR0911  the rules as one list
    """The page's rules one after another, in fractions."""
    own = current.wall - previous.wall
    if previous.monotonic is not None and current.monotonic is not None:
        own = current.monotonic - previous.monotonic
    if current.wall < previous.wall or own < 0:
        return Gap(GapReason.CLOCK)
    if "" not in (previous.identity, current.identity) and previous.identity != current.identity:
        return Gap(GapReason.IDENTITY)
    ticks = round(own * 100)
    if previous.uptime is not None and current.uptime is not None:
        difference = current.uptime - previous.uptime
        if difference < 0:
            if previous.uptime + ticks < 2**32 - 6000:
                return Gap(GapReason.REBOOT)
            difference += 2**32
        ticks = difference
    if ticks < 100:
        return Skip(SkipReason.TOO_SOON)
    if previous.discontinuity != current.discontinuity:
        return Gap(GapReason.DISCONTINUITY)
    seconds = Fraction(ticks, 100)
    deltas = []
    for old, new in zip(previous.values, current.values, strict=True):
        delta = new - old
        if delta < 0:
            delta += 2**32
            wraps = meta.width == 32 and meta.speed_bps > 0 and seconds < Fraction(2**32 * 8, meta.speed_bps)
            if not wraps or Fraction(delta * 8) / seconds > Fraction(105, 100) * meta.speed_bps:
                return Gap(GapReason.RESET)
        if meta.speed_bps and Fraction(delta * 8) / seconds > Fraction(105, 100) * meta.speed_bps:
            return Gap(GapReason.IMPLAUSIBLE)
        deltas.append(delta)
    return Delta(tuple(deltas), ticks)


@given(readings, readings, metas)
def test_every_pair_of_readings_follows_the_rules(previous: Reading, current: Reading, meta: Meta) -> None:
    assert compare(previous, current, meta) == reference(previous, current, meta)


@given(st.integers(0, 2**63), st.lists(st.integers(0, 7_000_000_000), min_size=1, max_size=20))
def test_deltas_of_an_unbroken_series_add_up_to_its_whole(start: int, steps: list[int]) -> None:
    series = [replace(BEFORE, values=(start, 0))]
    for number, step in enumerate(steps, start=1):
        series.append(later(60 * number, values=(series[-1].values[0] + step, 0)))
    deltas = [compare(a, b, Meta(GIGABIT)) for a, b in pairwise(series)]
    assert all(isinstance(delta, Delta) for delta in deltas)
    assert sum(delta.values[0] for delta in deltas if isinstance(delta, Delta)) == series[-1].values[0] - start
