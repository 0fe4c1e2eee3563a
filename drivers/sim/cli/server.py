"""The SSH server of an element's command line."""

import asyncio
import contextlib

from drivers.sim.cli.edits import Edits
from drivers.sim.cli.session import CliSession, Process
from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults
from drivers.sim.sshd import HostKeys, SshFront
from drivers.sim.state import ElementState, EventKind, SimPort

MAX_SESSIONS = 16
"""`line vty 0 15`"""


class CliServer:
    """`async start(host, port)`, `async stop()`; `port` is the bound port once started."""

    def __init__(self, state: ElementState, faults: ElementFaults, credentials: SimCredentials, host_keys: HostKeys) -> None:
        self._state = state
        self._faults = faults
        self._sessions = 0
        self._edits = Edits(state) if state.platform == "eos" else None
        self._dropping: set[asyncio.Task[None]] = set()
        self._front = SshFront(faults, credentials, host_keys, self._serve, encoding="utf-8", errors="replace", line_editor=False)

    @property
    def port(self) -> int:
        return self._front.port

    async def start(self, host: str, port: int) -> None:
        await self._front.start(host, port)
        self._state.listeners.append(self._on_event)

    async def stop(self) -> None:
        with contextlib.suppress(ValueError):
            self._state.listeners.remove(self._on_event)
        await self._front.stop()
        await asyncio.gather(*self._dropping, return_exceptions=True)

    async def _serve(self, process: Process) -> None:
        if self._sessions >= MAX_SESSIONS:
            process.stdout.write("% All lines are in use.\r\n")
            process.exit(1)
            return
        self._sessions += 1
        try:
            await CliSession(self._state, self._faults, process, self._edits).run()
        finally:
            self._sessions -= 1

    def _on_event(self, state: ElementState, event: EventKind, port: SimPort | None) -> None:  # noqa: ARG002 - a listener
        if event == "coldStart":
            if self._edits is not None:
                self._edits.forget()
            task = asyncio.get_running_loop().create_task(self._front.drop_all())
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)
