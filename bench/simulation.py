"""A simulated network in a process of its own, so that its CPU is not counted with what is measured."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.process import free_port, stopped

PORTS_EACH = 48
STARTS_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Simulation:
    folder: Path
    control: str

    @property
    def inventory_file(self) -> Path:
        return self.folder / "inventory.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.toml"

    @property
    def inventory(self) -> dict[str, Any]:
        document: dict[str, Any] = yaml.safe_load(self.inventory_file.read_text())
        return document

    def hang(self, element: str) -> None:
        """From now on the element accepts and never answers."""
        self._post(f"/elements/{element}/faults", {"kind": "hang", "phase": "any"})

    def _post(self, path: str, body: Mapping[str, object]) -> None:
        request = urllib.request.Request(
            self.control + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30):
            pass


@contextmanager
def simulation(folder: Path, elements: int, ports: int = PORTS_EACH) -> Iterator[Simulation]:
    """`elements` NETCONF edge elements (n1, n2, …) on loopback, each with as many ports."""
    folder.mkdir(parents=True)
    network = folder / "network.yaml"
    network.write_text(yaml.safe_dump(_topology(elements, ports)))
    port = free_port()
    made = Simulation(folder, f"http://127.0.0.1:{port}")
    command = [str(Path(sys.executable).with_name("fabd")), "sim", "run", str(network), "--control", f"127.0.0.1:{port}"]
    command += ["--inventory", str(made.inventory_file), "--known-hosts", str(made.known_hosts)]
    command += ["--credentials", str(made.credentials), "--keys", str(folder.parent / "host-keys")]
    with (folder / "log").open("w") as log, stopped(subprocess.Popen(command, stdout=log, stderr=log)) as process:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not made.credentials.exists() or "elements run" not in (folder / "log").read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the simulated network did not start: {(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield made


def _topology(elements: int, ports: int) -> dict[str, object]:
    names = f"ge-0/0/[1-{ports}]"
    return {
        "name": "bench",
        "network": f"127.{100 + os.getpid() % 90}.0.0/16",
        "elements": [
            {"name": f"n{number}", "platform": "ietf", "role": "edge", "site": "lab", "ports": [names]}
            for number in range(1, elements + 1)
        ],
        "links": [],
    }
