"""How many clients may be connected."""

import time
from dataclasses import dataclass

import structlog

COMPLAIN_EVERY_S = 60.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Door:
    """How many may be connected at the same time. Further ones are cut off: reading what they want would cost what is short."""

    most: int
    refused: int = 0
    _said_at: float | None = None

    def lets_in(self, connected: int) -> bool:
        """`connected` counts the newcomer."""
        if connected <= self.most:
            return True
        self.refused += 1
        now = time.monotonic()
        if self._said_at is None or now - self._said_at >= COMPLAIN_EVERY_S:
            log.warning("connections are refused: api.max_connections are open", most=self.most, refused=self.refused)
            self._said_at = now
        return False
