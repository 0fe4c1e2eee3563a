"""What several services say on one element is settled when a plan takes its elements, whatever was known when it was placed."""

from dataclasses import replace

import pytest
from sqlalchemy import delete as remove
from sqlalchemy import select

from agent.fulfillment.errors import OrderConflict, PhaseFailed
from agent.fulfillment.events import Announcer
from agent.fulfillment.lifecycle import CounterReadings, NoLifecycle
from agent.fulfillment.plan import PlannedItem, read_plan
from agent.fulfillment.realisation import Realisation, Realised
from agent.fulfillment.requests import ItemRequest
from agent.fulfillment.tables import OrderItemRow, OrderRow, PlanRow
from inventory.services import service_view
from inventory.tables import StatementRow
from policies.catalog import Catalog
from tests.agent.fulfillment.fakes import FakeLifecycle
from tests.agent.fulfillment.network import Operator, delete, internet

NONE = CounterReadings()


@pytest.fixture
def operator(database, clock) -> Operator:
    """Every internet access of an IOS element also says that there is VLAN 77, with the name that its description gives."""
    operator = Operator(database, clock)
    spec = operator.catalog.specifications["internet-access"]
    text = spec.templates["ios.lines.j2"] + "vlan 77\n name {{ characteristics.description | default('common') }}\n"
    bent = spec.model_copy(update={"templates": spec.templates | {"ios.lines.j2": text}})
    operator.catalog = Catalog({"internet-access": bent}, operator.catalog.slas, operator.catalog.tariffs)
    operator.realisation = Realisation(NoLifecycle(), Announcer())
    return operator


def placed(operator, *items) -> str:
    """The plan of an order of these items, which share one."""
    return operator.place(*items).order.items[0].plan_id


def add(number: int, **characteristics) -> ItemRequest:
    return internet(port="pe2/Gi0/1", vlan=number, **characteristics)


def settled(operator, plan_id):
    """The change on pe2 as the plan takes it."""
    with operator.database.write() as session:
        row = session.get_one(PlanRow, plan_id)
        of_plan = select(OrderItemRow.action, OrderItemRow.service_id).where(OrderItemRow.plan_id == plan_id)
        items = [PlannedItem(*item) for item in session.execute(of_plan)]
        settled = operator.realisation.settle_shared(session, [read_plan(row, items=items)])[plan_id]
        if isinstance(settled, PhaseFailed):
            raise settled
        session.refresh(row, ["change_sets"])
        (planned,) = read_plan(row).changes
        assert settled.get("pe2", planned.change) == planned.change
        return planned.change


def held(operator, plan_id) -> str:
    """The plan has come to its end; the service."""
    with operator.database.write() as session:
        for item in session.scalars(select(OrderItemRow).where(OrderItemRow.plan_id == plan_id)):
            order = session.get_one(OrderRow, item.order_id)
            operator.realisation.realise(session, [Realised(item, order, NONE, NONE)], operator.clock.now())
            item.state = "completed"
    return item.service_id


def active(operator, *items) -> str:
    return held(operator, placed(operator, *items))


def test_of_two_that_are_placed_together_the_first_brings_and_the_last_takes_what_they_share(operator):
    one, two = placed(operator, add(100)), placed(operator, add(101))
    assert "vlan 77" in settled(operator, one).forward
    first = held(operator, one)
    second = settled(operator, two)
    assert "vlan 77" not in second.forward
    assert "vlan 77" not in second.reverse
    assert "vlan 77" in second.after
    last = held(operator, two)
    gone, later = placed(operator, delete(first)), placed(operator, delete(last))
    assert "vlan 77" not in settled(operator, gone).forward
    held(operator, gone)
    assert "no vlan 77" in settled(operator, later).forward


def test_a_plan_that_starts_again_goes_by_what_others_own_then(operator):
    first = active(operator, add(100))
    two = placed(operator, add(101))
    assert "vlan 77" not in settled(operator, two).forward
    held(operator, placed(operator, delete(first)))
    again = settled(operator, two)
    assert "vlan 77" in again.forward
    assert "vlan 77" not in again.before
    assert settled(operator, two) == again


def test_what_a_preview_shows_is_what_would_be_sent(operator):
    active(operator, add(100))
    (change,) = operator.place(add(101)).changes
    assert "vlan 77" not in change.set.forward
    assert "vlan 77" in change.alone.forward


def test_services_of_one_plan_share_without_owning_yet(operator):
    plan = placed(operator, replace(add(100), reference="1"), internet("2", port="pe2/Gi0/1", vlan=101, related=[("bundle", "1")]))
    assert settled(operator, plan).forward.count("vlan 77") == 1


def test_a_change_of_which_nothing_is_left_is_fine(operator):
    active(operator, add(100))
    plan = placed(operator, add(101))
    with operator.database.write() as session:
        (change,) = session.get_one(PlanRow, plan).change_sets
        change.before, change.after, change.own_before, change.own_after = "", "vlan 77\n name common\n", None, None
    change = settled(operator, plan)
    assert (change.forward, change.reverse) == ("", "")
    assert change.before == change.after == "vlan 77\n name common\n"


def test_another_value_in_one_place_is_refused_when_it_is_ordered(operator):
    first = active(operator, add(100, description="red"))
    with pytest.raises(OrderConflict) as caught:
        operator.place(add(101, description="blue"))
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.where) == ("valueConflict", "/items/0")
    said = f"pe2: vlan 77 / name can only hold one value, and service {first} has another there than 'name blue'"
    assert refusal.message == said


def test_two_items_of_one_order_cannot_want_two_values_in_one_place(operator):
    with pytest.raises(OrderConflict, match="vlan 77 / name can only hold one value"):
        operator.place(add(100, description="red"), replace(add(101, description="blue"), reference="2"))


def test_of_two_that_raced_the_second_fails_when_it_takes_the_element(operator):
    one, two = placed(operator, add(100, description="red")), placed(operator, add(101, description="blue"))
    first = held(operator, one)
    with pytest.raises(PhaseFailed) as caught:
        settled(operator, two)
    (failure,) = caught.value.failures
    assert (failure.element, failure.code) == ("pe2", "valueConflict")
    assert first in failure.message
    assert not caught.value.transient


def test_a_value_that_only_its_own_service_has_can_change(operator):
    service = active(operator, add(100, description="red"))
    change = ItemRequest("1", "modify", service_id=service, characteristics=dict(add(100, description="blue").characteristics))
    active(operator, change)
    with operator.database.read() as session:
        assert "name blue" in service_view(session, service).parts[0].desired


def statements(operator):
    with operator.database.read() as session:
        rows = session.scalars(select(StatementRow)).all()
        return sorted((row.element_id, row.slot, row.service_id, row.value) for row in rows)


def test_what_services_of_an_older_database_say_is_written_down_at_the_start(operator):
    active(operator, add(100)), active(operator, internet(port="pe1/ge-0/0/1"))
    known = statements(operator)
    with operator.database.write() as session:
        session.execute(remove(StatementRow))
    operator.realisation.backfill(operator.database)
    assert statements(operator) == known != []
    operator.realisation.backfill(operator.database)
    assert statements(operator) == known


def test_a_service_that_comes_again_is_not_new_even_where_the_clock_stands_still(operator):
    lifecycle = FakeLifecycle(operator.clock)
    operator.realisation = Realisation(lifecycle, Announcer())
    service = active(operator, add(100))
    with operator.database.read() as session:
        said = service_view(session, service).characteristics
        stated = session.scalars(select(StatementRow.slot)).all()
    for state in ("inactive", "active"):
        item = ItemRequest("1", "modify", service_id=service, characteristics=dict(said), state=state)
        assert active(operator, item) == service
    assert lifecycle.new == [{service}, set()]
    with operator.database.read() as session:
        assert sorted(session.scalars(select(StatementRow.slot))) == sorted(stated) != []
