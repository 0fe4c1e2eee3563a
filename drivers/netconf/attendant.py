"""One thread for all idle NETCONF connections: an element that asks whether anybody is still there gets its answer.

Elements with `ClientAliveInterval` and its like end a session that does not answer, and the lock and the unconfirmed commit go with
it. A connection is read by whoever uses it (`drivers.netconf.line`); while nobody does, because its plan waits for another element
or the pool keeps it, it is looked at here every few seconds.
"""

import threading
import weakref

from drivers.netconf.line import Line

EVERY_S = 5.0


class Attendant:
    """Its thread runs while there are lines to look at."""

    def __init__(self, every: float = EVERY_S) -> None:
        self._every = every
        self._lines: weakref.WeakSet[Line] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._running = False

    @property
    def busy(self) -> bool:
        """Whether its thread runs."""
        with self._guard:
            return self._running

    def watch(self, line: Line) -> None:
        with self._guard:
            self._lines.add(line)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="netconf attendant", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while self._look():
            pause.wait(self._every)

    def _look(self) -> bool:
        """Whether there is anything to look at again."""
        with self._guard:
            lines = list(self._lines)
        for line in lines:
            if line.using.acquire(blocking=False):  # else whoever uses it reads it
                try:
                    line.heed()
                finally:
                    line.using.release()
            if not line.active:
                with self._guard:
                    self._lines.discard(line)
        with self._guard:
            self._running = bool(self._lines)
            return self._running
