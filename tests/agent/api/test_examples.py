"""The examples of the OpenAPI document run as they stand, but for whom and what they name; and what they make can be seen."""

import json
import re
from http import HTTPStatus

import pytest

from agent.api.openapi import PATCH_MEDIA
from agent.assurance.tables import ProblemRow
from tests.agent.api.office import ORDERS
from tests.agent.api.promise import document

HEADERS = {"Content-Type": "application/json", "Prefer": "respond-async"}
"""No worker runs: there is nothing to wait for."""
TAKING = ("/serviceOrder", "/ServiceActivationAndConfiguration/v4/service")
"""Where a port is taken, which is there once."""
PROBLEMS = ("prb-01m80a7m53qb112x1pz8", "prb-01m80a7m53qb112x1pz9")
"""Of the examples: clients make none of fabd's own."""


def post_operations(app):
    """Path, example, of every POST below `/tmf-api`."""
    for path, operations in document(app)["paths"].items():
        if path.startswith("/tmf-api/") and "post" in operations:
            content = operations["post"]["requestBody"]["content"]["application/json"]
            assert "example" in content, f"POST {path} shows no example"
            yield path, content["example"]


@pytest.fixture
def made(office) -> dict[str, dict]:
    """Collection → what its example has made. Each names what this installation has instead of its own: customer, order, ports,
    service, alarms and problems.
    """
    customer = office.operator.account
    with office.database.write() as session:
        for problem in PROBLEMS:
            session.add(
                ProblemRow(
                    id=problem, key=problem, problem_class="linkDown", root_object="port:pe1/1", state="open",
                    opened_at=office.clock.now(), resolved_at=None, evidence={}, attributes={},
                )
            )  # fmt: skip
    told = {"alarmType": "equipmentAlarm", "perceivedSeverity": "major", "probableCause": "powerProblem", "state": "raised"}
    about = {"alarmedObject": {"id": "ups-4"}, "sourceSystemId": "building", "alarmRaisedTime": "2026-01-05T09:00:00Z"}
    alarm = office.post("/tmf-api/alarmManagement/v4/alarm", json=told | about).json()["id"]
    order = office.post(ORDERS, json=office.order("pe1/ge-0/0/0")).json()
    service = office.post(ORDERS, json=office.order("pe3/eth1")).json()["serviceOrderItem"][0]["service"]["id"]
    found = {}
    ports = iter(["pe1/ge-0/0/1", "pe2/Gi0/1", "pe2/Gi0/2"])
    for path, example in post_operations(office.app):
        text = re.sub(r'"id": "10\d{4,6}"', f'"id": "{customer}"', json.dumps(example))
        text = re.sub(r'"id": "ord-[^"]*"', f'"id": "{order["id"]}"', text)
        text = re.sub(r'"id": "alm-[^"]*"', f'"id": "{alarm}"', text)
        text = re.sub(r'"id": "svc-[^"]*"', f'"id": "{service}"', text)
        if path.endswith(TAKING):
            text = text.replace("pe1/ge-0/0/1", next(ports))
        answer = office.post(path, content=text.encode(), headers=HEADERS)
        assert answer.is_success, (path, answer.text)
        if answer.status_code != HTTPStatus.ACCEPTED:  # of which a monitor tells what becomes
            found[path] = answer.json()
    return found


def test_what_the_examples_make_is_listed_shown_and_changed(office, made):
    for path, operations in document(office.app)["paths"].items():
        collection, _, last = path.rpartition("/")
        if not last.startswith("{") or collection not in made or "get" not in operations:
            continue
        one = f"{collection}/{made[collection]['id']}"
        shown = office.get(one)
        assert shown.status_code == 200, (one, shown.text)
        listed = [each["id"] for each in office.get(collection).json()]
        assert made[collection]["id"] in listed, collection
        assert office.get(one, params={"fields": "none"}).json().keys() <= {"id", "href"}
        if "patch" in operations:
            content = operations["patch"]["requestBody"]["content"]
            assert set(content) == set(PATCH_MEDIA)
            patch = content["application/json"].get("example", {})
            assert office.call("PATCH", one, json=patch).is_success, one
