"""The API's own description is whole, true and needs nothing from elsewhere."""

import re

import pytest
from jsonschema import Draft202012Validator

from agent.api.access import access_table
from agent.api.app import ROUTERS
from agent.api.openapi import ORDER_EXAMPLE
from tests.agent.api.office import ORDERS


@pytest.fixture
def document(office) -> dict:
    return office.get("/openapi.json", role=None).json()


def validate(document, schema, answer) -> None:
    Draft202012Validator(schema | {"components": document["components"]}).validate(answer)


def operations(document):
    return [(method.upper(), path, each) for path, methods in document["paths"].items() for method, each in methods.items()]


def test_every_route_is_described_with_its_role(document):
    described = {(method, path): each.get("x-fabd-role") for method, path, each in operations(document)}
    assert described == {key: role.value if role else None for key, role in access_table(ROUTERS).items()}


def test_every_operation_says_what_it_is_and_which_errors_it_gives(document):
    for method, path, each in operations(document):
        assert each["summary"], path
        assert each["tags"], path
        if "x-fabd-role" in each:
            assert {"400", "401", "403", "429", "500", "503"} <= set(each["responses"]), path
        if "requestBody" in each:
            assert {"408", "413", "415"} <= set(each["responses"]), (method, path)
        if "{" in path:
            assert "404" in each["responses"], path
        for status, answer in each["responses"].items():
            if int(status) >= 400 and (path, status) != ("/-/ready", "503"):  # which is no error but an answer
                forms = {"application/problem+json"} | ({"application/json"} if path.startswith("/tmf-api/") else set())
                assert set(answer["content"]) == forms, (path, status)


def test_the_example_of_an_order_fits_its_schema_and_runs(document, office):
    content = document["paths"][ORDERS]["post"]["requestBody"]["content"]["application/json"]
    assert content["example"] == ORDER_EXAMPLE
    validate(document, content["schema"], content["example"])
    own = {"relatedParty": office.order()["relatedParty"]}
    assert office.post(ORDERS, json=content["example"] | own).status_code == 201


def test_the_references_of_the_document_lead_somewhere(document):
    for reference in set(re.findall(r"'\$ref': '([^']+)'", str(document))):
        where = document
        for step in reference.removeprefix("#/").split("/"):
            where = where[step]
    assert "$defs" not in str(document)
    assert "HTTPValidationError" not in str(document)


def test_the_page_for_people_loads_nothing_and_names_every_route(office):
    page = office.get("/docs", role=None)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|src=|href=['\"]?https?:|url\(", page.text)
    for path in {path for _, path in access_table(ROUTERS)}:
        assert f"<code>{path}</code>" in page.text


PLACES = {
    "alarm_id": "alm-1",
    "problem_id": "prb-1",
    "name": {
        "/api/v1/elements/{name}": "pe1",
        "/api/v1/specifications/{name}": "l3vpn",
        "/api/v1/slas/{name}": "gold",
        "/api/v1/pools/{name}": "ipv4-links",
    },
}
"""Of objects of the story that are not asked of it."""


def asked(story, path: str) -> str:
    office = story.office
    bill = f"/api/v1/customers/{office.operator.account}/bills"
    known = PLACES | {
        "order_id": story.order["id"],
        "service_id": story.service,
        "ticket_id": story.ticket,
        "usage_id": story.usage,
        "object_id": story.ticket,
        "account_number": office.operator.account,
        "plan_id": office.get("/api/v1/plans").json()[0]["id"],
        "run_id": office.post("/api/v1/drift-runs", json={"verb": "check-sync"}, headers={"Idempotency-Key": "d"}).json()["id"],
        "bill_id": office.post(bill, json={}, headers={"Idempotency-Key": "b"}).json()["id"],
    }
    work = {"start": "2031-01-12T01:00:00Z", "end": "2031-01-12T03:00:00Z", "reason": "work"}
    work |= {"scopes": [{"kind": "element", "name": "pe1"}]}
    known["maintenance_id"] = office.post("/api/v1/maintenance", json=work, headers={"Idempotency-Key": "m"}).json()["id"]
    wish = {"rule": "bounce-errored-port", "about": "pe1/ge-0/0/1"}
    known["action_id"] = office.post("/api/v1/actions", json=wish, headers={"Idempotency-Key": "a"}).json()["id"]
    span = "since=2026-01-05T09:00:00Z&until=2026-01-05T10:00:00Z"
    query = {
        "/api/v1/sla/report": f"?service_id={story.service}",
        "/api/v1/impact": "?object=pe1",
        "/api/v1/history/points": f"?subject=port:pe1/ge-0/0/1&metric=in_bps&{span}",
    }.get(path, "")
    found = {name: each.get(path, "") if isinstance(each, dict) else each for name, each in known.items()}
    return path.format(**found) + query


HEARD = {"/api/v1/intake": 503, "/api/v1/intake/recent": 503, "/api/v1/collectors": 409}
"""Only of a daemon that listens for events and asks elements; this one does neither."""


def test_what_is_answered_has_the_shape_that_is_promised(document, story):
    looked_at = set()
    for method, path, each in operations(document):
        if method != "GET" or (path.startswith("/tmf-api/") and "{" in path):  # those are looked at by test_examples
            continue
        answer = story.office.get(asked(story, path))
        if path in HEARD:
            assert answer.status_code == HEARD[path], (path, answer.text)
            continue
        assert answer.status_code == 200, (path, answer.text)
        media = answer.headers["content-type"].partition(";")[0]
        promised = each["responses"]["200"]["content"]
        assert media in promised, path
        if media == "application/json":
            validate(document, promised[media]["schema"], answer.json())
            looked_at |= {path} if answer.json() else set()
    readable = {path for method, path, _ in operations(document) if method == "GET" and path.startswith("/api/v1")}
    empty = readable - looked_at - HEARD.keys()
    assert empty == {
        "/api/v1/collected",  # as test_collectors has them
        "/api/v1/foresight",
        "/api/v1/foresight/rules",
        "/api/v1/drift",
        "/api/v1/freezes",
        "/api/v1/exclusions",
        "/api/v1/maintenance/calendar.ics",
        "/api/v1/credits",
        "/api/v1/prometheus/elements",  # the story's have no endpoints
        "/api/v1/violations",
        "/api/v1/objectives",
        "/api/v1/observations",
        "/api/v1/services/{service_id}/tests",
        "/api/v1/deliveries",
        "/api/v1/subscriptions",
    }


def test_what_is_done_is_answered_in_the_shape_that_is_promised(document, story):
    office = story.office
    bills = "/api/v1/customers/{account_number}/bills"
    for path, url, body in (
        (ORDERS, ORDERS, office.order("pe2/Gi0/1")),
        ("/api/v1/orders/plan", "/api/v1/orders/plan", office.order("pe1/ge-0/0/0")),
        (bills, bills.format(account_number=office.operator.account), {}),
    ):
        answer = office.post(url, json=body)
        assert answer.is_success, (path, answer.text)
        promised = document["paths"][path]["post"]["responses"][str(answer.status_code)]["content"]["application/json"]
        validate(document, promised["schema"], answer.json())


def test_a_selection_of_attributes_has_the_shape_of_the_whole(document, story):
    for path, attribute in ((ORDERS, "state"), ("/api/v1/alarms", "severity"), ("/api/v1/elements", "name")):
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validate(document, schema, story.office.get(path, params={"fields": attribute}).json())
