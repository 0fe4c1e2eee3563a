"""Daemons that die where they are told to, again and again: `python -m tests.agent.chaos.fate`.

Loads the program once. A line on standard input names a configuration and a folder; a daemon is forked for them, and when it dies,
the next one, until the line `end`, after which another configuration may come. The file `script` in the folder has a line for each
checkpoint of the journal at which something is to happen, in order: `die before decide`; `stop before push` (signal 19), which is
the moment between the fence check and what it is asked for; `pass before push`, at which nothing happens; or `wait after stage`,
which waits until there is a file `go`. Whoever comes to the first line's checkpoint does it and leaves the others to come, also to
its successors. What happened is added to `story`; `pid` is the present daemon's.
"""

import asyncio
import gc
import os
import select
import signal
import sys
import threading
from functools import cache
from importlib import import_module
from pathlib import Path

import agent.daemon
import agent.storage
import agent.wiring.base
import policies.document
from agent import log
from agent.catalog import load_actions, load_catalog, load_collectors, load_foresight, load_translations
from agent.config import load_settings
from agent.fulfillment.journal import Journal
from drivers.platform import load_platform, platforms
from drivers.registry import driver_for, protocols
from drivers.snmp import mibs

BIRTH, DEATH = "another daemon is born", "no further daemon is born"
TICK_S = 0.01
SIGNALS = {"die": signal.SIGKILL, "stop": signal.SIGSTOP}
LATE = (
    *("anyio._backends._asyncio", "apscheduler.executors.asyncio", "encodings.idna", "httpcore", "inventory.tasks"),
    *("psycopg", "pysnmp.cache", "sqlalchemy.dialects.postgresql.psycopg", "sqlite3", "uvicorn.lifespan.off"),
)
"""What a daemon imports only when it needs it, and every one does."""


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
    load_for_all_who_come()
    while line := read_line():
        config, folder = map(Path, line.split("\t"))
        keep_alive(config, folder)
        sys.stderr.write(f"{DEATH}\n")


def load_for_all_who_come() -> None:
    """What a daemon reads and never writes: programs, platforms, MIBs, the catalog and the rules beside it."""
    for module in LATE:
        import_module(module)
    for protocol in protocols():
        driver_for(protocol).close()
    for platform in platforms():
        load_platform(platform)
    mibs.engine()
    keep_what_was_read()
    for load in (load_actions, load_collectors, load_foresight, load_translations):
        load()
    gc.freeze()  # so that no child copies all of it by counting its references


def keep_what_was_read() -> None:
    """In a process of its own: the catalog as it is shipped, every text that has been parsed, and which schema is the newest."""
    catalog = load_catalog()
    agent.wiring.base.load_catalog = lambda _: catalog  # type: ignore[attr-defined]
    policies.document._read = cache(policies.document._read)  # type: ignore[assignment]
    agent.storage.head_revision = cache(agent.storage.head_revision)
    agent.storage.head_revision()


def read_line() -> str:
    """Without its end; "" when there is no more. What follows it stays to be read."""
    return b"".join(iter(lambda: os.read(sys.stdin.fileno(), 1).strip(b"\n"), b"")).decode()


def keep_alive(config: Path, folder: Path) -> None:
    """One daemon after the other, until told that this is enough."""
    enough = False
    while not enough:
        sys.stderr.write(f"{BIRTH}\n")
        child = os.fork()
        say_who_lives(folder, child or os.getpid())
        if child == 0:
            asyncio.run(live(config, Fate(folder)))
        enough = wait_for_end_of(child)


def say_who_lives(folder: Path, child: int) -> None:
    """By parent and child, whoever comes first, and whole at once: the other may still write when the daemon is up."""
    written = folder / f"pid-by-{os.getpid()}"
    written.write_text(str(child))
    written.replace(folder / "pid")


def wait_for_end_of(child: int) -> bool:
    """Of the child, which is False; or for a line on standard input or its end: then the child ends, too."""
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor, sys.stdin.fileno()], [], [])
    os.close(descriptor)
    enough = sys.stdin.fileno() in ended
    if enough:
        read_line()
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return enough


if __name__ == "__main__":
    main()
