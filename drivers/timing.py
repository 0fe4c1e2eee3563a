"""Deadlines, in seconds on `time.monotonic()`."""

import time

from drivers.errors import ElementTimeout


def remaining(element: str, deadline: float, doing: str) -> float:
    """Seconds left, always positive; `ElementTimeout` when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise ElementTimeout(element, f"no time left {doing}; the deadline has passed")
    return left
