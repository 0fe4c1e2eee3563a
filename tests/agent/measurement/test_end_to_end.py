"""A service is measured before it is delivered, on demand, and by TMF653: over a daemon, a simulated network and real sockets."""

import re

import pytest

from tests.agent import installation as place
from tests.agent.installation import ORDERS, Installation, add, eventually, simulated_network
from tests.loopback import numbered

TESTS = "/tmf-api/serviceTestManagement/v4"
SETTINGS = "[fulfillment]\nverify_timeout_s = 5\n"
ENDED = {"completed", "failed"}


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    with simulated_network(1, tmp_path_factory.mktemp("keys")) as network:
        yield network


@pytest.fixture(scope="module")
def house(tmp_path_factory, sim):
    """Customers' routers have loopback addresses here, so that the simulated network can answer for them."""
    links = numbered(3).replace(".0/24", ".0/29")
    pools = [{**pool, "prefix": links} if pool["name"] == "ipv4-links" else pool for pool in place.POOLS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "POOLS", pools)
        with Installation(tmp_path_factory.mktemp("fabd") / "data", sim, more=SETTINGS) as installation:
            yield installation


@pytest.fixture(scope="module")
def http(house):
    with house.running() as process, house.client(process) as client:
        yield client


@pytest.fixture(scope="module")
def service(house, http):
    """Id of a service that was measured when it was new."""
    order = ordered(house, http, port="pe1/ge-0/0/0", measure="stamp", measurePort=8620)
    assert order["state"] == "completed", order
    return order["serviceOrderItem"][0]["service"]["id"]


def ordered(house, http, **characteristics):
    answer = http.post(ORDERS, json=house.order(add("1", **characteristics)))
    assert answer.status_code == 201, answer.text
    href = answer.json()["href"]
    return eventually(lambda: (found := http.get(href).json())["state"] in ENDED and found)


def test_what_a_service_measured_when_it_was_new_is_its_baseline(http, service):
    [accepted] = http.get(f"/api/v1/services/{service}/tests").json()
    assert (accepted["occasion"], accepted["passed"], accepted["is_baseline"]) == ("acceptance", True, True)
    [result] = accepted["results"]
    assert (result["kind"], result["port"], result["figures"]["sent"]) == ("stamp", 8620, 20)
    assert 0 < result["figures"]["delay_s"] < 1


def test_a_test_on_demand_is_compared_with_it(http, service):
    found = http.post(f"/api/v1/services/{service}/tests", json={"packets": 10})
    assert found.status_code == 201, found.text
    test = found.json()
    assert test["passed"], test
    assert test["baseline"]["occasion"] == "acceptance"
    assert test["results"][0]["figures"]["received"] == 10


def test_a_test_fails_while_the_customers_cable_is_out(sim, http, service):
    sim.call(lambda network: network.plug("pe1", "ge-0/0/0", plugged=False))
    try:
        test = http.post(f"/api/v1/services/{service}/tests", json={"packets": 3}).json()
    finally:
        sim.call(lambda network: network.plug("pe1", "ge-0/0/0", plugged=True))
    assert not test["passed"]
    assert test["results"][0]["faults"] == ["none of 3 packets was answered"]


def test_tmf653_tells_what_can_be_tested_and_what_was_measured(http, service):
    known = http.get(f"{TESTS}/serviceTestSpecification").json()
    assert [each["id"] for each in known] == ["internet-access.measurement"]
    wanted = {"name": "t", "relatedService": {"id": service}, "testSpecification": {"id": known[0]["id"]}}
    begun = http.post(f"{TESTS}/serviceTest", json=wanted)
    assert (begun.status_code, begun.json()["state"]) == (201, "acknowledged"), begun.text
    done = eventually(lambda: (found := http.get(begun.json()["href"]).json())["state"] in ENDED and found)
    assert done["state"] == "completed", done
    measured = {each["metricName"]: each["value"]["value"] for each in done["testMeasure"]}
    assert measured.keys() >= {"loss", "delay", "jitter", "delayP99", "delayBaseline"}
    assert measured["loss"] == 0
    for theirs in ({"testMeasure": []}, {"state": "failed"}, {"endDateTime": "2026-01-01T00:00:00Z"}, {"mode": "PROACTIVE"}):
        refused = http.patch(done["href"], json=theirs)
        assert (refused.status_code, refused.json()["code"]) == (400, "attributeNotChangeable"), theirs
    said = http.patch(done["href"], json={"description": "after the storm"}).json()
    assert said == done | {"description": "after the storm"}


def test_what_a_client_measured_itself_is_its_own_to_change(http, service):
    kind = http.post(f"{TESTS}/serviceTestSpecification", json={"name": "rate", "relatedServiceSpecification": [{"id": "ia"}]})
    wanted = {"name": "t", "relatedService": {"id": service}, "testSpecification": {"id": kind.json()["id"]}}
    kept = http.post(f"{TESTS}/serviceTest", json=wanted).json()
    measure = [{"metricName": "rate", "value": {"name": "rate", "valueType": "number", "value": 3}}]
    changed = http.patch(kept["href"], json={"testMeasure": measure})
    assert (changed.status_code, changed.json()["testMeasure"][0]["metricName"]) == (200, "rate"), changed.text


def test_a_service_that_is_not_measured_says_what_to_do(house, http):
    order = ordered(house, http, port="pe2/Gi0/1")
    plain = order["serviceOrderItem"][0]["service"]["id"]
    refused = http.post(f"/api/v1/services/{plain}/tests", json={})
    assert refused.status_code == 409
    assert "give the specification a monitor of kind echo or stamp" in refused.json()["detail"]
    wanted = {"name": "t", "relatedService": {"id": plain}, "testSpecification": {"id": "internet-access.measurement"}}
    begun = http.post(f"{TESTS}/serviceTest", json=wanted).json()
    done = eventually(lambda: (found := http.get(begun["href"]).json())["state"] in ENDED and found)
    assert done["state"] == "failed"
    assert "measures nothing of it" in done["description"]


def test_tests_of_what_is_not_there_are_refused(http, service):
    wanted = {"name": "t", "relatedService": {"id": "svc-no"}, "testSpecification": {"id": "internet-access.measurement"}}
    assert http.post(f"{TESTS}/serviceTest", json=wanted).json()["code"] == "unknownService"
    wanted |= {"relatedService": {"id": service}, "testSpecification": {"id": "no"}}
    assert http.post(f"{TESTS}/serviceTest", json=wanted).json()["code"] == "unknownSpecification"


def test_a_service_whose_customer_does_not_answer_is_not_delivered(house, http):
    """And leaves nothing on the network."""
    before = house.running_texts()["pe1"]
    order = ordered(house, http, port="pe1/ge-0/0/1", measure="stamp", measurePort=9)
    assert order["state"] == "failed"
    [error] = order["serviceOrderItem"][0]["errorMessage"]
    assert "service test stamp" in error["message"]
    assert re.search(r"none of \d+ packets was answered", error["message"])
    assert house.running_texts()["pe1"] == before
