"""Counters → deltas (RFC 2863) for whole columns at once: the rules of the module `counters`, port by port the same outcome.
Pure.

Arrays have shape (ports,), or (counters, ports). Nothing here is ever a float but the readings of our own clocks.
"""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from agent.assurance.collection.counters import (
    TICKS_PER_SECOND,
    UPTIME_MODULUS,
    WRAP_TOLERANCE,
    WRAPPING_WIDTH,
    GapReason,
    SkipReason,
)

Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]
Unsigned = npt.NDArray[np.uint64]
Outcomes = npt.NDArray[np.int8]

PATIENCE = 3
"""Identical readings of a port that is up until it counts as idle rather than as told of by a slow agent."""

_U = np.uint64
_WRAP = _U(2**WRAPPING_WIDTH)
_WRAP_BITS = 2**WRAPPING_WIDTH * 8 * TICKS_PER_SECOND
_PER_LIMIT = _U(8 * TICKS_PER_SECOND * 20)
_MAX_SPEED = _U(3 * 10**12)
"""bit/s; with it, and the longest uptime, a limit still fits 64 bits."""


class Outcome(IntEnum):
    """Of one counter of one port."""

    ABSENT = 0
    """Not read now."""
    DELTA = 1
    FIRST = 2
    TOO_SOON = 3
    SAME = 4
    """A slow agent has not counted on since; the next delta spans this reading too."""
    CLOCK = 5
    IDENTITY = 6
    REBOOT = 7
    DISCONTINUITY = 8
    RESET = 9
    IMPLAUSIBLE = 10


REASONS: dict[Outcome, str] = {
    Outcome.FIRST: SkipReason.FIRST,
    Outcome.TOO_SOON: SkipReason.TOO_SOON,
    Outcome.SAME: SkipReason.SAME,
    Outcome.CLOCK: GapReason.CLOCK,
    Outcome.IDENTITY: GapReason.IDENTITY,
    Outcome.REBOOT: GapReason.REBOOT,
    Outcome.DISCONTINUITY: GapReason.DISCONTINUITY,
    Outcome.RESET: GapReason.RESET,
    Outcome.IMPLAUSIBLE: GapReason.IMPLAUSIBLE,
}
FIRST_GAP = Outcome.CLOCK


@dataclass(frozen=True)
class Readings:
    """One cycle's readings, or those that the next ones are compared with."""

    wall: Seconds
    monotonic: Seconds
    uptime: Counts
    """Ticks of 10 ms modulo 2^32."""
    discontinuity: Unsigned
    identity: Counts
    """E.g. ifIndex; 0 when not known."""
    values: Unsigned
    """(counters, ports)"""
    present: Flags
    """(counters, ports)"""
    up: Flags
    """Traffic is to be expected."""

    @classmethod
    def nothing(cls, counters: int, ports: int) -> "Readings":
        return cls(
            np.full(ports, -np.inf),
            np.full(ports, -np.inf),
            np.zeros(ports, np.int64),
            np.zeros(ports, np.uint64),
            np.zeros(ports, np.int64),
            np.zeros((counters, ports), np.uint64),
            np.zeros((counters, ports), np.bool_),
            np.zeros(ports, np.bool_),
        )

    def rows(self, rows: Counts) -> "Readings":
        """Those of some ports, in that order; nothing where the row is negative."""
        known = rows >= 0
        safe = np.where(known, rows, 0)
        if not self.wall.size:
            return Readings.nothing(len(self.values), len(rows))
        return Readings(
            np.where(known, self.wall[safe], -np.inf),
            np.where(known, self.monotonic[safe], -np.inf),
            self.uptime[safe],
            self.discontinuity[safe],
            np.where(known, self.identity[safe], 0),
            self.values[:, safe],
            self.present[:, safe] & known,
            self.up[safe] & known,
        )

    def put(self, rows: Counts, readings: "Readings") -> None:
        """Write `readings` in the place of these rows."""
        for each in fields(self):
            getattr(self, each.name)[..., rows] = getattr(readings, each.name)


@dataclass(frozen=True)
class State:
    """What is kept from one cycle to the next: 8 octets for a counter, some 40 for a port."""

    base: Readings
    same: npt.NDArray[np.int8]
    """Identical readings in a row."""
    moved: Flags
    """The last delta was not all zeros."""

    @classmethod
    def nothing(cls, counters: int, ports: int) -> "State":
        return cls(Readings.nothing(counters, ports), np.zeros(ports, np.int8), np.zeros(ports, np.bool_))

    def put(self, rows: Counts, state: "State") -> None:
        """Write `state` in the place of these rows."""
        self.base.put(rows, state.base)
        self.same[rows], self.moved[rows] = state.same, state.moved

    def rows(self, rows: Counts) -> "State":
        """See `Readings.rows`: for other ports, or the same in another order."""
        known = rows >= 0
        safe = np.where(known, rows, 0)
        if not self.same.size:
            return State.nothing(len(self.base.values), len(rows))
        return State(self.base.rows(rows), np.where(known, self.same[safe], 0).astype(np.int8), self.moved[safe] & known)


@dataclass(frozen=True)
class Meta:
    """What is known of the ports besides their counters."""

    speed_bps: Unsigned
    """(ports,) The most that each can carry; 0 when nobody knows, and then nothing is implausible."""
    limited: Flags
    """(counters,) Whether a counter counts octets, which the speed limits."""
    wraps: Flags
    """(counters,) or (counters, ports): 32 bits."""


@dataclass(frozen=True)
class Deltas:
    outcome: Outcomes
    """(counters, ports), an `Outcome` each."""
    values: Unsigned
    """(counters, ports); 0 where the outcome is no DELTA."""
    ticks: Counts
    """(ports,) Hundredths of a second since the reading compared with."""

    @property
    def known(self) -> Flags:
        known: Flags = self.outcome == Outcome.DELTA
        return known

    def of(self, wanted: Flags) -> "Deltas":
        """Those of some ports."""
        return Deltas(self.outcome[:, wanted], self.values[:, wanted], self.ticks[wanted])

    def counts(self) -> dict[Outcome, int]:
        found = np.bincount(self.outcome.ravel(), minlength=len(Outcome))
        return {outcome: int(found[outcome]) for outcome in Outcome if found[outcome]}


def follow(state: State, now: Readings, meta: Meta) -> tuple[Deltas, State]:
    """What happened to every counter since its last reading, and what the next reading is to be compared with."""
    base = state.base
    ticks, rebooted = _elapsed(base, now)
    values, outcome = _compared(base, now, ticks, meta)
    whole = _of_ports(base, now, ticks, rebooted)
    outcome = np.where(whole == Outcome.DELTA, outcome, whole)
    outcome[~base.present] = Outcome.FIRST
    outcome[~now.present] = Outcome.ABSENT
    known = outcome == Outcome.DELTA
    still = (known | ~now.present).all(axis=0) & known.any(axis=0) & (values == 0).all(axis=0)
    waits = still & now.up & state.moved & (state.same < PATIENCE)
    outcome[:, waits & (whole == Outcome.DELTA)] = np.where(now.present[:, waits], np.int8(Outcome.SAME), np.int8(Outcome.ABSENT))
    values[outcome != Outcome.DELTA] = 0
    soon = (whole == Outcome.TOO_SOON) & base.present.any(axis=0)
    return Deltas(outcome, values, ticks), _next(state, now, outcome == Outcome.DELTA, values, waits | soon)


def _elapsed(base: Readings, now: Readings) -> tuple[Counts, Flags]:
    """Ticks by the element's own clock, and whether it has rebooted instead."""
    with np.errstate(invalid="ignore"):
        ours = now.monotonic - base.monotonic
    ours = np.rint(np.where(np.isfinite(ours), ours, 0.0) * TICKS_PER_SECOND).astype(np.int64)
    fell = now.uptime < base.uptime
    wrapped = fell & (base.uptime + ours >= UPTIME_MODULUS - WRAP_TOLERANCE)
    ticks = now.uptime - base.uptime + np.where(wrapped, UPTIME_MODULUS, 0)
    return np.where(fell & ~wrapped, 0, ticks), fell & ~wrapped


def _of_ports(base: Readings, now: Readings, ticks: Counts, rebooted: Flags) -> Outcomes:
    """What concerns all counters of a port alike; the first rule that speaks decides."""
    back = (now.monotonic < base.monotonic) | (now.wall < base.wall)
    other = (base.identity != now.identity) & (base.identity != 0) & (now.identity != 0)
    return np.select(
        [back, other, rebooted, ticks < TICKS_PER_SECOND, base.discontinuity != now.discontinuity],
        [
            np.int8(Outcome.CLOCK),
            np.int8(Outcome.IDENTITY),
            np.int8(Outcome.REBOOT),
            np.int8(Outcome.TOO_SOON),
            np.int8(Outcome.DISCONTINUITY),
        ],
        np.int8(Outcome.DELTA),
    )


def _compared(base: Readings, now: Readings, ticks: Counts, meta: Meta) -> tuple[Unsigned, Outcomes]:
    values = now.values - base.values
    fell = now.values < base.values
    outcome = np.full(values.shape, Outcome.DELTA, np.int8)
    span = np.maximum(ticks, 0).astype(np.uint64)
    speed = np.minimum(meta.speed_bps, _MAX_SPEED)
    # exact: octets > floor(speed * 21 * ticks / 16000), without a product beyond 64 bits
    limit = speed // _PER_LIMIT * _U(21) * span + speed % _PER_LIMIT * _U(21) * span // _PER_LIMIT
    bounded = (meta.speed_bps > 0) & (meta.speed_bps <= _MAX_SPEED)
    if fell.any():
        wraps = meta.wraps if meta.wraps.ndim > 1 else meta.wraps[:, None]
        once = bounded & (span <= _U(_WRAP_BITS - 1) // np.maximum(speed, _U(1)))
        candidate = now.values + _WRAP - base.values
        may = fell & wraps & meta.limited[:, None] & once & (base.values < _WRAP) & (candidate <= limit)
        values = np.where(may, candidate, values)
        outcome[fell & ~may] = Outcome.RESET
    too_fast = meta.limited[:, None] & bounded & (values > limit) & (outcome == Outcome.DELTA)
    outcome[too_fast] = Outcome.IMPLAUSIBLE
    return values, outcome


def _next(state: State, now: Readings, known: Flags, values: Unsigned, stays: Flags) -> State:
    """Every reading takes the place of the one before, but one that came too soon, was not read, or that a slow agent told
    twice.
    """
    base = state.base
    read = now.present.any(axis=0)
    moves = read & ~stays
    taken = Readings(
        wall=np.where(moves, now.wall, base.wall),
        monotonic=np.where(moves, now.monotonic, base.monotonic),
        uptime=np.where(moves, now.uptime, base.uptime),
        discontinuity=np.where(moves, now.discontinuity, base.discontinuity),
        identity=np.where(moves, now.identity, base.identity),
        values=np.where(moves, now.values, base.values),
        present=np.where(moves, now.present, base.present),
        up=now.up,
    )
    same = np.where(moves, 0, state.same + (read & stays & (values == 0).all(axis=0))).astype(np.int8)
    moved = np.where(known.any(axis=0), (values > 0).any(axis=0), state.moved & ~moves)
    return State(taken, same, moved)
