"""What Prometheus is told to scrape, over HTTP."""

import pytest

from agent.prometheus.targets import of_elements
from agent.shard import WHOLE, Shard
from inventory.importer import import_document
from inventory.source import Source

TARGETS, ELEMENTS = "/api/v1/prometheus/targets", "/api/v1/prometheus/elements"


def labels(answer):
    assert answer.status_code == 200, answer.text
    assert all(each["targets"] == ["fabd.test"] for each in answer.json())
    return [(each["labels"]["__metrics_path__"], each["labels"].get("__param_shard")) for each in answer.json()]


def test_one_prometheus_is_told_of_all_pages(office):
    found = office.get(TARGETS)
    assert labels(found) == [("/metrics", None), ("/metrics/services", None), ("/metrics/elements", None)]
    assert [each["labels"]["job"] for each in found.json()] == ["fabd", "fabd-services", "fabd-elements"]
    assert {each["labels"]["__scheme__"] for each in found.json()} == {"http"}


def test_elements_in_parts_are_told_apart_by_a_label_that_stays(office):
    found = office.get(f"{TARGETS}?shards=3")
    assert labels(found)[2:] == [("/metrics/elements", f"{number}/3") for number in range(3)]
    assert [each["labels"].get("shard") for each in found.json()] == [None, None, "0/3", "1/3", "2/3"]


def test_of_several_prometheus_servers_each_has_its_part_and_the_first_the_daemon(office):
    assert labels(office.get(f"{TARGETS}?shard=0/2")) == [
        ("/metrics", None),
        ("/metrics/services", None),
        ("/metrics/elements", "0/2"),
    ]
    assert labels(office.get(f"{TARGETS}?shard=1/2")) == [("/metrics/elements", "1/2")]


@pytest.mark.parametrize(
    "path", [f"{TARGETS}?shard=2/2", f"{TARGETS}?shard=x", f"{TARGETS}?shard=0/2&shards=2", "/metrics/elements?shard=2/2"]
)
def test_parts_that_do_not_exist_are_refused(office, path):
    answer = office.get(path)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:fabd:problem:invalidQuery")


def test_without_elements_the_list_is_empty(office):
    assert office.get(ELEMENTS).json() == []


def element(name, host):
    place = {"host": host, "port": 161, "credential": "core"}
    return {"name": name, "site": "lab", "platform": "ios", "role": "edge", "endpoints": {"snmp": place}}


def test_elements_are_told_of_by_the_places_where_they_are_managed(office):
    document = {"sites": [{"name": "lab"}], "elements": [element("r1", "192.0.2.1"), element("r2", "2001:db8::1")]}
    with office.database.write() as session:
        import_document(session, Source.of_data(document, "more.yaml"), platforms={"ios"}, at=office.clock.now())
    found = {each["labels"]["element"]: each for each in office.get(ELEMENTS).json()}
    assert found["r1"]["targets"] == ["192.0.2.1:161"]
    assert found["r2"]["targets"] == ["[2001:db8::1]:161"]
    assert found["r1"]["labels"]["__meta_fabd_site"] == "lab"
    with office.database.read() as session:
        parts = [{each.labels["element"] for each in of_elements(session, "snmp", shard)} for shard in Shard.all_of(2)]
        assert of_elements(session, "snmp", WHOLE)
    assert sorted(parts[0] | parts[1]) == ["r1", "r2"]
    assert not parts[0] & parts[1]
