"""Counters → deltas (RFC 2863), one pair of readings at a time. Pure; every value is an exact integer.

A decision depends on nothing but the two readings and the port's speed, so that it can be made for whole columns at once.
"""

from dataclasses import dataclass
from enum import StrEnum

TICKS_PER_SECOND = 100
UPTIME_MODULUS = 2**32
"""sysUpTime wraps after 497.1 days."""

WRAP_TOLERANCE = 60 * TICKS_PER_SECOND
"""How far an element's clock and ours may disagree on whether its uptime has wrapped."""

WRAPPING_WIDTH, WIDE = 32, 64
BILLABLE_ON_32_BITS = 20_000_000
"""bit/s; above it a 32-bit counter may wrap unseen between two polls (RFC 2863 §3.1.6)."""


class GapReason(StrEnum):
    """Why the difference of two readings says nothing."""

    CLOCK = "clock"
    """Our own clock stepped back."""
    IDENTITY = "identity"
    """Another port bears this ifIndex now."""
    REBOOT = "reboot"
    DISCONTINUITY = "discontinuity"
    RESET = "reset"
    IMPLAUSIBLE = "implausible"


class SkipReason(StrEnum):
    FIRST = "first"
    TOO_SOON = "too-soon"
    SAME = "same"
    """An agent that counts slowly shows what it showed before."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One port's counters as one PDU showed them."""

    wall: float
    """Our clock, Unix time in seconds."""
    monotonic: float | None
    """Our other clock; None for a reading of an earlier process."""
    uptime: int | None
    """sysUpTime, ticks of 10 ms modulo 2^32; None when the element does not say."""
    discontinuity: int
    """ifCounterDiscontinuityTime, ticks."""
    values: tuple[int, ...]
    """E.g. octets in and out."""
    identity: str = ""
    """ifIndex and ifName; "" when not known."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known of the port besides its counters."""

    speed_bps: int = 0
    """The most it can carry; 0 when nobody knows, and then nothing is implausible."""
    width: int = 64
    """Bits of the counters: 32 or 64."""


@dataclass(frozen=True, slots=True)
class Delta:
    values: tuple[int, ...]
    ticks: int
    """Hundredths of a second between the readings."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is known between the readings; the series goes on from the later one."""

    reason: GapReason


@dataclass(frozen=True, slots=True)
class Skip:
    """No delta yet; only a first reading takes the place of the one before."""

    reason: SkipReason


Outcome = Delta | Gap | Skip


def compare(previous: Reading | None, current: Reading, meta: Meta = Meta()) -> Outcome:
    """What happened between two readings of one port."""
    if previous is None:
        return Skip(SkipReason.FIRST)
    if _stepped_back(previous, current):
        return Gap(GapReason.CLOCK)
    if previous.identity and current.identity and previous.identity != current.identity:
        return Gap(GapReason.IDENTITY)
    ticks = _elapsed(previous, current)
    return Gap(GapReason.REBOOT) if ticks is None else _since(previous, current, ticks, meta)


def billable(speed_bps: int, width: int) -> bool:
    """Whether octets may be charged for: never by 32-bit counters on a fast port, or on one that may be fast."""
    return width > WRAPPING_WIDTH or 0 < speed_bps <= BILLABLE_ON_32_BITS


def _stepped_back(previous: Reading, current: Reading) -> bool:
    if previous.monotonic is not None and current.monotonic is not None and current.monotonic < previous.monotonic:
        return True
    return current.wall < previous.wall


def _collector_ticks(previous: Reading, current: Reading) -> int:
    if previous.monotonic is not None and current.monotonic is not None:
        return round((current.monotonic - previous.monotonic) * TICKS_PER_SECOND)
    return round((current.wall - previous.wall) * TICKS_PER_SECOND)


def _elapsed(previous: Reading, current: Reading) -> int | None:
    """Ticks by the element's own clock where it has one; None when it has rebooted."""
    ours = _collector_ticks(previous, current)
    if previous.uptime is None or current.uptime is None:
        return ours
    if current.uptime >= previous.uptime:
        return current.uptime - previous.uptime
    wrapped = previous.uptime + ours >= UPTIME_MODULUS - WRAP_TOLERANCE
    return current.uptime + UPTIME_MODULUS - previous.uptime if wrapped else None


def _since(previous: Reading, current: Reading, ticks: int, meta: Meta) -> Outcome:
    if ticks < TICKS_PER_SECOND:
        return Skip(SkipReason.TOO_SOON)
    if previous.discontinuity != current.discontinuity:
        return Gap(GapReason.DISCONTINUITY)
    return _deltas(previous.values, current.values, ticks, meta)


def _deltas(before: tuple[int, ...], after: tuple[int, ...], ticks: int, meta: Meta) -> Delta | Gap:
    deltas: list[int] = []
    for old, new in zip(before, after, strict=True):
        if new >= old:
            delta = new - old
        elif _may_have_wrapped(old, new, ticks, meta):
            delta = new + 2**WRAPPING_WIDTH - old
        else:
            return Gap(GapReason.RESET)
        if _too_fast(delta, ticks, meta.speed_bps):
            return Gap(GapReason.IMPLAUSIBLE)
        deltas.append(delta)
    return Delta(tuple(deltas), ticks)


def _may_have_wrapped(old: int, new: int, ticks: int, meta: Meta) -> bool:
    """Only 32 bits wrap (64 bits of 100 Gbit/s need 46 years), only once, and never faster than the port."""
    if meta.width != WRAPPING_WIDTH or meta.speed_bps <= 0 or old >= 2**WRAPPING_WIDTH:
        return False
    once = ticks * meta.speed_bps < 2**WRAPPING_WIDTH * 8 * TICKS_PER_SECOND
    return once and not _too_fast(new + 2**WRAPPING_WIDTH - old, ticks, meta.speed_bps)


def _too_fast(octets: int, ticks: int, speed_bps: int) -> bool:
    """More than 1.05 times the speed, in whole numbers: octets*8 / (ticks/100) > speed*21/20."""
    return speed_bps > 0 and octets * 8 * TICKS_PER_SECOND * 20 > speed_bps * 21 * ticks
