"""How often one caller may call: a token bucket each, in bounded memory."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000
"""Callers remembered; beyond that the one not seen for longest is forgotten, which at worst gives it a fresh start."""


class RateLimiter:
    """`per_minute` requests in any minute, all at once if need be; then one every `60 / per_minute` seconds."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float], *, max_callers: int = MAX_CALLERS) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._monotonic = monotonic
        self._max_callers = max_callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Caller → (what is left, as of when)."""
        self._lock = threading.Lock()

    def take(self, caller: str) -> int:
        """0 when the request may go on; otherwise the seconds after which it may."""
        with self._lock:
            left = self._left(caller)
            allowed = left >= 1
            self._buckets[caller] = (left - 1 if allowed else left, self._monotonic())
            self._buckets.move_to_end(caller)
            if len(self._buckets) > self._max_callers:
                self._buckets.popitem(last=False)
            return 0 if allowed else math.ceil((1 - left) / self._per_second)

    def _left(self, caller: str) -> float:
        left, since = self._buckets.get(caller, (self._capacity, self._monotonic()))
        return min(self._capacity, left + (self._monotonic() - since) * self._per_second)
