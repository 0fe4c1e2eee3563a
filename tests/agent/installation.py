"""fabd as an operator has it: settings, a filled database, a network that outlives the daemon, and the daemon as a process."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from sqlalchemy.engine import URL

from agent.clock import SystemClock
from agent.security import tokens
from agent.security.roles import Role
from agent.wiring.base import prepare
from drivers.sim.inventory import CREDENTIAL, inventory_document
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from inventory.db import Database
from tests.agent.fulfillment.network import Operator
from tests.loopback import numbered

PATIENCE_S = 120.0
"""Far more than anything here takes, on a machine that does other things."""
LAST_LETTERS = 8000  # of a log, in what is said of a failure
HOST = "127.0.0.1"
ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
NETWORK = {
    "name": "installation",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[0-3]"]},
        {"name": "pe2", "platform": "ios", "ports": ["Gi0/[1-4]"]},
        {"name": "sw1", "platform": "qbridge", "role": "access", "ports": ["[1-3]", "up1"]},
    ],
    "links": [{"name": "sw1-pe2", "a": "sw1:up1", "b": "pe2:Gi0/4"}],
}
POOLS = [
    # as many as the orders of one test need at a time and no more: whatever leaks is missed at once
    {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "10.0.0.0/29", "length": 31},
    {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8::/125", "length": 127},
    {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 103]]},
    {"name": "vlan-eline", "kind": "vlan", "ranges": [[200, 203]]},
    {"name": "rd", "kind": "rd", "administrator": 65000},
    {"name": "rt", "kind": "rt", "administrator": 65000},
]
SETTINGS = """
data_dir = "{folder}"
[api]
port = 0
rate_per_minute = 1000000
[traps]
port = 0
[collectors]
enabled = false
[log]
format = "json"
"""


def simulated_network(number: int, keys: Path, topology: Mapping[str, Any] = NETWORK) -> SimThread:
    """On addresses of this process's own; `number` (0 to 3) tells its networks apart. Host keys are kept in `keys`."""
    return SimThread(parse_topology({**topology, "network": numbered(number)}), keys)


class Installation:
    """A folder that `fabd --config FILE …` works on, over a network that is there already."""

    def __init__(self, folder: Path, sim: SimThread, *, more: str = "", url: URL | None = None) -> None:
        """`more` settings; the database is an empty one at `url`, else SQLite in the folder."""
        self.folder, self.sim = folder, sim
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "fabd.toml"
        place = f'[database]\nurl = "{url.render_as_string(hide_password=False)}"\n' if url else ""
        self.config.write_text(SETTINGS.format(folder=folder) + place + more)
        (folder / "known_hosts").write_text(sim.network.known_hosts())
        self.write_credentials(sim.network.topology.credentials.resolve().password)
        self.database = Database(url or f"sqlite:///{folder / 'fabd.db'}")
        prepare(self.database, SystemClock())
        self.operator = Operator(self.database, SystemClock(), inventory_document(sim.network) | {"pools": POOLS})
        with self.database.write() as session:
            self.token = tokens.create(session, "tests", Role.ADMIN, SystemClock().now())

    def write_credentials(self, password: str) -> None:
        secrets = self.sim.network.topology.credentials.resolve()
        file = self.folder / "credentials.toml"
        file.touch(mode=0o600)
        file.write_text(
            f'[{CREDENTIAL}]\nusername = "{secrets.user}"\npassword = "{password}"\ncommunity = "{secrets.community}"\n'
        )

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def command(self, *arguments: str, config: Path | None = None) -> "Finished":
        """Run `fabd …` to its end."""
        return run_fabd("--config", str(config or self.config), *arguments)

    def daemon(self, *arguments: str) -> "Process":
        """`fabd run`, not yet up."""
        return Process([*FABD, "--config", str(self.config), "run", *arguments])

    @contextmanager
    def running(self) -> Iterator["Process"]:
        """The daemon, up; killed at the end if it still lives."""
        with self.daemon() as process:
            process.wait_until_up()
            yield process

    def client(self, process: "Process") -> httpx.Client:
        """Over plain HTTP: it loads no certificates, which would take longer than most requests."""
        return httpx.Client(
            base_url=process.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE_S,
            verify=False,
            trust_env=False,
        )

    def running_texts(self) -> dict[str, str]:
        """Element → the configuration that it really has."""
        return self.sim.call(lambda network: {name: element.running_text() for name, element in network.elements.items()})

    def order(self, *items: Mapping[str, Any], external_id: str | None = None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "relatedParty": [{"id": self.operator.account, "role": "customer", "@referredType": "Customer"}],
            "serviceOrderItem": list(items),
        }
        return body | ({"externalId": external_id} if external_id else {})


FABD = [sys.executable, "-c", "from agent.cli.main import run; run()"]
UP = re.compile(r'"url": "(http://[^"]+)".*"event": "fabd is up"')


class Finished:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def text(self) -> str:
        """All of it as one line: a terminal's width is not what is tested."""
        return " ".join((self.out + self.err).split())


def run_fabd(*arguments: str, folder: Path | None = None) -> Finished:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FABD_")}
    done = subprocess.run(
        [*FABD, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=folder,
        env=environment | {"COLUMNS": "200", "NO_COLOR": "1"},
    )
    return Finished(done.returncode, done.stdout, done.stderr)


class Process:
    """A daemon of its own; what it logs is collected. As a context it is killed at the end, if it still lives."""

    def __init__(self, command: list[str], folder: Path | None = None) -> None:
        self.lines: list[str] = []
        self.url = ""
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FABD_")}
        pipes = {"stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        self._process = subprocess.Popen(command, **pipes, text=True, cwd=folder, env=environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_until_up(self) -> None:
        line = self.wait_for(UP)
        found = UP.search(line)
        assert found
        self.url = found[1]

    def wait_for(self, pattern: "re.Pattern[str] | str") -> str:
        """The next line of the log that has it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {pattern!r} in the log after {PATIENCE_S:.0f} s:\n{self._end}") from None
            assert line is not None, f"the daemon ended with {self._process.wait()} before it logged {pattern!r}:\n{self._end}"
            if re.search(pattern, line):
                return line

    @property
    def _end(self) -> str:
        return self.log[-LAST_LETTERS:]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """As a power cut would end it; nothing when it has ended."""
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def tell(self, text: str) -> None:
        """By its standard input."""
        assert self._process.stdin
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def forget(self) -> None:
        """What it has logged so far."""
        self.lines, self.url = [], ""
        while not self._news.empty():
            self._news.get()

    def close_input(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()

    def wait(self) -> int:
        """Its exit code."""
        self.close_input()
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def _read(self) -> None:
        assert self._process.stderr
        with self._process.stderr as stream:
            for line in stream:
                self.lines.append(line)
                self._news.put(line)
        self._news.put(None)


def eventually(look: Any, *, seconds: float = PATIENCE_S, every: float = 0.02) -> Any:
    """What `look` gives as soon as it is something; for events that come over sockets."""
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing came of {look} within {seconds:.0f} s"
        tick.wait(every)


def add(reference: str, spec: str = "internet-access", *, bundle: str = "", **characteristics: object) -> dict[str, Any]:
    values = [{"name": name, "value": value} for name, value in characteristics.items()]
    item: dict[str, Any] = {
        "id": reference,
        "action": "add",
        "service": {"serviceSpecification": {"id": spec}, "serviceCharacteristic": values},
    }
    return item | _bundled(bundle)


def delete(reference: str, service_id: str, *, bundle: str = "") -> dict[str, Any]:
    return {"id": reference, "action": "delete", "service": {"id": service_id}} | _bundled(bundle)


def _bundled(other: str) -> dict[str, Any]:
    return {"serviceOrderItemRelationship": [{"relationshipType": "bundle", "orderItem": {"itemId": other}}]} if other else {}
