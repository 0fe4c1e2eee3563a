"""One interactive command line, through netmiko, over a trusted transport: one command, one answer, one deadline."""

import re
import time

import netmiko
import paramiko
from netmiko.channel import SSHChannel
from netmiko.exceptions import NetmikoBaseException

from drivers.errors import (
    DriverSetupError,
    ElementDisconnected,
    ElementError,
    ElementLocked,
    ElementTimeout,
    ElementUnreachable,
)  # fmt: skip
from drivers.platform import Ssh
from drivers.port import Target
from drivers.timing import remaining
from drivers.transport import closed_at, open_transport

WIDTH, HEIGHT = 511, 1000
"""Of the terminal: no line of ours is wrapped, nothing is paged."""


class Shell:
    """Used by one thread at a time. After a time-out or a lost connection it is no longer `alive`."""

    def __init__(self, element: str, settings: Ssh, transport: paramiko.Transport, connection: netmiko.BaseConnection) -> None:
        self._element, self._settings, self._transport, self._connection = element, settings, transport, connection
        prompt = re.escape(str(connection.base_prompt))
        self._prompt = rf"(?:^|\n){prompt}[^\n]*{settings.prompt}\Z"
        asked = "|".join(f"(?:{question.asks.pattern})" for question in settings.questions)
        self._stop = rf"{self._prompt}|(?:{asked})\Z" if asked else self._prompt
        self._broken = self._configuring = False

    @classmethod
    def connect(cls, target: Target, settings: Ssh, deadline: float) -> "Shell":
        """`ElementUnreachable` when no prompt appears."""
        connection = _connection(target, settings)
        transport = open_transport(target, deadline, paramiko.Transport)
        try:
            with closed_at(target.element, transport, deadline):
                _prepare(connection, transport, remaining(target.element, deadline, "to open a command line"))
        except BaseException as error:
            transport.close()
            if isinstance(error, ElementError) or not isinstance(error, _FAILURES):
                raise
            if time.monotonic() >= deadline:
                raise ElementTimeout(target.element, "no prompt in time") from error
            raise ElementUnreachable(target.element, f"no usable command line: {_first_line(error)}") from error
        return cls(target.element, settings, transport, connection)

    @property
    def alive(self) -> bool:
        return not self._broken and not self._configuring and self._transport.is_active()

    def run(self, command: str, deadline: float) -> str:
        """What the element answers between the echo and the next prompt."""
        self._connection.read_timeout_override = remaining(self._element, deadline, f"for {command!r}")
        try:
            answer = self._converse(command)
        except _FAILURES as error:
            self._broken = True
            if time.monotonic() < deadline:
                raise ElementDisconnected(self._element, f"the connection broke before the answer to {command!r}") from error
            raise ElementTimeout(self._element, f"no answer to {command!r} in time") from error
        return re.sub(self._prompt, "", str(answer)).strip("\n")

    def _converse(self, command: str) -> str:
        """Answers what it asks back, as the platform says."""
        self._connection.write_channel(f"{command}\n")
        self._connection.read_until_pattern(re.escape(command))
        said = str(self._connection.read_until_pattern(self._stop))
        answer = said
        while (reply := self._reply(said)) is not None:
            self._connection.write_channel(f"{reply}\n")
            said = str(self._connection.read_until_pattern(self._stop))
            answer += said
        return answer

    def _reply(self, said: str) -> str | None:
        return next(
            (question.reply for question in self._settings.questions if re.search(rf"(?:{question.asks.pattern})\Z", said)), None
        )

    def running(self, command: str, deadline: float) -> str:
        """The whole configuration."""
        return self.run(command, deadline)

    def pieces(self, commands: str) -> list[str]:
        """Line by line, so that a refusal names its line."""
        return [line.strip() for line in commands.splitlines() if line.strip()]

    def configure(self, deadline: float, enter: str = "") -> None:
        """By the platform's `enter` if nothing else is said."""
        refusal = self.complaint(self.run(enter or self._settings.enter, deadline))
        if refusal:
            raise ElementLocked(self._element, f"the element does not let configure now: {refusal}")
        self._configuring = True

    def leave(self, deadline: float) -> None:
        """A command line that stays in configuration is ended: it would refuse whatever comes next."""
        if not self._configuring:
            return
        refusal = self.complaint(self.run(self._settings.leave, deadline))
        if refusal:
            self.end()
            raise ElementDisconnected(self._element, f"the session was ended, for it could not leave configuration: {refusal}")
        self._configuring = False

    def left(self) -> None:
        """What was said has left configuration."""
        self._configuring = False

    def complaint(self, answer: str) -> str:
        """The lines of an answer that refuse; "" when there are none."""
        return self._settings.complaint(answer)

    def end(self) -> None:
        self._broken = True
        self._transport.close()


class _Channel(SSHChannel):
    """Tells the end of the connection at once, where netmiko would wait for its time-out."""

    def read_buffer(self) -> str:
        channel = self.remote_conn
        ended = channel is None or channel.closed or channel.eof_received
        text: str = super().read_buffer()
        if ended and not text:
            raise EOFError("the element closed the command line")
        return text


_FAILURES = (NetmikoBaseException, paramiko.SSHException, EOFError, OSError, ValueError)


def _connection(target: Target, settings: Ssh) -> netmiko.BaseConnection:
    try:
        return netmiko.ConnectHandler(
            device_type=settings.device_type, host=target.host, username=target.credential.username, auto_connect=False
        )  # fmt: skip
    except ValueError as error:
        raise DriverSetupError(
            f"platform {target.platform}: netmiko knows no device type {settings.device_type!r}; correct `device_type`"
        ) from error


def _prepare(connection: netmiko.BaseConnection, transport: paramiko.Transport, timeout: float) -> None:
    """What netmiko does after it has connected by itself, on our channel."""
    channel = transport.open_session(timeout=timeout)
    channel.get_pty(term="vt100", width=WIDTH, height=HEIGHT)
    channel.invoke_shell()
    connection.remote_conn = channel
    connection.channel = _Channel(conn=channel, encoding=connection.encoding)
    connection.read_timeout_override = timeout
    connection.special_login_handler()
    connection.session_preparation()


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
