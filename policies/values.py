"""The cellar: pure value types that every package may import.

Nothing here does I/O or knows another package. Time is UTC, intervals are half-open, money is `Decimal`.
"""

import hashlib
import os
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_DIGIT_OF = _CROCKFORD.encode() * 8
"""Of each octet; all digits have as many."""


class Clock(Protocol):
    """The time of day, injected so that tests never wait for it."""

    def now(self) -> datetime:
        """The current instant, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never steps back."""
        ...


class Severity(StrEnum):
    """Perceived severity (X.733, TMF642). `cleared` is a flag beside the last severity, never a rank of its own."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    INDETERMINATE = "indeterminate"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A half-open span of UTC time, `[start, end)`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an interval needs aware date-times; give both ends a time zone")
        if self.end < self.start:
            raise ValueError(f"an interval ends before it starts: {self.start.isoformat()} .. {self.end.isoformat()}")

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def intersect(self, other: "Interval") -> "Interval | None":
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The union as disjoint, sorted intervals; touching ones are joined, empty ones dropped."""
    merged: list[Interval] = []
    for interval in sorted(i for i in intervals if i.start < i.end):
        if merged and interval.start <= merged[-1].end:
            if interval.end > merged[-1].end:
                merged[-1] = Interval(merged[-1].start, interval.end)
        else:
            merged.append(interval)
    return merged


def subtract(intervals: Iterable[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """What is left of the union of `intervals` without the union of `removed`."""
    holes = merge(removed)
    left: list[Interval] = []
    passed = 0
    for interval in merge(intervals):
        start = interval.start
        while passed < len(holes) and holes[passed].end <= start:
            passed += 1
        following = passed
        while following < len(holes) and holes[following].start < interval.end:
            hole = holes[following]
            if hole.start > start:
                left.append(Interval(start, hole.start))
            start = max(start, hole.end)
            following += 1
        if start < interval.end:
            left.append(Interval(start, interval.end))
    return left


def total(intervals: Iterable[Interval]) -> timedelta:
    """The length of the union."""
    return sum((i.duration for i in merge(intervals)), timedelta())


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency (ISO 4217)."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}; bill them apart")
        return Money(self.amount + other.amount, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:.2f} {self.currency}"


def new_id(prefix: str, at: datetime | None = None) -> str:
    """A new identifier that sorts by its time of making: `<prefix>-<10 characters of ms><10 random>` (ULID's order)."""
    milliseconds = int((at or datetime.now(UTC)).timestamp() * 1000)
    return f"{prefix}-{_time(milliseconds)}{_DRAWN.next()}"


def derived_id(prefix: str, *parts: object) -> str:
    """The same identifier for the same parts, always: what makes a repeated effect the same row."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return f"{prefix}-{_base32(int.from_bytes(digest[:13], 'big') >> 4, 20)}"


class _Drawn:
    """Ten random characters, for many ids at once: whoever asks the system for randomness lets go of the interpreter for it.

    Of one process: another one that begins as its copy draws for itself.
    """

    MANY = 64
    WIDTH = 10

    def __init__(self) -> None:
        self._drawn: deque[str] = deque()  # each is taken by one thread
        os.register_at_fork(after_in_child=self._drawn.clear)

    def next(self) -> str:
        while True:
            try:
                return self._drawn.pop()
            except IndexError:
                drawn = secrets.token_bytes(self.MANY * self.WIDTH).translate(_DIGIT_OF).decode()
                self._drawn.extend([drawn[start : start + self.WIDTH] for start in range(0, len(drawn), self.WIDTH)])


@lru_cache(maxsize=64)  # what is made at once has one time
def _time(milliseconds: int) -> str:
    return _base32(milliseconds, 10)


def _base32(number: int, width: int) -> str:
    """`width`: 10 or 20 digits; what is above them is left out."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS[width]])


_SHIFTS = {width: tuple(range(5 * (width - 2), -1, -10)) for width in (10, 20)}
"""Width → where each pair of digits begins."""


_DRAWN = _Drawn()
