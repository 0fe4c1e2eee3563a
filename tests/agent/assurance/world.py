"""A network that lives in memory under a clock that tests set, and assurance watching it."""

import asyncio
from collections.abc import Container, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.events.hearing import Ears, Receives
from agent.assurance.service import AssuranceParts, AssuranceService
from agent.config import AssuranceSettings, PollingSettings, UsageSettings
from agent.measurement.readings import CounterReadings
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from drivers.errors import ElementTimeout
from drivers.events.senders import Senders
from drivers.port import Credential, Target
from drivers.snmp import oids
from drivers.snmp.batch import BatchBuilder, Column, PollBatch, PollFailure, PollJob, PortRef, PortSample, Reason
from drivers.snmp.errors import NoSuchObject
from drivers.snmp.traps import Trap, TrapStats
from inventory.db import Database
from inventory.services import NewService, Role, create_service, set_resources
from inventory.tables import ElementRow, EndpointRow, LinkRow, ServiceRow
from policies.specification import Monitor
from policies.values import new_id
from tests.clock import EPOCH, FakeClock
from tests.crm_bridge.book import Book
from tests.inventory.factory import add_element, add_link, port_id

T = TypeVar("T")
SPEED_MBPS = 1000
INTERVAL = 60.0


@dataclass
class FakePort:
    index: int
    oper: int = 1
    admin: int = 1
    changed: int = 0
    """ifLastChange, ticks."""
    octets_in: int = 0
    octets_out: int = 0
    discontinuity: int = 0


@dataclass
class FakeElement:
    ports: dict[str, FakePort]
    booted: datetime
    silent: bool = False


class FakeNetwork:
    """Answers as a collector does; what happens to it, tests say."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.elements: dict[str, FakeElement] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.speed_mbps = SPEED_MBPS
        self.kept: Container[str] = ()
        self.narrow = False
        """Counters of 32 bits only."""

    def add(self, name: str, ports: Sequence[str]) -> None:
        booted = EPOCH.replace(year=EPOCH.year - 1)
        self.elements[name] = FakeElement({port: FakePort(index) for index, port in enumerate(ports, start=1)}, booted)

    def port(self, reference: str) -> FakePort:
        element, _, name = reference.partition("/")
        return self.elements[element].ports[name]

    def uptime(self, element: str) -> int:
        return round((self.clock.now() - self.elements[element].booted).total_seconds() * 100) % 2**32

    def down(self, *references: str, oper: int = 2) -> None:
        for reference in references:
            port = self.port(reference)
            port.oper, port.changed = oper, self.uptime(reference.partition("/")[0])

    def up(self, *references: str) -> None:
        self.down(*references, oper=1)

    def count(self, reference: str, octets_in: int, octets_out: int = 0) -> None:
        port = self.port(reference)
        port.octets_in, port.octets_out = port.octets_in + octets_in, port.octets_out + octets_out

    def reboot(self, element: str) -> None:
        self.elements[element].booted = self.clock.now()
        for port in self.elements[element].ports.values():
            port.octets_in = port.octets_out = port.changed = 0

    def answers(self, element: str) -> bool:
        return not self.elements[element].silent

    async def poll(self, jobs: Sequence[PollJob]) -> PollBatch:
        builder = BatchBuilder(jobs)
        for row, job in enumerate(jobs):
            name = job.target.element
            self.asked.append((name, tuple(port.name for port in job.ports)))
            if not self.answers(name):
                builder.failed(PollFailure(name, Reason.TIMEOUT, "no answer in 1 s"))
                continue
            builder.answered(row, self.clock.now().timestamp(), self.clock.monotonic(), self.uptime(name))
            for position, ref in enumerate(job.ports):
                sample = self._sample(name, ref.if_index)
                if sample is None:
                    builder.failed(PollFailure(name, Reason.NO_SUCH_INSTANCE, "no such port", ref.if_index))
                elif sample.name != ref.name:
                    builder.failed(PollFailure(name, Reason.WRONG_NAME, f"is now {sample.name}", ref.if_index))
                else:
                    builder.port(row, position, sample)
        return builder.build()

    async def discover(self, target: Target, deadline: float = 10.0) -> tuple[PortRef, ...]:
        del deadline
        if not self.answers(target.element):
            raise ElementTimeout(target.element, "no answer in 1 s")
        return tuple(PortRef(port.index, name) for name, port in self.elements[target.element].ports.items())

    async def targeted(self, target: Target, if_index: int, deadline: float = 3.0) -> PortSample:
        del deadline
        if not self.answers(target.element):
            raise ElementTimeout(target.element, "no answer in 1 s")
        sample = self._sample(target.element, if_index)
        if sample is None:
            raise NoSuchObject(target.element, f"no port with ifIndex {if_index}")
        return sample

    def keep(self, elements: Container[str]) -> None:
        self.kept = elements

    def _sample(self, element: str, if_index: int) -> PortSample | None:
        found = next(((name, port) for name, port in self.elements[element].ports.items() if port.index == if_index), None)
        if found is None:
            return None
        name, port = found
        values = {
            Column.OPER_STATUS: port.oper,
            Column.ADMIN_STATUS: port.admin,
            Column.LAST_CHANGE: port.changed,
            Column.DISCONTINUITY: port.discontinuity,
            Column.IN_OCTETS: port.octets_in % 2 ** (32 if self.narrow else 64),
            Column.OUT_OCTETS: port.octets_out % 2 ** (32 if self.narrow else 64),
            Column.HIGH_SPEED: self.speed_mbps,
        }
        wall, monotonic = self.clock.now().timestamp(), self.clock.monotonic()
        return PortSample(if_index, name, wall, monotonic, self.uptime(element), values, self.narrow)


class FakeReceiver:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[Trap] = asyncio.Queue(100)
        self.senders = Senders(1000, 1000)
        self.stats = TrapStats()

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


@dataclass
class World:
    """`run` drives assurance's coroutines; nothing in it waits."""

    database: Database
    clock: FakeClock
    network: FakeNetwork
    polling: PollingSettings = field(default_factory=lambda: PollingSettings(interval_s=INTERVAL))
    assurance: AssuranceSettings = field(default_factory=AssuranceSettings)
    usage: UsageSettings = field(default_factory=lambda: UsageSettings(bin_s=300))
    book: Book = field(default_factory=Book)
    monitors: Mapping[str, Sequence[Monitor]] = field(default_factory=dict)
    """Of specifications; what is usual for all others."""
    customers: dict[str, str] = field(default_factory=dict)
    """Name → account number."""

    def __post_init__(self) -> None:
        self.service = self.restarted()

    def restarted(self, receiver: Receives | None = None) -> AssuranceService:
        """As after a restart of the daemon: nothing in memory."""
        self.service = AssuranceService(
            AssuranceParts(
                database=self.database,
                clock=self.clock,
                collector=self.network,
                resolve=Credential,
                book=self.book,
                monitors_of=self._monitors_of,
                polling=self.polling,
                assurance=self.assurance,
                usage=self.usage,
                ears=Ears(traps=receiver),
            )
        )
        return self.service

    # -- the network

    def element(self, name: str, customer: Sequence[str] = (), core: Sequence[str] = (), **attributes: object) -> None:
        with self.database.write() as session:
            row = add_element(session, name, customer=customer, core=core, attributes=dict(attributes))
            number = len(self.network.elements) + 1
            row.endpoints.append(
                EndpointRow(id=new_id("end"), protocol="snmp", host=f"192.0.2.{number}", port=161, credential="public")
            )
        self.network.add(name, [*customer, *core])

    def host(self, element: str) -> str:
        with self.database.read() as session:
            row = session.scalars(select(ElementRow).where(ElementRow.name == element)).one()
            return row.endpoints[0].host

    def link(self, a: str, b: str, name: str) -> None:
        with self.database.write() as session:
            add_link(session, a, b)
            row = session.scalars(select(LinkRow).where(LinkRow.name == f"{a}--{b}")).one()
            row.name = name

    # -- the services

    def customer(self, name: str) -> str:
        if name not in self.customers:
            with self.database.write() as session:
                row = create_customer(session, CustomerData(name), EPOCH)
                agree(session, row, AgreementTerms("internet", "gold", "metered"), since=EPOCH, at=EPOCH)
                self.customers[name] = row.account_number
        return self.customers[name]

    def order(
        self,
        service_id: str,
        customer: str,
        ports: Sequence[str],
        *,
        transit: Sequence[str] = (),
        links: Sequence[str] = (),
        specification: str = "internet-access",
    ) -> str:
        """A service that is active from now on, with first readings of its endpoints."""
        account = self.customer(customer)
        lifecycle = self.service.lifecycle
        with self.database.write() as session:
            new = NewService(service_id, specification, "1", account, {}, id=service_id)
            row = create_service(session, new, self.clock.now())
            resources: dict[str, Role] = {port_id(session, port): "transit" for port in transit}
            resources |= {port_id(session, port): "endpoint" for port in ports}
            ids = [session.scalars(select(LinkRow.id).where(LinkRow.name == link)).one() for link in links]
            set_resources(session, row.id, resources, ids)
        readings = lifecycle.read_counters(ports, deadline=float("inf"))
        with self.database.write() as session:
            row = session.get_one(ServiceRow, service_id)
            row.state, row.started_at = "active", self.clock.now()
            lifecycle.activated(session, row, readings, self.clock.now())
        return service_id

    def delete(self, service_id: str, ports: Sequence[str], *, read: bool = True, readings: CounterReadings | None = None) -> None:
        """`readings`: those that were taken before."""
        if readings is None:
            readings = self.service.lifecycle.read_counters(ports, deadline=float("inf")) if read else CounterReadings()
        with self.database.write() as session:
            row = session.get_one(ServiceRow, service_id)
            self.service.lifecycle.terminated(session, row, readings, self.clock.now())
            row.state, row.ended_at = "terminated", self.clock.now()
            row.resources.clear()

    # -- time and news

    def run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run(work)

    def poll(self, after: float = INTERVAL) -> None:
        self.clock.advance(after)
        self.run(self.service.poll_once())
        self.run(self.service.call_silent())

    def tick(self, after: float = 1.0) -> None:
        self.clock.advance(after)
        self.run(self.service.tick())
        self.run(self.service.look_again())
        self.run(self.service.call_silent())

    def trap(self, reference: str, oid: str = oids.LINK_DOWN, *, source: str = "") -> None:
        self.run(self.service.hearing.desk.handle([self.trap_of(reference, oid, source=source)]))

    def trap_of(self, reference: str, oid: str = oids.LINK_DOWN, *, source: str = "") -> Trap:
        """Of a port (element/port) or an element, as it is heard now."""
        element, _, name = reference.partition("/")
        varbinds: tuple[tuple[str, object], ...] = ()
        if name:
            index = self.network.port(reference).index
            varbinds = ((f"{oids.IF_INDEX}.{index}", index),)
        return Trap(
            received_at=self.clock.now(),
            source=source or self.host(element),
            version="v2c",
            trap_oid=oid,
            uptime=self.network.uptime(element),
            varbinds=varbinds,  # type: ignore[arg-type]
        )

    def _monitors_of(self, specification: str) -> Sequence[Monitor]:
        return self.monitors[specification]

    def rows(self, table: type[T], *order: object) -> list[T]:
        with self.database.read() as session:
            return all_rows(session, table, *order)


def all_rows(session: Session, table: type[T], *order: object) -> list[T]:
    return list(session.scalars(select(table).order_by(*order)))  # type: ignore[arg-type]


def metro(database: Database, clock: FakeClock, **settings: object) -> World:
    """pe1 ═ p1 ═ pe2, and an access switch behind pe2: two customers with an Ethernet line and an internet access.

    line: pe1/c1 over both links to pe2/c1; web: sw1/c1 over the uplink to pe2.
    """
    world = World(database, clock, FakeNetwork(clock), **settings)  # type: ignore[arg-type]
    world.element("pe1", ["c1", "c2"], ["x1"])
    world.element("p1", [], ["x1", "x2"])
    world.element("pe2", ["c1"], ["x1", "u1"])
    world.element("sw1", ["c1"], ["u1"])
    world.link("pe1/x1", "p1/x1", "west")
    world.link("p1/x2", "pe2/x1", "east")
    world.link("sw1/u1", "pe2/u1", "uplink")
    return world
