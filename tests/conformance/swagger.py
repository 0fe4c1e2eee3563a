"""An official Swagger 2.0 file of the TM Forum: its operations, and whether an answer is what it promises."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft4Validator, FormatChecker

LISTENER = "/listener/"
"""Paths of the client's side: events are posted there."""
_LEAST: Mapping[str, Any] = {"boolean": True, "integer": 1, "number": 1, "object": {}, "date-time": "2026-01-01T00:00:00Z"}
"""Values, by type or format."""
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    """RFC 3339: with a time and a zone."""
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


@_FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    """A reference will do: the official examples of `href` are such."""
    return not isinstance(value, str) or (bool(urlsplit(value).path or urlsplit(value).netloc) and not re.search(r"\s", value))


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    """Below the base path."""
    body: str
    """Definition of what is sent; "" when nothing is."""
    successes: Mapping[str, Mapping[str, Any]]
    """Status → schema of the answer."""
    headers: Mapping[str, frozenset[str]]
    """Status → headers that the answer must have."""

    @property
    def resource(self) -> str:
        return self.path.split("/")[1]

    @property
    def is_of_one(self) -> bool:
        return self.path.endswith("/{id}")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Swagger:
    def __init__(self, file: Path) -> None:
        self.name = file.name.partition("-v")[0]
        self.document: dict[str, Any] = json.loads(file.read_text())
        self.base: str = self.document["basePath"].rstrip("/")

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Of the server."""
        return tuple(self._operations())

    @cached_property
    def events(self) -> frozenset[str]:
        """Names of the events that a hub of it tells of."""
        return frozenset(path.removeprefix(LISTENER) for path in self.document["paths"] if path.startswith(LISTENER))

    def faults(self, schema: Mapping[str, Any], answer: object) -> list[str]:
        """What is wrong with an answer, with the place of each fault."""
        whole = {**schema, "definitions": self.document["definitions"]}
        found = Draft4Validator(whole, format_checker=_FORMATS).iter_errors(answer)
        return [f"{error.json_path}: {error.message[:200]}" for error in found]

    def definition(self, name: str) -> dict[str, Any]:
        return {"$ref": f"#/definitions/{name}"}

    def sample(self, name: str) -> dict[str, Any]:
        """The least that the definition asks for."""
        schema = self.document["definitions"][name]
        return {field: self._sample_of(schema["properties"][field]) for field in schema.get("required", ())}

    def _sample_of(self, schema: Mapping[str, Any]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            definition = self.document["definitions"][name]
            return self._sample_of(definition) if "properties" not in definition else self.sample(name)
        if schema.get("type") == "array":
            return [self._sample_of(schema["items"])]
        return schema["enum"][0] if "enum" in schema else _LEAST.get(schema.get("format", schema.get("type", "")), "conformance")

    def _operations(self) -> Iterator[Operation]:
        for path, methods in self.document["paths"].items():
            if path.startswith(LISTENER):
                continue
            for method, each in methods.items():
                sent = [parameter["schema"] for parameter in each.get("parameters", ()) if parameter["in"] == "body"]
                answers = {status: answer for status, answer in each["responses"].items() if status.startswith("2")}
                yield Operation(
                    method.upper(),
                    path,
                    sent[0].get("$ref", "").rpartition("/")[2] if sent else "",
                    {status: answer.get("schema", {}) for status, answer in answers.items()},
                    {status: frozenset(answer.get("headers", ())) for status, answer in answers.items()},
                )
