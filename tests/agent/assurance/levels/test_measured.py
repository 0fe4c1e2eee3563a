"""Nobody says "up" of what nobody measures."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from agent.assurance.tables import AlarmRow, ServiceStateRow
from inventory.db import Database
from inventory.tables import ElementRow, EndpointRow
from policies.values import new_id
from tests.agent.assurance.world import World, metro
from tests.clock import FakeClock


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    unplug(world, "sw1")
    return world


def unplug(world: World, element: str) -> None:
    with world.database.write() as session:
        owner = select(ElementRow.id).where(ElementRow.name == element).scalar_subquery()
        session.execute(delete(EndpointRow).where(EndpointRow.element_id == owner))


def plug(world: World, element: str) -> None:
    with world.database.write() as session:
        row = session.scalars(select(ElementRow).where(ElementRow.name == element)).one()
        row.endpoints.append(EndpointRow(id=new_id("end"), protocol="snmp", host="192.0.2.99", port=161, credential="public"))


def states(world: World, service: str) -> list[tuple[str, str]]:
    rows = world.rows(ServiceStateRow, ServiceStateRow.start)
    return [(row.state, row.reason) for row in rows if row.service_id == service]


def test_a_service_over_an_element_that_cannot_be_asked_is_unknown_and_says_why(world: World) -> None:
    world.order("web", "Acme", ["sw1/c1"], links=["uplink"])
    world.order("line", "Acme", ["pe1/c1"])
    world.poll()
    assert states(world, "web") == [("unknown", "sw1 (not measured: no SNMP endpoint)")]
    assert states(world, "line") == [("up", "")]
    assert world.rows(AlarmRow) == []


def test_what_is_known_to_be_down_is_down(world: World) -> None:
    world.order("web", "Acme", ["sw1/c1"], links=["uplink"])
    world.poll()
    world.network.down("pe2/u1")
    world.poll()
    assert [state for state, _ in states(world, "web")] == ["unknown", "down"]
    world.network.up("pe2/u1")
    world.poll()
    assert states(world, "web")[-1] == ("unknown", "sw1 (not measured: no SNMP endpoint)")


@pytest.mark.parametrize("restarts", [False, True])
def test_it_becomes_known_when_the_element_is_asked_at_last(world: World, *, restarts: bool) -> None:
    world.order("web", "Acme", ["sw1/c1"], links=["uplink"])
    world.poll()
    plug(world, "sw1")
    if restarts:
        world.restarted()
    world.poll()
    assert [state for state, _ in states(world, "web")] == ["unknown", "up"]
    row = world.rows(ServiceStateRow, ServiceStateRow.start)[-1]
    assert row.start == world.clock.now()
    world.poll()
    assert len(states(world, "web")) == 2


def test_it_becomes_unknown_when_the_endpoint_goes(world: World) -> None:
    world.order("line", "Acme", ["pe1/c1"])
    world.poll()
    unplug(world, "pe1")
    world.poll()
    assert [state for state, _ in states(world, "line")] == ["up", "unknown"]
    assert world.rows(ServiceStateRow, ServiceStateRow.start)[-1].start - world.clock.now() == timedelta()
