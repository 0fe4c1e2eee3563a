"""Orders that come at the same time from several threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from agent.fulfillment.errors import OrderConflict
from agent.fulfillment.tables import OrderItemRow, OrderRow
from inventory.tables import AllocationRow, PoolRow, PortClaimRow, ServiceRow
from tests.agent.fulfillment.network import SHARED_RANGE, Operator, delete, eline, internet

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


def activate(operator):
    with operator.database.write() as session:
        session.execute(update(ServiceRow).values(state="active"))
        session.execute(update(OrderItemRow).values(state="completed"))


def test_deletes_that_name_services_in_another_order_do_not_block_each_other(operator):
    services = [item.service_id for item in operator.place(internet("1"), eline("2")).order.items]
    activate(operator)
    forth = [delete(service, service) for service in services]
    outcomes = all_at_once(operator, [(forth, {}), (forth[::-1], {})] * (CLIENTS // 2))
    assert outcomes.count("serviceBusy") == CLIENTS - 1


def test_of_many_that_want_one_vlan_of_a_switch_from_several_pools_one_gets_it(database, clock):
    operator = Operator(database, clock, SHARED_RANGE)
    orders = [([eline(vlan=150)], {}), ([internet(accessPort="sw1/2", vlan=150)], {})] * (CLIENTS // 2)
    outcomes = all_at_once(operator, orders)
    assert len([outcome for outcome in outcomes if outcome.startswith("ord-")]) == 1


def test_of_many_that_race_for_the_last_value_one_gets_it_and_the_others_are_told(operator):
    with operator.database.write() as session:
        session.execute(update(PoolRow).where(PoolRow.name == "vlan-eline").values(definition={"ranges": [[200, 200]]}, size="1"))
    outcomes = all_at_once(operator, [([eline(str(n), a="sw1/1" if n % 2 else "sw1/2")], {}) for n in range(CLIENTS)])
    assert outcomes.count("poolExhausted") == CLIENTS - 1
    assert count(operator, OrderRow.id) == 1
    assert count(operator, AllocationRow.id, AllocationRow.state == "allocated") == 1


def test_a_service_is_deleted_once(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    activate(operator)
    outcomes = all_at_once(operator, [([delete(service_id)], {})] * CLIENTS)
    assert outcomes.count("serviceBusy") == CLIENTS - 1
