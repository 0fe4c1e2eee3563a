"""One SSH session at the command line: echo, prompt, faults, and the shell behind them."""

import asyncio
import contextlib

import asyncssh

from drivers.sim.cli.command import Logout
from drivers.sim.cli.edits import Edits
from drivers.sim.cli.errors import CliError, Refused
from drivers.sim.cli.shell import Shell
from drivers.sim.cli.terminal import LineEditor
from drivers.sim.errors import DisconnectedByFault, RefusedByFault
from drivers.sim.faults import ElementFaults, Phase
from drivers.sim.sshd import cut
from drivers.sim.state import ElementState

IDLE_TIMEOUT = 600.0
"""Seconds after which a session ends whose client neither types nor reads (`exec-timeout 10 0`)."""
_CHUNK = 4096

Process = asyncssh.SSHServerProcess[str]


class CliSession:
    def __init__(self, state: ElementState, faults: ElementFaults, process: Process, edits: Edits | None = None) -> None:
        self._shell = Shell(state, edits)
        self._faults = faults
        self._process = process
        self._editor = LineEditor(echo=process.term_type is not None)

    async def run(self) -> None:
        """Until logout, idle time-out or the client's end; a disconnect fault aborts the transport."""
        try:
            if self._process.command is not None:
                await self._run_one(self._process.command)
            else:
                await self._converse()
        except DisconnectedByFault:
            cut(self._process)
        except (Logout, TimeoutError, asyncssh.Error, ConnectionError):
            self._process.exit(0)
        else:
            self._process.exit(0)

    async def _run_one(self, command: str) -> None:
        """`ssh element show version`"""
        for line in await self._carry_out(command):
            self._process.stdout.write(line + "\r\n")

    async def _converse(self) -> None:
        self._process.stdout.write(f"\r\n{self._shell.prompt}")
        while data := await self._read():
            for echo, line in self._editor.feed(data):
                self._process.stdout.write(echo)
                if line is not None:
                    await self._answer(line)

    async def _read(self) -> str:
        """Empty at the end of input."""
        while True:
            try:
                async with asyncio.timeout(IDLE_TIMEOUT):
                    return await self._process.stdin.read(_CHUNK)
            except asyncssh.TerminalSizeChanged:
                continue
            except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                return ""

    async def _answer(self, line: str) -> None:
        lines = await self._carry_out(line)
        self._process.stdout.write("".join(f"{text}\r\n" for text in lines) + self._shell.prompt)
        async with asyncio.timeout(IDLE_TIMEOUT):
            await self._process.stdout.drain()

    async def _carry_out(self, line: str) -> list[str]:
        column = len(self._shell.prompt)
        try:
            parsed = self._shell.parse(line)
            if parsed is None:
                return []
            await self._play(parsed.phase)
            lines = self._shell.run(parsed)
        except CliError as error:
            return error.lines(column)
        if parsed.phase is Phase.COMMIT:
            await self._after_commit()
        return lines

    async def _after_commit(self) -> None:
        """Nothing is left to refuse; a session may still be cut or hang."""
        with contextlib.suppress(Refused):
            await self._play(Phase.AFTER_COMMIT)

    async def _play(self, phase: Phase | None) -> None:
        """Faults ahead of `phase`; a line of no phase still waits for the element to be reachable."""
        if phase is None:
            await self._faults.reachable()
            return
        try:
            await self._faults.before(phase)
        except RefusedByFault as refusal:
            raise Refused(refusal.message) from refusal
