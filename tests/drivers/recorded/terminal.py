"""A command line that plays a transcript: it knows one conversation by heart, and nothing else.

A transcript is what a terminal showed: a prompt with what was typed behind it, and what was printed until the next prompt. A line
`<disconnect>` closes the connection there, `<silence>` lets the element say nothing more.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from drivers.port import Credential, Target
from tests.drivers.sim.elements import Loop, loop_thread

USER, PASSWORD = "fabd", "recorded"
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


class Terminal:
    """Serves one transcript to any number of connections, one after another: what is said by whoever says it."""

    def __init__(self, played: list[Exchange], known_hosts: Path) -> None:
        self.left = played
        self.strayed: list[str] = []
        """What was typed that is not in the transcript."""
        self._known_hosts = known_hosts
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._server: asyncssh.SSHAcceptor | None = None

    async def start(self) -> None:
        self._server = await asyncssh.create_server(
            lambda: Login(self._connections),
            "127.0.0.1",
            0,
            server_host_keys=[self._key],
            process_factory=self._serve,
            line_editor=False,
        )
        kind, key, *_ = self._key.export_public_key().decode().split()
        self._known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        for connection in self._connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in self._connections), return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.get_port())

    def target(self, element: str, platform: str) -> Target:
        return Target(element, platform, "ssh", "127.0.0.1", self.port, Credential("recorded", USER, PASSWORD), self._known_hosts)

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
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
        if not (self.left and said == self.left[0].command):
            setting = re.sub(r" \d+$", "", said)
            if setting in _SETUP:
                process.stdout.write(_SETUP[setting])
            else:
                self.strayed.append(said)
                process.stdout.write(f"% the transcript has {self.left[0].command if self.left else 'ended'!r} here\r\n")
            process.stdout.write(self._prompt)
            return True
        last = self.left.pop(0)
        for line in last.answer:
            if line == "<disconnect>":
                process.channel.get_connection().abort()
                return False
            if line == "<silence>":
                return True
            process.stdout.write(f"{line}\r\n")
        process.stdout.write(self.left[0].prompt if self.left else last.prompt)
        return True

    async def _execute(self, process: asyncssh.SSHServerProcess[str], command: str) -> None:
        """One command of its own channel: its exit status stands in `<exit N>`."""
        if not (self.left and command == self.left[0].command):
            self.strayed.append(command)
            process.stdout.write(f"the transcript has {self.left[0].command if self.left else 'ended'!r} here\n")
            process.exit(127)
            return
        status = 0
        for line in self.left.pop(0).answer:
            if found := re.fullmatch(r"<exit (\d+)>", line):
                status = int(found[1])
            elif line == "<silence>":
                await process.stdin.read()
            else:
                process.stdout.write(f"{line}\n")
        process.exit(status)

    @property
    def _prompt(self) -> str:
        return self.left[0].prompt if self.left else "% the transcript has ended #"


class Login(asyncssh.SSHServer):
    def __init__(self, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@contextmanager
def playing(transcript: str, prompt: str, folder: Path) -> Iterator[Terminal]:
    """At the end everything must have been said, and nothing else."""
    with serving(exchanges(transcript, prompt), folder) as terminal:
        yield terminal


@contextmanager
def serving(played: list[Exchange], folder: Path) -> Iterator[Terminal]:
    """As `playing`."""
    with loop_thread() as loop:
        yield from _played(loop, Terminal(played, folder / "known_hosts"))


def _played(loop: Loop, terminal: Terminal) -> Iterator[Terminal]:
    loop.run(terminal.start())
    try:
        yield terminal
    finally:
        loop.run(terminal.stop())
    assert terminal.strayed == []
    assert [exchange.command for exchange in terminal.left if exchange.command] == []
