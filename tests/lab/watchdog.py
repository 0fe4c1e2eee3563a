"""The process that takes the lab down when its time is over or its owner is gone.

It lives in the management namespace, so that a normal `down` ends it together with everything else there.
"""

import os
import select
import sys
from pathlib import Path

from tests.lab import namespaces
from tests.lab.shell import run
from tests.lab.topology import MANAGEMENT

LIFETIME = 3600.0  # seconds; far above the longest run of the lab's tests


def start(folder: Path, *, owner: int | None, lifetime: float) -> None:
    command = [sys.executable, "-m", "tests.lab", "watch", "--dir", str(folder), "--lifetime", str(lifetime)]
    owned = ["--owner", str(owner)] if owner else []
    project = Path(__file__).parents[2]
    log = folder / "watchdog.log"
    in_background = ["setsid", "--fork", "sh", "-c", 'cd "$1" && out=$2 && shift 2 && exec "$@" >"$out" 2>&1', "sh"]
    run(namespaces.argv_in(MANAGEMENT, [*in_background, str(project), str(log), *command, *owned]))


def wait(*, owner: int | None, lifetime: float) -> None:
    """Return when the process `owner` has ended, and after `lifetime` seconds at the latest."""
    poller = select.poll()
    if owner is None:
        poller.poll(lifetime * 1000)
        return
    try:
        descriptor = os.pidfd_open(owner)
    except ProcessLookupError:
        return
    try:
        poller.register(descriptor, select.POLLIN)
        poller.poll(lifetime * 1000)
    finally:
        os.close(descriptor)
