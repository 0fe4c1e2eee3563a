"""What TM Forum's conformance kit asks of TMF633, with bodies of our own; and what fabd ships, as the catalog shows it."""

import pytest

BASE = "/tmf-api/serviceCatalogManagement/v4"
BODIES = {
    "serviceCatalog": {"name": "Carrier services", "description": "for resale", "category": [{"id": "7", "name": "Transport"}]},
    "serviceCategory": {"name": "Transport", "validFor": {"startDateTime": "2026-01-01T00:00:00Z"}},
    "serviceCandidate": {"name": "Dark fibre", "serviceSpecification": {"id": "55", "name": "Fibre pair", "version": "2"}},
    "serviceSpecification": {
        "name": "Fibre pair",
        "version": "2",
        "specCharacteristic": [{"name": "length", "valueType": "number", "configurable": True}],
        "serviceSpecRelationship": [{"id": "3", "relationshipType": "dependency"}],
    },
}
KINDS = [*BODIES]
SET = {"serviceSpecification": {"isBundle"}}


def made(office, kind, **more) -> dict:
    answer = office.post(f"{BASE}/{kind}", json=BODIES[kind] | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["href"]
    return answer.json()


@pytest.mark.parametrize("kind", KINDS)
class TestEachKind:
    def test_what_is_made_is_echoed_with_what_the_server_sets(self, office, kind):
        own = {"vendorField": {"deep": [1, "two"]}, "@type": "VendorKind", "@schemaLocation": "https://vendor.example/x.json"}
        one = made(office, kind, **own)
        assert BODIES[kind].items() <= one.items()
        assert own.items() <= one.items()
        assert {"id", "href", "lastUpdate", "lifecycleStatus", "@type"} | SET.get(kind, set()) <= one.keys()
        assert made(office, kind)["@type"].lower() == kind.lower()
        assert office.get(one["href"]).json() == one
        assert office.post(f"{BASE}/{kind}/", json=BODIES[kind]).status_code == 201

    def test_lists_are_filtered_selected_and_counted(self, office, kind):
        one = made(office, kind, lifecycleStatus="Launched")
        made(office, kind)
        for query in (f"id={one['id']}", 'lifecycleStatus="Launched"', f"name={one['name']}&lifecycleStatus=Launched"):
            assert [each["id"] for each in office.get(f"{BASE}/{kind}?{query}").json()] == [one["id"]], query
        chosen = office.get(f"{BASE}/{kind}?fields=name,lifecycleStatus").json()
        assert all(each.keys() == {"id", "href", "name", "lifecycleStatus"} for each in chosen)
        page = office.get(f"{BASE}/{kind}?limit=1&offset=1")
        assert (page.status_code, page.headers["x-result-count"], len(page.json())) == (206, "1", 1)
        assert int(page.headers["x-total-count"]) == len(office.get(f"{BASE}/{kind}").json())
        assert office.get(f"{one['href']}?fields=name").json().keys() == {"id", "href", "name"}

    def test_a_patch_changes_what_is_the_clients_and_the_time(self, office, kind):
        one = made(office, kind)
        office.clock.advance(60)
        answer = office.call("PATCH", one["href"], json={"description": "changed", "lifecycleStatus": "Active"})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["description"], answer.json()["lifecycleStatus"]) == ("changed", "Active")
        assert answer.json()["lastUpdate"] > one["lastUpdate"]
        assert office.get(one["href"]).json() == answer.json()

    def test_when_it_is_valid_is_asked_for_by_instants(self, office, kind):
        valid = {"startDateTime": "2026-08-23T00:00:00.0Z", "endDateTime": "2027-03-25T02:00:00+02:00"}
        one = made(office, kind, validFor=valid)
        assert one["validFor"] == valid
        found = office.get(f"{BASE}/{kind}?validFor.startDateTime.gt=2026-08-22T23:00:00-00:30&fields=id").json()
        assert [each["id"] for each in found] == [one["id"]]
        answer = office.get(f"{BASE}/{kind}?validFor.startDateTime.gt=2026-13-45")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalidValue")

    @pytest.mark.parametrize("attribute", ["id", "href", "lastUpdate"])
    def test_what_the_server_sets_is_not_patched(self, office, kind, attribute):
        one = made(office, kind)
        assert office.call("PATCH", one["href"], json={attribute: "mine"}).status_code == 400

    def test_what_is_deleted_is_gone(self, office, kind):
        one = made(office, kind)
        assert office.call("DELETE", one["href"]).status_code == 204
        assert [office.call(verb, one["href"], json={}).status_code for verb in ("GET", "PATCH", "DELETE")] == [404] * 3

    @pytest.mark.parametrize("wrong", [{}, {"name": 5}, {"name": "x", "validFor": "always"}, {"name": "x", "@type": 7}])
    def test_what_is_no_such_thing_is_refused(self, office, kind, wrong):
        body = wrong | ({"serviceSpecification": {"id": "1"}} if kind == "serviceCandidate" else {})
        answer = office.post(f"{BASE}/{kind}", json=body)
        assert (answer.status_code, answer.json()["status"]) == (400, "400")

    def test_what_is_shipped_is_read_only(self, office, kind):
        (shipped, *_) = office.get(f"{BASE}/{kind}").json()
        for verb, body in (("PATCH", {"name": "mine"}), ("DELETE", None)):
            answer = office.call(verb, shipped["href"], json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "notARecord")


def test_a_candidate_needs_a_specification(office):
    assert office.post(f"{BASE}/serviceCandidate", json={"name": "x"}).json()["referenceError"] == "#/serviceSpecification"


def test_shipped_specifications_tell_their_characteristics(office):
    one = office.get(f"{BASE}/serviceSpecification/internet-access").json()
    version = office.parts.catalog.specification("internet-access").version
    assert (one["name"], one["version"], one["isBundle"], one["lifecycleStatus"]) == ("Internet access", version, False, "Active")
    known = {each["name"]: each for each in one["specCharacteristic"]}
    assert known["vlan"]["valueType"] == "integer"
    (vlan,) = known["vlan"]["characteristicValueSpecification"]
    assert (vlan["valueFrom"], vlan["valueTo"], vlan["rangeInterval"]) == (1, 4094, "closed")
    assert known["port"]["regex"]
    assert (known["port"]["minCardinality"], known["port"]["maxCardinality"]) == (0, 1)
    schema = one["targetEntitySchema"]["@schemaLocation"]
    assert office.get(schema).json()["characteristics"]["properties"].keys() == known.keys()


def test_the_shipped_catalog_leads_to_every_specification(office):
    catalog = office.get(f"{BASE}/serviceCatalog/fabd").json()
    (category,) = [office.get(each["href"]).json() for each in catalog["category"]]
    candidates = [office.get(each["href"]).json() for each in category["serviceCandidate"]]
    found = {office.get(each["serviceSpecification"]["href"]).json()["id"] for each in candidates}
    assert found == {each["id"] for each in office.get("/api/v1/specifications").json()}
