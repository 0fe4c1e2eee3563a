"""TMF638: fabd's own services, changed by words at once and on the network by an order; and those that clients register."""

import pytest
from sqlalchemy import select

from agent.fulfillment.tables import OrderItemRow, OrderRow
from crm_bridge.tables import EventRow
from inventory.tables import ServiceRow
from tests.agent.api.office import ORDERS

SERVICES = "/tmf-api/serviceInventory/v4/service"
TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"
BROWNFIELD = {"name": "old line", "state": "active", "serviceSpecification": {"id": "legacy"}, "x-own": [1]}


@pytest.fixture
def service(story) -> dict:
    """One that is active, its order completed."""
    with story.office.database.write() as session:
        order = session.get_one(OrderRow, story.order["id"])
        order.state = order.items[0].state = "completed"
    return story.office.get(f"{SERVICES}/{story.service}").json()


def patch(office, href, body, **more):
    return office.call("PATCH", href, json=body, **more)


def ordered(office, service) -> list[tuple[str, str, str]]:
    """Action, wanted state and reason of the items that change the service."""
    with office.database.read() as session:
        mine = select(OrderItemRow).where(OrderItemRow.service_id == service["id"], OrderItemRow.action != "add")
        return [(row.action, row.wanted_state, row.suspension_reason) for row in session.scalars(mine)]


def test_a_registered_service_is_kept_beside_fabds_own_and_never_configured(office, story, service):
    made = office.post(SERVICES, json=BROWNFIELD)
    assert made.status_code == 201
    assert made.json().items() >= (BROWNFIELD | {"category": "brownfield"}).items()
    assert "serviceDate" in made.json()
    assert [each["id"] for each in office.get(SERVICES).json()] == [story.service, made.json()["id"]]
    assert [each["id"] for each in office.get(SERVICES, params={"state": "active", "sort": "-name"}).json()] == [
        made.json()["id"],
        service["id"],
    ]
    first = office.get(SERVICES, params={"limit": 1})
    assert (first.status_code, first.headers["x-total-count"], first.json()[0]["id"]) == (206, "2", story.service)
    assert [each["id"] for each in office.get(SERVICES, params={"limit": 1, "offset": 1}).json()] == [made.json()["id"]]
    assert ordered(office, made.json()) == []


def test_a_registered_service_moves_along_the_machine_and_is_forgotten(office):
    one = office.post(SERVICES, json=BROWNFIELD | {"state": "reserved"}).json()
    assert patch(office, one["href"], {"state": "terminated"}).status_code == 409
    for state in ("designed", "active", "inactive", "active", "terminated"):
        assert patch(office, one["href"], {"state": state}).json()["state"] == state
    assert patch(office, one["href"], {"state": "active"}).status_code == 409
    assert patch(office, one["href"], {"serviceSpecification": None}).status_code == 400
    assert patch(office, one["href"], {"serviceSpecification": {"id": 7}}).status_code == 400
    assert office.call("DELETE", one["href"]).status_code == 204
    assert office.call("DELETE", one["href"]).status_code == 404
    with office.database.read() as session:
        told = select(EventRow.type).where(EventRow.aggregate == f"service:{one['id']}")
        types = session.scalars(told.order_by(EventRow.sequence)).all()
    assert types == ["serviceCreateEvent", *["serviceStateChangeEvent"] * 5, "serviceDeleteEvent"]


def test_what_only_describes_a_service_is_changed_at_once(office, service):
    changed = patch(office, service["href"], {"name": "head office", "description": "d", "note": [{"text": "n"}], "x": {"y": 1}})
    assert changed.status_code == 200
    assert changed.json() == service | {"name": "head office", "description": "d", "note": [{"text": "n"}], "x": {"y": 1}}
    assert office.get(SERVICES, params={"name": '"head office"'}).json() == [changed.json()]
    assert ordered(office, service) == []
    assert patch(office, service["href"], {"x": None, "description": None}).json() == service | {
        "name": "head office",
        "note": [{"text": "n"}],
    }


@pytest.mark.parametrize("date", ["", "yesterday", "2026-01-05", "2026-02-30T09:00:00Z", "2026-01-05T09:00:00"])
def test_a_note_s_date_that_is_none_is_refused(office, service, date):
    refused = patch(office, service["href"], {"note": [{"text": "n", "date": date}]})
    assert refused.status_code == 400
    assert "date" in refused.json()["message"], refused.text
    assert patch(office, service["href"], {"note": [{"date": "2026-01-05T10:00:00.5+01:00"}]}).status_code == 200


def test_a_service_is_suspended_by_an_order(office, service):
    reason = [{"name": "suspensionReason", "value": "unpaid"}]
    answer = patch(office, service["href"], {"state": "inactive", "serviceCharacteristic": reason})
    assert answer.status_code == 200
    assert answer.json()["state"] == "active"  # until the order holds
    assert ordered(office, service) == [("modify", "inactive", "unpaid")]
    [reference] = [each for each in answer.json()["serviceOrderItem"] if each["itemAction"] == "modify"]
    order = office.get(reference["serviceOrderHref"]).json()
    assert order["serviceOrderItem"][0]["service"]["state"] == "inactive"
    busy = patch(office, service["href"], {"state": "inactive"})
    assert busy.status_code == 409


def test_values_are_laid_over_the_services_own_and_ordered(office, service):
    values = [{"name": "description", "value": "new words"}]
    assert patch(office, service["href"], {"serviceCharacteristic": values}).status_code == 200
    with office.database.read() as session:
        item = session.scalars(select(OrderItemRow).where(OrderItemRow.action == "modify")).one()
    assert item.characteristics == {"port": "pe1/ge-0/0/1", "description": "new words"}


def test_a_service_is_ended_by_an_order(office, service):
    assert patch(office, service["href"], {"state": "terminated"}).status_code == 200
    assert ordered(office, service) == [("delete", "", "")]


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"id": "x"}, 400, "#/id"),
        ({"serviceDate": "2026-01-01T00:00:00Z"}, 400, "#/serviceDate"),
        ({"serviceSpecification": {"id": "l3vpn"}}, 400, "#/serviceSpecification"),
        ({"relatedParty": []}, 400, "#/relatedParty"),
        ({"supportingResource": []}, 400, "#/supportingResource"),
        ({"isServiceEnabled": False}, 400, "#/isServiceEnabled"),
        ({"name": None}, 400, "#/name"),
        ({"name": 7}, 400, "#/name"),
        ({"state": "suspended"}, 400, "#/state"),
        ({"state": "reserved"}, 409, "#/state"),
        ({"serviceCharacteristic": {}}, 400, "#/serviceCharacteristic"),
        ({"serviceCharacteristic": [{"name": "port"}]}, 400, "#/serviceCharacteristic/0/value"),
        ({"serviceCharacteristic": [{"name": "vlan", "value": 1}] * 2}, 400, "#/serviceCharacteristic/1"),
        ({"serviceCharacteristic": [{"name": "nonesuch", "value": 1}]}, 400, "#/serviceCharacteristic/0/value"),
        ({"serviceCharacteristic": [{"name": "description", "value": "a\nb"}]}, 400, "#/serviceCharacteristic/0/value"),
    ],
)
def test_what_a_patch_cannot_say_is_refused_and_nothing_is_ordered(office, service, body, status, where):
    refused = patch(office, service["href"], body)
    assert (refused.status_code, refused.json().get("referenceError")) == (status, where), refused.text
    assert office.get(service["href"]).json() == service


def test_fabds_own_service_is_not_forgotten_by_a_client(office, service):
    assert office.call("DELETE", service["href"]).status_code == 409
    stale = patch(office, service["href"], {"name": "x"}, headers={"If-Match": '"old"'})
    assert stale.status_code == 412


def test_what_a_service_refers_to_is_there(office, service):
    references = [service["serviceSpecification"], *service["supportingResource"]]
    assert len(references) > 1
    for reference in references:
        assert office.get(reference["href"]).status_code == 200, reference
    [order] = service["serviceOrderItem"]
    assert office.get(order["serviceOrderHref"]).status_code == 200


def test_an_item_that_failed_to_add_names_no_service_that_is_gone(office):
    order = office.post(ORDERS, json=office.order()).json()
    assert office.get(order["serviceOrderItem"][0]["service"]["href"]).status_code == 200
    patch(office, order["href"], {"state": "cancelled"})
    assert "href" not in office.get(order["href"]).json()["serviceOrderItem"][0]["service"]


# -- tickets: of fabd and of clients -----------------------------------------------------------------------------------


def test_a_ticket_of_fabd_is_moved_and_annotated_and_nothing_else(office, story):
    one = f"{TICKETS}/{story.ticket}"
    answer = patch(office, one, {"status": "inProgress", "statusChangeReason": "on site", "note": [{"text": "dug up"}]})
    assert answer.status_code == 200
    assert answer.json().items() >= {"status": "inProgress", "statusChangeReason": "on site"}.items()
    assert [note["text"] for note in answer.json()["note"]][-1:] == ["dug up"]
    again = patch(office, one, {"note": answer.json()["note"]})  # those that are there are not added again
    assert again.json()["note"] == answer.json()["note"]
    assert patch(office, one, {"status": "closed"}).status_code == 409
    assert patch(office, one, {"status": "gone"}).status_code == 400
    assert patch(office, one, {"severity": "minor"}).status_code == 409
    assert patch(office, one, {"creationDate": "2026-01-01T00:00:00Z"}).status_code == 400
    assert office.call("DELETE", one).status_code == 409
    assert office.get(one).json() == again.json()


# -- orders that change a service --------------------------------------------------------------------------------------


def test_a_modify_names_only_what_changes_and_sent_again_is_the_same_order(office, service):
    changing = {"id": service["id"], "serviceCharacteristic": [{"name": "description", "value": "new"}]}
    body = {
        "externalId": "M-1",
        "relatedParty": service["relatedParty"],
        "serviceOrderItem": [{"id": "1", "action": "modify", "service": changing}],
    }
    first = office.post(ORDERS, json=body)
    assert first.status_code == 201, first.text
    assert first.json()["serviceOrderItem"][0]["service"]["serviceCharacteristic"] == changing["serviceCharacteristic"]
    with office.database.write() as session:
        item = session.scalars(select(OrderItemRow).where(OrderItemRow.action == "modify")).one()
        assert item.characteristics == {"port": "pe1/ge-0/0/1", "description": "new"}
        session.get_one(ServiceRow, service["id"]).characteristics = {"port": "pe1/ge-0/0/1", "description": "of somebody else"}
    again = office.post(ORDERS, json=body)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    other = office.post(ORDERS, json=body | {"description": "something else"})
    assert (other.status_code, other.json()["code"]) == (409, "externalIdConflict")
