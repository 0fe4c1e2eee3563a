"""What the story plays on: a scratch folder, the simulated network, and a daemon of its own with everything imported."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from agent.config import Settings, load_settings
from agent.daemon import Daemon
from agent.security import tokens
from agent.security.roles import Role
from crm_bridge.customer_file import KnownNames, read_customers
from crm_bridge.customer_import import external_ids, import_customers
from drivers.platform import platforms
from drivers.sim.inventory import CREDENTIAL, inventory_document
from drivers.sim.thread import SimThread
from drivers.sim.topology import Topology, parse_topology
from inventory.importer import import_document
from inventory.source import Source

CONTENT = files("agent.demo")
DEADLINE_S = 30.0
HOST = "127.0.0.1"
AUTONOMOUS_SYSTEM = 65000
"""Of every router; with it the prefixes of internet access are announced."""
PERIOD = timedelta(minutes=1)
"""Of the agreements: what a month is elsewhere."""
UNTIL_PERIOD_ENDS = timedelta(seconds=24)
"""When in the story the period is to end: after the repair, before anybody is tired of waiting."""


@dataclass(frozen=True, slots=True)
class Network:
    """Loopback networks are taken by process, so that two demonstrations do not meet."""

    topology: Topology
    trap_port: int

    @classmethod
    def of_this_process(cls) -> "Network":
        document = yaml.safe_load((CONTENT / "network.yaml").read_text())
        trap_port = _free_udp_port()
        pid = os.getpid()
        document |= {
            "network": f"127.{192 + pid // 256 % 62}.{pid % 256}.0/24",
            "traps_to": [f"{HOST}:{trap_port}"],
        }
        return cls(parse_topology(document, "network.yaml"), trap_port)


class Stage:
    """Use it as a context: inside, everything runs; afterwards everything that was started has stopped."""

    def __init__(self, folder: Path, now: datetime, *, port: int = 0, log_level: str = "error", more: str = "") -> None:
        """`more` settings, as TOML."""
        self.folder = folder
        self.anchor = (now + UNTIL_PERIOD_ENDS).replace(microsecond=0)
        network = Network.of_this_process()
        self.sim = SimThread(network.topology, keys=folder / "host-keys", control=(HOST, 0))
        self.settings = load_settings(_write_settings(folder, network, port, log_level, more), environment={})
        self._runner: _Runner | None = None
        self._http: httpx.Client | None = None
        self.token = ""

    def __enter__(self) -> Self:
        self.sim.start()
        (self.folder / "known_hosts").write_text(self.sim.network.known_hosts())
        self._runner = _Runner(self.settings, self._fill)
        self._runner.start()
        self._http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=DEADLINE_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._http:
            self._http.close()
        if self._runner:
            self._runner.stop()
        self.sim.stop()

    @property
    def url(self) -> str:
        return self.daemon.url

    @property
    def daemon(self) -> Daemon:
        if self._runner is None or self._runner.daemon is None:
            raise RuntimeError("the demonstration's daemon is not running")
        return self._runner.daemon

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401  JSON is any
        return self._answer("GET", path, params=parameters)

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON is any
        return self._answer("POST", path, json=body)

    def text(self, path: str) -> str:
        """The same resource as people read it."""
        return str(self._answer("GET", path, headers={"Accept": "text/plain"}))

    def ready(self) -> dict[str, Any]:
        """`{"ready": …, "waiting": […]}`; answered with 503 until it is."""
        found: dict[str, Any] = self._client().get("/-/ready").json()
        return found

    def order(self, name: str) -> dict[str, Any]:
        """One of `orders/`, with the account numbers that this database gave the customers."""
        text = (CONTENT / "orders" / f"{name}.json").read_text()
        for external_id, number in self.accounts.items():
            text = text.replace(f'"id": "{external_id}"', f'"id": "{number}"')
        document: dict[str, Any] = json.loads(text)
        return document

    def running(self, element: str) -> str:
        """The configuration that the element really has."""
        return self.sim.call(lambda network: network.elements[element].running_text())

    def _answer(self, method: str, path: str, **rest: Any) -> Any:  # noqa: ANN401  JSON is any
        response = self._client().request(method, path, **rest)
        if response.is_error:
            raise RuntimeError(f"{method} {path} was answered {response.status_code}: {response.text[:400]}")
        return response.json() if response.headers.get("content-type", "").startswith("application/") else response.text

    def _client(self) -> httpx.Client:
        if self._http is None:
            raise RuntimeError("the demonstration's daemon is not running")
        return self._http

    def _fill(self, daemon: Daemon) -> None:
        """Import the network and the customers, and make a token, as an operator would with the command line."""
        now = daemon.base.clock.now()
        inventory: dict[str, Any] = inventory_document(self.sim.network) | yaml.safe_load((CONTENT / "pools.yaml").read_text())
        for element in inventory["elements"]:
            element["attributes"] = {
                "bgp_as": AUTONOMOUS_SYSTEM,
                "poller": element["name"] == self.sim.network.topology.management.via,
            }
        with daemon.base.database.write() as session:
            import_document(session, Source.of_data(inventory, "network.yaml"), platforms=platforms(), at=now)
        text = (CONTENT / "customers.yaml").read_text()
        period = {"period": "1 minute", "anchor": self.anchor.isoformat()}
        document = yaml.safe_load(text)
        for customer in document["customers"]:
            for agreement in customer["agreements"]:
                agreement["terms"] = {"sla": period, "tariff": period}
        with daemon.base.database.write() as session:
            known = KnownNames(daemon.base.catalog, tuple(daemon.base.catalog.specifications), external_ids(session))
            imported = import_customers(session, read_customers(yaml.safe_dump(document), "customers.yaml", known), now)
            self.accounts = {each.external_id: each.account_number for each in imported}
            self.token = tokens.create(session, "demo", Role.ADMIN, now)


class _Runner:
    """A daemon on a loop of its own."""

    def __init__(self, settings: Settings, fill: Callable[[Daemon], None]) -> None:
        self.daemon: Daemon | None = None
        self._settings, self._fill = settings, fill
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="fabd", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._up.wait(DEADLINE_S):
            raise TimeoutError(f"the daemon did not start within {DEADLINE_S:.0f} s")
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(DEADLINE_S)

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        try:
            self.daemon = await asyncio.to_thread(Daemon, self._settings)
            await asyncio.to_thread(self._fill, self.daemon)
            await self.daemon.start()
            self._up.set()
            await self._stop.wait()
        except BaseException as failure:  # noqa: BLE001  handed to the thread that waits in start()
            self._failure = failure
        finally:
            self._up.set()
            if self.daemon:
                await self.daemon.stop()


def _write_settings(folder: Path, network: Network, port: int, log_level: str, more: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    secrets = network.topology.credentials.resolve()
    credentials = folder / "credentials.toml"
    credentials.touch(mode=0o600)
    credentials.write_text(
        f'[{CREDENTIAL}]\nusername = "{secrets.user}"\npassword = "{secrets.password}"\ncommunity = "{secrets.community}"\n'
    )
    file = folder / "fabd.toml"
    file.write_text(
        f"""# Made by `fabd demo`. Seconds instead of minutes, so that a story fits into one; the rules are the product's own.
data_dir = "{folder}"
[api]
port = {port}
[polling]
interval_s = 1
deadline_s = 1
timeout_s = 0.4
failures_to_down = 3
[traps]
port = {network.trap_port}
[assurance]
hold_s = 3
verify_spacing_s = 0.3
recheck_s = 3
sla_interval_s = 2
[usage]
bin_s = 5
[log]
level = "{log_level}"
[catalog]
slas = ["{CONTENT / "slas"}"]
tariffs = ["{CONTENT / "tariffs"}"]
{more}"""
    )
    return file


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
