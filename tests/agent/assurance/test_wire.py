"""The same story over real sockets: simulated elements, SNMP polls, SNMP traps, a cut, a repair."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import select

from agent.assurance.events.hearing import Ears
from agent.assurance.service import AssuranceParts, AssuranceService
from agent.assurance.tables import AlarmRow, ProblemRow, ReadingRow, ServiceStateRow, UsageBinRow
from agent.clock import SystemClock
from agent.config import AssuranceSettings, PollingSettings, UsageSettings
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from crm_bridge.tables import TicketRow
from drivers.port import Credential
from drivers.sim.inventory import inventory_document
from drivers.sim.network import SimNetwork
from drivers.sim.thread import SimThread
from drivers.sim.topology import parse_topology
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.traps import TrapReceiver, TrapSettings
from inventory.db import Database
from inventory.importer import import_document
from inventory.services import NewService, create_service, set_resources
from inventory.source import Source
from inventory.tables import LinkRow, ServiceRow
from tests.agent.assurance.world import all_rows
from tests.agent.fulfillment.network import shipped
from tests.inventory.factory import port_id
from tests.loopback import fresh, own_address

Row = TypeVar("Row")
PATIENCE_S = 60

TOPOLOGY = {
    "name": "assurance",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["c1", "x1"]},
        {"name": "p1", "platform": "ietf", "role": "core", "ports": ["x1", "x2"]},
        {"name": "pe2", "platform": "ios", "ports": ["c1", "x1"]},
    ],
    "links": [{"name": "west", "a": "pe1:x1", "b": "p1:x1"}, {"name": "east", "a": "p1:x2", "b": "pe2:x1"}],
    "traffic": [{"name": "office", "from": "pe1:c1", "to": "pe2:c1", "bps": 8_000_000}],
}


@pytest.fixture
def sim() -> Iterator[SimThread]:
    topology = parse_topology(TOPOLOGY | {"traps_to": [f"{own_address()}:16200"]}).moved(fresh())
    with SimThread(topology) as thread:
        yield thread


class Watch:
    def __init__(self, database: Database, sim: SimThread, attempt_s: float = 10.0) -> None:
        self.database, self.sim = database, sim
        secrets = sim.network.topology.credentials.resolve()
        clock, catalog = SystemClock(), shipped()
        self.clock = clock
        host, port = sim.network.topology.trap_targets()[0]
        self.service = AssuranceService(
            AssuranceParts(
                database=database,
                clock=clock,
                collector=Collector(clock, CollectorLimits(attempt=attempt_s)),
                resolve=lambda reference: Credential(reference, community=secrets.community),
                book=catalog,
                monitors_of=lambda name: catalog.specification(name).watched,
                polling=PollingSettings(interval_s=1),
                assurance=AssuranceSettings(recheck_s=60),
                usage=UsageSettings(bin_s=2),
                ears=Ears(traps=TrapReceiver(TrapSettings(host, port, frozenset({secrets.community})), clock)),
            )
        )
        self._fill()

    def _fill(self) -> None:
        document = inventory_document(self.sim.network)
        for link in document["links"]:  # type: ignore[attr-defined]
            link["a"], link["b"] = link["a"].replace(":", "/", 1), link["b"].replace(":", "/", 1)
        with self.database.write() as session:
            import_document(session, Source.of_data(document, "network.yaml"), at=self.clock.now(), platforms=("ietf", "ios"))
            customer = create_customer(session, CustomerData("Acme"), self.clock.now())
            agree(session, customer, AgreementTerms("line", "gold", "metered"), since=self.clock.now(), at=self.clock.now())
            new = NewService("line", "l2-eline", "1.0.0", customer.account_number, {}, id="svc-line")
            row = create_service(session, new, self.clock.now())
            links = list(session.scalars(select(LinkRow.id)))
            set_resources(session, row.id, {port_id(session, port): "endpoint" for port in ("pe1/c1", "pe2/c1")}, links)

    def activate(self) -> None:
        lifecycle = self.service.lifecycle
        readings = lifecycle.read_counters(["pe1/c1", "pe2/c1"], time.monotonic() + 60)
        assert readings.failures == {}
        with self.database.write() as session:
            row = session.get_one(ServiceRow, "svc-line")
            row.state, row.started_at = "active", self.clock.now()
            lifecycle.activated(session, row, readings, self.clock.now())

    def rows(self, table: type[Row], *order: object) -> list[Row]:
        with self.database.read() as session:
            return all_rows(session, table, *order)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        await self.service.start()
        try:
            yield
        finally:
            await self.service.stop()

    async def until(self, what: Callable[[], bool], seconds: float = PATIENCE_S, *, ticking: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(what):
            assert time.monotonic() < deadline, "it did not happen in time"
            if ticking:
                await self.service.tick()
                await self.service.look_again()
                await self.service.call_silent()
            await asyncio.sleep(0.05)


def done_at(sim: SimThread, act: Callable[[SimNetwork, str], None], link: str) -> float:
    """When the network did it, however late it came to it."""

    def timed(network: SimNetwork) -> float:
        begun = time.time()
        act(network, link)
        return begun

    return sim.call(timed)


class Stillness:
    """How long the machine let nothing go on, at the longest: as much may be between an instant and when it is looked at."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_s = max(self.longest_s, time.monotonic() - before)


def test_a_cut_on_the_wire_is_one_ticket_from_a_trap_and_downtime_to_the_instant(database: Database, sim: SimThread) -> None:
    watch, still = Watch(database, sim), Stillness()

    async def story() -> tuple[float, float]:
        watching = asyncio.create_task(still.watch())
        await asyncio.to_thread(watch.activate)
        async with watch.listening():
            await watch.service.poll_once()
            assert watch.rows(AlarmRow) == []
            cut = await asyncio.to_thread(done_at, sim, SimNetwork.cut, "east")
            await watch.until(lambda: bool(watch.rows(TicketRow)))
            await asyncio.sleep(1)  # the outage has to last, for its length is what is measured
            restored = await asyncio.to_thread(done_at, sim, SimNetwork.restore, "east")
            await watch.until(lambda: all(row.state == "resolved" for row in watch.rows(ProblemRow)))
            # the first of two traps may have led to the reads of both ends
            await watch.until(lambda: watch.service.figures().traps_processed >= 4)
            watching.cancel()
            return cut, restored

    cut, restored = asyncio.run(story())
    about = 0.3 + 4 * still.longest_s
    (problem,) = watch.rows(ProblemRow)
    assert problem.root_object == "link:east"
    assert {f"{alarm.element}/{alarm.object}" for alarm in watch.rows(AlarmRow)} == {"p1/x2", "pe2/x1"}
    (ticket,) = watch.rows(TicketRow)
    assert ticket.status == "resolved"
    up, down, again = watch.rows(ServiceStateRow, ServiceStateRow.start)
    assert (up.state, down.state, again.state) == ("up", "down", "up")
    assert abs(down.start.timestamp() - cut) < about
    assert down.end is not None
    assert abs((down.end - down.start) - timedelta(seconds=restored - cut)) < timedelta(seconds=about)


def test_traffic_on_the_wire_becomes_bins_that_add_up_to_what_the_element_counted(database: Database, sim: SimThread) -> None:
    watch = Watch(database, sim)

    async def story() -> None:
        await asyncio.to_thread(watch.activate)
        for _ in range(4):
            await watch.service.poll_once()
            await asyncio.sleep(1)  # octets need time to flow
        await watch.service.poll_once()

    asyncio.run(story())
    readings = watch.service.lifecycle.read_counters(["pe1/c1", "pe2/c1"], time.monotonic() + 60)
    with database.write() as session:
        row = session.get_one(ServiceRow, "svc-line")
        watch.service.lifecycle.terminated(session, row, readings, watch.clock.now())
    for port in ("pe1/c1", "pe2/c1"):
        with database.read() as session:
            key = port_id(session, port)
        counted = [row.octets_in + row.octets_out for row in watch.rows(ReadingRow, ReadingRow.at) if row.port_id == key]
        billed = sum(row.octets_in + row.octets_out for row in watch.rows(UsageBinRow) if row.port_id == key)
        assert billed == counted[-1] - counted[0] > 1_000_000
    assert {row.quality for row in watch.rows(UsageBinRow)} <= {"measured", "interpolated"}


def test_a_silent_element_and_its_return_are_seen_on_the_wire(database: Database, sim: SimThread) -> None:
    watch = Watch(database, sim, attempt_s=0.5)

    async def story() -> None:
        await asyncio.to_thread(watch.activate)
        await watch.service.poll_once()
        await asyncio.to_thread(sim.call, _silence, "pe1")
        await watch.service.poll_once()
        await watch.until(lambda: any(row.cause == "elementUnreachable" for row in watch.rows(AlarmRow)), ticking=True)
        assert [row.state for row in watch.rows(ServiceStateRow, ServiceStateRow.start)] == ["up", "unknown"]
        await asyncio.to_thread(sim.call, _speak, "pe1")
        await watch.until(lambda: len(watch.rows(ServiceStateRow)) == 3, ticking=True)
        assert [row.state for row in watch.rows(ServiceStateRow, ServiceStateRow.start)] == ["up", "unknown", "up"]

    asyncio.run(story())


def _silence(network: SimNetwork, element: str) -> None:
    network.element(element).faults.silence_snmp()


def _speak(network: SimNetwork, element: str) -> None:
    network.element(element).faults.clear()
