"""Usage bins: octets between two readings, laid out over fixed spans of UTC time. Pure, exact, nothing invented.

A bin holds what was counted between the last reading before it and the last reading in it. Where whole bins lie between two
readings of an unbroken counter, the octets are known and only their place in time is not: they are spread by time, to the last
octet, and say so. Where the counter was broken, the bins are missing, with the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policies.values import Interval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEASURED, INTERPOLATED, MISSING = "measured", "interpolated", "missing"

Octets = tuple[int, int]
"""In and out."""


@dataclass(frozen=True, slots=True)
class Bin:
    span: Interval
    octets: Octets
    quality: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is known from one reading to another."""

    before: datetime
    """The earlier reading."""
    after: datetime
    """The later one."""
    octets: Octets | None
    """None where the counter was broken."""
    reason: str = ""


def bin_start(instant: datetime, length: timedelta) -> datetime:
    return EPOCH + (instant - EPOCH) // length * length


def bin_end(instant: datetime, length: timedelta) -> datetime:
    return bin_start(instant, length) + length


def spans(start: datetime, end: datetime, length: timedelta) -> Iterator[Interval]:
    """`[start, end)` cut at the bounds of the bins."""
    while start < end:
        cut = min(bin_end(start, length), end)
        yield Interval(start, cut)
        start = cut


def lay_out(stretch: Stretch, start: datetime, end: datetime, length: timedelta) -> tuple[Bin, ...]:
    """The bins of `[start, end)`, which the stretch accounts for; `start` is where the bins before it end."""
    parts = tuple(spans(start, end, length))
    if stretch.octets is None:
        return tuple(Bin(part, (0, 0), MISSING, stretch.reason) for part in parts)
    if len(parts) == 1:
        return (Bin(parts[0], stretch.octets, MEASURED),)
    shares = [_weight(part, stretch) for part in parts]
    columns = [_spread(total, shares) for total in stretch.octets]
    return tuple(Bin(part, (inward, out), INTERPOLATED) for part, inward, out in zip(parts, *columns, strict=True))


def missing(start: datetime, end: datetime, length: timedelta, reason: str) -> tuple[Bin, ...]:
    return tuple(Bin(part, (0, 0), MISSING, reason) for part in spans(start, end, length))


def _weight(part: Interval, stretch: Stretch) -> int:
    """Microseconds of the stretch within the part; the first part also has what lies before it."""
    overlap = min(part.end, stretch.after) - max(part.start, stretch.before)
    return max(0, overlap // timedelta(microseconds=1))


def _spread(total: int, weights: list[int]) -> list[int]:
    """In proportion, in whole numbers that add up to `total` exactly."""
    whole = sum(weights)
    if whole == 0:
        return [*[0] * (len(weights) - 1), total]
    given, passed, shares = 0, 0, []
    for weight in weights:
        passed += weight
        share = total * passed // whole - given
        given += share
        shares.append(share)
    return shares
