"""PostgreSQL's time of day, by which daemons on several hosts count their leases: their own clocks may differ by any amount.

It may be set, too. Whoever asks for it regularly notices, for it compares the answers with its own monotonic clock.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

STEP_S = 1.0
"""Less is how clocks are kept right."""


class ServerTime:
    """What one process knows of it. `heard` is for one thread; `monotonic` is injected."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._ahead: tuple[float, float] | None = None
        """Of the monotonic clock, in seconds: at least and at most, for the answer was on its way for a while."""
        self._doubted_until = 0.0

    def heard(self, said: datetime, asked: float, lease: timedelta) -> timedelta:
        """The server `said` what time it is, some time after it was `asked` (by the monotonic clock).

        Returns by how much it was set back since it said so before; zero when it was not. When it was set forward, living workers
        seem to be silent for long: until they have renewed their leases, none ends (`ends_leases`).
        """
        stamp, now = said.timestamp(), self.monotonic()
        least, most = stamp - now, stamp - asked
        before, self._ahead = self._ahead, (least, most)
        if before is None:
            return timedelta()
        forward, back = least - before[1], before[0] - most
        if forward > STEP_S:
            self._doubted_until = now + lease.total_seconds()
            log.warning(
                "the database server's time of day was set forward; no worker's lease ends by that", by_seconds=round(forward, 3)
            )
        elif back > STEP_S:
            log.warning("the database server's clock was set back", by_seconds=round(back, 3))
            return timedelta(seconds=back)
        return timedelta()

    @property
    def ends_leases(self) -> bool:
        """Whether a lease that has ended by this time has ended indeed."""
        return self.monotonic() >= self._doubted_until
