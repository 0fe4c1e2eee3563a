"""What services tell assurance as they come and go: monitors, first and last readings, health from the first instant to the last.

Implements `agent.fulfillment.lifecycle.ServiceLifecycle` without knowing it.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from agent.assurance.collection.counters import WIDE, WRAPPING_WIDTH, Meta, Reading, billable
from agent.assurance.collection.meter import ACTIVATION, FINAL, Meter, Taken
from agent.assurance.collection.poller import Collects, Resolve
from agent.assurance.findings import Source, instant_of
from agent.assurance.levels import health
from agent.assurance.levels.impact import Footprint, Resource, footprints_of
from agent.assurance.tables import MonitorRow, PollRow
from agent.assurance.topology.watchlist import CONTRACT_FACTOR, STATUS, USAGE, UsageMonitor, usage_monitor
from agent.measurement.readings import CounterReading, CounterReadings
from drivers.errors import ElementError
from drivers.port import Target
from drivers.snmp.batch import PortSample
from drivers.snmp.columns import Column
from inventory.db import Database, once_committed
from inventory.prepared import Prepared, among
from inventory.storing import new_row, write
from inventory.surroundings import Surroundings
from inventory.tables import ElementRow, EndpointRow, PortRow, ServiceResourceRow, ServiceRow
from inventory.topology import Graph, split_reference
from policies.specification import Monitor
from policies.values import Clock, new_id

Activated = tuple[ServiceRow, CounterReadings]
"""With the first readings of its endpoints."""
MonitorsOf = Callable[[str], Sequence[Monitor]]
"""Name of a specification → its monitors; raises `LookupError` for one that is not installed."""

Renewed = Callable[[Session, Sequence[ServiceRow]], None]
"""Told of services that are active from now on, or others; in the transaction in which that holds."""


def unnoticed(session: Session, services: Sequence[ServiceRow]) -> None:
    """Nobody wants to know."""
    del session, services


USUAL = (Monitor(kind="usage", of=("endpoint",)), Monitor(kind="state", of=("endpoint", "transit")))
"""For services whose specification is not installed any more."""

MEGABIT = 1_000_000
SHORTEST_READ = 0.1
AHEAD_S = 5.0
"""So long a port may be read where it was looked up ahead: as if it had been read a little sooner."""

_Where = Row[str, str, str, int, str, str, int | None]
"""Element, platform, host, port, credential, name, if_index."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a port is read."""

    reference: str
    target: Target
    name: str
    if_index: int | None


class AssuranceLifecycle:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        meter: Meter,
        collector: Collects,
        *,
        resolve: Resolve,
        monitors_of: MonitorsOf,
        changed: Callable[[], None] = lambda: None,
        renewed: Renewed = unnoticed,
    ) -> None:
        """`changed` is called when what is watched for services is another."""
        self._database, self._clock, self._meter, self._changed = database, clock, meter, changed
        self._collector, self._resolve, self._monitors_of = collector, resolve, monitors_of
        self._renewed = renewed
        self._ahead: dict[str, tuple[float, _Where | None]] = {}
        """Port → when it was looked up ahead, and where it is read; None: nowhere. Good for once, and for a moment."""

    def look_ahead(self, session: Session, ports: Collection[str]) -> None:
        if ports:
            now, found = time.monotonic(), _where(session, ports)
            self._ahead.update((port, (now, found.get(port))) for port in ports)

    def read_counters(self, ports: Sequence[str], deadline: float) -> CounterReadings:
        """Blocks its thread, which must have no running loop. `deadline`: seconds on `time.monotonic()`."""
        poll_id, started = new_id("pll", self._clock.now()), self._clock.now()
        places, failures = self._places(ports)
        found: dict[str, CounterReading] = {}
        if not places:
            return CounterReadings("", (), failures)  # nobody was asked
        asyncio.run(self._read(places, deadline, found, failures))
        elements = {split_reference(port)[0] for port in ports}
        with self._database.write() as session:
            session.add(
                PollRow(
                    id=poll_id,
                    started_at=started,
                    ended_at=self._clock.now(),
                    source=Source.SERVICE.value,
                    elements=len(elements),
                    failures=failures,
                )
            )
        return CounterReadings(poll_id, tuple(found[port] for port in ports if port in found), failures)

    def activated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        self.all_activated(session, [(service, readings)], at)

    def all_activated(
        self, session: Session, activated: Sequence[Activated], at: datetime, *, new: AbstractSet[str] = frozenset()
    ) -> None:
        """Many to a statement: services come to be in sets. Of those that are `new` nothing is looked for that they would have."""
        if session.new:
            session.flush()
        once_committed(session, self._changed)
        topology = Surroundings(session)
        ids = [service.id for service, _ in activated]
        resources = _resources(session, ids)
        topology.look_ahead(row.port_id for rows in resources.values() for row in rows if row.port_id is not None)
        with session.no_autoflush:
            again = _monitors_of(session, [each for each in ids if each not in new])
        held = {(row.service_id, row.port_id, row.kind): row for row in again}
        begun: list[MonitorRow] = []
        for service, _ in activated:
            wanted = self._wanted(service.specification, resources[service.id])
            mine = {(port_id, kind): row for (service_id, port_id, kind), row in held.items() if service_id == service.id}
            for key, row in mine.items():
                if row.ended_at is None and key not in wanted:
                    self._end(session, service, topology, row, CounterReadings(), at)
            begin = sorted(key for key in wanted if key not in mine or mine[key].ended_at is not None)
            begun += [self._begun(service, topology, mine.get(key), key, at) for key in begin]
        write(session, MonitorRow, [vars(row) for row in begun if row not in session])  # what is counted refers to them
        self._begin_counting(session, topology, activated, begun)
        runs_over = footprints_of(session, topology, {service: rows for service, rows in resources.items() if rows})
        health.begin_all(session, [runs_over.get(each, Footprint(each, frozenset())) for each in ids], at, never_were=new)
        self._renewed(session, [service for service, _ in activated])

    def _begin_counting(
        self, session: Session, topology: Graph, activated: Sequence[Activated], begun: Sequence[MonitorRow]
    ) -> None:
        of = {service.id: (service, readings) for service, readings in activated}
        for row in begun:
            if row.kind == USAGE:
                service, readings = of[row.service_id]
                node = topology.port_by_id(row.port_id)
                monitor = usage_monitor(row, node, service.characteristics)
                self._meter.begin(session, monitor, _taken(readings, node.reference, ACTIVATION))

    def modified(self, session: Session, service: ServiceRow, left: CounterReadings, came: CounterReadings, at: datetime) -> None:
        once_committed(session, self._changed)
        topology = Surroundings(session)
        session.flush()
        wanted = self._wanted(service.specification, _resources(session, [service.id])[service.id])
        held = {(row.port_id, row.kind): row for row in _monitors(session, service.id)}
        for key, row in held.items():
            if row.ended_at is None and key not in wanted:
                self._end(session, service, topology, row, left, at)
        begin = sorted(key for key in wanted if key not in held or held[key].ended_at is not None)
        begun = [self._begun(service, topology, held.get(key), key, at) for key in begin]
        write(session, MonitorRow, [vars(row) for row in begun if row not in session])  # what is counted refers to them
        self._begin_counting(session, topology, [(service, came)], begun)
        health.begin(session, topology, service.id, at)
        self._renewed(session, [service])

    def suspended(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        """The time until it is active again has no state: it is neither up nor down, and none of it was promised."""
        self.terminated(session, service, readings, at)

    def terminated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        once_committed(session, self._changed)
        topology = Surroundings(session)
        for row in _monitors(session, service.id):
            if row.ended_at is None:
                self._end(session, service, topology, row, readings, at)
        health.end(session, service.id, at)

    def _wanted(self, specification: str, resources: Iterable[Resource]) -> set[tuple[str, str]]:
        try:
            monitors = self._monitors_of(specification)
        except LookupError:
            monitors = USUAL
        return {
            (resource.port_id, USAGE if monitor.kind == "usage" else STATUS)
            for resource in resources
            for monitor in monitors
            if resource.port_id is not None and resource.role in monitor.of
        }

    def _begun(
        self, service: ServiceRow, topology: Graph, row: MonitorRow | None, key: tuple[str, str], at: datetime
    ) -> MonitorRow:
        """`row`: that of an earlier time. `key`: id of the port, kind."""
        if row is None:
            port_id, kind = key
            element_id = topology.element(topology.port_by_id(port_id).element).id
            new = {"service_id": service.id, "element_id": element_id, "port_id": port_id, "kind": kind, "started_at": at}
            return new_row(MonitorRow, id=new_id("mon", at), **new)
        row.started_at, row.ended_at = at, None
        return row

    def _end(  # noqa: PLR0917  see above
        self,
        session: Session,
        service: ServiceRow,
        topology: Graph,
        row: MonitorRow,
        readings: CounterReadings,
        at: datetime,
    ) -> None:
        row.ended_at = at
        if row.kind == USAGE:
            node = topology.port_by_id(row.port_id)
            monitor = usage_monitor(row, node, service.characteristics)
            last = _taken(readings, node.reference, FINAL)
            reason = readings.failures.get(node.reference, "")
            meta = _meta(monitor, node.speed_bps, _width(readings, node.reference))
            self._meter.end(session, monitor, last, meta, reason=reason, at=at)

    def _places(self, ports: Sequence[str]) -> tuple[list[_Place], dict[str, str]]:
        places, failures = [], {}
        rows = self._looked_up(ports)
        for reference in ports:
            row = rows.get(reference)
            if row is None:
                failures[reference] = "its element has no SNMP endpoint"
                continue
            try:
                credential = self._resolve(row.credential)
            except (LookupError, OSError, ValueError) as error:
                failures[reference] = f"credential: {error}"
                continue
            target = Target(row.element, row.platform, "snmp", row.host, row.port, credential)
            places.append(_Place(reference, target, row.name, row.if_index))
        return places, failures

    def _looked_up(self, ports: Sequence[str]) -> Mapping[str, _Where | None]:
        never: tuple[float, _Where | None] = (float("-inf"), None)
        since, ahead = time.monotonic() - AHEAD_S, {port: self._ahead.pop(port, never) for port in ports}
        if all(at > since for at, _ in ahead.values()):
            return {port: row for port, (_, row) in ahead.items()}
        with self._database.read() as session:
            return _where(session, ports)

    async def _read(
        self, places: Sequence[_Place], deadline: float, found: dict[str, CounterReading], failures: dict[str, str]
    ) -> None:
        async def one(place: _Place) -> None:
            try:
                sample = await self._sample(place, deadline)
                found[place.reference] = _reading(place.reference, sample)
            except (ElementError, LookupError) as error:
                failures[place.reference] = str(error)

        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(one(place))

    async def _sample(self, place: _Place, deadline: float) -> PortSample:
        """By the known index, and if that is another port by now, by the one that the element lists."""
        if place.if_index is not None:
            sample = await self._collector.targeted(place.target, place.if_index, _left(deadline))
            if sample.name == place.name:
                return sample
        listed: Mapping[str, int] = {
            port.name: port.if_index for port in await self._collector.discover(place.target, _left(deadline))
        }
        if place.name not in listed:
            raise LookupError(f"{place.reference}: the element lists no such port")
        return await self._collector.targeted(place.target, listed[place.name], _left(deadline))


def _left(deadline: float) -> float:
    return max(SHORTEST_READ, deadline - time.monotonic())


def _reading(reference: str, sample: PortSample) -> CounterReading:
    values = sample.values
    if Column.IN_OCTETS not in values or Column.OUT_OCTETS not in values:
        raise LookupError(f"{reference}: the element has no octet counters for it")
    width = WRAPPING_WIDTH if sample.narrow else WIDE
    if not billable(values.get(Column.HIGH_SPEED, 0) * MEGABIT, width):
        raise LookupError(
            f"{reference}: octet counters of 32 bits wrap unseen at its speed; the element has none of 64 bits for it"
        )
    return CounterReading(
        port=reference,
        at=instant_of(sample.wall),
        uptime_ticks=sample.uptime,
        discontinuity_ticks=values.get(Column.DISCONTINUITY, 0),
        octets_in=values[Column.IN_OCTETS],
        octets_out=values[Column.OUT_OCTETS],
        width=width,
    )


def _taken(readings: CounterReadings, reference: str, occasion: str) -> Taken | None:
    found = next((reading for reading in readings.readings if reading.port == reference), None)
    if found is None:
        return None
    reading = Reading(
        wall=found.at.timestamp(),
        monotonic=None,
        uptime=found.uptime_ticks,
        discontinuity=found.discontinuity_ticks,
        values=(found.octets_in, found.octets_out),
    )
    return Taken(reading, found.at, readings.poll_id, occasion)


def _width(readings: CounterReadings, reference: str) -> int:
    return next((reading.width for reading in readings.readings if reading.port == reference), WIDE)


def _meta(monitor: UsageMonitor, speed_bps: int, width: int) -> Meta:
    return Meta(max(speed_bps, monitor.contract_bps * CONTRACT_FACTOR), width)


def _monitors(session: Session, service_id: str) -> list[MonitorRow]:
    return list(session.scalars(select(MonitorRow).where(MonitorRow.service_id == service_id).order_by(MonitorRow.id)))


def _monitors_of(session: Session, services: Sequence[str]) -> list[MonitorRow]:
    """Of those that come again; most never were, and have none."""
    if not services or not _MONITORED.rows(session.connection(), {"services": services}):
        return []
    return list(session.scalars(select(MonitorRow).where(MonitorRow.service_id.in_(services)).order_by(MonitorRow.id)))


def _resources(session: Session, services: Sequence[str]) -> dict[str, list[Resource]]:
    """By service. Past the session: what it has not written yet is not seen."""
    found: dict[str, list[Resource]] = {service: [] for service in services}
    for service, *what in _RESOURCES.rows(session.connection(), {"services": services}):
        found[service].append(Resource(*what))
    return found


_MONITORED = Prepared(select(MonitorRow.id).where(among(MonitorRow.service_id, "services")).limit(1))
_RESOURCES = Prepared(
    select(ServiceResourceRow.service_id, ServiceResourceRow.port_id, ServiceResourceRow.link_id, ServiceResourceRow.role).where(
        among(ServiceResourceRow.service_id, "services")
    )
)


def _where(session: Session, ports: Collection[str]) -> Mapping[str, _Where]:
    """By port; those whose element is asked by SNMP."""
    split = [split_reference(reference) for reference in ports]
    wanted = {"elements": [element for element, _, _ in split], "ports": [name for _, _, name in split]}
    return {f"{row.element}/{row.name}": row for row in _PLACES.named(session.connection(), wanted)}


_PLACES = Prepared(
    select(
        ElementRow.name.label("element"),
        ElementRow.platform,
        EndpointRow.host,
        EndpointRow.port,
        EndpointRow.credential,
        PortRow.name,
        PortRow.if_index,
    )
    .join(EndpointRow, EndpointRow.element_id == ElementRow.id)
    .join(PortRow, PortRow.element_id == ElementRow.id)
    .where(among(ElementRow.name, "elements"), among(PortRow.name, "ports"), EndpointRow.protocol == "snmp")
)
