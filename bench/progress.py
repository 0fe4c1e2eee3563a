"""What a bench is doing, told on standard error while it runs: figures go to standard output."""

import sys
import time
from typing import Protocol

EVERY_S = 5.0


class Say(Protocol):
    def __call__(self, doing: str, done: int = 0, of: int = 0) -> None: ...


class Progress:
    """One line that is written over on a terminal; elsewhere a line now and then."""

    def __init__(self, bench: str) -> None:
        self._bench = bench
        self._begun = time.monotonic()
        self._said, self._said_at = "", 0.0

    def __call__(self, doing: str, done: int = 0, of: int = 0) -> None:
        now = time.monotonic()
        if doing == self._said and done < of and now - self._said_at < EVERY_S:
            return
        self._said, self._said_at = doing, now
        count = f" {done:,} of {of:,}" if of else ""
        self._write(f"{self._bench}, {now - self._begun:.0f} s: {doing}{count}")

    def end(self) -> None:
        """Leaves nothing behind on a terminal."""
        if sys.stderr.isatty():
            self._write("")

    def _write(self, line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
        elif line:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def silent(doing: str, done: int = 0, of: int = 0) -> None:
    """Where nobody watches."""
    del doing, done, of
