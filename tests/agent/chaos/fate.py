"""A daemon that dies where it is told to, again and again: `python -m tests.agent.chaos.fate CONFIG FOLDER`.

Loads the program once and forks a daemon; when that dies, forks the next, until standard input is closed. The file `script` in
FOLDER has a line for each checkpoint of the journal at which something is to happen, in order: `die before decide`;
`stop before push` (signal 19), which is the moment between the fence check and what it is asked for; `pass before push`, at which
nothing happens; or `wait after stage`, which waits until there is a file `go`. Whoever comes to the first line's checkpoint does it
and leaves the others to come, also to its successors. What happened is added to `story`; `pid` is the present daemon's.
"""

import asyncio
import gc
import os
import select
import signal
import sys
import threading
from pathlib import Path

import agent.daemon
from agent import log
from agent.catalog import load_catalog
from agent.config import load_settings
from agent.fulfillment.journal import Journal
from drivers.platform import load_platform, platforms
from drivers.registry import driver_for, protocols

BIRTH = "another daemon is born"
TICK_S = 0.01
SIGNALS = {"die": signal.SIGKILL, "stop": signal.SIGSTOP}


class Fate:
    """Called at every checkpoint, by any thread."""

    def __init__(self, folder: Path) -> None:
        self._script, self._story, self._go = folder / "script", folder / "story", folder / "go"
        self._deciding = threading.Lock()

    def __call__(self, checkpoint: str) -> None:
        with self._deciding:
            mine, *others = self._script.read_text().splitlines() or [""]
            what, _, where = mine.partition(" ")
            if where != checkpoint:
                return
            self._script.write_text("".join(f"{each}\n" for each in others))
            with self._story.open("a") as story:
                story.write(f"{mine}\n")
            if what in SIGNALS:
                os.kill(os.getpid(), SIGNALS[what])
        if what != "wait":
            return
        while not self._go.exists():
            threading.Event().wait(TICK_S)
        self._go.unlink()


def watch_pushes(fate: Fate) -> None:
    """The moment between the fence check and the push is a checkpoint, too."""
    guard = Journal.guard

    def guarded(journal: Journal) -> None:
        guard(journal)
        fate("before push")

    Journal.guard = guarded  # type: ignore[method-assign]  # in a process of its own, which ends with the test


async def live(config: Path, fate: Fate) -> None:
    settings = load_settings(config, environment={})
    log.configure(settings.log)
    watch_pushes(fate)
    daemon = await asyncio.to_thread(lambda: agent.daemon.Daemon(settings, checkpoint=fate))
    await daemon.start()
    await asyncio.Event().wait()


def main() -> None:
    config, folder = map(Path, sys.argv[1:])
    load_for_all_who_come(config)
    while True:
        sys.stderr.write(f"{BIRTH}\n")
        child = os.fork()
        (folder / "pid").write_text(str(child or os.getpid()))
        if child == 0:
            asyncio.run(live(config, Fate(folder)))
        wait_for_end_of(child)


def load_for_all_who_come(config: Path) -> None:
    """What a daemon reads and never writes: programs, platforms, the catalog."""
    for protocol in protocols():
        driver_for(protocol).close()
    for platform in platforms():
        load_platform(platform)
    catalog = load_catalog(load_settings(config, environment={}).catalog)
    agent.daemon.load_catalog = lambda _: catalog  # type: ignore[attr-defined]  # in a process of its own
    gc.freeze()  # so that no child copies all of it by counting its references


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
