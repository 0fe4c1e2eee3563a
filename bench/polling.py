"""What it costs to poll a network: collected, followed by the counter rules, judged by thresholds, written out for Prometheus.

The agents are others' (`snmp_farm`, or any at consecutive addresses that answer community "public" with ports 1…n).
`--peer snmp_exporter` has Debian's prometheus-snmp-exporter ask the same of the same agents, one after the other.
"""

import asyncio
import ipaddress
import json
import resource
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from agent.assurance.collection.thresholds import Threshold
from agent.assurance.collection.tracks import Rule, Tracks
from agent.clock import SystemClock
from bench.polling_peer import PeerCost, measure_peer
from drivers.port import Credential, Target
from drivers.snmp.batch import PollBatch, PollJob, PortRef
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.columns import Column

WATCHED = (
    Column.OPER_STATUS,
    Column.DISCONTINUITY,
    Column.IN_OCTETS,
    Column.OUT_OCTETS,
    Column.IN_ERRORS,
    Column.OUT_ERRORS,
    Column.HIGH_SPEED,
)
"""With ifName eight objects of each port; sysUpTime comes with every request."""
RULES = (Rule("utilisation", Threshold(0.9, 0.8)), Rule("errors", Threshold(10.0, 1.0)))
DEAD_NETWORK = ipaddress.ip_address("127.200.0.1")
LIFETIME_S = 180.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one cycle."""

    wall_s: float
    cpu_s: float
    answered: int
    ports: int
    varbinds: int
    series: int
    exposition_mb: float
    exposition_cpu_s: float
    latest_s: float
    """From the beginning of the cycle to the last answer of an element that lives."""


@dataclass(frozen=True, slots=True)
class Result:
    elements: int
    dead: int
    interfaces: int
    objects: int
    """Of each port, with its name."""
    cycles: list[Cost]
    best_cpu_s: float
    best_wall_s: float
    peak_memory_mb: float
    datagrams_dropped: dict[str, int]
    varbinds_per_cpu_s: float
    peer: PeerCost | None
    times_peer: float | None


def jobs_of(arguments: Namespace) -> list[PollJob]:
    credential = Credential("bench", community=arguments.community)
    ports = tuple(PortRef(index, "") for index in range(1, arguments.interfaces + 1))
    first = ipaddress.ip_address(arguments.first)
    dead = arguments.count * arguments.dead // 100
    hosts = [str(first + number) for number in range(arguments.count - dead)] + [
        str(DEAD_NETWORK + number) for number in range(dead)
    ]
    return [
        PollJob(
            Target(f"ne{number}", "bench", "snmp", host, arguments.port if number < len(hosts) - dead else 9, credential), ports
        )
        for number, host in enumerate(hosts)
    ]


async def named(jobs: Sequence[PollJob], collector: Collector) -> list[PollJob]:
    """As the inventory has them: with the names that the agents give their ports."""
    listed = {port.if_index: port.name for port in await collector.discover(jobs[0].target)}
    ports = tuple(PortRef(port.if_index, listed.get(port.if_index, "")) for port in jobs[0].ports)
    return [PollJob(job.target, ports, job.timeout) for job in jobs]


class Pipeline:
    def __init__(self, jobs: Sequence[PollJob], collector: Collector, *, exposition: bool) -> None:
        self._jobs, self._collector, self._exposition = jobs, collector, exposition
        self._tracks = Tracks(RULES)

    async def cycle(self) -> Cost:
        begun, spent, epoch = time.perf_counter(), time.process_time(), time.time()
        batch = await self._collector.poll(self._jobs)
        self._tracks.take(batch)
        written, lines, text_cpu = self._write() if self._exposition else (0, 0, 0.0)
        latest = float(np.nanmax(batch.wall, initial=epoch)) - epoch
        return Cost(
            wall_s=round(time.perf_counter() - begun, 3),
            cpu_s=round(time.process_time() - spent, 3),
            answered=int(batch.answered.sum()),
            ports=int(batch.read.sum()),
            varbinds=_varbinds(batch),
            series=lines,
            exposition_mb=round(written / 1e6, 1),
            exposition_cpu_s=round(text_cpu, 3),
            latest_s=round(latest, 3),
        )

    def _write(self) -> tuple[int, int, float]:
        """Octets, series and CPU seconds; piece after piece, as it is sent."""
        spent = time.process_time()
        written = lines = 0
        for piece in self._tracks.lines(time.time() - LIFETIME_S):
            written += len(piece.encode())
            lines += piece.count("\n")
        return written, lines, time.process_time() - spent


def _varbinds(batch: PollBatch) -> int:
    return int(batch.present.sum() + batch.read.sum())


async def measure(arguments: Namespace) -> Result:
    collector = Collector(SystemClock(), CollectorLimits(attempt=1.0), WATCHED)
    jobs = await named(jobs_of(arguments), collector)
    pipeline = Pipeline(jobs, collector, exposition=not arguments.no_exposition)
    cycles = [await pipeline.cycle() for _ in range(arguments.cycles)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    best = min(cycles, key=lambda cycle: cycle.cpu_s)
    rate = best.varbinds / best.cpu_s
    peer = measure_peer(arguments, WATCHED) if arguments.peer else None
    return Result(
        elements=len(jobs),
        dead=len(jobs) * arguments.dead // 100,
        interfaces=arguments.interfaces,
        objects=len(WATCHED) + 1,
        cycles=cycles,
        best_cpu_s=best.cpu_s,
        best_wall_s=min(cycle.wall_s for cycle in cycles),
        peak_memory_mb=round(peak, 1),
        datagrams_dropped={reason: count for reason, count in collector.drops.items() if count},
        varbinds_per_cpu_s=round(rate),
        peer=peer,
        times_peer=None if peer is None else round(rate / peer.varbinds_per_cpu_s, 1),
    )


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--first", default="127.0.1.1", help="Address of the first agent; the others follow.")
    parser.add_argument("--count", type=int, default=1000, help="Agents.")
    parser.add_argument("--port", type=int, default=16100)
    parser.add_argument("--interfaces", type=int, default=48)
    parser.add_argument("--community", default="public")
    parser.add_argument("--cycles", type=int, default=3, help="The first one learns how much an agent bears at once.")
    parser.add_argument("--dead", type=int, default=0, help="Percentage of elements that do not answer.")
    parser.add_argument("--no-exposition", action="store_true")
    parser.add_argument("--peer", choices=["snmp_exporter"])
    parser.add_argument("--peer-elements", type=int, default=50, help="How many agents the peer asks.")
    print(json.dumps(asdict(asyncio.run(measure(parser.parse_args()))), indent=2))


if __name__ == "__main__":
    main()
