"""An installation of fabd as an operator has one: `fabd run` in a process of its own, filled by its command line's own code."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import func, select

from agent import storage
from agent.fulfillment.tables import OrderRow
from agent.security import tokens
from agent.security.roles import Role
from bench.process import cpu_seconds, free_port, stopped
from bench.simulation import Simulation
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from drivers.platform import platforms
from inventory.db import Database
from inventory.importer import import_document
from inventory.source import Source

STARTS_WITHIN_S = SETTLES_WITHIN_S = 60.0
SETTLED = 0.02
"""Of one core: more than the daemon does by itself in a second, except in its first ones, when all its rounds begin at once."""
POOLS = [
    {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "10.0.0.0/8", "length": 31, "quarantine_s": 60},
    {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8::/32", "length": 127},
    {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 199]]},
]


@dataclass(frozen=True, slots=True)
class Installation:
    url: str
    token: str
    account: str
    pid: int
    database: Database
    log: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)

    def settle(self) -> None:
        """Wait until it has come to rest after its start, for who measures orders and not that."""
        deadline, before = time.monotonic() + SETTLES_WITHIN_S, cpu_seconds(self.pid)
        while time.monotonic() < deadline:
            time.sleep(1.0)
            before, last = cpu_seconds(self.pid), before
            if before - last < SETTLED:
                return
        raise RuntimeError(f"fabd did not come to rest within {SETTLES_WITHIN_S:.0f} s of its start")

    def ended(self) -> dict[str, int]:
        """State → orders that have ended, read beside the daemon, so that asking costs it nothing."""
        with self.database.read() as session:
            rows = session.execute(
                select(OrderRow.state, func.count()).where(OrderRow.completed_at.is_not(None)).group_by(OrderRow.state)
            ).all()
            return {row[0]: row[1] for row in rows}

    def complaint(self) -> str:
        """The end of its log, which has errors only."""
        return self.log.read_text(errors="replace")[-2_000:]


@contextmanager
def installation(folder: Path, network: Simulation, workers: int, **fulfillment: float) -> Iterator[Installation]:
    """On SQLite, with the simulated network imported and one customer. `fulfillment`: other settings of that section."""
    folder.mkdir(parents=True)
    settings, port = folder / "fabd.toml", free_port()
    settings.write_text(_settings(folder, network, port, {"workers": workers, **fulfillment}))
    database = Database(f"sqlite:///{folder / 'fabd.db'}")
    storage.make_file(database)
    storage.upgrade(database)
    token, account = _fill(database, network)
    command = [str(Path(sys.executable).with_name("fabd")), "run", "--config", str(settings)]
    with (folder / "log").open("w") as log, stopped(subprocess.Popen(command, stdout=log, stderr=log)) as process:
        made = Installation(f"http://127.0.0.1:{port}", token, account, process.pid, database, folder / "log")
        _await_ready(made, folder / "log", process)
        yield made
    database.close()


def _fill(database: Database, network: Simulation) -> tuple[str, str]:
    now = datetime.now(UTC)
    with database.write() as session:
        document = network.inventory | {"pools": POOLS}
        for element in document["elements"]:  # only what is configured over: nothing is polled beside the measurement
            element["endpoints"] = {"netconf": element["endpoints"]["netconf"]}
        import_document(session, Source.of_data(document, "bench"), at=now, platforms=platforms())
        customer = create_customer(session, CustomerData("Acme"), now)
        agree(session, customer, AgreementTerms("standard", "silver", "business-internet"), since=now, at=now)
        return tokens.create(session, "bench", Role.ADMIN, now), customer.account_number


def _settings(folder: Path, network: Simulation, port: int, fulfillment: dict[str, float]) -> str:
    """Elements are asked for nothing beside what is measured: neither does what it is compared with."""
    section = "".join(f"{name} = {value}\n" for name, value in fulfillment.items())
    return f"""data_dir = "{folder}"
known_hosts = "{network.known_hosts}"
[credentials]
file = "{network.credentials}"
[api]
port = {port}
rate_per_minute = 1000000
[traps]
enabled = false
[collectors]
enabled = false
[log]
level = "error"
[fulfillment]
{section}[database]
url = "sqlite:///{folder / "fabd.db"}"
"""


def _await_ready(made: Installation, log: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    with made.client() as client:
        while True:
            try:
                if client.get("/-/healthy").is_success:
                    return
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"fabd did not start: {log.read_text()}")
            time.sleep(0.1)
