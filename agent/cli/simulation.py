"""Running a simulated network in the foreground."""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import yaml

from agent.cli.errors import FileUnusable
from agent.cli.files import write_text
from agent.cli.output import note, say
from drivers.sim.control import ControlServer
from drivers.sim.credentials import SimCredentials
from drivers.sim.inventory import CREDENTIAL, inventory_document
from drivers.sim.network import SimNetwork
from drivers.sim.topology import Topology


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to be written for fabd once the network runs; None is not written."""

    inventory: Path | None
    known_hosts: Path | None
    credentials: Path | None

    def write(self, network: SimNetwork) -> None:
        if self.inventory is not None:
            write_text(self.inventory, yaml.safe_dump(inventory_document(network), sort_keys=False))
        if self.known_hosts is not None:
            _make_folder_of(self.known_hosts)
            write_text(self.known_hosts, network.known_hosts())
        if self.credentials is not None:
            _make_folder_of(self.credentials)
            _write_secret(self.credentials, credentials_file(network.topology.credentials.resolve()))


async def serve(topology: Topology, keys: Path | None, control: tuple[str, int], outputs: Outputs) -> None:
    """Until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with SimNetwork(topology, keys) as network:
        server = ControlServer(network)
        url = await server.start(*control)
        try:
            outputs.write(network)
            say(f"{topology.name}: {len(network.elements)} elements run; control API at {url}, its pages at {url}/docs")
            note("Ctrl-C ends it")
            await stopped.wait()
        finally:
            await server.stop()


def credentials_file(secrets: SimCredentials) -> str:
    """TOML as `agent.security.credentials` reads it."""
    return f'[{CREDENTIAL}]\nusername = "{secrets.user}"\npassword = "{secrets.password}"\ncommunity = "{secrets.community}"\n'


def _make_folder_of(file: Path) -> None:
    """Both files are meant for fabd's data folder, which fabd may not have made yet: like it, for nobody else to read."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FileUnusable(f"{file.parent} cannot be made: {error.strerror}; name a file in another folder") from error


def _write_secret(path: Path, text: str) -> None:
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileUnusable(f"{path} cannot be written: {error.strerror}; name another file") from error
