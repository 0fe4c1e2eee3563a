"""A NETCONF server that plays replies in order: each names the operation that it answers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import asyncssh
from lxml import etree

from drivers.sim.sshd import cut
from tests.drivers.recorded.server import Recorded, served

END = "]]>]]>"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"

Reply = tuple[str, str]
"""Operation, and what stands in `<rpc-reply>`; `<disconnect/>` for none."""


class Rpcs(Recorded):
    protocol = "netconf"

    def __init__(self, hello: str, replies: Sequence[Reply]) -> None:
        super().__init__()
        self.asked: list[str] = []
        """Operations as they came, without their envelope."""
        self._hello, self._left = hello, list(replies)

    @property
    def unasked(self) -> list[str]:
        return [operation for operation, _ in self._left]

    async def serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
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
        elif self._left and self._left[0][0] == name:
            content = self._left.pop(0)[1]
        else:
            self.strayed.append(f"<{name}>, where {self._left[0][0] if self._left else 'nothing'} was to come")
            content = (
                "<rpc-error><error-severity>error</error-severity><error-message>not in the transcript</error-message></rpc-error>"
            )
        if content == "<disconnect/>":
            cut(process)
            return False
        process.stdout.write(f'<rpc-reply xmlns="{BASE}" message-id="{message.get("message-id")}">{content}</rpc-reply>{END}\n')
        return True


def playing(hello: str, replies: Sequence[Reply], folder: Path) -> AbstractContextManager[Rpcs]:
    return served(Rpcs(hello, replies), folder)
