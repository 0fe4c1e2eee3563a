"""Moving a service off a link: the elements that it takes, the order that does it, and when there is no other way."""

import pytest
from sqlalchemy import select

from agent.fulfillment.errors import OrderRefused, StateRefused
from agent.fulfillment.rerouting import CLIENT, Rerouter
from agent.fulfillment.tables import ChangeSetRow, OrderItemRow
from inventory.errors import UnknownObject
from inventory.tables import ServiceRow
from tests.agent.fulfillment.network import DOCUMENT, Operator, eline, ports


def switch(name):
    there = [*ports(["1", "2"]), *ports(["up1", "up2"], "core", 3)]
    return {"name": name, "site": "lab", "platform": "qbridge", "role": "access", "ports": there}


LINKS = [
    {"name": "direct", "a": "sw1/up1", "b": "sw2/up1"},
    {"name": "left", "a": "sw1/up2", "b": "sw3/up1"},
    {"name": "right", "a": "sw3/up2", "b": "sw2/up2"},
]
TRIANGLE = DOCUMENT | {"elements": [switch(f"sw{number}") for number in (1, 2, 3)], "links": LINKS}


@pytest.fixture
def operator(database, clock) -> Operator:
    return Operator(database, clock, TRIANGLE)


@pytest.fixture
def service(operator) -> str:
    placed = operator.place(eline())
    with operator.database.write() as session:
        for item in session.scalars(select(OrderItemRow)):
            item.state = "completed"
        placed_service = placed.designs[0].service_id
        session.get_one(ServiceRow, placed_service).state = "active"
    return placed_service


def way(operator, service, *avoid):
    with operator.database.read() as session:
        return Rerouter(operator.desk).way(session, service, frozenset(avoid), operator.clock.now()).elements


def test_the_other_way_is_over_other_elements_and_nothing_is_written(operator, service):
    assert way(operator, service) == {"sw1", "sw2"}
    assert way(operator, service, "direct") == {"sw1", "sw2", "sw3"}
    with operator.database.read() as session:
        assert len(session.scalars(select(OrderItemRow.id)).all()) == 1


def test_it_is_an_ordinary_modify_to_what_it_is(operator, service):
    with operator.database.write() as session:
        request = Rerouter(operator.desk).request(session, service, frozenset({"direct"}), "because direct is cut")
        order = operator.desk.place(session, request, CLIENT, operator.clock.now()).order
        (item,) = order.items
        assert (order.client, item.action, item.service_id, item.characteristics) == (
            CLIENT,
            "modify",
            service,
            session.get_one(ServiceRow, service).characteristics,
        )
        assert order.document["description"] == "because direct is cut"
        changed = set(session.scalars(select(ChangeSetRow.element).where(ChangeSetRow.plan_id == item.plan_id)))
    assert changed == {"sw1", "sw2", "sw3"}


def test_without_another_way_it_is_refused(operator, service):
    with pytest.raises(OrderRefused, match="there is no way from sw1 to sw2"):
        way(operator, service, "direct", "left")


@pytest.mark.parametrize("state", ["inactive", "terminated"])
def test_only_active_services_are_moved(operator, service, state):
    with operator.database.write() as session:
        session.get_one(ServiceRow, service).state = state
    with pytest.raises(StateRefused, match=f"is {state}"):
        way(operator, service, "direct")


def test_a_service_that_is_not_there_is_unknown(operator):
    with pytest.raises(UnknownObject):
        way(operator, "svc-nowhere", "direct")


def test_a_way_is_found_again_by_leaving_out_as_little_as_is_needed(operator, service):
    def leading(way, *avoids):
        with operator.database.read() as session:
            rerouter = Rerouter(operator.desk)
            return rerouter.leading(session, service, frozenset(way), [frozenset(avoid) for avoid in avoids], operator.clock.now())[
                0
            ]

    assert leading({"direct"}, (), ("left",)) == frozenset()
    assert leading({"left", "right"}, (), ("direct",)) == {"direct"}
    with pytest.raises(StateRefused, match="over left is not one that it would be given"):
        leading({"left"}, (), ("direct",))
