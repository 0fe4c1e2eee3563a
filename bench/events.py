"""What becomes of a storm of traps: sent by another process at a steady rate, taken in, put together, read back, counted.

    python -m bench.events --first 127.0.1.1 --count 100 --port 16100 --rate 5000 --seconds 60

Agents (SNMPv2c, community "public", ports `ge-0/0/0` and on with ifIndex 1 and on) have to answer at these addresses; without
`--port` an agent that answers at once stands in for them. One JSON object is printed. With `--peer` the same storm is sent to
Net-SNMP's snmptrapd, which writes each trap to a file and does nothing else.
"""

import argparse
import asyncio
import ipaddress
import json
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvloop
from sqlalchemy import func, select

from agent.assurance.events.hearing import Ears
from agent.assurance.service import AssuranceParts, AssuranceService
from agent.assurance.tables import AlarmRow, ObservationRow, PollRow
from agent.catalog import load_catalog
from agent.clock import SystemClock
from agent.config import AssuranceSettings, PollingSettings, UsageSettings
from agent.scheduler import Scheduler
from bench import trapsender
from bench.instant import database
from bench.process import cpu_seconds, free_port, stopped
from bench.scratch import scratch
from drivers.events.kernel import drops_of
from drivers.port import Credential, Target
from drivers.snmp.batch import BatchBuilder, PollBatch, PollJob, PortRef, PortSample
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.columns import Column
from drivers.snmp.traps import TrapReceiver, TrapSettings
from inventory.db import Database
from inventory.importer import import_document
from inventory.source import Source

COMMUNITY = "public"
DRAINED_WITHIN_S = 120.0
LAG_EVERY_S = 0.02
QUICK_S = 0.25
QUIET_S = 2.0


@dataclass(frozen=True, slots=True)
class Storm:
    version: str
    rate: float
    seconds: float
    first: str
    count: int
    ports: int
    """Of each element."""
    port: int
    """UDP port of the agents; 0: one that answers at once stands in."""
    queue: int
    per_source_s: float

    def sender(self, to: str) -> list[str]:
        options = {"to": to, "version": self.version, "rate": self.rate, "seconds": self.seconds}
        options |= {"first": self.first, "count": self.count, "ports": self.ports}
        return [f"--{name}={value}" for name, value in options.items()]


class InstantAgents:
    """Elements that are well and answer at once."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch:
        builder = BatchBuilder(jobs)
        wall, monotonic = self._clock.now().timestamp(), self._clock.monotonic()
        for row, job in enumerate(jobs):
            builder.answered(row, wall, monotonic, 360_000)
            for position, port in enumerate(job.ports):
                values = {Column.OPER_STATUS: 1, Column.ADMIN_STATUS: 1, Column.LAST_CHANGE: 0}
                builder.port(row, position, PortSample(port.if_index, port.name, wall, monotonic, 360_000, values))
        return builder.build()

    async def discover(self, target: Target, deadline: float = 10.0) -> tuple[PortRef, ...]:
        del target, deadline
        return ()

    async def targeted(self, target: Target, if_index: int, deadline: float = 3.0) -> PortSample:
        raise NotImplementedError

    def keep(self, elements: Container[str]) -> None: ...


def inventory(storm: Storm) -> dict[str, Any]:
    """A chain of elements in which every port ends a link, so that every port is watched."""
    names = [f"r{number}" for number in range(storm.count)]
    elements = [
        {
            "name": name,
            "site": "lab",
            "platform": "ietf",
            "role": "core",
            "endpoints": {
                "snmp": {"host": str(ipaddress.ip_address(storm.first) + number), "port": storm.port or 161, "credential": "bench"}
            },
            "ports": [
                {"name": _port(index), "if_index": index + 1, "speed_bps": 10**9, "role": "core"} for index in range(storm.ports)
            ],
        }
        for number, name in enumerate(names)
    ]
    half = storm.ports // 2
    links = [
        {"name": f"{a}-{b}-{index}", "a": f"{a}/{_port(index)}", "b": f"{b}/{_port(half + index)}"}
        for a, b in zip(names, [*names[1:], names[0]], strict=True)
        if a != b
        for index in range(half)
    ]
    return {"sites": [{"name": "lab"}], "elements": elements, "links": links, "pools": []}


def _port(number: int) -> str:
    return f"ge-0/0/{number}"


async def measured(storm: Storm, made: Database) -> dict[str, Any]:
    clock, catalog = SystemClock(), load_catalog()
    with made.write() as session:
        import_document(session, Source.of_data(inventory(storm), "bench"), at=clock.now(), platforms=("ietf",))
    user = Credential("bench", username=trapsender.USER, auth_key=trapsender.AUTH, priv_key=trapsender.PRIV)
    settings = TrapSettings(
        port=0,
        communities=frozenset({COMMUNITY}),
        users=(user,),
        queue_size=storm.queue,
        per_source_s=storm.per_source_s,
    )
    receiver = TrapReceiver(settings, clock)
    collector = Collector(clock, CollectorLimits()) if storm.port else InstantAgents(clock)
    service = AssuranceService(
        AssuranceParts(
            database=made,
            clock=clock,
            collector=collector,
            resolve=lambda reference: Credential(reference, community=COMMUNITY),
            book=catalog,
            monitors_of=lambda name: catalog.specification(name).watched,
            polling=PollingSettings(),
            assurance=AssuranceSettings(),
            usage=UsageSettings(),
            ears=Ears(traps=receiver),
        )
    )
    await service.start()
    await service.poll_once()
    scheduler = Scheduler()
    for job in service.jobs():
        scheduler.every(job.interval, job.name, job.work)
    scheduler.start()
    try:
        return await _storm(storm, service, receiver, made)
    finally:
        scheduler.stop()
        await service.stop()


async def _storm(storm: Storm, service: AssuranceService, receiver: TrapReceiver, made: Database) -> dict[str, Any]:
    host, port = receiver.address
    lags: list[float] = []
    with _sender(storm, f"{host}:{port}") as sender:
        watching = asyncio.create_task(_lag(lags))
        before = _cpu()
        go = asyncio.to_thread(_go, sender)
        sent = await go
        during = _cpu() - before
        ended = time.monotonic()
        drained = await _drained(service, receiver)
        whole = _cpu() - before
        watching.cancel()
    stats, figures = receiver.stats, service.figures()
    dropped = {"queue": stats.queue_drops, "rate": stats.rate_drops, "kernel": stats.kernel_drops}
    dropped |= {"strangers": stats.strangers, "stale": stats.stale, "malformed": stats.malformed, **figures.traps_dropped}
    lags.sort()
    with made.read() as session:
        tables = {"polls": PollRow, "observations": ObservationRow}
        stored = {name: session.scalar(select(func.count()).select_from(table)) for name, table in tables.items()}
        standing = AlarmRow.cleared_at.is_(None)
        alarms = list(session.execute(select(AlarmRow.cause, standing, func.count()).group_by(AlarmRow.cause, standing)))
    accounted = figures.traps_processed + sum(dropped.values())
    return {
        "bench": "events",
        "version": storm.version,
        "rate": storm.rate,
        "sent": int(sent["sent"]),
        "seconds": round(sent["seconds"], 2),
        "processed": figures.traps_processed,
        "dropped": {reason: count for reason, count in dropped.items() if count},
        "accounted": accounted == int(sent["sent"]),
        "cpu_s": {"while_sent": round(during, 2), "until_drained": round(whole, 2)},
        "cpu_us_per_trap": round(whole / max(1, figures.traps_processed) * 1e6, 1),
        "end_lag_s": round(drained - ended, 2),
        "loop_lag_s": {"median": _share(lags, 0.5), "p99": _share(lags, 0.99), "max": _share(lags, 1.0)},
        "element_reads": figures.element_polls,
        "stored": stored,
        "alarms": [{"cause": cause, "standing": bool(standing), "number": number} for cause, standing, number in alarms],
    }


async def _lag(lags: list[float]) -> None:
    """How late the loop is: what a request would wait."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(LAG_EVERY_S)
        lags.append(time.monotonic() - began - LAG_EVERY_S)


async def _drained(service: AssuranceService, receiver: TrapReceiver) -> float:
    """When nothing was left to take in, and no storm stood."""
    deadline = time.monotonic() + DRAINED_WITHIN_S
    done = time.monotonic()
    while time.monotonic() < deadline:
        status = service.hearing.status()
        if receiver.queue.qsize() or status.waiting:
            done = time.monotonic()
        elif not status.storms and time.monotonic() - done > QUIET_S:
            return done
        await asyncio.sleep(QUICK_S)
    raise TimeoutError("the traps were not taken in in time")


@contextmanager
def _sender(storm: Storm, to: str) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "bench.trapsender", *storm.sender(to)]
    with stopped(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has made its datagrams
        yield process


def _go(sender: "subprocess.Popen[bytes]") -> dict[str, float]:
    assert sender.stdin is not None
    assert sender.stdout is not None
    sender.stdin.write(b"\n")
    sender.stdin.flush()
    told: dict[str, float] = json.loads(sender.stdout.readline())
    return told


def peer(storm: Storm) -> dict[str, Any]:
    """The same storm to snmptrapd, which writes a line for each."""
    with scratch() as folder:
        port, log = free_port(), Path(folder, "traps.log")
        conf = Path(folder, "snmptrapd.conf")
        conf.write_text(f"disableAuthorization yes\nauthCommunity log {COMMUNITY}\ndoNotLogTraps no\n")
        command = [
            "/usr/sbin/snmptrapd",
            "-f",
            "-n",
            "-C",
            "-c",
            str(conf),
            "-On",
            "-m",
            "",
            "-Lf",
            str(log),
            f"udp:127.0.0.1:{port}",
        ]
        with stopped(subprocess.Popen(command, stderr=subprocess.DEVNULL)) as process:
            _until_it_listens(port)
            before = cpu_seconds(process.pid)
            with _sender(storm, f"127.0.0.1:{port}") as sender:
                sent = _go(sender)
            time.sleep(2)
            used = cpu_seconds(process.pid) - before
            drops = _drops(port)
        lines = log.read_text(errors="replace").count("1.3.6.1.6.3.1.1.4.1.0")
    return {
        "peer": "snmptrapd, log handler",
        "sent": int(sent["sent"]),
        "logged": lines,
        "kernel_drops": drops,
        "cpu_s": round(used, 2),
        "cpu_us_per_trap": round(used / max(1, lines) * 1e6, 1),
    }


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while not any(row.split()[1].endswith(f":{port:04X}") for row in _udp()):
        if time.monotonic() > deadline:
            raise TimeoutError("snmptrapd does not listen")
        time.sleep(0.05)


def _drops(port: int) -> int:
    inodes = [int(row.split()[9]) for row in _udp() if row.split()[1].endswith(f":{port:04X}")]
    return sum(drops_of(Path("/proc/net/udp").read_text(), inode) for inode in inodes)


def _udp() -> list[str]:
    return Path("/proc/net/udp").read_text().splitlines()[1:]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _share(values: Sequence[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(share * len(values)))], 4) if values else 0.0


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=["v2c", "v3"], default="v2c")
    parser.add_argument("--rate", type=float, default=5000.0, help="traps a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first", default="127.0.1.1", help="address of the first agent")
    parser.add_argument("--count", type=int, default=100, help="agents")
    parser.add_argument("--port", type=int, default=0, help="UDP port of the agents")
    parser.add_argument("--ports", type=int, default=48, help="ports of each")
    parser.add_argument("--queue", type=int, default=10_000)
    parser.add_argument("--per-source", type=float, default=1000.0)
    parser.add_argument("--peer", action="store_true", help="send the same to snmptrapd, too")
    wanted = parser.parse_args(arguments)
    storm = Storm(
        wanted.version,
        wanted.rate,
        wanted.seconds,
        wanted.first,
        wanted.count,
        wanted.ports,
        wanted.port,
        wanted.queue,
        wanted.per_source,
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with database("sqlite") as made, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measured(storm, made))
    if wanted.peer and storm.version == "v2c":
        found["peer"] = peer(storm)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
