"""The same poll by prometheus-snmp-exporter (Debian's package of that name): the same objects of the same agents, with
exposition.
"""

import ipaddress
import shutil
import subprocess
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from bench.process import cpu_seconds, free_port, resident_bytes, stopped
from bench.scratch import scratch
from drivers.snmp.columns import COLUMN_OID, NAME_OID, Column

PROGRAM = "prometheus-snmp-exporter"
STARTS_WITHIN_S = 15.0
AT_ONCE = 4
ANSWERS_WITHIN_S = 60.0
COUNTERS = {Column.IN_OCTETS, Column.OUT_OCTETS, Column.IN_ERRORS, Column.OUT_ERRORS}


@dataclass(frozen=True, slots=True)
class PeerCost:
    program: str
    elements: int
    varbinds: int
    series: int
    wall_s: float
    cpu_s: float
    resident_mb: float
    varbinds_per_cpu_s: float


def measure_peer(arguments: Namespace, columns: tuple[Column, ...]) -> PeerCost:
    """Raises `FileNotFoundError` when the program is not installed."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise FileNotFoundError(f"{PROGRAM} is not installed; on Debian: apt-get install {PROGRAM}")
    with scratch() as folder:
        configured = Path(folder, "snmp.yml")
        configured.write_text(yaml.safe_dump(_configuration(arguments.community, columns)))
        port = free_port()
        command = [program, f"--config.file={configured}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        with (
            stopped(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWERS_WITHIN_S, trust_env=False) as client,
        ):
            _await_start(client)
            return _scrape(client, process.pid, arguments, objects=len(columns) + 1)


def _scrape(client: httpx.Client, pid: int, arguments: Namespace, *, objects: int) -> PeerCost:
    first = ipaddress.ip_address(arguments.first)
    hosts = [f"{first + number}:{arguments.port}" for number in range(min(arguments.peer_elements, arguments.count))]

    def ask(host: str) -> int:
        answer = client.get("/snmp", params={"target": host, "module": "bench"})
        answer.raise_for_status()
        return sum(line.startswith("if") for line in answer.text.splitlines())

    ask(hosts[0])
    begun, spent = time.perf_counter(), cpu_seconds(pid)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        series = sum(pool.map(ask, hosts))
    wall, cpu = time.perf_counter() - begun, max(cpu_seconds(pid) - spent, 0.01)
    varbinds = len(hosts) * arguments.interfaces * objects
    return PeerCost(
        program=PROGRAM,
        elements=len(hosts),
        varbinds=varbinds,
        series=series,
        wall_s=round(wall, 3),
        cpu_s=round(cpu, 3),
        resident_mb=round(resident_bytes(pid) / 1e6, 1),
        varbinds_per_cpu_s=round(varbinds / cpu),
    )


def _await_start(client: httpx.Client) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            client.get("/").raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _configuration(community: str, columns: tuple[Column, ...]) -> dict[str, object]:
    """One module that walks what fabd asks for, the names of the ports as labels."""
    index = [{"labelname": "ifIndex", "type": "gauge"}]
    lookups = [{"labels": ["ifIndex"], "labelname": "ifName", "oid": NAME_OID, "type": "DisplayString"}]
    metrics = [
        {
            "name": f"if_{column.name.lower()}",
            "oid": COLUMN_OID[column],
            "type": "counter" if column in COUNTERS else "gauge",
            "help": column.name,
            "indexes": index,
            "lookups": lookups,
        }
        for column in columns
    ]
    walk = [*(COLUMN_OID[column] for column in columns), NAME_OID]
    return {"bench": {"walk": walk, "metrics": metrics, "version": 2, "auth": {"community": community}, "max_repetitions": 25}}
