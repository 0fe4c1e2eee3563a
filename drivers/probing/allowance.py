"""How many test packets may leave in all, whoever sends them: what is measured all the time, and every test beside it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drivers.probing.errors import TooMuch

WATCHED_SHARE = 0.9
"""Of it that may be measured all the time; the rest stays for tests."""
BURST_S = 0.04
"""What was not sent for so long may be made up for."""


class Allowance:
    """One for all probers of a process; called from any thread.

    Rates are given out beforehand, so that nobody waits for long; and each packet is asked for as it leaves, so that no more do.
    """

    def __init__(self, packets_per_second: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.per_second = packets_per_second
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._watched = 0.0
        self._tests: list[float] = []
        """Rates; a running sum would keep what rounding leaves, and no test could have all that is left again."""
        self._tokens, self._filled_at = 0.0, monotonic()

    @property
    def for_watching(self) -> float:
        """Packets a second that may be sent all the time."""
        return self.per_second * WATCHED_SHARE

    @property
    def for_tests(self) -> float:
        """Packets a second that all tests together may send now."""
        return self.per_second - self._watched

    def watch(self, rate: float) -> None:
        """So many a second leave from now on. Raises `TooMuch`, and then nothing changes."""
        if rate > self.for_watching:
            raise TooMuch(
                f"{rate:.0f} packets per second to measure all the time are more than {self.for_watching:.0f}, {WATCHED_SHARE:.0%} "
                f"of the {self.per_second:g} that may be sent in all; raise the limit, or measure fewer targets or less often"
            )
        with self._changed:
            self._watched = rate
            self._changed.notify_all()

    @contextmanager
    def test(self, rate: float, deadline: float) -> Iterator[float]:
        """The rate at which a test may send meanwhile: `rate`, or all that is left for tests where that is less.

        Waits for other tests until `deadline` (monotonic); raises `TooMuch`.
        """
        with self._changed:
            while (wanted := min(rate, self.for_tests)) > self.for_tests - sum(self._tests):
                left = deadline - self._monotonic()
                if left <= 0:
                    raise TooMuch(
                        f"other tests send all of the {self.for_tests:.0f} packets per second that are left for tests (of "
                        f"{self.per_second:g} in all); try again, or raise the limit"
                    )
                self._changed.wait(left)
            self._tests.append(wanted)
        try:
            yield wanted
        finally:
            with self._changed:
                self._tests.remove(wanted)
                self._changed.notify_all()

    def take(self) -> bool:
        """Whether a packet may leave now; it counts as sent then."""
        with self._changed:
            now = self._monotonic()
            room = self.per_second * BURST_S + 1
            self._tokens = min(room, self._tokens + max(0.0, now - self._filled_at) * self.per_second)
            self._filled_at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
