"""What TM Forum's conformance kit asks of TMF639, with bodies of our own; and the inventory as resources."""

import pytest
from sqlalchemy import select

from agent.security.roles import Role
from agent.security.tables import AuditRow
from crm_bridge.tables import EventRow
from inventory.tables import ElementRow

BASE = "/tmf-api/resourceInventoryManagement/v4"
KINDS = ["resource", "physicalResource", "logicalResource"]
BODY = {
    "name": "Splice box 12",
    "category": "Passive",
    "description": "under the bridge",
    "resourceStatus": "available",
    "administrativeState": "unlocked",
    "operationalState": "enable",
    "usageState": "idle",
    "resourceCharacteristic": [{"name": "fibres", "value": 48, "valueType": "integer"}],
    "resourceRelationship": [{"relationshipType": "contains", "resource": {"id": "77"}}],
    "place": {"id": "9", "href": "https://gis.example/9", "role": "location"},
}


def made(office, kind, **more) -> dict:
    answer = office.post(f"{BASE}/{kind}", json=BODY | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


def resource(office, name, kind="resource") -> dict:
    (found,) = office.get(f"{BASE}/{kind}", params={"name": name}).json()
    return found


@pytest.mark.parametrize("kind", KINDS)
class TestEachKind:
    def test_what_is_made_is_echoed_and_found_again(self, office, kind):
        one = made(office, kind, vendors={"own": True}, **{"@type": "SpliceBox", "@baseType": "PhysicalResource"})
        assert (BODY | {"vendors": {"own": True}, "@type": "SpliceBox"}).items() <= one.items()
        assert one["href"] == f"{BASE}/{kind}/{one['id']}"
        assert office.get(one["href"]).json() == one
        assert office.get(f"{BASE}/resource/{one['id']}").json() == one
        assert [each["id"] for each in office.get(f'{BASE}/{kind}?name="Splice box 12"').json()] == [one["id"]]
        assert office.get(f"{BASE}/{kind}/{one['id']}?fields=name").json() == {key: one[key] for key in ("id", "href", "name")}

    def test_states_are_changed_and_nothing_else_is_made_of_them(self, office, kind):
        one = made(office, kind)
        answer = office.call(
            "PATCH", one["href"], json={"administrativeState": "shutdown", "usageState": "busy", "note": [{"text": "x"}]}
        )
        assert answer.status_code == 200, answer.text
        assert (answer.json()["administrativeState"], answer.json()["note"]) == ("shutdown", [{"text": "x"}])
        assert office.call("PATCH", one["href"], json={"usageState": "lazy"}).status_code == 400
        assert office.call("PATCH", one["href"], json={"id": "mine"}).status_code == 400

    def test_what_is_deleted_is_gone(self, office, kind):
        one = made(office, kind)
        assert office.call("DELETE", one["href"]).status_code == 204
        assert office.get(one["href"]).status_code == 404
        assert office.call("DELETE", one["href"]).status_code == 404

    @pytest.mark.parametrize(
        "wrong", [{"name": 7}, {"name": "x", "resourceStatus": "lost"}, {"name": "x", "startOperatingDate": "soon"}]
    )
    def test_what_is_no_such_thing_is_refused(self, office, kind, wrong):
        assert office.post(f"{BASE}/{kind}", json=wrong).status_code == 400


@pytest.mark.parametrize(("kind", "status"), [("resource", 400), ("physicalResource", 400), ("logicalResource", 201)])
def test_all_but_logical_resources_need_a_name(office, kind, status):
    assert office.post(f"{BASE}/{kind}", json={"category": "x"}).status_code == status


def test_a_logical_resource_is_replaced_whole(office):
    one = made(office, "logicalResource")
    answer = office.call("PUT", one["href"], json={"id": one["id"], "href": one["href"], "name": "Number", "value": "+49301"})
    assert answer.json() == {"id": one["id"], "href": one["href"], "@type": "LogicalResource", "name": "Number", "value": "+49301"}
    assert office.get(one["href"]).json() == answer.json()
    assert office.call("PUT", one["href"], json={"id": "other", "name": "x"}).status_code == 400


def test_the_inventory_is_listed_kind_by_kind(story):
    office = story.office
    physical = office.get(f"{BASE}/physicalResource?limit=1000").json()
    logical = office.get(f"{BASE}/logicalResource?limit=1000").json()
    every = office.get(f"{BASE}/resource?limit=1000").json()
    assert every == physical + logical
    assert {each["category"] for each in physical} == {"Element", "Port", "Link"}
    assert {each["category"] for each in logical} == {"Pool", "Allocation"}
    elements = office.get(f"{BASE}/resource?category=Element").json()
    assert [each["name"] for each in elements] == ["pe1", "pe2", "pe3", "sw1", "sw2"]
    for each in every:
        assert office.get(each["href"]).json() == each
    cut = office.get(f"{BASE}/resource?offset=3&limit=4")
    assert (cut.status_code, cut.json()) == (206, every[3:7])
    assert int(cut.headers["x-total-count"]) == len(every)


def test_states_tell_what_stands_against_a_resource_and_who_takes_it(story):
    office = story.office
    pe1 = resource(office, "pe1")
    assert (pe1["administrativeState"], pe1["usageState"], pe1["resourceStatus"]) == ("unlocked", "active", "alarm")
    port = resource(office, "pe1/ge-0/0/1")
    assert (port["usageState"], port["@type"]) == ("busy", "PhysicalResource")
    related = {each["relationshipType"]: each["id"] for each in port["resourceRelationship"]}
    assert related == {"isContainedIn": pe1["id"], "isUsedBy": story.service}
    free = resource(office, "pe2/Gi0/1", "physicalResource")
    assert (free["usageState"], free["operationalState"], free["resourceStatus"]) == ("idle", "enable", "available")
    (given,) = office.get(f"{BASE}/logicalResource?value=10.0.0.0/31").json()
    assert given["resourceRelationship"][0]["id"] == resource(office, "ipv4-links")["id"]


def test_an_element_is_locked_and_unlocked_in_the_open(office):
    pe1 = resource(office, "pe1")
    answer = office.call("PATCH", pe1["href"], json={"administrativeState": "locked"}, headers={"If-Match": '"stale"'})
    assert answer.status_code == 412
    answer = office.call("PATCH", pe1["href"], json={"administrativeState": "locked"})
    assert (answer.json()["administrativeState"], answer.json()["resourceStatus"]) == ("locked", "suspended")
    with office.database.read() as session:
        assert session.scalars(select(ElementRow.administrative).where(ElementRow.name == "pe1")).one() == "locked"
        audit = session.scalars(select(AuditRow).where(AuditRow.object == "element pe1")).one()
        told = session.scalars(select(EventRow).where(EventRow.type == "physicalResourceStateChangeEvent")).one()
    assert (audit.action, audit.before, audit.after) == ("lock", {"administrative": "unlocked"}, {"administrative": "locked"})
    assert told.payload["physicalResource"]["administrativeState"] == "locked"
    assert office.call("PATCH", f"{BASE}/resource/{pe1['id']}", json={"administrativeState": "unlocked"}).status_code == 200
    assert resource(office, "pe1")["administrativeState"] == "unlocked"


@pytest.mark.parametrize(
    ("name", "patch", "status", "code"),
    [
        ("pe1", {"name": "pe9"}, 409, "ownedByInventory"),
        ("pe1", {"administrativeState": "shutdown"}, 400, "unknownState"),
        ("pe1", {"href": "/mine"}, 400, "attributeNotChangeable"),
        ("pe1/ge-0/0/1", {"administrativeState": "locked"}, 409, "notARecord"),
        ("ipv4-links", {"name": "mine"}, 409, "notARecord"),
    ],
)
def test_what_the_inventory_owns_is_not_changed_here(office, name, patch, status, code):
    one = resource(office, name)
    answer = office.call("PATCH", f"{BASE}/resource/{one['id']}", json=patch)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert office.call("DELETE", one["href"]).json()["code"] == "notARecord"


def test_only_who_may_provision_changes_anything(office):
    pe1 = resource(office, "pe1")
    assert office.call("PATCH", pe1["href"], json={"administrativeState": "locked"}, role=Role.OPERATOR).status_code == 403
    assert office.post(f"{BASE}/resource", json=BODY, role=Role.OPERATOR).status_code == 403
