"""The check against Swagger files finds what is not as promised."""

import json

import pytest

from tests.conformance.__main__ import main
from tests.conformance.swagger import Swagger

FILE = {
    "swagger": "2.0",
    "basePath": "/tmf-api/things/v4/",
    "paths": {
        "/thing": {
            "get": {
                "responses": {
                    "200": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Thing"}}, "headers": {"X-Total-Count": {}}}
                }
            },
            "post": {
                "parameters": [{"in": "body", "schema": {"$ref": "#/definitions/Thing_Create"}}],
                "responses": {"201": {"schema": {"$ref": "#/definitions/Thing"}}, "400": {}},
            },
        },
        "/thing/{id}": {"delete": {"responses": {"204": {}}}},
        "/listener/thingCreateEvent": {"post": {"responses": {}}},
    },
    "definitions": {
        "Thing": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string"},
                "href": {"type": "string", "format": "uri"},
                "at": {"type": "string", "format": "date-time"},
                "state": {"$ref": "#/definitions/State"},
                "part": {"type": "array", "items": {"$ref": "#/definitions/Thing"}},
            },
        },
        "State": {"type": "string", "enum": ["open", "closed"]},
        "Thing_Create": {
            "required": ["name", "count", "at", "state", "part", "flag", "any"],
            "properties": {
                "name": {"type": "string"},
                "count": {"type": "integer"},
                "flag": {"type": "boolean"},
                "any": {"type": "object"},
                "at": {"type": "string", "format": "date-time"},
                "state": {"$ref": "#/definitions/State"},
                "part": {"type": "array", "items": {"$ref": "#/definitions/Thing"}},
            },
        },
    },
}


@pytest.fixture
def swagger(tmp_path) -> Swagger:
    file = tmp_path / "TMF999-Thing-v4.0.0.swagger.json"
    file.write_text(json.dumps(FILE))
    return Swagger(file)


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ({"id": "1", "href": "/a/b", "at": "2026-01-05T09:00:00.5Z", "state": "open", "x": 1, "part": [{"id": "2"}]}, None),
        ({}, "$"),
        ({"id": 1}, "$.id"),
        ({"id": "1", "state": "ajar"}, "$.state"),
        ({"id": "1", "state": None}, "$.state"),
        ({"id": "1", "at": "yesterday"}, "$.at"),
        ({"id": "1", "at": "2026-01-05"}, "$.at"),
        ({"id": "1", "at": "2026-01-05T09:00:00"}, "$.at"),
        ({"id": "1", "href": "a b"}, "$.href"),
        ({"id": "1", "href": ""}, "$.href"),
        ({"id": "1", "part": [{"id": "2"}, {"state": "open"}]}, "$.part[1]"),
        ([], "$"),
    ],
)
def test_faults_are_found_in_their_place(swagger, answer, place):
    faults = swagger.faults(swagger.definition("Thing"), answer)
    assert {fault.partition(":")[0] for fault in faults} == ({place} if place else set())


def test_operations_are_those_of_the_server(swagger):
    assert [str(each) for each in swagger.operations] == ["GET /thing", "POST /thing", "DELETE /thing/{id}"]
    listed, made, _ = swagger.operations
    assert (listed.headers["200"], set(made.successes), made.body) == ({"X-Total-Count"}, {"201"}, "Thing_Create")
    assert (swagger.events, swagger.base, swagger.name) == ({"thingCreateEvent"}, "/tmf-api/things/v4", "TMF999-Thing")


def test_a_sample_has_what_is_required_and_fits(swagger):
    sample = swagger.sample("Thing_Create")
    assert set(sample) == set(FILE["definitions"]["Thing_Create"]["required"])
    assert swagger.faults(swagger.definition("Thing_Create"), sample) == []


def test_without_the_files_it_fails(tmp_path, capsys):
    assert main([]) == main([str(tmp_path / "none")]) == main([str(tmp_path)]) == 2
    assert "TMF641-ServiceOrdering" in capsys.readouterr().err
