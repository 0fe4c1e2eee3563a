"""Orders through HTTP onto simulated NETCONF elements, beside a script that makes the same changes (bench/script.py)."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.installation import Installation, installation
from bench.process import cpu_seconds
from bench.simulation import PORTS_EACH, Simulation, simulation

CLIENTS = 8
"""Connections that place orders."""
LONGEST_S = 3_600.0
PATH = "/tmf-api/serviceOrdering/v4/serviceOrder"


@dataclass(frozen=True, slots=True)
class Cost:
    wall_s: float
    cpu_s: float
    """User and system time of the process that does the work."""


@dataclass(frozen=True, slots=True)
class Comparison:
    threads: int
    orders: int
    fabd: Cost
    script: Cost

    @property
    def wall_ratio(self) -> float:
        """How many times faster than the script."""
        return self.script.wall_s / self.fabd.wall_s

    @property
    def cpu_ratio(self) -> float:
        return self.script.cpu_s / self.fabd.cpu_s


def compare(elements: int, orders: int, threads: Iterable[int]) -> Iterator[Comparison]:
    """Each on a network of its own that is as fresh as the other's."""
    if orders > elements * PORTS_EACH:
        raise ValueError(f"{orders} orders need more than {elements} elements with {PORTS_EACH} ports each")
    with TemporaryDirectory(prefix="fabd-bench-", dir=Path.cwd()) as scratch:
        for number in threads:
            with simulation(Path(scratch, f"fabd-{number}-network"), elements) as network:
                own = _fabd(Path(scratch, f"fabd-{number}"), network, elements, orders, number)
            with simulation(Path(scratch, f"script-{number}-network"), elements) as network:
                peer = _script(network, orders, number)
            yield Comparison(number, orders, own, peer)


def _fabd(folder: Path, network: Simulation, elements: int, orders: int, threads: int) -> Cost:
    with installation(folder, network, threads, plan_deadline_s=LONGEST_S) as fabd:
        begun, cpu = time.perf_counter(), cpu_seconds(fabd.pid)
        place(fabd, (document(fabd.account, number, elements) for number in range(orders)))
        while sum((ended := fabd.ended()).values()) < orders:
            if time.perf_counter() - begun > LONGEST_S:
                raise RuntimeError(f"not done after {LONGEST_S:.0f} s: {ended}")
            time.sleep(0.05)
        cost = Cost(time.perf_counter() - begun, cpu_seconds(fabd.pid) - cpu)
        if ended != {"completed": orders}:
            raise RuntimeError(f"not every order was completed: {ended}")
        return cost


def place(fabd: Installation, documents: Iterable[dict[str, object]]) -> None:
    waiting, turn = iter(documents), threading.Lock()
    refused: list[str] = []

    def work() -> None:
        with fabd.client() as client:
            while True:
                with turn:
                    document = next(waiting, None)
                if document is None or refused:
                    return
                answer = client.post(PATH, json=document)
                if answer.status_code != HTTPStatus.CREATED:
                    refused.append(answer.text)

    clients = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    if refused:
        raise RuntimeError(f"an order was refused: {refused[0]}")


def document(account: str, number: int, elements: int) -> dict[str, object]:
    """Order `number`: internet access on the next free port, round the elements."""
    port = f"n{number % elements + 1}/ge-0/0/{number // elements + 1}"
    return {
        "externalId": f"bench-{number}",
        "relatedParty": [{"id": account, "role": "customer", "@referredType": "Organization"}],
        "serviceOrderItem": [
            {
                "id": "1",
                "action": "add",
                "service": {
                    "serviceSpecification": {"id": "internet-access"},
                    "serviceCharacteristic": [{"name": "port", "value": port}],
                },
            }
        ],
    }


def _script(network: Simulation, orders: int, threads: int) -> Cost:
    files = [str(network.inventory_file), str(network.known_hosts), str(network.credentials)]
    command = [sys.executable, "-m", "bench.script", *files, str(orders), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode:
        raise RuntimeError(f"the script failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Cost(said["wall_s"], said["cpu_s"])
