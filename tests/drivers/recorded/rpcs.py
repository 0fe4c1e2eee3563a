"""A NETCONF server that plays replies in order: each names the operation that it answers."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncssh
from lxml import etree

from drivers.port import Credential, Target
from tests.drivers.recorded.terminal import PASSWORD, USER, Login
from tests.drivers.sim.elements import loop_thread

END = "]]>]]>"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"

Reply = tuple[str, str]
"""Operation, and what stands in `<rpc-reply>`; `<disconnect/>` for none."""


class Rpcs:
    def __init__(self, hello: str, replies: Sequence[Reply], known_hosts: Path) -> None:
        self.left = list(replies)
        self.strayed: list[str] = []
        self.asked: list[str] = []
        """Operations as they came, without their envelope."""
        self._hello, self._known_hosts = hello, known_hosts
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._server: asyncssh.SSHAcceptor | None = None

    async def start(self) -> None:
        self._server = await asyncssh.create_server(
            lambda: Login(self._connections), "127.0.0.1", 0, server_host_keys=[self._key], process_factory=self._serve
        )  # fmt: skip
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
        credential = Credential("recorded", USER, PASSWORD)
        return Target(element, platform, "netconf", "127.0.0.1", self.port, credential, self._known_hosts)

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(f"{self._hello}{END}\n")
        read = ""
        try:
            while data := await process.stdin.read(65536):
                read += data
                while END in read:
                    message, _, read = read.partition(END)
                    if not self._answer(process, etree.fromstring(message.strip().encode())):
                        return
        except (asyncssh.Error, ConnectionError):
            return

    def _answer(self, process: asyncssh.SSHServerProcess[str], message: etree._Element) -> bool:
        if etree.QName(message).localname != "rpc":
            return True
        operation = message[0]
        name = etree.QName(operation).localname
        self.asked.append(etree.tostring(operation, encoding="unicode"))
        if name == "close-session":
            content = "<ok/>"
        elif self.left and self.left[0][0] == name:
            content = self.left.pop(0)[1]
        else:
            self.strayed.append(f"<{name}>, where {self.left[0][0] if self.left else 'nothing'} was to come")
            content = (
                "<rpc-error><error-severity>error</error-severity><error-message>not in the transcript</error-message></rpc-error>"
            )
        if content == "<disconnect/>":
            process.channel.get_connection().abort()
            return False
        process.stdout.write(f'<rpc-reply xmlns="{BASE}" message-id="{message.get("message-id")}">{content}</rpc-reply>{END}\n')
        return True


@contextmanager
def playing(hello: str, replies: Sequence[Reply], folder: Path) -> Iterator[Rpcs]:
    """At the end everything must have been asked, and nothing else."""
    with loop_thread() as loop:
        server = Rpcs(hello, replies, folder / "known_hosts")
        loop.run(server.start())
        try:
            yield server
        finally:
            loop.run(server.stop())
        assert server.strayed == []
        assert server.left == []
