"""The real time of day."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`policies.values.Clock` of the running machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
