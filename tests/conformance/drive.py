"""Every operation of one Swagger file, made against a running daemon, and what of the answers was not as promised."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.agent.installation import eventually
from tests.conformance.listener import Listener
from tests.conformance.samples import BEYOND, BODIES, LEFT_OUT, PATCH, PATCHES, SETTLED, TEXT_IDS, Office
from tests.conformance.swagger import Operation, Swagger

ORDER = ("POST", "GET", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Finding:
    """One operation, or one kind of event."""

    api: str
    what: str
    status: str
    faults: tuple[str, ...]


class Driver:
    def __init__(self, swagger: Swagger, http: httpx.Client, office: Office, listener: Listener) -> None:
        self._swagger, self._http, self._office, self._listener = swagger, http, office, listener
        self._ids: dict[str, str] = {}

    def run(self) -> Iterator[Finding]:
        """The hub first, so that it tells of everything else."""
        ours = self._swagger.operations
        hub = [each for each in ours if each.resource == "hub" and each.method == "POST"]
        rest = sorted(
            (each for each in ours if each.resource not in {"hub", *self._left_out}),
            key=lambda each: (ORDER.index(each.method), each.is_of_one),
        )
        last = [each for each in ours if each.resource == "hub" and each.method == "DELETE"]
        for operation in [*hub, *rest]:
            yield self._finding(operation)
        yield from self._events()
        for operation in last:
            yield self._finding(operation)

    @property
    def _left_out(self) -> set[str]:
        return {resource for api, resource in LEFT_OUT if api == self._swagger.name}

    def _finding(self, operation: Operation) -> Finding:
        try:
            answer = self._make(operation)
        except (AssertionError, KeyError, LookupError) as error:
            return Finding(self._swagger.name, str(operation), "-", (f"could not be made: {error!s:.300}",))
        faults = tuple(self._judge(operation, answer))
        return Finding(self._swagger.name, str(operation), str(answer.status_code), faults)

    def _make(self, operation: Operation) -> httpx.Response:
        path = self._swagger.base + operation.path
        key = (self._swagger.name, operation.resource)
        if operation.is_of_one:
            if operation.resource not in self._ids:
                self._adopt(operation)
            path = path.replace("{id}", self._ids[operation.resource])
        match operation.method:
            case "GET":
                return self._http.get(path)
            case "POST":
                answer = self._http.post(path, json=self._body(operation))
                if answer.is_success and answer.content:
                    self._ids[operation.resource] = answer.json()["id"]
                return answer
            case "PATCH" | "PUT":
                patch = PATCHES.get(key, PATCH)
                return self._http.request(operation.method, path, json=patch)
        self._settle(key, path)
        return self._http.delete(path)

    def _body(self, operation: Operation) -> dict[str, Any]:
        if operation.resource == "hub":
            return {"callback": self._listener.url + "/" + self._swagger.name, "query": ""}
        maker = BODIES.get((self._swagger.name, operation.resource))
        return maker(self._office) if maker else self._swagger.sample(operation.body)

    def _adopt(self, operation: Operation) -> None:
        """Of what cannot be posted one that is there."""
        listed = self._http.get(f"{self._swagger.base}/{operation.resource}").json()
        self._ids[operation.resource] = listed[0]["id"]

    def _settle(self, key: tuple[str, str], path: str) -> None:
        if (settled := SETTLED.get(key)) is not None:
            eventually(lambda: settled(self._http.get(path).json()))

    def _judge(self, operation: Operation, answer: httpx.Response) -> Iterator[str]:
        status = str(answer.status_code)
        if status not in operation.successes:
            yield f"answered {status}: {answer.text[:300]}"
            return
        missing = [name for name in operation.headers[status] if name.lower() not in answer.headers]
        yield from (f"the header {name} is missing" for name in missing)
        if operation.method == "POST" and status == "201" and "location" not in answer.headers:
            yield "the header Location is missing"
        if schema := operation.successes[status]:
            yield from self._faults(schema, answer.json())
            if operation.method == "GET" and not operation.is_of_one and not answer.json():
                yield "nothing is listed: nothing could be looked at"
        if operation.method == "DELETE":
            yield from self._gone(str(answer.request.url))

    def _faults(self, schema: Mapping[str, Any], answer: object) -> list[str]:
        waived = ".id: ", "is not of type 'integer'"
        faults = self._swagger.faults(schema, answer)
        return [each for each in faults if self._swagger.name not in TEXT_IDS or not all(part in each for part in waived)]

    def _gone(self, url: str) -> Iterator[str]:
        """The same again is an error, in the form that the file promises for errors."""
        again = self._http.delete(url)
        if again.status_code != 404:
            yield f"deleted twice: answered {again.status_code}"
        else:
            yield from self._faults(self._swagger.definition("Error"), again.json())

    def _events(self) -> Iterator[Finding]:
        """What the hub has told meanwhile."""
        wanted = self._awaited()
        try:
            eventually(lambda: any(name == wanted for name, _ in self._heard()))
        except AssertionError:
            yield Finding(self._swagger.name, f"event {wanted}", "-", ("it was not told within 20 s",))
        for name in sorted({name for name, _ in self._heard()}):
            bodies = [body for heard, body in self._heard() if heard == name]
            if name.startswith(tuple(BEYOND)):
                continue
            if name not in self._swagger.events:
                yield Finding(self._swagger.name, f"event {name}", str(len(bodies)), ("the file knows no such event",))
                continue
            definition = self._swagger.definition(name[0].upper() + name[1:])
            faults = tuple(dict.fromkeys(fault for body in bodies for fault in self._faults(definition, body)))
            yield Finding(self._swagger.name, f"event {name}", str(len(bodies)), faults)

    def _heard(self) -> list[tuple[str, dict[str, Any]]]:
        return self._listener.heard

    def _awaited(self) -> str:
        """The last event of the first resource: what is told of one is told in order."""
        first = next(each.resource for each in self._swagger.operations if each.method == "POST" and each.resource != "hub")
        deleted = any(each.method == "DELETE" and each.resource == first for each in self._swagger.operations)
        return f"{first}{'Delete' if deleted and f'{first}DeleteEvent' in self._swagger.events else 'Create'}Event"
