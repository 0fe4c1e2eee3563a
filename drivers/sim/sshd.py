"""The SSH front of an element, shared by NETCONF and the command line.

It accepts on its own, so that a fault can leave a client in front of a port that takes the connection and never
says a word, as a hung or unreachable element does.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from drivers.sim.credentials import SimCredentials
from drivers.sim.errors import FaultRaised, PortInUse, RefusedByFault
from drivers.sim.faults import ElementFaults, Phase

MAX_CONNECTIONS = 128
"""Per front; one more is closed at once, as sshd's MaxStartups does."""
LOGIN_TIMEOUT = 30.0
PAUSE = 0.05
"""Seconds before it accepts again where it could not."""

HostKeys = Sequence[asyncssh.SSHKey]
# asyncssh's process is generic over str and bytes; the front passes it on without looking.
Process = asyncssh.SSHServerProcess[Any]


def cut(process: Process) -> None:
    """End the connection of a session without another octet; nothing if it has ended already."""
    # Not by way of the channel: that forgets its connection when it ends, which may be before who serves it is told.
    process.get_extra_info("connection").abort()


def load_host_keys(folder: Path | None, element: str) -> list[asyncssh.SSHKey]:
    """The element's Ed25519 host key: from `folder` (made there on first use), or a new one for this run."""
    if folder is None:
        return [asyncssh.generate_private_key("ssh-ed25519")]
    path = folder / f"{element}.key"
    if path.exists():
        return [asyncssh.read_private_key(path)]
    key = asyncssh.generate_private_key("ssh-ed25519")
    folder.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key())
    return [key]


class _Login(asyncssh.SSHServer):
    def __init__(self, front: "SshFront", *, admits: bool) -> None:
        self._front = front
        self._admits = admits

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._front.connections.add(conn)
        self._conn = conn

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh's signature
        self._front.connections.discard(self._conn)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        wanted = self._front.credentials
        return self._admits and (username, password) == (wanted.user, wanted.password)


class SshFront:
    """Listens for SSH and runs `serve(process)` for every session that logs in.

    Options beyond the common ones (`encoding=None`, `line_editor=False` …) go to asyncssh unchanged.
    A `refuse` fault on `connect` rejects the password; `hang` and `disconnect` play before the first octet.
    """

    def __init__(
        self,
        faults: ElementFaults,
        credentials: SimCredentials,
        host_keys: HostKeys,
        serve: Callable[[Process], Awaitable[None]],
        **options: object,
    ) -> None:
        self.credentials = credentials
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.port = 0
        """Bound port, once started."""
        self._faults = faults
        self._serve = serve
        self._options: dict[str, object] = {"login_timeout": LOGIN_TIMEOUT, **options}
        self._host_keys = list(host_keys)
        self._listener: socket.socket | None = None
        self._pausing: asyncio.TimerHandle | None = None
        self._handshakes: set[asyncio.Task[bool]] = set()

    async def start(self, host: str, port: int) -> None:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((host, port))
            listener.listen(MAX_CONNECTIONS)
        except OSError as error:
            listener.close()
            raise PortInUse(
                f"cannot listen on {host} port {port}: {error.strerror}; "
                "stop the other process or choose another port in the network file"
            ) from error
        self._listener, self.port = listener, listener.getsockname()[1]
        self._listen(listener)

    async def stop(self) -> None:
        if self._pausing:
            self._pausing.cancel()
        listener, self._listener = self._listener, None
        if listener:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        handshakes = list(self._handshakes)
        for handshake in handshakes:
            handshake.cancel()
        await asyncio.gather(*handshakes, return_exceptions=True)
        await self.drop_all()

    async def drop_all(self) -> None:
        """End every connection without a word (reboot, stop)."""
        connections = list(self.connections)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections), return_exceptions=True)

    def _listen(self, listener: socket.socket) -> None:
        # Not `loop.sock_accept`: what it has accepted when it is cancelled is nobody's, and nobody closes it.
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            client, _ = listener.accept()
        except OSError:  # out of descriptors, or gone before we looked
            loop.remove_reader(listener)
            self._pausing = loop.call_later(PAUSE, self._listen, listener)
            return
        if len(self.connections) + len(self._handshakes) >= MAX_CONNECTIONS:
            client.close()
            return
        client.setblocking(False)
        task = loop.create_task(self._handshake(client))
        self._handshakes.add(task)
        task.add_done_callback(partial(self._shaken, client))

    def _shaken(self, client: socket.socket, task: asyncio.Task[bool]) -> None:
        """Closes a socket that is no connection's, also one whose handshake was called off before it began."""
        self._handshakes.discard(task)
        if task.cancelled() or not task.result():
            client.close()

    async def _handshake(self, client: socket.socket) -> bool:
        """Whether the socket is a connection's now."""
        try:
            admits = await self._connect_allowed()
            await asyncssh.run_server(
                client,
                server_factory=lambda: _Login(self, admits=admits),
                server_host_keys=self._host_keys,
                process_factory=self._serve,
                **self._options,
            )
        except (FaultRaised, OSError, asyncssh.Error, TimeoutError):
            return False
        return True

    async def _connect_allowed(self) -> bool:
        """False when a fault rejects the log-in; raises when it drops the connection."""
        try:
            await self._faults.before(Phase.CONNECT)
        except RefusedByFault:
            return False
        return True
