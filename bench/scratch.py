"""A folder for one measurement, which leaves nothing behind however the measurement ends.

A bench that is killed cannot clean up. So a process of its own waits until the bench is gone: its end of a pipe is closed then.
What still runs with the folder's name in its command line (daemons, simulated networks, PostgreSQL) is ended, and the folder goes.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

PREFIX = "fabd-bench-"
ENDS_WITHIN_S = 20.0
LOOKS_EVERY_S = 0.1


@contextmanager
def scratch() -> Iterator[Path]:
    """In the folder where the bench is run: what is measured writes to that disk."""
    with TemporaryDirectory(prefix=PREFIX, dir=Path.cwd(), ignore_cleanup_errors=True) as name:
        command = [sys.executable, "-m", "bench.scratch", name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd=Path(__file__).parents[1]) as watcher:
            try:
                yield Path(name)
            finally:
                shutil.rmtree(name, ignore_errors=True)
                if watcher.stdin is not None:
                    watcher.stdin.close()


def clear(folder: Path) -> None:
    """End what runs in the folder, and take it away."""
    until = time.monotonic() + ENDS_WITHIN_S
    _signal(folder, signal.SIGTERM)
    while _running(folder) and time.monotonic() < until:
        time.sleep(LOOKS_EVERY_S)
    _signal(folder, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _signal(folder: Path, number: signal.Signals) -> None:
    for pid in _running(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _running(folder: Path) -> list[int]:
    """Processes that name it, or something in it, in their command lines; but for this one."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            pid = int(line.parent.name)
            if pid != os.getpid() and os.fsencode(folder) in line.read_bytes():
                found.append(pid)
    return found


def _watch(folder: Path) -> None:
    sys.stdin.buffer.read()  # until nobody holds the other end any more
    if folder.exists():
        clear(folder)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
