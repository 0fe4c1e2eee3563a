"""A command line that plays a transcript: it knows one conversation by heart, and nothing else.

A transcript is what a terminal showed: a prompt with what was typed behind it, and what was printed until the next prompt. A line
`<disconnect>` closes the connection there, `<silence>` lets the element say nothing more.
"""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from drivers.sim.sshd import cut
from tests.drivers.recorded.server import Recorded, served

_SETUP = {
    "": "",
    "set terminal width": "",
    "set terminal length": "",
    "terminal width": "Width set to 511 columns.\r\n",
    "terminal length": "Pagination disabled.\r\n",
}
"""What netmiko says to any such element when it logs in, and what EOS answers."""


@dataclass
class Exchange:
    prompt: str
    command: str
    answer: list[str] = field(default_factory=list)


def exchanges(transcript: str, prompt: str) -> list[Exchange]:
    """`prompt` matches every prompt of the element, from the beginning of a line; a question that it asks back is one, too."""
    found: list[Exchange] = []
    for line in transcript.splitlines():
        match = re.match(prompt, line)
        if match:
            found.append(Exchange(match.group(), line[match.end() :].strip()))
        elif found:
            found[-1].answer.append(line)
    return found


class Terminal(Recorded):
    """One transcript: what is said by whoever says it."""

    protocol = "ssh"

    def __init__(self, played: list[Exchange]) -> None:
        super().__init__()
        self._left = played

    @property
    def unasked(self) -> list[str]:
        return [exchange.command for exchange in self._left if exchange.command]

    async def serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        try:
            if process.command is not None:
                await self._execute(process, process.command)
            else:
                await self._converse(process)
        except (asyncssh.Error, ConnectionError):
            return

    async def _converse(self, process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(f"\r\nWelcome\r\n{self._prompt}")
        line = ""
        while data := await process.stdin.read(1024):
            for character in data:
                if character not in "\r\n":
                    line += character
                    process.stdout.write(character)
                    continue
                process.stdout.write("\r\n")
                said, line = line.strip(), ""
                if not self._answer(process, said):
                    return

    def _answer(self, process: asyncssh.SSHServerProcess[str], said: str) -> bool:
        if not (self._left and said == self._left[0].command):
            setting = re.sub(r" \d+$", "", said)
            if setting in _SETUP:
                process.stdout.write(_SETUP[setting])
            else:
                self.strayed.append(said)
                process.stdout.write(f"% the transcript has {self._left[0].command if self._left else 'ended'!r} here\r\n")
            process.stdout.write(self._prompt)
            return True
        last = self._left.pop(0)
        for line in last.answer:
            if line == "<disconnect>":
                cut(process)
                return False
            if line == "<silence>":
                return True
            process.stdout.write(f"{line}\r\n")
        process.stdout.write(self._left[0].prompt if self._left else last.prompt)
        return True

    async def _execute(self, process: asyncssh.SSHServerProcess[str], command: str) -> None:
        """One command of its own channel: its exit status stands in `<exit N>`."""
        if not (self._left and command == self._left[0].command):
            self.strayed.append(command)
            process.stdout.write(f"the transcript has {self._left[0].command if self._left else 'ended'!r} here\n")
            process.exit(127)
            return
        status = 0
        for line in self._left.pop(0).answer:
            if found := re.fullmatch(r"<exit (\d+)>", line):
                status = int(found[1])
            elif line == "<silence>":
                await process.stdin.read()
            else:
                process.stdout.write(f"{line}\n")
        process.exit(status)

    @property
    def _prompt(self) -> str:
        return self._left[0].prompt if self._left else "% the transcript has ended #"


def playing(transcript: str, prompt: str, folder: Path) -> AbstractContextManager[Terminal]:
    return served(Terminal(exchanges(transcript, prompt)), folder)
