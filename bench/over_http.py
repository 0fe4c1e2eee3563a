"""Orders through HTTP onto simulated NETCONF elements, beside a script that makes the same changes (bench/script.py)."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from bench.installation import Installation, installation
from bench.process import cpu_seconds
from bench.progress import Progress, silent
from bench.scratch import scratch
from bench.simulation import PORTS_EACH, Simulation, simulation

CLIENTS = 8
"""Connections that place orders."""
LONGEST_S = 3_600.0
STUCK_S = 60.0
"""After so long without an order that ends, none is waited for."""
SAMPLE_S = 15
"""Seconds that the script's sample takes, by a change a second in each thread."""
PATH = "/tmf-api/serviceOrdering/v4/serviceOrder"


@dataclass(frozen=True, slots=True)
class Cost:
    changes: int
    wall_s: float
    cpu_s: float
    """User and system time of the process that does the work, all its threads and children."""

    @property
    def wall_ms(self) -> float:
        """For each change."""
        return self.wall_s / self.changes * 1000

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s / self.changes * 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    threads: int
    fabd: Cost
    script: Cost

    @property
    def wall_ratio(self) -> float:
        """How many times faster than the script."""
        return self.script.wall_ms / self.fabd.wall_ms

    @property
    def cpu_ratio(self) -> float:
        return self.script.cpu_ms / self.fabd.cpu_ms


def compare(
    elements: int, orders: int, changes: int, threads: Iterable[int], progress: Progress | None = None
) -> Iterator[Comparison]:
    """Each on a network of its own that is as fresh as the other's.

    `changes`: how many the script makes; it takes a second for each in each thread, most of it ncclient's pauses, so that a
    sample says what all would. 0: what it makes in `SAMPLE_S` or so, and at most `orders`.
    """
    if max(orders, changes) > elements * PORTS_EACH:
        raise ValueError(f"{max(orders, changes)} changes need more than {elements} elements with {PORTS_EACH} ports each")
    say = progress or silent
    with scratch() as folder:
        for number in threads:
            sample = changes or min(orders, number * SAMPLE_S)
            say(f"{number} threads, starting {elements} elements")
            with simulation(Path(folder, f"fabd-{number}-network"), elements) as network:
                own = _fabd(Path(folder, f"fabd-{number}"), network, orders, number, partial(say, f"{number} threads, fabd"))
            say(f"{number} threads, starting {elements} elements")
            with simulation(Path(folder, f"script-{number}-network"), elements) as network:
                say(f"{number} threads, the script, {sample} changes")
                peer = _script(network, sample, number)
            yield Comparison(number, own, peer)


def _fabd(folder: Path, network: Simulation, orders: int, threads: int, say: Callable[[int, int], None]) -> Cost:
    elements = len(network.inventory["elements"])
    with installation(folder, network, threads, plan_deadline_s=LONGEST_S) as fabd:
        fabd.settle()  # the script's clock, too, runs from when all of it is loaded
        begun, cpu = time.perf_counter(), cpu_seconds(fabd.pid)
        place(fabd, (document(fabd.account, number, elements) for number in range(orders)))
        _await_all(fabd, orders, say)
        return Cost(orders, time.perf_counter() - begun, cpu_seconds(fabd.pid) - cpu)


def _await_all(fabd: Installation, orders: int, say: Callable[[int, int], None]) -> None:
    done, moved_at = 0, time.perf_counter()
    while done < orders:
        ended = fabd.ended()
        if not set(ended) <= {"completed"} or time.perf_counter() - moved_at > STUCK_S:
            raise RuntimeError(f"{orders} orders were placed and {ended} have ended: {fabd.complaint()}")
        if (now := sum(ended.values())) > done:
            done, moved_at = now, time.perf_counter()
        say(done, orders)
        time.sleep(0.05)


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


def _script(network: Simulation, changes: int, threads: int) -> Cost:
    files = [str(network.inventory_file), str(network.known_hosts), str(network.credentials)]
    command = [sys.executable, "-m", "bench.script", *files, str(changes), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode:
        raise RuntimeError(f"the script failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Cost(said["changes"], said["wall_s"], said["cpu_s"])
