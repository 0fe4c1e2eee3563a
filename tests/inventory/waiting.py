"""For what other threads do meanwhile."""

import threading
import time
from collections.abc import Callable

PATIENCE_S = 60
TICK_S = 0.001


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    tick = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, f"{holds} did not hold within {PATIENCE_S} s"
        tick.wait(TICK_S)
