"""The front is in the test's own loop, so that a test says how far it has come."""

import asyncio
import gc
import socket

import asyncssh
import pytest

from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults, Phase
from drivers.sim.sshd import SshFront
from tests.drivers.sim.elements import router

DEADLINE = 60
KEY = asyncssh.generate_private_key("ssh-ed25519")


async def nobody_comes_so_far(process: asyncssh.SSHServerProcess) -> None:
    raise AssertionError(process)


def front(faults: ElementFaults) -> SshFront:
    return SshFront(faults, SimCredentials(), [KEY], nobody_comes_so_far)


async def called_on_and_stopped(turns: int, *, hangs: bool) -> int:
    """The port at which it was called on."""
    faults = ElementFaults(router())
    if hangs:
        faults.hang(Phase.CONNECT, seconds=600)
    called_on = front(faults)
    await called_on.start("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", called_on.port)):
        for _ in range(turns):
            await asyncio.sleep(0)
        await called_on.stop()
    return called_on.port


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("turns", range(6))
def test_who_comes_as_it_stops_leaves_no_socket_behind(turns, hangs, monkeypatch):
    said = []
    monkeypatch.setattr("sys.unraisablehook", lambda told: said.append(str(told.exc_value)))
    port = asyncio.run(called_on_and_stopped(turns, hangs=hangs))
    gc.collect()
    assert [each for each in said if f"laddr=('127.0.0.1', {port})" in each] == []


def test_it_accepts_again_after_it_could_not():
    async def banner() -> bytes:
        called_on = front(ElementFaults(router()))
        await called_on.start("127.0.0.1", 0)
        called_on._accept(called_on._listener)  # nobody is there
        reader, writer = await asyncio.open_connection("127.0.0.1", called_on.port)
        said = await reader.readexactly(8)
        writer.close()
        await called_on.stop()
        return said

    assert asyncio.run(asyncio.wait_for(banner(), DEADLINE)) == b"SSH-2.0-"
