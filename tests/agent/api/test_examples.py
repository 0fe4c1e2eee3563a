"""The examples of the OpenAPI document run as they stand, but for whom and what they name; and what they make can be seen."""

import json
import re

import pytest

from agent.api.openapi import PATCH_MEDIA
from tests.agent.api.office import ORDERS
from tests.agent.api.promise import document


def post_operations(app):
    """Path, example, of every POST below `/tmf-api`."""
    for path, operations in document(app)["paths"].items():
        if path.startswith("/tmf-api/") and "post" in operations:
            content = operations["post"]["requestBody"]["content"]["application/json"]
            assert "example" in content, f"POST {path} shows no example"
            yield path, content["example"]


@pytest.fixture
def made(office) -> dict[str, dict]:
    """Collection → what its example has made. Each names this installation's customer and order instead of its own."""
    customer = office.operator.account
    order = office.post(ORDERS, json=office.order("pe1/ge-0/0/0")).json()
    found = {}
    for path, example in post_operations(office.app):
        text = re.sub(r'"id": "10\d{4,6}"', f'"id": "{customer}"', json.dumps(example))
        text = re.sub(r'"id": "ord-[^"]*"', f'"id": "{order["id"]}"', text)
        answer = office.post(path, content=text.encode(), headers={"Content-Type": "application/json"})
        assert answer.is_success, (path, answer.text)
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
