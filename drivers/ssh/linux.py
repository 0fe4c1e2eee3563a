"""A Linux element: its own shell and a command line behind it (FRR's vtysh), one SSH channel per command.

What begins with `$ ` is the shell's; everything else is typed into the command line, where all lines of a block go together, so
that each is read in the level that the one before it opened. The exit status tells a refusal, whatever the words.
"""

import re
import shlex
import time
from collections.abc import Callable
from contextlib import suppress

import paramiko

from drivers.diff.spelling import SHELL
from drivers.errors import EditRefused, ElementDisconnected, ElementTimeout
from drivers.platform import Linux, Ssh
from drivers.port import Target
from drivers.ssh import limits, links
from drivers.timing import remaining
from drivers.transport import open_transport

CHUNK = 65536
LONGEST_ANSWER = 50_000_000
"""Characters; a configuration has less, and what runs away is not read on."""

_NO_NFTABLES = re.compile("not found|not supported|Invalid argument")
"""What shells and sudo say where the program is missing, and the program where the kernel has nothing of it."""


class LinuxShell:
    """As `drivers.ssh.shell.Shell`. Used by one thread at a time; after a time-out it is no longer `alive`."""

    def __init__(self, target: Target, settings: Ssh, linux: Linux, transport: paramiko.Transport) -> None:
        self._element, self._settings, self._linux, self._transport = target.element, settings, linux, transport
        self._elevate = f"{linux.elevate} " if linux.elevate and target.credential.username != "root" else ""
        self._broken = self._configuring = False

    @classmethod
    def connect(cls, target: Target, settings: Ssh, linux: Linux, deadline: float) -> "LinuxShell":
        return cls(target, settings, linux, open_transport(target, deadline, paramiko.Transport))

    @property
    def alive(self) -> bool:
        return not self._broken and self._transport.is_active()

    def pieces(self, commands: str) -> list[str]:
        """The shell's commands that follow each other; of the command line, a section at the top level with everything below it."""
        pieces: list[str] = []
        for line in (line.rstrip() for line in commands.splitlines() if line.strip()):
            by_shell = line.startswith(SHELL)
            if pieces and by_shell == pieces[-1].startswith(SHELL) and (by_shell or line.startswith(" ")):
                pieces[-1] += f"\n{line}"
            else:
                pieces.append(line)
        return pieces

    def run(self, command: str, deadline: float) -> str:
        """What it prints; a line `% … (exit status N)` comes first when it fails."""
        status, answer = self._execute(self._spelled(command), command.splitlines()[0], deadline)
        if status == 0:
            return answer
        said = " / ".join(line.strip().removeprefix("% ") for line in answer.splitlines() if line.strip())
        return f"% {said or 'failed'} (exit status {status})"

    def running(self, command: str, deadline: float) -> str:
        """The links of the kernel, the limits on them, and the configuration of the command line as one text."""
        shown = self._shown(f"{SHELL}{self._linux.links}", deadline)
        table = self._shown(f"{SHELL}{self._linux.limits}", deadline, unless=_NO_NFTABLES) if self._linux.limits else ""
        try:
            found = links.render(shown)
        except ValueError as error:
            raise EditRefused(self._element, _no_json(self._linux.links, "links", shown)) from error
        try:
            found += limits.render(table)
        except ValueError as error:
            raise EditRefused(self._element, _no_json(self._linux.limits, "tables", table)) from error
        return found + self._shown(command, deadline)

    def configure(self, deadline: float, enter: str = "") -> None:  # noqa: ARG002 - as `Shell`
        self._configuring = True

    def leave(self, deadline: float) -> None:  # noqa: ARG002 - as `Shell`
        self._configuring = False

    def left(self) -> None:
        self._configuring = False

    def complaint(self, answer: str) -> str:
        return self._settings.complaint(answer)

    def end(self) -> None:
        self._broken = True
        self._transport.close()

    def _shown(self, command: str, deadline: float, unless: re.Pattern[str] | None = None) -> str:
        """A refusal is not an empty configuration, but where it says `unless`."""
        answer = self.run(command, deadline)
        if refusal := self.complaint(answer.partition("\n")[0]):
            if unless is not None and unless.search(refusal):
                return ""
            raise EditRefused(self._element, f"{command!r}: {refusal}")
        return answer

    def _spelled(self, command: str) -> str:
        lines = [line.strip() for line in command.splitlines()]
        if command.startswith(SHELL):
            return " && ".join(self._attempt(line.removeprefix(SHELL), alone=len(lines) == 1) for line in lines)
        said = [self._settings.enter, *lines] if self._configuring else lines
        return " ".join((self._linux.cli, *(f"-c {shlex.quote(line)}" for line in said)))

    def _attempt(self, command: str, *, alone: bool) -> str:
        """One of several commands tells that it was the one that failed."""
        said = f"{self._elevate}{command}"
        return said if alone else f"{{ {said} || {{ s=$?; echo {shlex.quote(f'by {command}')}; exit $s; }}; }}"

    def _execute(self, command: str, words: str, deadline: float) -> tuple[int, str]:
        try:
            channel = self._transport.open_session(timeout=remaining(self._element, deadline, f"for {words!r}"))
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._broken = True
            if time.monotonic() >= deadline:
                raise ElementTimeout(self._element, f"no answer to a channel for {words!r} in time") from error
            raise ElementDisconnected(self._element, f"the connection broke before {words!r} was sent") from error
        try:
            channel.settimeout(remaining(self._element, deadline, f"for {words!r}"))
            channel.exec_command(command)
            return self._answer(channel, words, deadline)
        except TimeoutError as error:
            self._broken = True
            raise ElementTimeout(self._element, f"no answer to {words!r} in time") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._broken = True
            raise ElementDisconnected(self._element, f"the connection broke before the answer to {words!r}") from error
        finally:
            with suppress(paramiko.SSHException, EOFError, OSError):
                channel.close()

    def _answer(self, channel: paramiko.Channel, words: str, deadline: float) -> tuple[int, str]:
        """What it printed, and only if it failed also what it complained: a shell's remarks are no part of an answer."""
        printed, complained = (self._read(read, channel, words, deadline) for read in (channel.recv, channel.recv_stderr))
        if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        status = channel.recv_exit_status()
        if status < 0:
            raise EOFError("the element closed the channel without an exit status")
        answer = printed + complained if status else printed
        return status, answer.decode("utf-8", "replace").replace("\r", "").strip("\n")

    def _read(self, read: Callable[[int], bytes], channel: paramiko.Channel, words: str, deadline: float) -> bytes:
        found = bytearray()
        while chunk := read(CHUNK):
            found += chunk
            if len(found) > LONGEST_ANSWER:
                raise OSError(f"{words!r} answers without end")
            channel.settimeout(remaining(self._element, deadline, f"for {words!r}"))
        return bytes(found)


def _no_json(command: str, what: str, answer: str) -> str:
    return f"{command!r} does not print {what} as JSON; its answer begins {answer[:80]!r}"
