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
        self._left = threading.Event()
        """The last line was closed: nothing to wait for."""
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

    def leave(self, line: Line) -> None:
        """It is closed; with the last one the thread ends at once."""
        with self._guard:
            self._lines.discard(line)
            if not self._lines:
                self._left.set()

    def _run(self) -> None:
        while self._look():
            self._left.wait(self._every)

    def _look(self) -> bool:
        """Whether there is anything to look at again."""
        with self._guard:
            self._left.clear()
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
