"""Health, readiness and numbers."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from agent.api.app import create_app
from agent.metrics import CHUNK, Family, Metrics, Sample, write
from tests.agent.api.office import ORDERS


def numbers(page: str) -> dict[tuple[str, frozenset], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_healthy_is_plain(office):
    assert office.get("/-/healthy", role=None).text == "ok\n"


def test_ready_says_what_is_awaited(office):
    assert office.get("/-/ready", role=None).json() == {"ready": True, "waiting": []}
    office.waiting.append("the first poll cycle")
    answer = office.get("/-/ready", role=None)
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "waiting": ["the first poll cycle"]})


def test_requests_are_counted_by_route_not_by_path(office):
    for identity in ("a", "b"):
        office.get(f"{ORDERS}/{identity}")
    office.get("/wp-login.php")
    office.call("BREW", "/x")
    found = numbers(office.get("/metrics").text)
    labels = {"method": "GET", "route": f"{ORDERS}/{{order_id}}", "status": "404"}
    assert found["fabd_http_requests_total", frozenset(labels.items())] == 2
    for method in ("GET", "other"):
        labels = {"method": method, "route": "unknown", "status": "404"}
        assert found["fabd_http_requests_total", frozenset(labels.items())] == 1


def test_work_in_the_database_is_counted(office):
    office.post(ORDERS, json=office.order())
    found = numbers(office.get("/metrics").text)
    assert found["fabd_database_up", frozenset()] == 1
    assert found["fabd_plans", frozenset({("state", "waiting")})] == 1
    assert found["fabd_work_items", frozenset({("state", "ready")})] == 1
    assert found["fabd_services", frozenset({("state", "reserved")})] == 1
    assert found["fabd_elements_in_doubt", frozenset()] == 0
    assert found["fabd_outbox_lag_seconds", frozenset()] == 0


def test_without_a_table_the_rest_of_the_numbers_stays(office):
    with office.database.write() as session:
        session.execute(text("DROP TABLE delivery"))
    page = office.get("/metrics")
    found = numbers(page.text)
    assert (page.status_code, found["fabd_database_up", frozenset()]) == (200, 0)
    assert ("fabd_http_requests_total", frozenset()) not in found


def test_numbers_of_elements_have_a_page_of_their_own(office):
    families = [
        Family(
            "fabd_port_receive_octets_total", "counter", "Octets (cached).", [Sample({"port": 'pe1/"x"\\', "n": "1"}, 2**64 - 1)]
        ),
        Family("fabd_port_oper_status", "gauge", "Two\nlines.", [Sample({}, 1.5)]),
    ]
    app = create_app(replace(office.parts, metrics=Metrics(), element_families=lambda _shard: families))
    office.app = app
    page = office.get("/metrics/elements")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "18446744073709551615" in page.text
    found = numbers(page.text)
    assert found["fabd_port_receive_octets_total", frozenset({("port", 'pe1/"x"\\'), ("n", "1")})] == 2**64 - 1
    assert found["fabd_port_oper_status", frozenset()] == 1.5
    assert "fabd_http_requests_total" not in page.text


@pytest.mark.parametrize("series", [0, 1, 5000])
def test_many_series_are_written_in_pieces(series):
    made = []

    def samples():
        for number in range(series):
            made.append(number)
            yield Sample({"port": f"pe{number}/ge-0/0/1"}, number)

    pieces = []
    ahead = 0
    for piece in write([Family("fabd_x", "gauge", "h", samples())]):
        pieces.append(piece)
        ahead = max(ahead, len(piece))
    assert ahead <= CHUNK + 100
    assert len(numbers("".join(pieces))) == series
    assert len(pieces) == 1 or series == 5000
