"""A lean route is reached past FastAPI's layers, and nobody can tell."""

import pytest
from starlette.routing import Router

from agent.api.tmf import service_ordering
from agent.security.roles import Role
from tests.agent.api.office import ORDERS, Office

SAID = {"X-Correlation-Id": "told-by-the-client"}


@pytest.fixture
def office(database, clock) -> Office:
    return Office(database, clock)


def answered(office, **request) -> tuple[int, dict, bytes]:
    answer = office.post(ORDERS, headers=SAID | request.pop("headers", {}), **request)
    return answer.status_code, dict(answer.headers), answer.content


REFUSED = {
    "nobody": {"json": {}, "role": None},
    "somebody who may not": {"json": {}, "role": Role.VIEWER},
    "no order": {"json": {}},
    "no JSON": {"content": b"{", "headers": {"Content-Type": "application/json"}},
    "a mark at its beginning": {"content": b"\xef\xbb\xbf{}", "headers": {"Content-Type": "application/json"}},
    "another form": {"content": b"a=b"},
    "an answer that nobody gives": {"json": {}, "headers": {"Accept": "text/html"}},
    "as a problem": {"json": {}, "headers": {"Accept": "application/problem+json"}},
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_refused_as_the_layers_would(office, request_):
    straight = answered(office, **request_)
    office.app.straight = None
    assert straight == answered(office, **request_)
    assert straight[0] >= 400


def test_a_mistake_of_the_program_is_told_as_the_layers_would(office, monkeypatch):
    def broken(*_) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(service_ordering, "read_order", broken)
    straight = answered(office, json={})
    office.app.straight = None
    assert straight == answered(office, json={})
    assert straight[0] == 500


def test_an_order_passes_no_router_and_is_counted_under_its_route(office, monkeypatch):
    monkeypatch.setattr(Router, "__call__", None)
    assert answered(office, json=office.order())[0] == 201
    assert f'method="POST",route="{ORDERS}",status="201"}} 1.0' in office.parts.metrics.text().decode()


def test_what_else_is_done_at_its_address_passes_the_layers(office):
    order = office.post(ORDERS, json=office.order()).json()["id"]
    assert [each["id"] for each in office.get(ORDERS).json()] == [order]
    assert office.post(f"{ORDERS}/", json={}).status_code == 400
    assert office.call("PUT", ORDERS, json={}).status_code == 405
