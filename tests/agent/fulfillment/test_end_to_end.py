"""From order to active and back to nothing, on simulated elements that speak NETCONF, a command line and SNMP."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from agent.catalog import load_catalog
from agent.clock import SystemClock
from agent.fulfillment.lifecycle import NoLifecycle
from agent.fulfillment.service import FulfilmentService, Parts
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import ElementHoldRow, OrderRow
from agent.fulfillment.views import plan_views
from drivers.port import Credential
from drivers.registry import driver_for
from drivers.sim.inventory import inventory_document
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from inventory.services import service_view
from inventory.work import Backoff, DatabaseQueue
from tests.agent.fulfillment.fakes import Killed
from tests.agent.fulfillment.network import DOCUMENT, Operator, delete, eline, internet

DEADLINE = 60
SETTINGS = FulfilmentSettings(
    poll=timedelta(milliseconds=50),
    verify_timeout=timedelta(seconds=8),
    lease=timedelta(seconds=1),
    doubt_retry=Backoff(timedelta(seconds=1), timedelta(seconds=1)),
)
TOPOLOGY = {
    "name": "fulfilment",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[0-3]"]},
        {"name": "pe2", "platform": "ios", "ports": ["Gi0/[1-4]"]},
        {"name": "sw1", "platform": "qbridge", "role": "access", "ports": ["[1-3]"]},
    ],
    "links": [{"name": "sw1-pe2", "a": "sw1:3", "b": "pe2:Gi0/4"}],
}


class Running:
    """fabd's fulfilment, working on a simulated network."""

    def __init__(self, database, sim: SimThread, folder) -> None:
        self.database, self.sim = database, sim
        self.kill_at = ""
        self.killed = threading.Event()
        self._tick = threading.Event()
        document = inventory_document(sim.network)
        links = [link | {"a": link["a"].replace(":", "/", 1), "b": link["b"].replace(":", "/", 1)} for link in document["links"]]
        self.operator = Operator(database, SystemClock(), document | {"links": links, "pools": DOCUMENT["pools"]})
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(sim.network.known_hosts())
        self.drivers = {protocol: driver_for(protocol) for protocol in ("netconf", "ssh", "snmp")}
        self.service = FulfilmentService(
            Parts(
                database=database,
                clock=SystemClock(),
                catalog=load_catalog(),
                queue=DatabaseQueue(database),
                drivers=self.drivers.__getitem__,
                credentials=self._credential,
                lifecycle=NoLifecycle(),
                settings=SETTINGS,
                known_hosts=known_hosts,
                checkpoint=self._checkpoint,
            )
        )

    def _checkpoint(self, name: str) -> None:
        """A worker killed here does nothing more, and lets go of nothing."""
        if name == self.kill_at:
            self.kill_at = ""
            self.killed.set()
            raise Killed

    def _credential(self, reference: str) -> Credential:
        secrets = self.sim.network.topology.credentials.resolve()
        return Credential(
            reference,
            secrets.user,
            secrets.password,
            community=secrets.community,
        )

    def order(self, *items) -> OrderRow:
        """Placed, and waited for."""
        order_id = self.service.submit(self.operator.request(*items), "test").id
        deadline = time.monotonic() + DEADLINE
        while True:
            with self.database.read() as session:
                row = session.get_one(OrderRow, order_id)
            if row.state in FINAL:
                return row
            assert time.monotonic() < deadline, f"{order_id} is still {row.state}"
            self._tick.wait(0.02)

    def order_killed_at(self, point: str, *items) -> OrderRow:
        """Placed; its worker is killed at `point`, and another takes over once the lease has ended."""
        self.kill_at = point
        row = self.order(*items)
        assert self.killed.is_set(), f"{point} was never reached"
        return row

    def running(self, element: str) -> str:
        return self.sim.call(lambda network: network.elements[element].running_text())

    def everything(self) -> dict[str, str]:
        return {element: self.running(element) for element in ("pe1", "pe2", "sw1")}


@pytest.fixture(scope="module")
def sim() -> Iterator[SimThread]:
    pid = os.getpid()
    network = f"127.{100 + pid % 100}.{(pid // 100 * 8 + 77) % 256}.0/24"
    with SimThread(parse_topology(TOPOLOGY | {"network": network})) as thread:
        yield thread


@pytest.fixture
def fabd(database, sim, tmp_path) -> Iterator[Running]:
    running = Running(database, sim, tmp_path)
    running.service.start()
    yield running
    assert running.service.stop()
    for driver in running.drivers.values():
        driver.close()


def holds(fabd):
    with fabd.database.read() as session:
        return session.query(ElementHoldRow).count()


PRODUCTS = {
    "netconf": (internet(port="pe1/ge-0/0/1", description="Acme, Ghent"), ["pe1"]),
    "command line": (internet(port="pe2/Gi0/1", vlan=100, rate=50), ["pe2"]),
    "command line and snmp": (internet(port="pe2/Gi0/4", accessPort="sw1/1"), ["pe2", "sw1"]),
    "snmp": (eline(a="sw1/1", b="sw1/2"), ["sw1"]),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_an_order_becomes_active_and_its_delete_leaves_no_trace(fabd, product):
    item, elements = PRODUCTS[product]
    before = fabd.everything()
    order = fabd.order(item)
    assert (order.state, order.items[0].errors) == ("completed", [])
    after = fabd.everything()
    assert sorted(element for element in after if after[element] != before[element]) == elements
    with fabd.database.read() as session:
        service = service_view(session, order.items[0].service_id)
        (plan,) = plan_views(session, order.id)
    assert service.state == "active"
    assert [change.element for change in plan.changes] == elements
    assert {change.state for change in plan.changes} == {"saved"}
    assert [moment.step for moment in plan.timeline if moment.outcome == "started"] == [
        "connect",
        "stage",
        "commit",
        "verify",
        "confirm",
        "save",
    ]
    gone = fabd.order(delete(service.id))
    assert (gone.state, gone.items[0].errors) == ("completed", [])
    assert fabd.everything() == before
    assert holds(fabd) == 0


def test_one_transaction_over_three_protocols_leaves_nothing_when_one_element_refuses(fabd):
    before = fabd.everything()
    fabd.order(internet("9", port="pe1/ge-0/0/3"))
    there = fabd.everything()
    fabd.sim.call(lambda network: network.elements["pe2"].faults.refuse_edit("% Resource not available"))
    order = fabd.order(
        internet("1", port="pe1/ge-0/0/2"), internet("2", port="pe2/Gi0/4", accessPort="sw1/2", related=[("bundle", "1")])
    )
    assert order.state == "failed"
    assert {error["element"] for item in order.items for error in item.errors} == {"pe2"}
    assert fabd.everything() == there != before
    assert holds(fabd) == 0


BEFORE_COMMIT = ("after take", "after hold", "before stage")
UNDECIDED = ("after stage", "after commit", "before decide")
DECIDED = ("after decide", "after confirm", "before activate")


@pytest.mark.parametrize("point", [*BEFORE_COMMIT, *UNDECIDED, *DECIDED])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_killed_in_the_middle_leaves_the_network_as_the_journal_says(fabd, point):
    before = fabd.everything()
    items = internet("1", port="pe1/ge-0/0/1"), internet("2", port="pe2/Gi0/4", accessPort="sw1/1", related=[("bundle", "1")])
    order = fabd.order_killed_at(point, *items)
    assert order.state == ("failed" if point in UNDECIDED else "completed")
    after = fabd.everything()
    if order.state == "failed":
        assert after == before
    else:
        assert all(after[element] != before[element] for element in before)
        assert fabd.order(*(delete(item.service_id, item.reference) for item in order.items)).state == "completed"
    assert fabd.everything() == before
    assert holds(fabd) == 0


def test_a_dry_run_shows_the_native_payload_and_touches_nothing(fabd):
    before = fabd.everything()
    request = fabd.operator.request(internet(port="pe2/Gi0/4", accessPort="sw1/1"))
    preview = fabd.service.plan_only(request)
    assert [change.element for change in preview.changes] == ["pe2", "sw1"]
    assert "interface Gi0/4.100" in preview.changes[0].payload
    assert {given.role: given.value for given in preview.allocations}["vlan"] == "100"
    assert fabd.everything() == before
    with fabd.database.read() as session:
        assert session.query(OrderRow).count() == 0
