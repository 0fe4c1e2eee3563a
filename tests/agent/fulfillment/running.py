"""fabd's fulfilment, working on a simulated network whose elements speak NETCONF, a command line and SNMP."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from agent.clock import SystemClock
from agent.fulfillment.lifecycle import NoLifecycle
from agent.fulfillment.service import FulfilmentService, Parts
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import ElementHoldRow, OrderRow
from drivers.port import Credential
from drivers.registry import driver_for
from drivers.sim.inventory import inventory_document
from drivers.sim.thread import SimThread
from inventory.work import Backoff, DatabaseQueue
from tests.agent.fulfillment.fakes import Killed
from tests.agent.fulfillment.network import DOCUMENT, Operator, shipped

DEADLINE = 120
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
    def __init__(self, database, sim: SimThread, folder) -> None:
        self.database, self.sim = database, sim
        self.kill_at = ""
        self.meanwhile: dict[str, Callable[[], object]] = {}
        """Point of the journal → what happens there, once."""
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
                catalog=shipped(),
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
        self.meanwhile.pop(name, lambda: None)()
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


def holds(fabd):
    with fabd.database.read() as session:
        return session.query(ElementHoldRow).count()
