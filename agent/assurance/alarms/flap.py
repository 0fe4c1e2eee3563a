"""Flap damping (RFC 2439): each failure costs points, points decay, and who has too many is told of as one flapping alarm.

What is damped is news, tickets and problems per edge. The state of services goes on as it is, so downtime counts all the same.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

PENALTY = 1000
SUPPRESS = 2000
REUSE = 750
HALF_LIFE = timedelta(minutes=15)
LONGEST = timedelta(minutes=60)
CEILING = int(REUSE * math.pow(2, LONGEST / HALF_LIFE))
"""More is never owed, so that nothing is damped for longer than `LONGEST` after its last failure."""


@dataclass(frozen=True, slots=True)
class Penalty:
    points: int = 0
    at: datetime | None = None

    def decayed(self, now: datetime) -> int:
        if self.at is None or now <= self.at:
            return self.points
        return round(self.points * math.pow(0.5, (now - self.at) / HALF_LIFE))

    def failed(self, now: datetime) -> "Penalty":
        """A failure more. An instant before the last one counts as that one: clocks may be set back."""
        latest = now if self.at is None else max(now, self.at)
        return Penalty(min(self.decayed(latest) + PENALTY, CEILING), latest)

    @property
    def suppresses(self) -> bool:
        return self.points >= SUPPRESS

    @property
    def release_at(self) -> datetime | None:
        """When it has come down to `REUSE`, if nothing fails until then; None when it is there."""
        if self.at is None or self.points <= REUSE:
            return None
        return self.at + HALF_LIFE * math.log2(self.points / REUSE)
