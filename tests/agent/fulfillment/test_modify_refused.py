"""A modify that cannot be meant, or that something stands against, is refused by name and leaves nothing."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from agent.fulfillment.errors import OrderConflict, OrderMalformed
from agent.fulfillment.requests import ItemRequest
from agent.fulfillment.tables import OrderItemRow
from inventory.services import service_view
from inventory.vlans import carries
from tests.agent.fulfillment.network import SHARED_RANGE, Operator, delete, eline, internet
from tests.agent.fulfillment.test_orders import activate, refused


@pytest.fixture
def operator(database, clock) -> Operator:
    return Operator(database, clock)


@pytest.fixture
def service(operator) -> str:
    service_id = operator.place(internet(port="pe1/ge-0/0/1")).order.items[0].service_id
    activate(operator, service_id)
    return service_id


def modify(service_id, reference="1", **options) -> ItemRequest:
    wanted = {"characteristics": {"port": "pe1/ge-0/0/1"}} | options
    return ItemRequest(reference, "modify", service_id=service_id, **wanted)


def test_a_service_that_is_being_changed(operator, service):
    order = operator.place(modify(service, characteristics={"port": "pe1/ge-0/0/0"})).order
    for item in (modify(service), delete(service)):
        ((code, where, message),) = refused(operator, OrderConflict, item)
        assert (code, where) == ("serviceBusy", "/items/0/service")
        assert order.id in message


@pytest.mark.parametrize("state", ["terminated", "reserved"])
def test_a_service_that_is_gone_or_not_there_yet(operator, service, state):
    activate(operator, service, state)
    ((code, where, message),) = refused(operator, OrderConflict, modify(service))
    assert (code, where) == ("serviceState", "/items/0/service")
    assert f"is {state} and cannot be the object of modify" in message


def test_the_specification_cannot_change(operator, service):
    ((code, where, _),) = refused(operator, OrderMalformed, modify(service, specification="l2-eline"))
    assert (code, where) == ("specificationChange", "/items/0/specification")


def test_the_same_specification_can_be_named(operator, service):
    assert operator.place(modify(service, specification="internet-access")).new


def test_characteristics_that_do_not_fit(operator, service):
    ((code, where, _),) = refused(operator, OrderMalformed, modify(service, characteristics={"port": "pe9/ge-0/0/1"}))
    assert (code, where) == ("invalidCharacteristic", "/items/0/characteristics/port")


def test_a_port_that_another_service_has(operator, service):
    operator.place(internet(port="pe1/ge-0/0/0"))
    ((code, _, message),) = refused(operator, OrderConflict, modify(service, characteristics={"port": "pe1/ge-0/0/0"}))
    assert code == "portInUse"
    assert "pe1/ge-0/0/0" in message


def test_a_service_has_its_vlan_also_where_it_is_to_come(database, clock):
    operator = Operator(database, clock, SHARED_RANGE)
    moving = operator.place(eline(a="sw1/1", b="sw1/2", vlan=150)).order.items[0].service_id
    activate(operator, moving)
    operator.place(ItemRequest("1", "modify", service_id=moving, characteristics={"a": "sw1/1", "b": "sw2/1", "vlan": 150}))
    with database.read() as session:
        assert [part.element for part in service_view(session, moving).parts] == ["sw1"]
        assert carries(session, "sw2", 150, besides=moving) is None
    assert carried(database, "sw2") == moving


def test_a_suspended_service_keeps_its_vlan_on_the_switch(database, clock):
    operator = Operator(database, clock, SHARED_RANGE)
    resting = operator.place(replace(eline(a="sw1/1", b="sw1/2", vlan=150), state="inactive")).order.items[0].service_id
    activate(operator, resting, "inactive")
    assert carried(database, "sw1") == resting
    ((code, _, message),) = refused(operator, OrderConflict, internet(accessPort="sw2/1", vlan=150))
    assert code == "vlanInUse"
    assert resting in message


def carried(database, element):
    with database.read() as session:
        return carries(session, element, 150)


def test_two_that_change_one_service_in_one_order(operator, service):
    ((code, _, _),) = refused(operator, OrderMalformed, modify(service), modify(service, "2"))
    assert code == "serviceTwice"


def test_ports_that_it_had_need_not_be_up_and_new_ones_must(operator, service):
    with operator.database.write() as session:
        placed = operator.desk.place(
            session,
            operator.request(modify(service, characteristics={"port": "pe1/ge-0/0/1", "description": "new"})),
            "portal",
            operator.clock.now(),
        )
        assert [change.set.ports for change in placed.changes] == [()]
        session.rollback()
    moved = operator.place(modify(service, characteristics={"port": "pe1/ge-0/0/0"}))
    assert [change.set.ports for change in moved.changes] == [("ge-0/0/0",)]
    with operator.database.read() as session:
        item = session.scalars(select(OrderItemRow).where(OrderItemRow.order_id == moved.order.id)).one()
        assert item.outlook["name"] == "internet access pe1/ge-0/0/0"
