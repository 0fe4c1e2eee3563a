"""A daemon that dies where it is told to, again and again: `python -m tests.agent.chaos.mortal CONFIG ORDERS DEATHS`.

Loads the program once and forks a daemon; when that dies, forks the next, until standard input is closed. ORDERS is a file of
checkpoints of the journal: the daemon that comes to the first of them dies there and leaves the others to its successors.
Where it died goes into DEATHS.
"""

import asyncio
import os
import select
import signal
import sys
import threading
from pathlib import Path

from agent import log
from agent.config import load_settings
from agent.daemon import Daemon
from drivers.registry import driver_for, protocols

BIRTH = "another daemon is born"


class Fate:
    """Called at every checkpoint, by any thread."""

    def __init__(self, orders: Path, deaths: Path) -> None:
        self._orders, self._deaths = orders, deaths
        self._deciding = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._deciding:
            mine, *others = self._orders.read_text().splitlines() or [""]
            if name != mine:
                return
            self._orders.write_text("".join(f"{each}\n" for each in others))
            with self._deaths.open("a") as deaths:
                deaths.write(f"{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)


async def live(config: Path, fate: Fate) -> None:
    settings = load_settings(config, environment={})
    log.configure(settings.log)
    daemon = await asyncio.to_thread(lambda: Daemon(settings, checkpoint=fate))
    await daemon.start()
    await asyncio.Event().wait()


def main() -> None:
    config, orders, deaths = map(Path, sys.argv[1:])
    for protocol in protocols():
        driver_for(protocol).close()  # loaded for all who come
    while True:
        sys.stderr.write(f"{BIRTH}\n")
        child = os.fork()
        if child == 0:
            asyncio.run(live(config, Fate(orders, deaths)))
        wait_for_end_of(child)


def wait_for_end_of(child: int) -> None:
    """Of the child, or of standard input: then this is the end of both."""
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor, sys.stdin], [], [])
    os.close(descriptor)
    last = sys.stdin in ended
    if last:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if last:
        sys.exit()


if __name__ == "__main__":
    main()
