"""One order ends a service and puts another in its place: the port goes from one to the other, and nobody comes between."""

from dataclasses import replace

import pytest

from agent.fulfillment.errors import OrderConflict
from agent.fulfillment.requests import ItemRequest, OrderRequest, Related, endings
from inventory.services import service_view
from tests.agent.fulfillment.fakes import FAULTS
from tests.agent.fulfillment.house import House
from tests.agent.fulfillment.network import delete, eline, internet
from tests.agent.fulfillment.running import holds

PORT = "pe1/ge-0/0/1"
AFTER, WITH = (("reliesOn", "1"),), (("bundle", "1"),)


@pytest.fixture
def house(database, clock) -> House:
    return House(database, clock)


def replaced(old, related=AFTER, **characteristics) -> tuple[ItemRequest, ItemRequest]:
    return delete(old), internet("2", PORT, related, **characteristics)


def ports(house, service_id) -> list[tuple[str, int]]:
    with house.database.read() as session:
        return [(claim.port, claim.vlan) for claim in service_view(session, service_id).claims]


def refusal(house, *items):
    with pytest.raises(OrderConflict) as told:
        house.place(*items)
    (found,) = told.value.refusals
    return found


@pytest.mark.parametrize("related", [AFTER, WITH])
def test_the_port_is_the_new_services_when_the_old_one_has_ended(house, related):
    (old,) = house.active(internet(port=PORT))
    order = house.place(*replaced(old, related, description="Acme"))
    new = order.items[1].service_id
    assert (ports(house, old), ports(house, new)) == ([(PORT, 0)], [])
    house.work_off()
    assert house.order_row(order.id).state == "completed"
    assert house.service_states() == {old: "terminated", new: "active"}
    assert (ports(house, old), ports(house, new)) == ([], [(PORT, 0)])


def test_bundled_they_are_one_change_of_the_element(house):
    (old,) = house.active(internet(port=PORT))
    order = house.place(*replaced(old, WITH, description="Acme"))
    house.work_off()
    assert len(house.plans(order.id)) == 1
    assert house.item_states(order.id) == {"1": "completed", "2": "completed"}


@pytest.mark.parametrize("had", [None, 5])
@pytest.mark.parametrize("wants", [None, 5, 6])
def test_whatever_of_the_port_either_of_them_has(house, had, wants):
    """Tagged or whole: none of it is in the way of the one that comes after."""
    port = "pe2/Gi0/1"
    vlans = [{} if vlan is None else {"vlan": vlan + 100} for vlan in (had, wants)]
    (old,) = house.active(internet(port=port, **vlans[0]))
    order = house.place(delete(old), internet("2", port, AFTER, **vlans[1]))
    house.work_off()
    assert ports(house, order.items[1].service_id) == [(port, 0 if wants is None else wants + 100)]


def test_without_a_word_of_the_order_of_things_it_is_refused_and_told_which_word(house):
    (old,) = house.active(internet(port=PORT))
    found = refusal(house, *replaced(old, ()))
    assert (found.code, found.where) == ("portInUse", "/items/1")
    assert found.remedy == "item 1 deletes that service: say that this item reliesOn item 1, or bundle the two"
    assert ports(house, old) == [(PORT, 0)]


def test_one_port_has_one_heir(house):
    (old,) = house.active(internet(port=PORT))
    found = refusal(house, *replaced(old), internet("3", PORT, AFTER))
    assert (found.code, found.where) == ("portInUse", "/items/2")


def test_nobody_else_gets_the_port_before_or_between(house):
    (old,) = house.active(internet(port=PORT))
    order = house.place(*replaced(old))
    assert refusal(house, internet(port=PORT)).code == "portInUse"
    while house.order_row(order.id).items[0].state != "completed":
        house.work()
    found = refusal(house, internet(port=PORT))
    assert order.items[1].service_id in found.message
    house.work_off()
    assert house.order_row(order.id).state == "completed"


def test_where_the_old_one_does_not_go_the_new_one_does_not_come(house):
    (old,) = house.active(internet(port=PORT))
    house.elements["pe1"].fail("stage", FAULTS["refused"]("pe1"), times=9)
    order = house.place(*replaced(old))
    house.work_off()
    assert house.item_states(order.id) == {"1": "failed", "2": "failed"}
    assert house.service_states() == {old: "active"}
    house.elements["pe1"].faults.clear()
    again = house.place(*replaced(old)).items[1].service_id
    house.work_off()
    assert ports(house, again) == [(PORT, 0)]


def test_cancelled_before_it_begins_everything_is_as_it_was(house):
    (old,) = house.active(internet(port=PORT))
    house.cancel(house.place(*replaced(old)).id)
    house.work_off()
    assert house.service_states() == {old: "active"}
    assert ports(house, old) == [(PORT, 0)]
    house.active(delete(old))
    assert house.active(internet(port=PORT))


@pytest.mark.parametrize(("element", "related"), [(PORT, AFTER), (PORT, WITH), ("pe2/Gi0/1", AFTER), ("pe2/Gi0/1", WITH)])
def test_the_element_has_exactly_what_the_new_service_would_have_alone(fabd, element, related):
    empty = fabd.everything()
    old = fabd.order(internet(port=element, description="old")).items[0].service_id
    order = fabd.order(delete(old), internet("2", element, related, description="new"))
    assert (order.state, [item.errors for item in order.items]) == ("completed", [[], []])
    assert holds(fabd) == 0
    assert "new" in fabd.running(element.split("/")[0])
    assert "old" not in fabd.running(element.split("/")[0])
    fabd.order(delete(order.items[1].service_id))
    assert fabd.everything() == empty


def test_what_ends_before_an_item_is_found_over_bundles_and_others_between():
    items = (
        delete("svc-a", "1"),
        replace(delete("svc-b", "2"), related=(Related("bundle", "3"),)),
        eline("3"),
        replace(eline("4"), related=(Related("reliesOn", "1"), Related("dependsOn", "3"))),
        replace(eline("5"), related=(Related("requires", "4"),)),
        eline("6"),
    )
    both = frozenset({"svc-a", "svc-b"})
    assert endings(OrderRequest("1", items)) == {"3": frozenset({"svc-b"}), "4": both, "5": both}
    assert endings(OrderRequest("1", items[2:3])) == {}
