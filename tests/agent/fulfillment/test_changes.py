"""Modify, suspend, resume: only the difference travels, and a service is what it was until the change holds."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from agent.fulfillment.requests import ItemRequest
from agent.fulfillment.service import FulfilmentService
from agent.fulfillment.tables import OrderItemRow
from agent.fulfillment.views import plan_views
from inventory.services import service_view
from inventory.tables import AllocationRow, PlannedPartRow, StatementRow
from policies.catalog import Catalog
from tests.agent.fulfillment.network import delete, eline, internet
from tests.agent.fulfillment.running import holds


def modify(service_id, reference="1", **characteristics) -> ItemRequest:
    """The whole new set; `state` and `suspension_reason` are the item's own."""
    options = {key: characteristics.pop(key) for key in ("state", "suspension_reason") if key in characteristics}
    return ItemRequest(reference, "modify", service_id=service_id, characteristics=characteristics, **options)


def view(fabd, service_id):
    with fabd.database.read() as session:
        return service_view(session, service_id)


def payloads(fabd, order) -> dict[str, str]:
    with fabd.database.read() as session:
        return {change.element: change.payload for plan in plan_views(session, order.id) for change in plan.changes}


def added(fabd, item) -> str:
    order = fabd.order(item)
    assert (order.state, order.items[0].errors) == ("completed", [])
    return order.items[0].service_id


def changed(fabd, item):
    order = fabd.order(item)
    assert (order.state, order.items[0].errors) == ("completed", [])
    return order


def leftovers(fabd) -> dict[str, int]:
    """What nobody should have when all services are gone."""
    with fabd.database.read() as session:
        allocated = session.scalars(select(AllocationRow).where(AllocationRow.state == "allocated")).all()
        return {
            "allocated": len(allocated),
            "planned": session.query(PlannedPartRow).count(),
            "statements": session.query(StatementRow).count(),
        }


NOTHING = {"allocated": 0, "planned": 0, "statements": 0}


def test_of_a_changed_description_only_the_description_travels_over_netconf(fabd):
    service = added(fabd, internet(port="pe1/ge-0/0/1", description="Acme"))
    order = changed(fabd, modify(service, port="pe1/ge-0/0/1", description="Acme, Ghent"))
    (payload,) = payloads(fabd, order).values()
    assert "Acme, Ghent" in payload
    assert "address" not in payload
    assert "type" not in payload
    assert "Acme, Ghent" in fabd.running("pe1")
    assert view(fabd, service).characteristics["description"] == "Acme, Ghent"
    assert view(fabd, service).revision == 2
    fabd.order(delete(service))
    assert leftovers(fabd) == NOTHING


def test_of_a_changed_rate_only_the_rate_travels_over_a_command_line(fabd):
    service = added(fabd, internet(port="pe2/Gi0/1", vlan=100, rate=50))
    order = changed(fabd, modify(service, port="pe2/Gi0/1", vlan=100, rate=80))
    lines = [line.strip() for line in payloads(fabd, order)["pe2"].splitlines()]
    assert lines == ["interface Gi0/1.100", "rate-limit input 80000000", "rate-limit output 80000000", "exit"]
    fabd.order(delete(service))


def test_of_a_changed_description_only_the_alias_travels_over_snmp(fabd):
    service = added(fabd, eline(a="sw1/1", b="sw1/2", description="one"))
    order = changed(fabd, modify(service, a="sw1/1", b="sw1/2", description="two"))
    assert payloads(fabd, order)["sw1"].count('"op"') == payloads(fabd, order)["sw1"].count('"alias"') == 2
    fabd.order(delete(service))


def test_a_service_that_moves_leaves_one_element_and_comes_to_another_with_its_addresses(fabd):
    empty = fabd.everything()
    service = added(fabd, internet(port="pe1/ge-0/0/1"))
    was = view(fabd, service)
    order = changed(fabd, modify(service, port="pe2/Gi0/1", vlan=100))
    assert sorted(payloads(fabd, order)) == ["pe1", "pe2"]
    now = view(fabd, service)
    assert {role: held.value for role, held in now.allocations.items()} == {
        role: held.value for role, held in was.allocations.items()
    }
    assert [(claim.port, claim.vlan) for claim in now.claims] == [("pe2/Gi0/1", 100)]
    assert [port.reference for port in now.ports] == ["pe2/Gi0/1"]
    assert [part.element for part in now.parts] == ["pe2"]
    assert now.name == "internet access pe2/Gi0/1"
    assert fabd.everything()["pe1"] == empty["pe1"]
    fabd.order(delete(service))
    assert fabd.everything() == empty
    assert leftovers(fabd) == NOTHING


def test_values_are_kept_taken_and_given_back_by_role(fabd):
    service = added(fabd, internet(port="pe2/Gi0/1", vlan=100))
    changed(fabd, modify(service, accessPort="sw1/1"))
    assert view(fabd, service).allocations["vlan"].value == "100"
    changed(fabd, modify(service, accessPort="sw1/1", vlan=150))
    assert view(fabd, service).allocations["vlan"].value == "150"
    changed(fabd, modify(service, port="pe2/Gi0/1", vlan=100))
    assert sorted(view(fabd, service).allocations) == ["link4", "link6"]
    fabd.order(delete(service))
    assert leftovers(fabd) == NOTHING


def test_a_modify_to_what_the_service_is_has_nothing_to_push(fabd):
    service = added(fabd, internet(port="pe2/Gi0/1", vlan=100))
    there = fabd.everything()
    order = changed(fabd, modify(service, port="pe2/Gi0/1", vlan=100))
    assert payloads(fabd, order) == {}
    assert fabd.everything() == there
    fabd.order(delete(service))


def test_a_modify_that_an_element_refuses_leaves_the_service_as_it_was(fabd):
    service = added(fabd, internet(port="pe1/ge-0/0/1"))
    was, there = view(fabd, service), fabd.everything()
    fabd.sim.call(lambda network: network.elements["pe2"].faults.refuse_edit("% Resource not available"))
    order = fabd.order(modify(service, accessPort="sw1/1", description="moved"))
    assert order.state == "failed"
    assert view(fabd, service) == was
    assert fabd.everything() == there
    fabd.order(delete(service))
    assert leftovers(fabd) == NOTHING


@pytest.mark.parametrize("point", ["after hold", "after stage", "after commit", "after decide", "before activate"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_modify_that_is_killed_holds_or_leaves_everything_as_it_was(fabd, point):
    empty = fabd.everything()
    service = added(fabd, internet(port="pe2/Gi0/1", vlan=100))
    was, there = view(fabd, service), fabd.everything()
    order = fabd.order_killed_at(point, modify(service, accessPort="sw1/1", description="moved"))
    if order.state == "failed":
        assert (view(fabd, service), fabd.everything()) == (was, there)
    else:
        assert [part.element for part in view(fabd, service).parts] == ["pe2", "sw1"]
    assert order.state == ("failed" if point in {"after stage", "after commit"} else "completed")
    fabd.order(delete(service))
    assert fabd.everything() == empty
    assert leftovers(fabd) == NOTHING
    assert holds(fabd) == 0


def test_a_suspended_service_is_nowhere_on_the_network_and_keeps_what_it_has(fabd):
    empty = fabd.everything()
    service = added(fabd, internet(accessPort="sw1/1"))
    was, there = view(fabd, service), fabd.everything()
    changed(fabd, modify(service, state="inactive", suspension_reason="unpaid", **was.characteristics))
    now = view(fabd, service)
    assert (now.state, now.suspension_reason, now.parts) == ("inactive", "unpaid", ())
    assert (now.allocations, now.claims, now.ports) == (was.allocations, was.claims, was.ports)
    assert fabd.everything() == empty
    changed(fabd, modify(service, state="active", **was.characteristics))
    again = view(fabd, service)
    assert (again.state, again.suspension_reason, again.parts, again.allocations) == ("active", "", was.parts, was.allocations)
    assert fabd.everything() == there
    fabd.order(delete(service))
    assert leftovers(fabd) == NOTHING


def test_a_suspended_service_is_modified_unseen_and_can_be_deleted(fabd):
    empty = fabd.everything()
    service = added(fabd, internet(port="pe2/Gi0/1", vlan=100))
    changed(fabd, modify(service, state="inactive", port="pe2/Gi0/1", vlan=100))
    order = changed(fabd, modify(service, port="pe2/Gi0/2", vlan=100, rate=10))
    assert payloads(fabd, order) == {}
    assert view(fabd, service).state == "inactive"
    assert [claim.port for claim in view(fabd, service).claims] == ["pe2/Gi0/2"]
    assert fabd.order(delete(service)).state == "completed"
    assert fabd.everything() == empty
    assert leftovers(fabd) == NOTHING


def test_a_service_can_be_added_inactive_and_begin_later(fabd):
    empty = fabd.everything()
    item = replace(internet(accessPort="sw1/1"), state="inactive", suspension_reason="the building is not ready")
    service = added(fabd, item)
    assert (view(fabd, service).state, view(fabd, service).parts, view(fabd, service).started_at) == ("inactive", (), None)
    assert fabd.everything() == empty
    changed(fabd, modify(service, state="active", accessPort="sw1/1"))
    assert view(fabd, service).state == "active"
    assert fabd.everything() != empty
    fabd.order(delete(service))
    assert leftovers(fabd) == NOTHING


def common(fabd) -> None:
    """Makes internet access put every customer of an element into a list of the element's, and give VLAN 77 a name."""
    catalog = fabd.service._parts.catalog
    spec = catalog.specifications["internet-access"]
    text = spec.templates["ios.lines.j2"] + "vlan 77\n name {{ characteristics.description | default('common') }}\n"
    bent = spec.model_copy(update={"templates": spec.templates | {"ios.lines.j2": text}})
    specifications = {**catalog.specifications, "internet-access": bent}
    fabd.service = FulfilmentService(replace(fabd.service._parts, catalog=Catalog(specifications, catalog.slas, catalog.tariffs)))


@pytest.fixture
def sharing(fabd):
    assert fabd.service.stop()
    common(fabd)
    fabd.service.start()
    return fabd


def test_what_services_share_stays_until_the_last_one_goes(sharing):
    fabd = sharing
    empty = fabd.everything()
    one = added(fabd, internet(port="pe2/Gi0/1", vlan=100))
    two = added(fabd, internet(port="pe2/Gi0/1", vlan=101))
    assert "vlan 77" in fabd.running("pe2")
    gone = fabd.order(delete(one))
    assert gone.state == "completed"
    assert "vlan 77" not in payloads(fabd, gone)["pe2"]
    assert "vlan 77" in fabd.running("pe2")
    changed(fabd, modify(two, port="pe2/Gi0/2", vlan=101))
    assert "vlan 77" in fabd.running("pe2")
    fabd.order(delete(two))
    assert fabd.everything() == empty
    assert leftovers(fabd) == NOTHING


def test_an_add_that_fails_leaves_what_it_would_have_shared(sharing):
    fabd = sharing
    one = added(fabd, internet(port="pe2/Gi0/1", vlan=100))
    there = fabd.everything()
    fabd.sim.call(lambda network: network.elements["pe2"].faults.refuse_edit("% Resource not available"))
    assert fabd.order(internet(port="pe2/Gi0/1", vlan=101)).state == "failed"
    assert fabd.everything() == there
    fabd.order(delete(one))


def test_two_values_in_one_place_are_refused_by_name(sharing):
    fabd = sharing
    one = added(fabd, internet(port="pe2/Gi0/1", vlan=100, description="red"))
    with pytest.raises(Exception, match=f"vlan 77 / name can only hold one value, and service {one} has another there"):
        fabd.order(internet(port="pe2/Gi0/1", vlan=101, description="blue"))
    fabd.order(delete(one))


def test_what_was_ordered_stays_in_the_item_until_it_holds(fabd):
    service = added(fabd, internet(port="pe1/ge-0/0/1", description="Acme"))
    fabd.service.stop()
    order = fabd.service.submit(fabd.operator.request(modify(service, port="pe1/ge-0/0/1", description="new")), "test")
    with fabd.database.read() as session:
        item = session.scalars(select(OrderItemRow).where(OrderItemRow.order_id == order.id)).one()
    assert item.characteristics["description"] == "new"
    assert view(fabd, service).characteristics["description"] == "Acme"
