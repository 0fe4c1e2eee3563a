"""Services that stand on simulated elements, put there without an order: for what looks at the network, not for what changes it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from agent.clock import SystemClock
from agent.fulfillment.doors import InventoryDoors
from agent.fulfillment.driftdesk import unwatched
from agent.fulfillment.lifecycle import NoLifecycle
from agent.fulfillment.planning import contexts, desired, lay
from agent.fulfillment.service import FulfilmentService, Parts
from agent.fulfillment.settings import FulfilmentSettings
from drivers.diff import change_set
from drivers.platform import load_platform
from drivers.port import Credential
from drivers.registry import Drivers
from drivers.sim.inventory import inventory_document
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from inventory.allocation import allocate
from inventory.ports import claim
from inventory.services import NewService, create_service, service_row, set_parts
from inventory.tables import ElementRow
from inventory.topology import load_topology
from inventory.work import DatabaseQueue
from policies.rendering import ServiceFacts, needs
from tests.agent.fulfillment.network import REALISES, Operator, shipped
from tests.loopback import numbered

NETWORK = {
    "name": "field",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[0-3]"]},
        {"name": "pe2", "platform": "ios", "ports": ["Gi0/[1-4]"]},
        {"name": "sw1", "platform": "qbridge", "role": "access", "ports": ["[1-3]", "up1"]},
    ],
    "links": [{"name": "sw1-pe2", "a": "sw1:up1", "b": "pe2:Gi0/4"}],
}
POOLS = [
    {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "10.0.0.0/24", "length": 31, "quarantine_s": 3600},
    {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8::/64", "length": 127},
    {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 199]]},
    {"name": "vlan-eline", "kind": "vlan", "ranges": [[200, 299]]},
    {"name": "rd", "kind": "rd", "administrator": 65000},
    {"name": "rt", "kind": "rt", "administrator": 65000},
]
CATALOG = shipped()
PATIENCE = timedelta(seconds=30)


class Field:
    def __init__(self, database, sim: SimThread, folder) -> None:
        self.database, self.sim, self.clock = database, sim, SystemClock()
        self.operator = Operator(database, self.clock, inventory_document(sim.network) | {"pools": POOLS})
        known_hosts = self.known_hosts = folder / "known_hosts"
        known_hosts.write_text(sim.network.known_hosts())
        self.drivers = Drivers()
        protocol_of = {name: load_platform(name).protocol for name in ("ietf", "ios", "qbridge")}.__getitem__
        self.doors = InventoryDoors(database, self.drivers, self._credential, protocol_of, known_hosts)

    def _credential(self, reference: str) -> Credential:
        secrets = self.sim.network.topology.credentials.resolve()
        return Credential(reference, secrets.user, secrets.password, community=secrets.community)

    def activate(self, specification: str, *, push: bool = True, **characteristics: object) -> str:
        """A service that is active in the books and (`push`) stands on the elements; its id."""
        spec, at = CATALOG.specification(specification), self.clock.now()
        with self.database.write() as session:
            network = load_topology(session)
            layout = lay(spec, characteristics, network, REALISES)
            new = NewService(specification, spec.name, spec.version, self.operator.account, characteristics)
            service = create_service(session, new, at, state="active").id
            values = {
                need.role: allocate(
                    session, need.pool, owner=service, role=need.role, service_id=service, at=at, wanted=need.wanted
                ).value
                for need in needs(spec, characteristics, layout)
            }
            for wanted in layout.claims:
                vlan = int(values.get("vlan", 0)) if wanted.vlan is None else wanted.vlan
                claim(session, wanted.port_id, vlan=vlan, service_id=service, owner=service)
            facts = ServiceFacts(service, specification, self.operator.account)
            known = contexts(layout, network, facts, characteristics=characteristics, allocations=values)
            texts = desired(spec, network, known)
            set_parts(session, service, texts)
        if push:
            self.configure({element: ("", text) for element, text in texts.items()})
        return service

    def fulfilment(self, watch=unwatched) -> FulfilmentService:
        """With a worker; to be stopped."""
        return FulfilmentService(
            Parts(
                database=self.database,
                clock=self.clock,
                catalog=CATALOG,
                queue=DatabaseQueue(self.database),
                drivers=self.drivers,
                credentials=self._credential,
                lifecycle=NoLifecycle(),
                settings=FulfilmentSettings(poll=timedelta(milliseconds=50), bounce=timedelta(milliseconds=200)),
                known_hosts=self.known_hosts,
                drift_watch=watch,
            )
        )

    def part(self, service: str, element: str) -> str:
        with self.database.read() as session:
            ids = {row.id: row.name for row in session.query(ElementRow)}
            return next(part.desired for part in service_row(session, service).parts if ids[part.element_id] == element)

    def configure(self, changes: Mapping[str, tuple[str, str]]) -> None:
        """By hand: element → from what to what."""
        with self.database.read() as session:
            platforms = {row.name: load_platform(row.platform) for row in session.query(ElementRow)}
        for element, (before, after) in changes.items():
            deadline = time.monotonic() + PATIENCE.total_seconds()
            change = change_set(platforms[element], element, before, after)
            with self.session(element) as session:
                session.lock(deadline)
                session.stage(change, deadline)
                session.commit(change, "by-hand", PATIENCE, deadline)
                session.confirm("by-hand", deadline)
                session.save(deadline)
                session.abort(deadline)

    @contextmanager
    def session(self, element: str) -> Iterator:
        session = self.doors.to(element).open(time.monotonic() + PATIENCE.total_seconds())
        try:
            yield session
        finally:
            session.close()

    def running(self, element: str) -> str:
        return self.sim.call(lambda network: network.elements[element].running_text())


@contextmanager
def field(database, folder, keys) -> Iterator[Field]:
    with SimThread(parse_topology(NETWORK | {"network": numbered(4)}), keys) as sim:
        made = Field(database, sim, folder)
        try:
            yield made
        finally:
            made.drivers.close()
