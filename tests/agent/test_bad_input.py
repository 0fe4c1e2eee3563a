"""What is wrong is refused from end to end: the status, a message that names the object and what to do, and nothing changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import select

from agent.tables import metadata
from drivers.sim.inventory import inventory_document
from inventory.db import Database
from tests.agent.installation import ORDERS, POOLS, Installation, Process, add, delete, eventually, simulated_network

QUIET = """
[polling]
interval_s = 86400
[assurance]
sla_interval_s = 86400
"""
"""The daemon writes nothing of its own accord while these tests look."""
UNWATCHED = {"token": {"last_used_at"}}
"""Column that any request may change."""


@dataclass
class Office:
    """A running daemon, and what its database and its network hold."""

    installation: Installation
    process: Process
    http: httpx.Client
    service: str = ""
    """A service that is active on pe1/ge-0/0/0."""

    def order(self, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.installation.order(*items) | more

    def post(self, body: dict[str, Any]) -> httpx.Response:
        return self.http.post(ORDERS, json=body)

    def ended(self, order_id: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            order: dict[str, Any] = self.http.get(f"{ORDERS}/{order_id}").json()
            return order if order["state"] in ("completed", "failed") else None

        ended: dict[str, Any] = eventually(look)
        return ended

    def everything(self) -> dict[str, Any]:
        """Every row of every table, every element's running configuration."""
        return rows(self.installation.database) | self.installation.running_texts()


def rows(database: Database) -> dict[str, list[str]]:
    with database.read() as session:
        found = {}
        for table in metadata.sorted_tables:
            watched = [column for column in table.columns if column.name not in UNWATCHED.get(table.name, ())]
            found[f"table {table.name}"] = sorted(str(tuple(row)) for row in session.execute(select(*watched)))
    return found


@pytest.fixture(scope="module")
def office(tmp_path_factory, host_keys) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with (
        simulated_network(2, host_keys) as sim,
        Installation(folder, sim, more=QUIET) as installation,
        installation.running() as process,
        installation.client(process) as http,
    ):
        office = Office(installation, process, http)
        eventually(lambda: http.get("/-/ready").status_code == 200)
        placed = office.ended(office.post(office.order(add("1", port="pe1/ge-0/0/0"), externalId="first")).json()["id"])
        assert placed["state"] == "completed"
        office.service = placed["serviceOrderItem"][0]["service"]["id"]
        yield office


def internet(reference: str = "1", **characteristics: Any) -> dict[str, Any]:
    return add(reference, **({"port": "pe1/ge-0/0/1"} | characteristics))


@dataclass(frozen=True)
class Bad:
    """One request that is refused; `said`: parts of its message."""

    ask: Callable[[Office], httpx.Response]
    status: int
    code: str
    said: tuple[str, ...] = field(default=())


def order(*items: dict[str, Any], **more: Any) -> Callable[[Office], httpx.Response]:
    return lambda office: office.post(office.order(*items, **more))


def raw(content: bytes, kind: str = "application/json", **headers: str) -> Callable[[Office], httpx.Response]:
    return lambda office: office.http.post(ORDERS, content=content, headers={"Content-Type": kind} | headers)


FIVE = [f"pe1/ge-0/0/{n}" for n in (1, 2, 3)] + ["pe2/Gi0/1", "pe2/Gi0/2"]
STRANGER = [{"id": "10009999", "role": "customer"}]
BAD = {
    "unknown specification": Bad(
        order(add("1", "dark-fibre")), 400, "unknownSpecification", ("'dark-fibre'", "use one of", "internet-access")
    ),
    "characteristic missing": Bad(order(add("1")), 400, "invalidCharacteristic", ("port", "accessPort")),
    "characteristic of a wrong type": Bad(order(internet(vlan="ten")), 400, "invalidCharacteristic", ("vlan", "'ten'", "integer")),
    "characteristic out of range": Bad(order(internet(vlan=5000)), 400, "invalidCharacteristic", ("vlan", "5000", "4094")),
    "characteristic nobody knows": Bad(order(internet(colour="red")), 400, "invalidCharacteristic", ("colour",)),
    "platform that cannot realise it": Bad(order(internet(rate=50)), 400, "unsupportedFeature", ("rate", "pe1", "ietf")),
    "unknown element": Bad(order(internet(port="pe9/ge-0/0/1")), 400, "invalidCharacteristic", ("pe9", "no element")),
    "unknown port": Bad(order(internet(port="pe1/ge-9/9/9")), 400, "invalidCharacteristic", ("ge-9/9/9", "pe1")),
    "port already in use": Bad(
        order(internet(port="pe1/ge-0/0/0")), 409, "portInUse", ("pe1/ge-0/0/0 is in use: service svc-", "choose another port")
    ),
    "pool exhausted": Bad(
        order(*(internet(str(n), port=port) for n, port in enumerate(FIVE))),
        409,
        "poolExhausted",
        ("pool ipv4-links is exhausted", "extend the pool"),
    ),
    "unknown customer": Bad(
        order(internet(), relatedParty=STRANGER), 400, "unknownCustomer", ("'10009999'", "`fabd customer list`")
    ),
    "unknown service": Bad(order(delete("1", "svc-nobody")), 400, "unknownService", ("'svc-nobody'",)),
    "external id of another order": Bad(
        order(internet(), externalId="first"), 409, "externalIdConflict", ("'first'", "an external id of its own")
    ),
    "malformed JSON": Bad(raw(b'{"relatedParty": ['), 400, "malformedJson", ("line 1, column", "send it again")),
    "JSON that is no object": Bad(raw(b"[]"), 400, "malformedJson", ("a JSON array; send an object",)),
    "body of 5 MB": Bad(raw(b" " * 5_000_000), 413, "bodyTooLarge", ("larger than 1048576 bytes", "api.max_body_bytes")),
    "wrong content type": Bad(
        raw(b"<order/>", "application/xml"), 415, "unsupportedMediaType", ("application/xml", "application/json")
    ),
    "no token": Bad(raw(b"{}", Authorization=""), 401, "notAuthenticated", ("Authorization",)),
    "unknown token": Bad(raw(b"{}", Authorization="Bearer fabd_x_y"), 401, "notAuthenticated", ("fabd token create",)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_request_is_refused_and_changes_nothing(office, bad):
    before = office.everything()
    answer = bad.ask(office)
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (bad.status, bad.code, str(bad.status)), body
    for part in bad.said:
        assert part in body["message"]
    assert office.everything() == before


def test_an_idempotency_key_with_another_body_is_refused_and_changes_nothing(office):
    key = {"Idempotency-Key": "one-key"}
    body = office.order(internet(port="pe1/ge-0/0/0"), externalId="keyed")
    first = office.order({"id": "1", "action": "noChange", "service": {"id": office.service}})
    placed = office.http.post(ORDERS, json=first, headers=key)
    assert (placed.status_code, office.ended(placed.json()["id"])["state"]) == (201, "completed")
    before = office.everything()
    answer = office.http.post(ORDERS, json=body, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotencyKeyReused")
    assert "'one-key' came before with another request; give this one a new key" in answer.json()["message"]
    assert office.everything() == before


def test_a_viewer_may_not_order(office):
    made = office.installation.command("token", "create", "screen", "--role", "viewer")
    assert made.code == 0, made.text
    viewer = next(word for word in made.text.split() if word.startswith("fabd_"))
    before = office.everything()
    answer = office.http.post(ORDERS, json=office.order(internet()), headers={"Authorization": f"Bearer {viewer}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "notPermitted")
    assert "provisioner" in answer.json()["message"]
    assert office.everything() == before


# -- what only the network can say -----------------------------------------------------------------------------------------

KEPT = ("service", "service_part", "service_resource", "port_claim", "element_hold")


def left(office: Office) -> dict[str, Any]:
    """What an order that failed must not have changed."""
    found = office.everything()
    values = [row for row in found["table allocation"] if "'allocated'" in row]
    return {f"table {name}": found[f"table {name}"] for name in KEPT} | {"values": values} | office.installation.running_texts()


@pytest.fixture
def put_back(office) -> Iterator[None]:
    files = [office.installation.folder / name for name in ("credentials.toml", "known_hosts")]
    texts = [file.read_text() for file in files]
    yield
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)


def without_credential(office: Office) -> None:
    (office.installation.folder / "credentials.toml").write_text('[other]\nusername = "fabd"\n')


def with_another_host_key(office: Office) -> None:
    """What is known of pe2 is the key of pe1: as if pe2 had got another since."""
    file, elements = office.installation.folder / "known_hosts", office.installation.sim.network.elements
    way = elements["pe2"].endpoints["ssh"]
    pe2 = f"[{way.host}]:{way.port} "
    others = [line for line in file.read_text().splitlines() if not line.startswith(pe2)]
    file.write_text("\n".join([*others, *(pe2 + line.split(" ", 1)[1] for line in others)]) + "\n")


UNUSABLE = {
    "credential that does not resolve": (without_credential, ("credential 'sim' does not resolve", "add a table [sim]")),
    "host key changed": (with_another_host_key, ("pe2: ", "host key", "fabd element trust pe2")),
}


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize(("spoil", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_element_that_must_not_be_entered_fails_the_order_and_nothing_stays(office, spoil, said):
    before = left(office)
    spoil(office)
    answer = office.post(office.order(add("1", accessPort="sw1/1")))
    assert answer.status_code == 201, answer.text
    ended = office.ended(answer.json()["id"])
    assert ended["state"] == "failed"
    (message,) = {error["message"] for error in ended["errorMessage"] if error["message"].startswith("pe2")}
    for part in said:
        assert part in message
    assert left(office) == before
    assert "Traceback" not in office.process.log


# -- the command line ------------------------------------------------------------------------------------------------------


def network(office: Office) -> dict[str, Any]:
    return inventory_document(office.installation.sim.network) | {"pools": [dict(pool) for pool in POOLS]}


def duplicate_name(document: dict[str, Any]) -> None:
    document["elements"].append(dict(document["elements"][0]))


def dangling_link(document: dict[str, Any]) -> None:
    document["links"].append({"name": "nowhere", "a": "pe1/ge-0/0/3", "b": "pe7/xe-0/0/0"})


def containment_cycle(document: dict[str, Any]) -> None:
    document["sites"] += [{"name": "east", "parent": "west"}, {"name": "west", "parent": "east"}]


def overlapping_prefixes(document: dict[str, Any]) -> None:
    document["pools"].append({"name": "more-links", "kind": "ipv4-prefix", "prefix": "10.0.0.0/24", "length": 31})


def unknown_platform(document: dict[str, Any]) -> None:
    document["elements"][0]["platform"] = "toaster"


def unknown_key(document: dict[str, Any]) -> None:
    document["elements"][0]["colour"] = "grey"


DOCUMENTS = {
    "duplicate name": (duplicate_name, "elements[3].name", ("element pe1 is defined already",)),
    "dangling link": (dangling_link, "links[1].b", ("pe7",)),
    "cycle in containment": (containment_cycle, "sites[", ("east", "west")),
    "overlapping prefixes": (overlapping_prefixes, "pools[6]", ("ipv4-links", "overlap")),
    "unknown platform": (unknown_platform, "elements[0].platform", ("toaster", "ietf")),
    "unknown key": (unknown_key, "elements[0].colour", ("colour",)),
}


@pytest.mark.parametrize(("spoil", "path", "said"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_bad_inventory_is_refused_by_file_line_and_path_and_changes_nothing(office, tmp_path, spoil, path, said):
    document = network(office)
    spoil(document)
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    before = office.everything()
    done = office.installation.command("inventory", "import", str(file))
    assert done.code == 1, done.text
    assert f"{file}:" in done.text
    assert path in done.text
    for part in said:
        assert part in done.text
    assert "Traceback" not in done.text
    assert office.everything() == before


def test_the_same_inventory_without_the_mistake_is_taken_and_changes_nothing_either(office, tmp_path):
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(network(office), sort_keys=False))
    before = office.everything()
    done = office.installation.command("inventory", "import", str(file))
    assert done.code == 0, done.text
    after = office.everything()
    assert {name for name in after if after[name] != before[name]} <= {"table audit"}
