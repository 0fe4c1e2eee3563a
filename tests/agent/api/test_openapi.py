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
            if int(status) >= 400:
                forms = {"application/problem+json"} | ({"application/json"} if path.startswith("/tmf-api/") else set())
                assert set(answer["content"]) == forms, (path, status)


def test_the_example_of_an_order_fits_its_schema_and_runs(document, office):
    content = document["paths"][ORDERS]["post"]["requestBody"]["content"]["application/json"]
    assert content["example"] == ORDER_EXAMPLE
    Draft202012Validator(content["schema"]).validate(content["example"])
    own = {"relatedParty": office.order()["relatedParty"]}
    assert office.post(ORDERS, json=content["example"] | own).status_code == 201


def test_the_references_of_the_document_lead_somewhere(document):
    for reference in set(re.findall(r"#/components/schemas/(\w+)", str(document))):
        assert reference in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)


def test_the_page_for_people_loads_nothing_and_names_every_route(office):
    page = office.get("/docs", role=None)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|src=|https?://", page.text)
    for path in {path for _, path in access_table(ROUTERS)}:
        assert f"<code>{path}</code>" in page.text
