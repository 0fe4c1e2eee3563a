"""What is placed takes everything it needs in one transaction; what is refused says why and leaves nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from agent.fulfillment.errors import OrderConflict, OrderMalformed
from agent.fulfillment.requests import ItemRequest
from agent.fulfillment.tables import OrderItemRow
from agent.tables import metadata
from crm_bridge.customers import CustomerData, create_customer
from crm_bridge.tables import EventRow
from inventory.services import service_view
from inventory.tables import ServiceRow, WorkItemRow
from tests.agent.fulfillment.network import SHARED_RANGE, Operator, delete, eline, internet


@pytest.fixture
def operator(database, clock) -> Operator:
    return Operator(database, clock)


def rows(database) -> dict[str, int]:
    with database.read() as session:
        return {table.name: session.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables}


def view(operator, service_id):
    with operator.database.read() as session:
        return service_view(session, service_id)


def activate(operator, service_id, state="active"):
    with operator.database.write() as session:
        session.get_one(ServiceRow, service_id).state = state
        for item in session.scalars(select(OrderItemRow).where(OrderItemRow.service_id == service_id)):
            item.state = "completed"


def refused(operator, kind, *items, **options):
    """(code, where, message) of every refusal; nothing was stored."""
    before = rows(operator.database)
    with pytest.raises(kind) as caught:
        operator.place(*items, **options)
    assert rows(operator.database) == before
    for refusal in caught.value.refusals:
        assert refusal.remedy
    return [(refusal.code, refusal.where, refusal.message) for refusal in caught.value.refusals]


def test_an_order_takes_all_it_needs_at_once(operator):
    placed = operator.place(internet(description="Acme, Ghent"), external_id="A-1")
    (item,) = placed.order.items
    service = view(operator, item.service_id)
    assert (placed.order.state, service.state, service.name) == ("acknowledged", "reserved", "internet access pe1/ge-0/0/1")
    assert {role: held.value for role, held in service.allocations.items()} == {"link4": "10.0.0.0/31", "link6": "2001:db8::/127"}
    assert [(claim.port, claim.vlan) for claim in service.claims] == [("pe1/ge-0/0/1", 0)]
    assert [(port.reference, port.role) for port in service.ports] == [("pe1/ge-0/0/1", "endpoint")]
    (change,) = placed.changes
    assert "<ip>10.0.0.0</ip>" in change.set.forward
    assert change.set.ports == ("ge-0/0/1",)
    assert service.parts[0].desired == change.set.after
    assert service.agreement is not None
    with operator.database.read() as session:
        work = session.scalars(select(WorkItemRow)).one()
        assert (work.kind, work.key, work.state) == ("plan", item.plan_id, "ready")
        events = session.scalars(select(EventRow.type).where(EventRow.type.like("service%"))).all()
        assert sorted(events) == ["serviceCreateEvent", "serviceOrderCreateEvent"]


def test_a_service_over_several_elements_is_one_plan(operator):
    placed = operator.place(eline())
    assert [change.set.element for change in placed.changes] == ["sw1", "sw2"]
    service = view(operator, placed.order.items[0].service_id)
    assert service.links == ("sw1-sw2",)
    assert [(port.reference, port.role) for port in service.ports] == [
        ("sw1/1", "endpoint"),
        ("sw1/up2", "transit"),
        ("sw2/1", "endpoint"),
        ("sw2/up1", "transit"),
    ]
    assert [(claim.port, claim.vlan) for claim in service.claims] == [
        ("sw1/1", 0),
        ("sw1/up2", 200),
        ("sw2/1", 0),
        ("sw2/up1", 200),
    ]


def test_items_each_have_a_plan_and_bundled_ones_share_it(operator):
    placed = operator.place(
        internet("1"), internet("2", "pe2/Gi0/1"), internet("3", "pe2/Gi0/2", related=[("bundle", "2")]), external_id="A-1"
    )
    plans = [item.plan_id for item in placed.order.items]
    assert len(set(plans)) == 2
    assert plans[1] == plans[2]
    (joined,) = [change for change in placed.changes if change.set.element == "pe2"]
    assert "interface Gi0/1" in joined.set.forward
    assert "interface Gi0/2" in joined.set.forward
    assert joined.set.ports == ("Gi0/1", "Gi0/2")


def test_a_bundle_may_meet_on_elements_of_any_platform(operator):
    operator.place(internet("1"), internet("2", "pe1/ge-0/0/0", related=[("bundle", "1")]))
    placed = operator.place(eline("1"), eline("2", "sw1/2", "sw2/2", related=[("bundle", "1")]))
    assert [change.set.element for change in placed.changes] == ["sw1", "sw2"]
    assert all("eline-200" in change.set.after and "eline-201" in change.set.after for change in placed.changes)


def test_what_depends_on_an_item_is_not_yet_due(operator):
    placed = operator.place(internet("1"), eline("2", related=[("reliesOn", "1")]))
    with operator.database.read() as session:
        assert session.scalars(select(WorkItemRow.key)).all() == [placed.order.items[0].plan_id]


def test_a_future_order_reserves_now_and_is_due_then(operator):
    start = operator.clock.now() + timedelta(days=1)
    operator.place(internet(), requested_start=start)
    with operator.database.read() as session:
        assert session.scalars(select(WorkItemRow.run_at)).one() == start


def test_the_same_order_under_the_same_external_id_is_the_same_order(operator):
    first = operator.place(internet(), external_id="A-1")
    before = rows(operator.database)
    again = operator.place(internet(), external_id="A-1")
    assert (again.order.id, again.new, first.new) == (first.order.id, False, True)
    assert rows(operator.database) == before


def test_another_order_under_the_same_external_id_is_a_conflict_but_not_for_another_client(operator):
    operator.place(internet(), external_id="A-1")
    ((code, where, message),) = refused(operator, OrderConflict, internet(description="other"), external_id="A-1")
    assert (code, where) == ("externalIdConflict", "/externalId")
    assert "'A-1'" in message
    assert operator.place(eline(), external_id="A-1", client="other").new


def test_deleting_takes_the_way_back_from_what_was_rendered(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    activate(operator, service_id)
    placed = operator.place(delete(service_id))
    (change,) = placed.changes
    assert (change.set.after, change.set.ports) == ("", ())
    assert "10.0.0.0" in change.set.before
    assert 'operation="remove"' in change.set.forward
    assert view(operator, service_id).state == "active"


def test_no_change_is_a_plan_that_touches_nothing(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    placed = operator.place(ItemRequest("1", "noChange", service_id=service_id))
    assert placed.changes == ()


SHAPE = {
    "no items": ([], ("noItems", "/items", "the order has no items")),
    "unknown specification": (
        [ItemRequest("1", "add", "dark-fibre")],
        ("unknownSpecification", "/items/0/specification", "there is no specification 'dark-fibre'"),
    ),
    "no specification": (
        [ItemRequest("1", "add")],
        ("specificationMissing", "/items/0/specification", "the item names no specification"),
    ),
    "missing characteristic": (
        [ItemRequest("1", "add", "l2-eline", characteristics={"a": "sw1/1"})],
        ("invalidCharacteristic", "/items/0/characteristics/b", "b: is missing"),
    ),
    "out of range": (
        [internet(port="pe2/Gi0/1", vlan=5000)],
        ("invalidCharacteristic", "/items/0/characteristics/vlan", "vlan: 5000 is greater than the maximum of 4094"),
    ),
    "wrong type": (
        [internet(port="pe2/Gi0/1", vlan="many")],
        ("invalidCharacteristic", "/items/0/characteristics/vlan", "vlan: 'many' is not of type 'integer'"),
    ),
    "what the platform cannot": (
        [internet(vlan=100)],
        ("unsupportedFeature", "/items/0/characteristics/vlan", None),
    ),
    "unknown port": ([internet(port="pe1/ge-9/9/9")], ("invalidCharacteristic", "/items/0/characteristics/port", None)),
    "core port": ([internet(port="pe2/Gi0/3")], ("invalidCharacteristic", "/items/0/characteristics/port", None)),
    "injection": (
        [internet(description="x\n shutdown")],
        ("invalidCharacteristic", "/items/0/characteristics/description", None),
    ),
    "unknown action": (
        [replace(internet(), action="explode")],
        ("unknownAction", "/items/0/action", "there is no action 'explode'"),
    ),
    "modify of what is not there": ([ItemRequest("1", "modify", service_id="svc-1")], ("unknownService", "/items/0/service", None)),
    "add with a service": ([replace(internet(), service_id="svc-1")], ("serviceExists", "/items/0/service", None)),
    "delete without a service": ([ItemRequest("1", "delete")], ("serviceMissing", "/items/0/service", "delete needs a service")),
    "unknown service": ([delete("svc-9")], ("unknownService", "/items/0/service", None)),
    "duplicate item": ([internet("1"), eline("1")], ("duplicateItem", "/items/1/id", "two items have the id '1'")),
    "unknown item": (
        [internet(related=[("reliesOn", "7")])],
        ("unknownItem", "/items/0/related/0", "it refers to item '7', which is not in the order"),
    ),
    "unknown relationship": (
        [internet("1"), eline("2", related=[("likes", "1")])],
        ("unknownRelationship", "/items/1/related/0", "there is no relationship 'likes'"),
    ),
    "a circle": (
        [internet("1", related=[("reliesOn", "2")]), eline("2", related=[("reliesOn", "1")])],
        ("cyclicDependency", "/items", "items wait for each other in a circle: 1 → 2 → 1"),
    ),
    "a circle of one": (
        [internet("1", related=[("reliesOn", "1")])],
        ("cyclicDependency", "/items", "items wait for each other in a circle: 1 → 1"),
    ),
    "a circle through a bundle": (
        [
            internet("1", related=[("bundle", "2")]),
            eline("2", related=[("reliesOn", "3")]),
            internet("3", "pe2/Gi0/1", related=[("reliesOn", "1")]),
        ],
        ("cyclicDependency", "/items", "items wait for each other in a circle: 1 → 3 → 1"),
    ),
    "deleted twice": (
        [delete("svc-1", "1"), delete("svc-1", "2")],
        ("serviceTwice", "/items/1/service", "items 1 and 2 both change service svc-1"),
    ),
}


@pytest.mark.parametrize("case", SHAPE)
def test_what_cannot_be_meant_is_refused_by_name_and_place(operator, case):
    items, (code, where, message) = SHAPE[case]
    (found,) = refused(operator, OrderMalformed, *items)
    assert found[:2] == (code, where)
    assert message is None or found[2] == message


@pytest.mark.parametrize("number", ["", "100000", "nobody"])
def test_an_order_needs_a_customer_that_exists(operator, number):
    ((code, where, _),) = refused(operator, OrderMalformed, internet(), customer=number)
    assert (code, where) == ("unknownCustomer" if number else "customerMissing", "/customer")


def test_every_refusal_comes_at_once(operator):
    found = refused(operator, OrderMalformed, internet("1", vlan=9), ItemRequest("2", "add", "dark-fibre"), delete("svc-9", "3"))
    assert [where.split("/")[2] for _, where, _ in found] == ["0", "1", "2"]


def test_a_port_in_use_is_a_conflict_that_names_the_service(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    ((code, where, message),) = refused(operator, OrderConflict, internet())
    assert (code, where) == ("portInUse", "/items/0")
    assert "pe1/ge-0/0/1" in message
    assert service_id in message


def test_two_items_of_one_order_cannot_have_the_same_port(operator):
    ((code, _, _),) = refused(operator, OrderConflict, internet("1"), internet("2"))
    assert code == "portInUse"


def test_an_exhausted_pool_is_a_conflict_and_gives_back_what_was_taken(operator):
    for position, port in enumerate(["pe1/ge-0/0/0", "pe1/ge-0/0/1", "pe2/Gi0/1", "pe3/eth1"]):
        operator.place(internet(str(position), port))
    ((code, where, message),) = refused(operator, OrderConflict, internet(port="pe2/Gi0/2"))
    assert (code, where) == ("poolExhausted", "/items/0")
    assert "ipv4-links" in message


def test_a_pool_that_is_not_there_is_a_conflict_that_names_it_and_what_to_do(operator):
    voice = ItemRequest("1", "add", "voice-line", characteristics={"accessPort": "sw1/1"})
    with pytest.raises(OrderConflict) as told:
        operator.place(voice)
    (refusal,) = told.value.refusals
    assert refusal.code == "unknownObject"
    assert "there is no pool 'ipv4-voice'" in refusal.message
    assert "fabd inventory import" in refusal.remedy


def test_a_value_that_somebody_has_is_a_conflict(operator):
    operator.place(eline(vlan=222))
    ((code, _, message),) = refused(operator, OrderConflict, eline(a="sw1/2", b="sw2/2", vlan=222))
    assert code == "valueTaken"
    assert "222" in message


@pytest.mark.parametrize("enters", ["sw1/1", "sw2/1"])
def test_a_vlan_that_carries_a_service_on_a_switch_is_not_given_there_again_by_another_pool(database, clock, enters):
    operator = Operator(database, clock, SHARED_RANGE)
    carried = operator.place(internet(accessPort=enters)).order.items[0].service_id
    ((code, where, message),) = refused(operator, OrderConflict, eline(a="sw1/2", b="sw2/2"))
    assert (code, where) == ("vlanInUse", "/items/0")
    assert message == f"VLAN 100 of sw1 carries service {carried}, and a VLAN joins all of its ports"
    operator.place(eline(a="sw1/2", b="sw2/2", vlan=250))


def test_two_items_of_one_order_cannot_meet_in_one_vlan(database, clock):
    operator = Operator(database, clock, SHARED_RANGE)
    items = internet("1", accessPort="sw2/1", vlan=100), eline("2", a="sw2/2", b="sw1/2", vlan=100)
    ((code, where, _),) = refused(operator, OrderConflict, *items)
    assert (code, where) == ("vlanInUse", "/items/1")


def test_a_service_that_is_not_yet_or_no_longer_active_cannot_be_deleted(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    assert refused(operator, OrderConflict, delete(service_id))[0][0] == "serviceState"
    activate(operator, service_id, "terminated")
    assert refused(operator, OrderConflict, delete(service_id))[0][0] == "serviceState"


def test_a_service_that_is_being_changed_is_busy(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    activate(operator, service_id)
    order = operator.place(delete(service_id)).order
    ((code, _, message),) = refused(operator, OrderConflict, delete(service_id))
    assert code == "serviceBusy"
    assert order.id in message


def test_another_customers_service_is_unknown(operator):
    service_id = operator.place(internet()).order.items[0].service_id
    activate(operator, service_id)
    with operator.database.write() as session:
        other = create_customer(session, CustomerData("Bolt"), operator.clock.now()).account_number
    assert refused(operator, OrderMalformed, delete(service_id), customer=other)[0][0] == "unknownService"


def test_a_broken_template_is_the_operators_to_mend(operator):
    spec = operator.catalog.specifications["internet-access"]
    broken = spec.model_copy(
        update={"templates": spec.templates | {"ietf.xml.j2": "<interfaces>{{ element.attributes.missing.x }}"}}
    )
    operator.catalog = replace(operator.catalog, specifications={"internet-access": broken})
    ((code, where, message),) = refused(operator, OrderConflict, internet())
    assert (code, where) == ("brokenData", "/items/0")
    assert "ietf.xml.j2" in message
    unreadable = spec.model_copy(update={"templates": spec.templates | {"ietf.xml.j2": "<interfaces>"}})
    operator.catalog = replace(operator.catalog, specifications={"internet-access": unreadable})
    ((code, _, message),) = refused(operator, OrderConflict, internet())
    assert code == "brokenData"
    assert "pe1" in message
