"""Usage bins: octets between readings, laid out over fixed spans of UTC time. Pure, exact, nothing invented.

A bin holds what was counted between the last reading before it and the last reading in it. Where bins lie between two readings of
an unbroken counter, or a bin was left long before its end, the octets are known and only their place in time is not: they are
spread by time, to the last octet, and say so. Where the counter was broken, the bins are missing, with the reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policies.values import Interval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
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


def lay_out(track: Sequence[Stretch], start: datetime, end: datetime, length: timedelta) -> tuple[Bin, ...]:
    """The bins of `[start, end)`; `start` is where the bins before it end, and the track leads to a reading in the last one."""
    bins = [_Sum(span) for span in spans(start, end, length)]
    for stretch in track:
        touched = [each for each in bins if each.span.end > stretch.before and each.span.start <= stretch.after]
        _share(stretch, touched or bins[-1:])
    return tuple(each.done() for each in bins)


@dataclass(slots=True)
class _Sum:
    span: Interval
    octets: Octets = (0, 0)
    spread: bool = False
    broken: str = ""

    def done(self) -> Bin:
        if self.broken:
            return Bin(self.span, (0, 0), MISSING, self.broken)
        return Bin(self.span, self.octets, INTERPOLATED if self.spread else MEASURED)


def _share(stretch: Stretch, touched: Sequence[_Sum]) -> None:
    if stretch.octets is None:
        for each in touched:
            each.broken = stretch.reason
        return
    # the first bin also has what was counted after the last reading of a bin that is closed
    first = min(stretch.before, touched[0].span.start)
    weights = [_overlap(each.span, stretch) for each in touched]
    weights[0] += (touched[0].span.start - first) // MICROSECOND
    shares = zip(*(_spread(total, weights) for total in stretch.octets), strict=True)
    for each, (inward, out) in zip(touched, shares, strict=True):
        each.octets = (each.octets[0] + inward, each.octets[1] + out)
        each.spread |= len(touched) > 1


def missing(start: datetime, end: datetime, length: timedelta, reason: str) -> tuple[Bin, ...]:
    return tuple(Bin(part, (0, 0), MISSING, reason) for part in spans(start, end, length))


def _overlap(span: Interval, stretch: Stretch) -> int:
    """Microseconds."""
    return max(0, (min(span.end, stretch.after) - max(span.start, stretch.before)) // MICROSECOND)


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
