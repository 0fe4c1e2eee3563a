"""When to try again: the schedule, what the subscriber asks for, and a breaker per endpoint. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
SCHEDULE = (timedelta(seconds=5), _MINUTE / 2, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR)
"""Between one attempt and the next; after the last one a delivery is dead."""

JITTER = 0.1
"""Of a delay, to either side, so that what failed together does not come back together."""


def next_delay(attempts: int, chance: float) -> timedelta | None:
    """After the `attempts`-th attempt (from 1); None when there is no further one. `chance` is in 0..1."""
    if attempts > len(SCHEDULE):
        return None
    return SCHEDULE[attempts - 1] * (1 + JITTER * (2 * chance - 1))


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for (RFC 9110: seconds or a date), at most the longest delay of the schedule."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdecimal():
        asked = timedelta(seconds=min(int(header.strip()[:9]), SCHEDULE[-1].total_seconds()))
    else:
        try:
            until = parsedate_to_datetime(header)
        except (ValueError, TypeError):
            return None
        asked = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(asked, timedelta()), SCHEDULE[-1])


@dataclass(slots=True)
class Breaker:
    """Stops asking an endpoint that does not answer, then lets a single attempt through to see. Times are monotonic seconds."""

    threshold: int = 5
    first_pause_s: float = 30.0
    longest_pause_s: float = 600.0
    failures: int = 0
    """In a row."""
    closed_at: float = 0.0
    """When the pause ends."""
    pause_s: float = 0.0

    def is_open(self, now: float) -> bool:
        return self.failures >= self.threshold and now < self.closed_at

    def allowance(self, usual: int, now: float) -> int:
        """How many attempts may be under way."""
        if self.is_open(now):
            return 0
        return 1 if self.failures >= self.threshold else usual

    def succeeded(self) -> None:
        self.failures, self.pause_s = 0, 0.0

    def failed(self, now: float) -> None:
        """Those that were under way when it opened do not lengthen the pause."""
        was_open = self.is_open(now)
        self.failures += 1
        if self.failures >= self.threshold and not was_open:
            self.pause_s = min(self.pause_s * 2 or self.first_pause_s, self.longest_pause_s)
            self.closed_at = now + self.pause_s
