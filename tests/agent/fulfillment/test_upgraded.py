"""An installation of 0.1.0 that is brought to the schema of today: no row is lost, and what stands there can be changed.

`data/schema-0001.fabd` is a backup that fabd 0.1.0 wrote. It holds three internet accesses (on pe1; on pe3 with a rate; from sw1
carried to pe3), an Ethernet line (pe3 over p1 and p2 to pe4) and an IP VPN (pe3, pe4).
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from agent import storage
from agent.fulfillment.designer import Designer
from agent.fulfillment.events import Announcer
from agent.fulfillment.orders import OrderDesk
from agent.fulfillment.outcome import Outcomes
from agent.fulfillment.realisation import Realisation
from agent.fulfillment.requests import ItemRequest, OrderRequest
from agent.fulfillment.tables import OrderRow
from agent.tables import metadata
from drivers.platform import load_platform
from inventory.services import service_view
from inventory.tables import ElementRow, ServicePartRow, ServiceRow, StatementRow
from tests.agent.fulfillment.fakes import FakeElement, lines
from tests.agent.fulfillment.network import CLIENT, REALISES, delete, shipped
from tests.agent.fulfillment.world import CONFIRMED, IMMEDIATE, World

BACKUP = Path(__file__).parent / "data" / "schema-0001.fabd"
ELEMENTS = {"pe1": CONFIRMED} | dict.fromkeys(("pe3", "pe4", "p1", "p2", "sw1"), IMMEDIATE)


class Upgraded(World):
    """The elements bear what the services of the backup left there."""

    def __init__(self, database, clock) -> None:
        super().__init__(database, clock, *(FakeElement(name, commitment) for name, commitment in ELEMENTS.items()))
        with database.read() as session:
            self.services = list(session.scalars(select(ServiceRow.id).order_by(ServiceRow.id)))
            parts = select(ElementRow.name, ServicePartRow.desired).join(ElementRow, ElementRow.id == ServicePartRow.element_id)
            for element, desired in session.execute(parts):
                self.elements[element].running |= lines(desired)
        designer = Designer(shipped(), load_platform, REALISES)
        self.desk = OrderDesk(designer, self.queue, Announcer(), self.settings)
        self.outcomes = Outcomes(self.queue, self.realisation(), Announcer(), self.settings)

    def _import(self) -> None:
        """The network came with the backup."""

    def realisation(self) -> Realisation:
        return Realisation(self.lifecycle, Announcer(), load_platform)

    def carry_out(self, *items: ItemRequest) -> str:
        """The state that the order ends in."""
        with self.database.write() as session:
            order = self.desk.place(session, OrderRequest("10000119", items), CLIENT, self.clock.now()).order
        self.work_off()
        return self.order_row(order.id).state

    def each(self, action: str, *, described: str = "", **wanted) -> list[ItemRequest]:
        """An item for every service, which keeps its characteristics but for the description."""
        with self.database.read() as session:
            views = [service_view(session, service) for service in self.services]
        more = {"description": described} if described else {}
        return [
            ItemRequest(str(number), action, service_id=view.id, characteristics=dict(view.characteristics) | more, **wanted)
            for number, view in enumerate(views, 1)
        ]

    def statements(self) -> list[tuple[str, str, str]]:
        return self.rows(StatementRow, StatementRow.service_id, StatementRow.element_id, StatementRow.slot)

    def running(self) -> dict[str, set[str]]:
        return {name: set(element.running) for name, element in self.elements.items()}


@pytest.fixture
def upgraded(database, clock) -> Upgraded:
    metadata.drop_all(database.engine)
    storage.restore(database, BACKUP)
    clock.step_to(datetime(2026, 12, 1, tzinfo=UTC))
    return Upgraded(database, clock)


def test_every_row_is_there_and_the_schema_is_that_of_today(upgraded):
    assert storage.check(upgraded.database).problems == ()
    assert upgraded.service_states() == dict.fromkeys(upgraded.services, "active")
    orders = upgraded.rows(OrderRow, OrderRow.state, OrderRow.priority, OrderRow.milestones, OrderRow.cancellation_id)
    assert orders == [("completed", 100, [], "")] * 5


def test_what_old_services_say_is_written_down_once(upgraded):
    assert upgraded.statements() == []
    upgraded.realisation().backfill(upgraded.database)
    said = upgraded.statements()
    assert {service for service, _, _ in said} == set(upgraded.services)
    upgraded.realisation().backfill(upgraded.database)
    assert upgraded.statements() == said


def test_old_services_are_changed_suspended_resumed_and_ended(upgraded):
    upgraded.realisation().backfill(upgraded.database)
    allocated = upgraded.allocations()
    assert upgraded.carry_out(*upgraded.each("modify", described="after the upgrade")) == "completed"
    there = upgraded.running()
    changed = {name for name, text in there.items() if any("after the upgrade" in line for line in text)}
    assert changed == {"pe1", "pe3", "pe4", "sw1"}
    assert upgraded.carry_out(*upgraded.each("modify", state="inactive")) == "completed"
    assert set(map(frozenset, upgraded.running().values())) == {frozenset()}
    assert upgraded.allocations() == allocated
    assert upgraded.carry_out(*upgraded.each("modify", state="active")) == "completed"
    assert upgraded.running() == there
    assert upgraded.carry_out(*(delete(service, str(n)) for n, service in enumerate(upgraded.services))) == "completed"
    assert set(map(frozenset, upgraded.running().values())) == {frozenset()}
    assert set(upgraded.service_states().values()) == {"terminated"}
