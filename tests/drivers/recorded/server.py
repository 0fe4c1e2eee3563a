"""What recorded elements have in common: an SSH server on loopback with a key and a log-in, and an account of what was asked."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from drivers.port import Credential, Target
from tests.drivers.sim.elements import loop_thread

USER, PASSWORD = "fabd", "recorded"


class Recorded(ABC):
    """Serves any number of connections, one after another."""

    protocol: str

    def __init__(self) -> None:
        self.strayed: list[str] = []
        """What was asked that is not in the record."""
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._server: asyncssh.SSHAcceptor | None = None
        self._known_hosts = Path()

    @property
    @abstractmethod
    def unasked(self) -> list[str]:
        """What of the record was not asked yet."""

    @abstractmethod
    async def serve(self, process: "asyncssh.SSHServerProcess[Any]") -> None: ...

    async def start(self, folder: Path) -> None:
        self._server = await asyncssh.create_server(
            lambda: _Login(self._connections), "127.0.0.1", 0,
            server_host_keys=[self._key], process_factory=self.serve, line_editor=False,
        )  # fmt: skip
        kind, key, *_ = self._key.export_public_key().decode().split()
        self._known_hosts = folder / "known_hosts"
        self._known_hosts.write_text(f"[127.0.0.1]:{self._port} {kind} {key}\n")

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        for connection in self._connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in self._connections), return_exceptions=True)

    def target(self, element: str, platform: str) -> Target:
        credential = Credential("recorded", USER, PASSWORD)
        return Target(element, platform, self.protocol, "127.0.0.1", self._port, credential, self._known_hosts)

    @property
    def _port(self) -> int:
        assert self._server is not None
        return int(self._server.get_port())


Element = TypeVar("Element", bound=Recorded)


@contextmanager
def served(element: Element, folder: Path) -> Iterator[Element]:
    """At the end everything must have been asked, and nothing else."""
    with loop_thread() as loop:
        loop.run(element.start(folder))
        try:
            yield element
        finally:
            loop.run(element.stop())
        assert element.strayed == []
        assert element.unasked == []


class _Login(asyncssh.SSHServer):
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
