"""A clock that tests set; nobody waits for it."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)  # a Monday


class FakeClock:
    """`policies.values.Clock` under the test's hand: both times stand still until `advance`."""

    def __init__(self, now: datetime = EPOCH) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, step: timedelta | float) -> datetime:
        """Move both times forward by `step` (a number means seconds) and say what time it is now."""
        span = step if isinstance(step, timedelta) else timedelta(seconds=step)
        if span < timedelta():
            raise ValueError(f"time does not run backwards: {span}")
        self._now += span
        self._monotonic += span.total_seconds()
        return self._now

    def step_to(self, now: datetime) -> None:
        """Set the time of day alone, as an operator or NTP does; the monotonic time does not follow."""
        self._now = now
