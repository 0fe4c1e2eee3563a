"""fabd itself on the lab's management node, and what its operator and its customers' systems do to it: commands and HTTP.

The program is the installed one, in a process of its own; nothing of it is imported here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_network
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.lab import configurations
from tests.lab.configurations import Configurations, changed
from tests.lab.lab import Lab
from tests.lab.shell import PATIENCE, wait_until
from tests.lab.topology import AUTONOMOUS_SYSTEM, HOST_PORT, MANAGEMENT, NC1, SITE, SYSLOG_PORT, TRAP_V3_PORT

PROGRAM = Path(sys.executable).with_name("fabd")
URL = "http://127.0.0.1:8640"
ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
CANCELLATIONS = "/tmf-api/serviceOrdering/v4/cancelServiceOrder"
SERVICES = "/tmf-api/serviceInventory/v4/service"

DOWN_WITHIN = 60.0  # seconds; the daemon promises ten, where it gets its share of the machine
FINAL = frozenset({"completed", "failed", "partial", "rejected", "cancelled"})

NC_PORT = f"{NC1.name}/{NC1.ports[0]}"
ON_BOTH = frozenset({"pe1 running", "pe1 startup", "nc1 running", "nc1 startup"})
"""What an order over a router and netconfd changes."""
BROKEN = "broken-access"
"""A product that no element accepts."""

OWN = "own-access"
"""A product of the operator's own: the customer brings the addresses."""

Document = dict[str, Any]

POOLS: list[Document] = [
    {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "100.64.0.0/16", "length": 31},
    {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8:64::/48", "length": 127},
    {"name": "vni", "kind": "vni", "ranges": [[10000, 10999]]},
    {"name": "rd", "kind": "rd", "administrator": AUTONOMOUS_SYSTEM, "ranges": [[1, 999]]},
    {"name": "rt", "kind": "rt", "administrator": AUTONOMOUS_SYSTEM, "ranges": [[1, 999]]},
    {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 199]]},
]
CUSTOMERS = {
    "customers": [
        {
            "external_id": "ACME",
            "name": "Acme Industries",
            "agreements": [{"name": "acme", "specification": "*", "sla": "silver", "tariff": "business-internet"}],
        }
    ]
}


class Fabd:
    """Use it as a context: inside, the daemon is up, knows the lab, and trusts its elements; afterwards it has ended."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.specifications = folder / "specifications"
        """The operator's own products; read when the daemon starts."""
        self.specifications.mkdir(parents=True)
        self.patience = PATIENCE  # an order over two elements takes about three seconds
        self.account = ""
        self._token = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._set_up()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self.stop()

    # The process

    def start(self, **settings: str) -> None:
        """`settings` go over those of the file, as environment variables."""
        argv = [str(PROGRAM), "run", "--config", str(self._settings)]
        self._process = self.lab.spawn(MANAGEMENT, argv, log=self.log, env={**os.environ, **settings})
        self._until_ready()

    def stop(self) -> None:
        """As an init system does; a daemon that does not end in time, or not well, fails the test."""
        process, self._process = self._alive, None
        process.terminate()
        try:
            code = process.wait(DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        assert code == 0, f"fabd ended with {code}; its log is {self.log}"

    def kill(self) -> None:
        """`kill -9`."""
        process, self._process = self._alive, None
        process.kill()
        process.wait(DOWN_WITHIN)

    @property
    def running(self) -> bool:
        """Not so either of one that ended by itself."""
        return self._process is not None and self._process.poll() is None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Another daemon takes its place meanwhile: the ports are the same."""
        if self.running:
            self.stop()
        try:
            yield
        finally:
            self.start()

    def tidy(self) -> None:
        """Whatever became of a test, the next one finds the daemon up, without services and without orders on their way."""
        if self.running:
            self._until_ready()
        else:
            self.start()
        for order in self.get(ORDERS, state="acknowledged,inProgress,pending,held"):
            self.outcome(order["id"])
        for service in self.active():
            order = self.order(deletion(service))
            assert order["state"] == "completed", complaints(order)

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def log(self) -> Path:
        return self.folder / "fabd.log"

    # The operator's commands

    def command(self, *arguments: str) -> str:
        """:raises CommandFailed: with what the command said."""
        environment = {**os.environ, "FABD_TOKEN": self._token, "COLUMNS": "200"}
        argv = [str(PROGRAM), "--config", str(self._settings), *arguments]
        return self.lab.exec(MANAGEMENT, argv, env=environment, timeout=PATIENCE)

    def listed(self, *arguments: str) -> list[Document]:
        found: list[Document] = json.loads(self.command(*arguments, "--json"))
        return found

    def import_network(self, document: Document) -> None:
        """Bring the inventory in line; the daemon may be running."""
        path = self.folder / "network.yaml"
        path.write_text(yaml.safe_dump(document))
        self.command("inventory", "import", str(path))

    def network(self, **attributes: Document) -> Document:
        """The lab as an inventory document, with some elements' attributes replaced.

        Management runs through the network from pe1 on. Of the operator's device at the customer only the name is known.
        """
        document = self.lab.inventory() | {"pools": POOLS}
        attributes = {"pe1": {"bgp_as": AUTONOMOUS_SYSTEM, "poller": True}} | attributes
        for element in document["elements"]:
            element["attributes"] = attributes.get(element["name"], element.get("attributes", {}))
        terminal = {"name": "ce1", "site": SITE, "platform": "frr", "role": "access"}
        document["elements"].append(terminal | {"ports": [{"name": HOST_PORT, "role": "core"}]})
        document["links"].append({"name": "pe1-ce1", "a": "pe1/cust1", "b": f"ce1/{HOST_PORT}"})
        return document

    def given_out(self) -> dict[str, int]:
        """Pool → how many of its values are in use."""
        return {pool["pool"]: pool["used"] for pool in self.listed("inventory", "show", "pools")}

    # The customers' systems

    def get(self, path: str, **parameters: str) -> Any:
        return self._answered("GET", path, params=parameters).json()

    def post(self, path: str, body: Document) -> Any:
        return self._answered("POST", path, json=body).json()

    def text(self, path: str) -> str:
        return self._answered("GET", path).text

    def held(self) -> list[str]:
        """Elements that a plan has, or has left in doubt."""
        return [element["name"] for element in self.get("/api/v1/elements") if element["hold"]]

    def place(self, *items: Document, external_id: str = "") -> str:
        """The id of the order, accepted and not yet carried out; by the same `external_id` it is the same order again."""
        party = {"id": self.account, "role": "customer", "@referredType": "Organization"}
        body = {"relatedParty": [party], "serviceOrderItem": items} | ({"externalId": external_id} if external_id else {})
        return str(self._answered("POST", ORDERS, json=body).json()["id"])

    def outcome(self, order_id: str) -> Document:
        """The order, once it has ended."""
        last: Document = {}

        def ended() -> bool:
            last.update(self.get(f"{ORDERS}/{order_id}"))
            return last["state"] in FINAL

        wait_until(f"order {order_id} has ended; fabd's log is {self.log}", ended, within=self.patience)
        return last

    def order(self, *items: Document) -> Document:
        return self.outcome(self.place(*items))

    def ordered(self, *items: Document) -> "list[Access]":
        """As `order`, for orders that must succeed: their services."""
        order = self.order(*items)
        assert order["state"] == "completed", complaints(order)
        return [self.access(item["service"]["id"]) for item in order["serviceOrderItem"]]

    def steps(self, order_id: str) -> set[str]:
        """What has begun of an order's plans, as their journals say."""
        plans = self.get(f"/api/v1/orders/{order_id}/plans")
        return {moment["step"] for plan in plans for moment in plan["timeline"] if moment["outcome"] == "started"}

    def plans(self, order_id: str) -> list[Document]:
        """With their timelines, payloads and the elements' answers."""
        found: list[Document] = self.get(f"/api/v1/orders/{order_id}/plans")
        return found

    def cancel(self, order_id: str) -> None:
        """Ask for it; what becomes of the order tells `outcome`."""
        self._answered("POST", CANCELLATIONS, json={"serviceOrder": {"id": order_id}, "cancellationReason": "changed their mind"})

    def access(self, service_id: str) -> "Access":
        return Access(self.get(f"{SERVICES}/{service_id}"))

    def active(self) -> "list[Access]":
        return [Access(document) for document in self.get(SERVICES, state="active")]

    def assert_no_trace(self, before: Configurations) -> None:
        """Of any service: the elements are configured as before, and nobody holds them."""
        assert changed(before, configurations.read(self.lab)) == set()
        assert self.held() == []

    # Inside

    def _set_up(self) -> None:
        self._settings.write_text(
            f"""\
data_dir = "{self.folder}"
[api]
rate_per_minute = 1000000
[fulfillment]
verify_timeout_s = 4
[polling]
interval_s = 2
[traps]
host = "{self.lab.trap_listener}"
port = {TRAP_V3_PORT}
[collectors]
enabled = false
[syslog]
enabled = true
host = "{self.lab.trap_listener}"
port = {SYSLOG_PORT}
[assurance]
hold_s = 3
[usage]
bin_s = 5
[log]
format = "json"
[catalog]
specifications = ["{self.specifications}"]
"""
        )
        self.lab.write_credentials(self.folder / "credentials.toml")
        self.command("db", "upgrade")
        self.import_network(self.network())
        customers = self.folder / "customers.yaml"
        customers.write_text(yaml.safe_dump(CUSTOMERS))
        [customer] = self.listed("customer", "import", str(customers))
        self.account = customer["account"]
        self.command("element", "trust", "--all", "--yes")
        self._token = self.command("token", "create", "tests", "--role", "admin").strip()

    @property
    def _settings(self) -> Path:
        return self.folder / "fabd.toml"

    @property
    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("fabd is not running")
        return self._process

    def _until_ready(self) -> None:
        """Where it never is, it goes: the next one wants its ports."""
        try:
            wait_until(f"fabd is ready; its log is {self.log}", self._ready, seen=lambda: self.log.read_text()[-2000:])
        except BaseException:
            self.kill()
            raise

    def _ready(self) -> bool:
        assert self._alive.poll() is None, f"fabd ended at once; its log:\n{self.log.read_text()[-2000:]}"
        try:
            return self._ask("GET", "/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _answered(self, method: str, path: str, **rest: Any) -> httpx.Response:
        response = self._ask(method, path, **rest)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        # no certificates are loaded for plain HTTP, which would take a hundred times as long as to ask
        with self.lab.inside(MANAGEMENT), httpx.Client(base_url=URL, timeout=PATIENCE, trust_env=False, verify=False) as http:
            return http.request(method, path, headers=headers, **rest)


class Access:
    """One `internet-access` as the service inventory tells of it."""

    def __init__(self, document: Document) -> None:
        self.id: str = document["id"]
        self.state: str = document["state"]
        self._resources = {each["role"]: each["name"] for each in document.get("supportingResource", [])}

    @property
    def link4(self) -> IPv4Network:
        found = ip_network(self._resources["link4"])
        assert isinstance(found, IPv4Network)
        return found

    @property
    def link6(self) -> IPv6Network:
        found = ip_network(self._resources["link6"])
        assert isinstance(found, IPv6Network)
        return found

    @property
    def customer4(self) -> IPv4Interface:
        """The second address is the customer's, the first the provider's."""
        return IPv4Interface(f"{self.link4[1]}/{self.link4.prefixlen}")

    @property
    def customer6(self) -> IPv6Interface:
        return IPv6Interface(f"{self.link6[1]}/{self.link6.prefixlen}")


def internet(port: str, *, reference: str = "1", bundle: str = "", spec: str = "internet-access", **more: object) -> Document:
    """An order item; `bundle` names the item with which it stands and falls."""
    values = [{"name": name, "value": value} for name, value in ({"port": port} | more).items()]
    item: Document = {
        "id": reference,
        "action": "add",
        "service": {"serviceSpecification": {"id": spec}, "serviceCharacteristic": values},
    }
    if bundle:
        item["serviceOrderItemRelationship"] = [{"relationshipType": "bundle", "orderItem": {"itemId": bundle}}]
    return item


def line(a: str, b: str, **more: object) -> Document:
    """An order item for an Ethernet line over EVPN."""
    values = [{"name": name, "value": value} for name, value in ({"a": a, "b": b} | more).items()]
    service = {"serviceSpecification": {"id": "evpn-eline"}, "serviceCharacteristic": values}
    return {"id": "1", "action": "add", "service": service}


def change(service: "Access", **values: object) -> Document:
    """An order item that gives a service other characteristics."""
    given = [{"name": name, "value": value} for name, value in values.items()]
    return {"id": "1", "action": "modify", "service": {"id": service.id, "serviceCharacteristic": given}}


def deletion(service: Access, *, reference: str = "1", bundle: str = "") -> Document:
    item: Document = {"id": reference, "action": "delete", "service": {"id": service.id}}
    if bundle:
        item["serviceOrderItemRelationship"] = [{"relationshipType": "bundle", "orderItem": {"itemId": bundle}}]
    return item


def complaints(order: Document) -> str:
    return "; ".join(each["message"] for each in order.get("errorMessage", [])) or order["state"]
