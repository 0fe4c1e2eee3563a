"""What TM Forum's conformance kit asks of TMF640, with bodies of our own; and that an order carries out what is asked here."""

import json

import pytest
from sqlalchemy import select

from agent.api.tmf.monitors import ACTIVATION
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.outcome import Success
from agent.fulfillment.tables import OrderRow, PlanRow
from agent.security.roles import Role
from crm_bridge.tables import EventRow
from tests.agent.api.office import ORDERS

BASE = "/tmf-api/ServiceActivationAndConfiguration/v4"
SERVICES, MONITORS = f"{BASE}/service", f"{BASE}/monitor"
ASYNC = {"Prefer": "respond-async"}
FOREIGN = {
    "name": "Firewall of Acme",
    "description": "a box at the customer's",
    "state": "feasibilityChecked",
    "category": "CFS",
    "startDate": "2026-01-01T00:00:00Z",
    "serviceSpecification": {"id": "31", "href": "https://vendor.example/catalog/31", "name": "Firewall", "version": "3"},
    "serviceCharacteristic": [{"name": "address", "valueType": "object", "value": {"@type": "Address", "ip": "192.0.2.1"}}],
    "serviceRelationship": [{"relationshipType": "reliesOn", "service": {"id": "5", "href": "https://vendor.example/5"}}],
    "supportingService": [{"id": "6", "href": "https://vendor.example/6"}],
    "supportingResource": [{"id": "7", "href": "https://vendor.example/7", "name": "rack"}],
    "relatedParty": [{"id": "8", "href": "https://vendor.example/8", "role": "user"}],
    "place": [{"id": "9", "href": "https://vendor.example/9", "role": "site"}],
    "@type": "Firewall",
    "@baseType": "Service",
}


def body(office, port="pe1/ge-0/0/1", **more) -> dict:
    return {
        "state": "active",
        "serviceSpecification": {"id": "internet-access"},
        "relatedParty": [{"id": office.operator.account, "role": "customer", "@referredType": "Customer"}],
        "serviceCharacteristic": [{"name": "port", "value": port}],
    } | more


def begun(office, method="POST", path=SERVICES, **request) -> dict:
    answer = office.call(method, path, headers=ASYNC, **request)
    assert answer.status_code == 202, answer.text
    assert answer.headers["monitorid"] == answer.json()["id"]
    assert answer.headers["location"] == answer.json()["href"]
    return answer.json()


def carry_out(office, *, fails="") -> None:
    """What the network says to every plan that waits."""
    at = office.clock.now()
    outcomes = office.fulfilment._outcomes
    with office.database.write() as session:
        for plan in session.scalars(select(PlanRow).where(PlanRow.state == "waiting")):
            outcomes.begin(session, plan, at)
            if fails:
                from agent.fulfillment.plan import Failure  # noqa: PLC0415  only here

                outcomes.fail(session, plan, [Failure("pe1", "editRefused", fails)], at, used=False)
                plan.state = "failed"
            else:
                outcomes.succeed(session, [Success(plan, [], CounterReadings(at, {}), CounterReadings(at, {}))], at)
                plan.state = "done"


def active(office, **more) -> dict:
    monitor = begun(office, json=body(office, **more))
    carry_out(office)
    return office.get(monitor["sourceHref"]).json()


class TestAServiceOfAnothersCatalog:
    def test_it_is_kept_and_echoed_whole(self, office):
        answer = office.post(f"{SERVICES}/", json=FOREIGN)
        assert (answer.status_code, answer.headers["location"]) == (201, answer.json()["href"])
        assert FOREIGN.items() <= answer.json().items()
        assert "serviceDate" in answer.json()
        assert office.get(answer.json()["href"]).json() == answer.json()
        assert answer.json()["href"] == f"{SERVICES}/{answer.json()['id']}"
        assert office.get(ORDERS).json() == []

    def test_lists_are_filtered_and_selected(self, office):
        one = office.post(SERVICES, json=FOREIGN).json()
        other = office.post(SERVICES, json=FOREIGN | {"name": "Other", "state": "active"}).json()
        for query, found in (
            ("category=CFS", [one, other]),
            (f"name={other['name']}", [other]),
            ('state="feasibilityChecked"', [one]),
            ("serviceSpecification.id=31&state=active", [other]),
        ):
            assert {each["id"] for each in office.get(f"{SERVICES}?{query}").json()} == {each["id"] for each in found}, query
        assert all(each.keys() == {"id", "href"} for each in office.get(f"{SERVICES}?fields=id,href").json())
        assert office.get(f"{SERVICES}/nobody").status_code == 404

    def test_it_is_patched_along_its_states_and_deleted(self, office):
        one = office.post(SERVICES, json=FOREIGN).json()
        assert office.call("PATCH", one["href"], json={"state": "active", "note": [{"text": "x"}]}).json()["state"] == "active"
        assert office.call("PATCH", one["href"], json={"state": "designed"}).status_code == 409
        assert office.call("PATCH", one["href"], json={"href": "/mine"}).status_code == 400
        assert office.call("DELETE", one["href"]).status_code == 204
        assert office.get(one["href"]).status_code == 404


ODDLY_DESCRIBED = {
    "relatedParty": [{"id": "100007", "role": "customer"}, "x"],
    "note": 5,
    "place": "x",
    "feature": [5],
    "category": 7,
    "supportingService": {},
    "serviceCharacteristic": [{"name": "port", "value": "pe1/ge-0/0/1"}, {"name": "port", "value": "pe1/ge-0/0/2"}],
}


@pytest.mark.parametrize("name", ODDLY_DESCRIBED)
def test_what_describes_a_service_is_of_the_promised_form(office, name):
    refused = office.post(SERVICES, json=body(office) | {name: ODDLY_DESCRIBED[name]})
    assert refused.status_code == 400, refused.text
    assert refused.json()["referenceError"].startswith(f"#/{name}")
    assert office.get(ORDERS).json() == []
    known = active(office)
    assert office.call("PATCH", known["href"], json={name: ODDLY_DESCRIBED[name]}).status_code == 400
    assert office.get(known["href"]).json() == known


class TestAServiceOfOurs:
    def test_a_repetition_that_waits_is_told_as_one(self, office):
        asked = {"json": body(office), "headers": {"Idempotency-Key": "k-1"}}
        begun_once = office.call("POST", SERVICES, json=body(office), headers={**ASYNC, "Idempotency-Key": "k-1"})
        carry_out(office)
        again = office.call("POST", SERVICES, **asked)
        assert (begun_once.status_code, again.status_code) == (202, 201)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json()["href"] == begun_once.json()["sourceHref"]

    def test_it_is_activated_by_an_order_and_the_monitor_follows_it(self, office):
        monitor = begun(office, json=body(office, description="head office", vendors={"own": 1}))
        assert (monitor["state"], monitor["request"]["method"], "response" in monitor) == ("InProgress", "POST", False)
        (order,) = office.get(ORDERS).json()
        assert order["category"] == ACTIVATION
        carry_out(office)
        done = office.get(monitor["href"]).json()
        assert (done["state"], done["response"]["statusCode"]) == ("Completed", "201")
        service = office.get(done["sourceHref"]).json()
        assert (service["state"], service["description"], service["vendors"]) == ("active", "head office", {"own": 1})
        assert json.loads(done["response"]["body"])["id"] == service["id"]
        assert [each["id"] for each in office.get(f"{MONITORS}?state=Completed").json()] == [monitor["id"]]
        with office.database.read() as session:
            told = [
                event.type for event in session.scalars(select(EventRow).order_by(EventRow.sequence)) if "monitor" in event.type
            ]
        assert told == ["monitorCreateEvent", "monitorStateChangeEvent"]

    def test_what_the_network_refuses_is_told_in_its_words(self, office):
        monitor = begun(office, json=body(office))
        carry_out(office, fails="no such interface")
        done = office.get(monitor["href"]).json()
        assert (done["state"], done["response"]["statusCode"]) == ("InError", "409")
        assert json.loads(done["response"]["body"])["message"] == "pe1: no such interface"
        assert office.get(done["sourceHref"]).status_code == 404

    def test_who_waits_is_answered_by_what_came_of_it(self, office):
        key = {"Idempotency-Key": "a", "Prefer": "wait=0"}
        first = office.post(SERVICES, json=body(office), headers=key)
        assert (first.status_code, first.json()["state"]) == (202, "InProgress")
        carry_out(office)
        again = office.post(SERVICES, json=body(office), headers=key)
        assert (again.status_code, again.json()["state"]) == (201, "active")
        assert again.headers["location"] == again.json()["href"]
        assert office.get(again.json()["href"]).headers["etag"] == again.headers["etag"]
        failing = {"Idempotency-Key": "b", "Prefer": "wait=0"}
        office.post(SERVICES, json=body(office, port="pe2/Gi0/1"), headers=failing)
        carry_out(office, fails="no such interface")
        refused = office.post(SERVICES, json=body(office, port="pe2/Gi0/1"), headers=failing)
        assert (refused.status_code, refused.json()["message"]) == (409, "pe1: no such interface")

    def test_it_is_changed_suspended_resumed_and_ended(self, office):
        service = active(office)
        for patch, state in (
            ({"serviceCharacteristic": [{"name": "description", "value": "branch"}]}, "active"),
            ({"state": "inactive", "serviceCharacteristic": [{"name": "suspensionReason", "value": "unpaid"}]}, "inactive"),
            ({"state": "active"}, "active"),
            ({"state": "terminated"}, "terminated"),
        ):
            begun(office, "PATCH", service["href"], json=patch)
            carry_out(office)
            assert office.get(service["href"]).json()["state"] == state, patch

    def test_what_only_describes_it_is_changed_at_once(self, office):
        service = active(office)
        answer = office.call(
            "PATCH", service["href"], json={"name": "HQ"}, headers={"If-Match": office.get(service["href"]).headers["etag"]}
        )
        assert (answer.status_code, answer.json()["name"], answer.json()["href"]) == (200, "HQ", service["href"])
        assert office.call("PATCH", service["href"], json={"name": "x"}, headers={"If-Match": '"old"'}).status_code == 412

    def test_it_is_deleted_from_the_network(self, office):
        service = active(office)
        monitor = begun(office, "DELETE", service["href"])
        carry_out(office)
        assert office.get(monitor["href"]).json()["response"]["statusCode"] == "204"
        assert office.get(service["href"]).json()["state"] == "terminated"
        assert office.call("DELETE", service["href"], headers=ASYNC).status_code == 404
        with office.database.read() as session:
            assert session.scalars(select(EventRow).where(EventRow.type == "serviceDeleteEvent")).one()

    def test_it_is_reserved_and_not_configured_when_it_is_to_be_inactive(self, office):
        monitor = begun(office, json=body(office, state="inactive"))
        carry_out(office)
        assert office.get(office.get(monitor["href"]).json()["sourceHref"]).json()["state"] == "inactive"


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"state": None}, 400, "#/state"),
        ({"state": "terminated"}, 400, "#/state"),
        ({"state": "feasibilityChecked"}, 400, "#/state"),
        ({"serviceSpecification": {"id": "internet-acces"}}, 400, "#/serviceSpecification/id"),
        ({"serviceSpecification": {"id": "x", "href": "http://fabd.test/y"}}, 400, "#/serviceSpecification/id"),
        ({"serviceSpecification": {}}, 400, "#/serviceSpecification/id"),
        ({"relatedParty": []}, 400, None),
        ({"serviceCharacteristic": [{"name": "port", "value": "pe9/x"}]}, 400, "#/serviceCharacteristic/0/value"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_nothing(office, change, status, place):
    sent = {key: value for key, value in (body(office) | change).items() if value is not None}
    answer = office.post(SERVICES, json=sent, headers=ASYNC)
    assert (answer.status_code, answer.json().get("referenceError")) == (status, place), answer.text
    assert office.get(SERVICES).json() == office.get(MONITORS).json() == []


def test_ports_in_use_are_refused_at_once(office):
    begun(office, json=body(office))
    assert office.post(SERVICES, json=body(office), headers=ASYNC).status_code == 409
    with office.database.read() as session:
        assert len(session.scalars(select(OrderRow)).all()) == 1


def test_activating_needs_the_role_of_a_provisioner(office):
    assert office.post(SERVICES, json=FOREIGN, role=Role.OPERATOR).status_code == 403
