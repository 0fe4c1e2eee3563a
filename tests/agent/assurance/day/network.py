"""Where the day happens: six towns on one core, each with the same five services, and what was promised to whom.

Per town, with `core` reached from the poller over `noc`::

    core ──west── pe1 ══cross══ pe2 ──east── core        line  pe1/c1 over cross to pe2/c1   Acme
                                 │                       far   pe1/c2                        Cora
                               uplink                    near  pe2/c2                        Cora
                                 │                       web   sw1/c1 over uplink            Bolt
                                sw1 ──tail── sw2         tail  sw2/c1 over tail and uplink   Acme

Promises are plain numbers here: fabd gets them as its policies, the oracle reckons with them as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from agent.config import AssuranceSettings
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from inventory.db import Database
from policies.sla import Sla
from policies.specification import Monitor
from policies.tariff import Tariff
from tests.agent.assurance.day.plant import POLLER, Plant
from tests.agent.assurance.world import World
from tests.clock import FakeClock
from tests.crm_bridge.book import Book

START = datetime(2026, 3, 29, tzinfo=UTC)
"""A Sunday; clocks in Berlin go forward at 01:00 UTC, and Mona's month ends at 22:00 UTC."""
LENGTH = 86_400
MONTH = (datetime(2026, 2, 27, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))
"""From the 28th of February (there is no 30th) to the 30th of March, on walls in Berlin."""
TOWNS = ("a", "b", "c", "d", "e", "f")
HOUR, DAY = 3600, 86_400
SETTINGS = AssuranceSettings(sla_interval_s=300)
"""Objectives every five minutes, for the day is long."""
UNCOUNTED = "uncounted"
"""A specification whose services want their state watched and no octets."""


@dataclass(frozen=True)
class Promise:
    """What one customer was promised, and pays for each of its services."""

    availability: int
    """Per cent."""
    credits: tuple[tuple[int, int], ...]
    """Below so many per cent, so many per cent of the fee."""
    unknown: str = "exclude"
    period_s: int = HOUR
    """0: from the 30th of a month to the next, in Berlin."""
    price: int = 12
    night: bool = False
    """Counts from midnight to six on walls in Berlin, and at no other time."""
    chronic: tuple[int, int, int] | None = None
    """So many outages of so many seconds within a day, so many per cent."""
    maintenance_s: int = 1800
    notice_s: int = DAY

    def sla(self, name: str) -> Sla:
        terms: dict[str, object] = {
            "name": name,
            "availability": self.availability,
            "unknown": self.unknown,
            "credits": [{"below": below, "percent": percent} for below, percent in self.credits],
            "maintenance": {"allowance": f"{self.maintenance_s} seconds", "notice": f"{self.notice_s} seconds"},
            "reopen_window": "30 minutes",
            **self._period(),
        }
        if self.night:
            every = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            weekly = [{"days": every, "from": "00:00", "to": "06:00"}]
            terms["service_hours"] = {"time_zone": "Europe/Berlin", "weekly": weekly}
        if self.chronic is not None:
            outages, seconds, percent = self.chronic
            terms["chronic"] = {"outages": outages, "of": f"{seconds} seconds", "within": "1 day", "percent": percent}
        return Sla.model_validate(terms)

    def tariff(self, name: str) -> Tariff:
        charge = {"basis": "flat", "name": "access", "title": "Access", "price": self.price}
        version = {"version": "1", "since": "2025-01-01", "charges": [charge]}
        return Tariff.model_validate({"name": name, "versions": [version], **self._period()})

    def _period(self) -> dict[str, object]:
        if not self.period_s:
            return {"period": "month", "anchor_day": 30, "time_zone": "Europe/Berlin"}
        return {"period": f"{self.period_s} seconds"}


HOURLY = ((99, 10), (90, 30), (50, 100))
PROMISES: Mapping[str, Promise] = MappingProxyType(
    {
        "Acme": Promise(99, HOURLY),
        "Bolt": Promise(99, HOURLY, unknown="1"),
        "Cora": Promise(99, HOURLY, unknown="0"),
        "Nora": Promise(99, HOURLY, period_s=DAY, night=True, price=40),
        "Mona": Promise(99, ((99, 10), (98, 25)), period_s=0, price=719),
        "Kira": Promise(90, ((90, 10),), chronic=(3, 60, 20)),
    }
)


@dataclass(frozen=True)
class Service:
    id: str
    customer: str
    ends: tuple[str, ...]
    links: tuple[str, ...] = ()
    transit: tuple[str, ...] = ()
    counted: bool = False
    """Its octets are."""


def services() -> tuple[Service, ...]:
    found = [
        service
        for t in TOWNS
        for service in (
            Service(f"{t}-line", "Acme", (f"{t}-pe1/c1", f"{t}-pe2/c1"), (f"{t}-cross",), (f"{t}-pe1/cross", f"{t}-pe2/cross")),
            Service(f"{t}-far", "Cora", (f"{t}-pe1/c2",)),
            Service(f"{t}-near", "Cora", (f"{t}-pe2/c2",)),
            Service(f"{t}-web", "Bolt", (f"{t}-sw1/c1",), (f"{t}-uplink",), (f"{t}-sw1/uplink", f"{t}-pe2/uplink")),
            Service(f"{t}-tail", "Acme", (f"{t}-sw2/c1",), (f"{t}-tail", f"{t}-uplink"), (f"{t}-sw2/tail", f"{t}-sw1/tail")),
        )
    ]
    return (
        *found,
        Service("night", "Nora", ("a-pe2/c3",)),
        Service("month", "Mona", ("b-pe2/c3",)),
        Service("chronic", "Kira", ("c-pe2/c3",)),
        Service("counted", "Cora", ("d-pe2/c3",), counted=True),
    )


SERVICES: Mapping[str, Service] = MappingProxyType({service.id: service for service in services()})


@dataclass
class DayWorld(World):
    """`network` is a `Plant`."""

    plant: Plant = field(init=False)

    def __post_init__(self) -> None:
        assert isinstance(self.network, Plant)
        self.plant = self.network
        super().__post_init__()

    def customer(self, name: str) -> str:
        if name not in self.customers:
            at = START - timedelta(days=60)
            with self.database.write() as session:
                row = create_customer(session, CustomerData(name), at)
                agree(session, row, AgreementTerms("internet", name, name), since=at, at=at)
                self.customers[name] = row.account_number
        return self.customers[name]

    def join(self, link: str, a: str, b: str) -> None:
        self.link(a, b, link)
        self.plant.join(link, a, b)


def build(database: Database) -> DayWorld:
    """As it stands when the day begins, all well and every service active."""
    clock = FakeClock(START)
    book = Book(
        {name: promise.sla(name) for name, promise in PROMISES.items()},
        {name: promise.tariff(name) for name, promise in PROMISES.items()},
    )
    status = Monitor(kind="state", of=("endpoint", "transit"))
    world = DayWorld(database, clock, Plant(clock, START), book=book, monitors={UNCOUNTED: (status,)}, assurance=SETTINGS)
    world.element(POLLER, [], ["core"], poller=True)
    world.element("core", [], ["noc", *(f"{town}-{side}" for town in TOWNS for side in ("west", "east"))])
    world.join("noc", f"{POLLER}/core", "core/noc")
    for town in TOWNS:
        _town(world, town)
    world.plant.settle()
    world.plant.log.edges.clear()
    for service in SERVICES.values():
        _order(world, service)
        if service.counted:
            world.plant.count_from(service.ends[0], 0)
    return world


def _town(world: DayWorld, t: str) -> None:
    world.element(f"{t}-pe1", ["c1", "c2"], ["west", "cross"])
    world.element(f"{t}-pe2", ["c1", "c2", "c3"], ["east", "cross", "uplink"])
    world.element(f"{t}-sw1", ["c1"], ["uplink", "tail"])
    world.element(f"{t}-sw2", ["c1"], ["tail"])
    world.join(f"{t}-west", f"core/{t}-west", f"{t}-pe1/west")
    world.join(f"{t}-east", f"core/{t}-east", f"{t}-pe2/east")
    world.join(f"{t}-cross", f"{t}-pe1/cross", f"{t}-pe2/cross")
    world.join(f"{t}-uplink", f"{t}-pe2/uplink", f"{t}-sw1/uplink")
    world.join(f"{t}-tail", f"{t}-sw1/tail", f"{t}-sw2/tail")


def _order(world: DayWorld, service: Service) -> None:
    world.order(
        service.id,
        service.customer,
        service.ends,
        transit=service.transit,
        links=service.links,
        specification="internet-access" if service.counted else UNCOUNTED,
    )
