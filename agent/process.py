"""A daemon as a process: it runs until SIGTERM or SIGINT, and is gone soon after, whatever hangs."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Protocol

import structlog
import uvloop

from agent import garbage, turns
from agent import log as logs
from agent.config import Settings

log = structlog.get_logger(__name__)

EXIT_DEADLINE_S = 9.0
"""SIGTERM to exit within ten seconds, whatever hangs."""


class Part(Protocol):
    """What runs: built in a thread, started and stopped in the loop."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def run(settings: Settings, part: Callable[[Settings], Part]) -> int:
    """Until SIGTERM or SIGINT; the exit code of the process."""
    logs.configure(settings.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, part))
    return 0


async def _run(settings: Settings, part: Callable[[Settings], Part]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        last_resort = threading.Timer(EXIT_DEADLINE_S, _leave)
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    daemon = await asyncio.to_thread(part, settings)
    try:
        await daemon.start()
        garbage.settle()
        turns.settle()
        await stop.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await daemon.stop()


def _leave() -> None:
    """A thread that hangs in a library would keep the process; the journal knows what was under way."""
    log.warning("leaving what does not end to the journal", seconds=EXIT_DEADLINE_S)
    os._exit(0)
