"""What a running daemon holds in memory by the elements of its inventory, and what it costs while it has nothing to do."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.installation import installation
from bench.instant import document
from bench.process import cpu_seconds, resident_bytes
from bench.progress import Progress, silent
from bench.scratch import scratch
from bench.simulation import Simulation

SETTLES_S = 8.0
IDLE_S = 12.0


@dataclass(frozen=True, slots=True)
class Footprint:
    elements: int
    resident_mb: float
    idle_cpu_percent: float
    """Of one core."""


def measure(sizes: Sequence[int], progress: Progress | None = None) -> Iterator[Footprint]:
    """One daemon for each size, with 48 ports to an element; nothing is ordered and nothing polled."""
    say = progress or silent
    for elements in sizes:
        say(f"an inventory of {elements:,} elements")
        with scratch() as folder:
            network = _inventory(Path(folder, "network"), elements)
            with installation(Path(folder, "fabd"), network, workers=8) as fabd:
                with fabd.client() as client:
                    client.get("/tmf-api/serviceOrdering/v4/serviceOrder").raise_for_status()
                time.sleep(SETTLES_S)
                say(f"idle with {elements:,} elements")
                begun, spent = time.perf_counter(), cpu_seconds(fabd.pid)
                time.sleep(IDLE_S)
                idle = (cpu_seconds(fabd.pid) - spent) / (time.perf_counter() - begun) * 100
                yield Footprint(elements, resident_bytes(fabd.pid) / 1e6, idle)


def _inventory(folder: Path, elements: int) -> Simulation:
    """The files of a network that nobody simulates."""
    folder.mkdir()
    made = Simulation(folder, "")
    made.inventory_file.write_text(yaml.safe_dump(document(elements) | {"pools": []}))
    made.known_hosts.write_text("")
    made.credentials.write_text('[bench]\nusername = "bench"\npassword = "bench"\n')
    made.credentials.chmod(0o600)
    return made
