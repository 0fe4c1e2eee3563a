"""Orders that come at the same time from several threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from agent.fulfillment.errors import OrderConflict
from agent.fulfillment.tables import OrderItemRow, OrderRow
from inventory.tables import AllocationRow, PortClaimRow, ServiceRow
from tests.agent.fulfillment.network import Operator, delete, eline, internet

CLIENTS = 8


@pytest.fixture
def operator(database, clock) -> Operator:
    return Operator(database, clock)


def all_at_once(operator, orders):
    """What each came to: an order id, or the code of its refusal."""

    def place(order):
        items, options = order
        try:
            return operator.place(*items, **options).order.id
        except OrderConflict as error:
            return error.refusals[0].code

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(place, orders))


def count(operator, column, *where):
    with operator.database.read() as session:
        return session.scalar(select(func.count(column)).where(*where))


def test_the_same_order_sent_many_times_at_once_is_one_order(operator):
    ids = all_at_once(operator, [([internet()], {"external_id": "A-1"})] * CLIENTS)
    assert len(set(ids)) == 1
    assert count(operator, OrderRow.id) == 1
    assert count(operator, PortClaimRow.id) == 1


def test_of_many_that_want_one_port_one_gets_it(operator):
    outcomes = all_at_once(operator, [([internet(str(n))], {}) for n in range(CLIENTS)])
    assert outcomes.count("portInUse") == CLIENTS - 1
    assert count(operator, OrderRow.id) == 1
    assert count(operator, AllocationRow.id, AllocationRow.state == "allocated") == 2


def test_orders_that_want_the_same_things_in_another_order_do_not_block_each_other(operator):
    one, other = internet("1", "pe1/ge-0/0/1"), eline("2")
    forth, back = ([one, other], {}), ([other, one], {})
    outcomes = all_at_once(operator, [forth, back] * (CLIENTS // 2))
    assert outcomes.count("portInUse") == CLIENTS - 1


def test_a_service_is_deleted_once(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    with operator.database.write() as session:
        session.get_one(ServiceRow, service_id).state = "active"
        session.scalars(select(OrderItemRow)).one().state = "completed"
    outcomes = all_at_once(operator, [([delete(service_id)], {})] * CLIENTS)
    assert outcomes.count("serviceBusy") == CLIENTS - 1
