"""Orders that are placed in one transaction come to what they come to one after another, each in a transaction of its own."""

import json
import random
import shutil
from collections.abc import Callable

import pytest
from sqlalchemy import URL, select, update

from agent.fulfillment.errors import OrderRefused
from agent.fulfillment.requests import ItemRequest
from agent.fulfillment.tables import ChangeSetRow, OrderItemRow, OrderRow, PlanRow
from crm_bridge.tables import EventRow
from inventory.db import Database
from inventory.tables import (
    AllocationRow,
    PoolRow,
    PortClaimRow,
    PortRow,
    ServicePartRow,
    ServiceResourceRow,
    ServiceRow,
    WorkItemRow,
)
from inventory.tasks import Task, do_all
from tests.agent.fulfillment.network import CLIENT, Operator, delete, eline, internet

PORTS = ["pe1/ge-0/0/0", "pe1/ge-0/0/1", "pe2/Gi0/1", "pe2/Gi0/2", "pe3/eth1", "pe9/none"]
ENDS = ["sw1/1", "sw1/2", "sw2/1", "sw2/2"]
Item = Callable[[list[str]], ItemRequest]
"""Of an operator whose first services have these ids."""


@pytest.fixture
def other(_sqlite_template, tmp_path):
    path = tmp_path / "other.db"
    shutil.copyfile(_sqlite_template, path)
    database = Database(URL.create("sqlite", database=str(path)))
    yield database
    database.close()


@pytest.mark.parametrize("seed", range(16))
def test_one_transaction_or_many(database, other, clock, seed):
    chance = random.Random(seed)
    one, many = Operator(database, clock), Operator(other, clock)
    had_by_one, had_by_many = first_services(one), first_services(many)
    for _ in range(3):
        orders = [an_order(chance) for _ in range(chance.randint(2, 8))]
        assert place_in_one(one, had_by_one, orders) == place_in_many(many, had_by_many, orders)
        assert contents(one) == contents(many)


def first_services(operator) -> list[str]:
    placed = [operator.place(item) for item in (internet("1", "pe3/eth1"), eline(vlan=250))]
    with operator.database.write() as session:
        session.execute(update(ServiceRow).values(state="active"))
        session.execute(update(OrderItemRow).values(state="completed"))
    return [each.order.items[0].service_id for each in placed]


def an_order(chance) -> tuple[list[Item], dict]:
    items = [an_item(chance, str(number)) for number in range(1, chance.choice([1, 1, 1, 2, 3]) + 1)]
    options: dict = {}
    if chance.random() < 0.25:  # two clients' minds: the same order again, or another one under its id
        options |= {"external_id": chance.choice("AB"), "document": {"note": chance.choice("xxy")}}
    if chance.random() < 0.1:
        options["customer"] = "nobody"
    return items, options


def an_item(chance, reference) -> Item:
    """Most of them want what others want."""
    kind = chance.choice(["internet", "internet", "access", "eline", "eline", "delete", "modify"])
    port, a, b, which = chance.choice(PORTS), chance.choice(ENDS), chance.choice(ENDS), chance.randint(0, 1)
    vlan = chance.choice([{}, {"vlan": (200 if kind == "eline" else 100) + chance.randint(0, 4)}])
    text = {"description": chance.choice("xy")}
    return {
        "internet": lambda _: internet(reference, port, **vlan),
        "access": lambda _: internet(reference, accessPort=a, **vlan),
        "eline": lambda _: eline(reference, a, b, **vlan),
        "delete": lambda had: delete(had[which], reference),
        "modify": lambda had: ItemRequest(reference, "modify", service_id=had[which], characteristics=text),
    }[kind]


def place_in_one(operator, had, orders) -> list[object]:
    tasks = [Task(placing(operator, had, order)) for order in orders]
    with operator.database.write() as session:
        do_all(session, tasks)
    return [came_to(task.result) for task in tasks]


def place_in_many(operator, had, orders) -> list[object]:
    return [came_to(lambda order=order: operator.database.by_itself(placing(operator, had, order))) for order in orders]


def placing(operator, had, order):
    items, options = order
    request = operator.request(*[item(had) for item in items], **options)
    return lambda session: operator.desk.place(session, request, CLIENT, operator.clock.now())


def came_to(place) -> object:
    try:
        return place().new
    except OrderRefused as error:
        return [refusal.code for refusal in error.refusals]


def contents(operator) -> dict[str, list]:
    """All that orders write, but for the ids."""
    of_pool, of_port = PoolRow.id == AllocationRow.pool_id, PortRow.id == PortClaimRow.port_id
    asked = {
        "given": select(PoolRow.name, AllocationRow.value, AllocationRow.state, AllocationRow.role).join(AllocationRow, of_pool),
        "pools": select(PoolRow.name, PoolRow.cursor, PoolRow.used_bps),
        "claims": select(PortRow.name, PortClaimRow.vlan).join(PortClaimRow, of_port),
        "services": select(ServiceRow.specification, ServiceRow.state, ServiceRow.characteristics, ServiceRow.revision),
        "parts": select(ServicePartRow.desired),
        "resources": select(ServiceResourceRow.role),
        "orders": select(OrderRow.external_id, OrderRow.state, OrderRow.document),
        "items": select(OrderItemRow.reference, OrderItemRow.action, OrderItemRow.state),
        "plans": select(PlanRow.state, PlanRow.step),
        "changes": select(ChangeSetRow.element, ChangeSetRow.before, ChangeSetRow.after, ChangeSetRow.forward),
        "work": select(WorkItemRow.kind, WorkItemRow.state, WorkItemRow.priority),
    }
    with operator.database.read() as session:
        found = {
            name: sorted(json.dumps(list(row), sort_keys=True) for row in session.execute(query)) for name, query in asked.items()
        }
        return found | {"events": list(session.scalars(select(EventRow.type).order_by(EventRow.sequence)))}


def _told(row) -> str:
    return json.dumps(list(row), sort_keys=True)  # PostgreSQL keeps the keys of a document in an order of its own
