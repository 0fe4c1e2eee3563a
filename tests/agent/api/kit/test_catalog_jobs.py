"""TMF633 importJob and exportJob, with files on a real HTTP server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.api.tmf import catalog_transfer
from agent.api.tmf.catalog_jobs import KINDS
from agent.api.tmf.catalog_transfer import CATALOG_WORK, CatalogJobRunner, CatalogTransfers
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.outbound import Outbound
from inventory.work import DatabaseQueue
from tests.agent.api.office import PATIENCE

BASE = "/tmf-api/serviceCatalogManagement/v4"
LOOPBACK = CallbackPolicy.of(["127.0.0.1/32"], http=True)


class Files(ThreadingHTTPServer):
    """Keeps what is PUT, and gives it back; `status` answers otherwise."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kept: dict[str, bytes] = {}
        self.status = 200

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        found = self.server.kept.get(self.path)
        self._answer(self.server.status if found is not None else 404, found or b"")

    def do_PUT(self) -> None:
        self.server.kept[self.path] = self.rfile.read(int(self.headers["content-length"]))
        self._answer(self.server.status, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def files():
    with Files() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def desk(office):
    office.app.state.parts = office.parts = office.with_callbacks(LOOPBACK)
    return office


def carried_out(office, kind, **body) -> dict:
    answer = office.post(f"{BASE}/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "Not Started"
    queue = DatabaseQueue(office.database)
    transfers = CatalogTransfers(office.parts, Outbound(LOOPBACK))
    runner = CatalogJobRunner(office.database, office.clock, queue, lambda: transfers, KINDS)
    for claim in queue.claim([CATALOG_WORK], "test", office.clock.now(), PATIENCE, limit=10):
        runner(claim)
    return office.get(answer.json()["href"]).json()


def kept(office, kind) -> dict[str, dict]:
    return {each["id"]: each for each in office.get(f"{BASE}/{kind}").json()}


def test_what_was_exported_can_be_imported_and_keeps_its_ids(desk, files):
    category = desk.post(f"{BASE}/serviceCategory", json={"name": "Transport", "@type": "VendorCategory"}).json()
    body = {"name": "Wholesale", "category": [{"id": category["id"]}]}
    catalog = desk.post(f"{BASE}/serviceCatalog", json=body).json()
    done = carried_out(desk, "exportJob", url=files.url("/all.json"))
    assert (done["status"], "completionDate" in done, "errorLog" in done) == ("Succeeded", True, False)
    file = json.loads(files.kept["/all.json"])
    assert {"internet-access", category["id"], catalog["id"]} <= {each["id"] for each in file}

    for one in (category, catalog):
        assert desk.call("DELETE", one["href"]).status_code == 204
    assert carried_out(desk, "importJob", url=files.url("/all.json"))["status"] == "Succeeded"
    again = kept(desk, "serviceCatalog")[catalog["id"]]
    assert again["category"] == catalog["category"]
    assert kept(desk, "serviceCategory")[category["id"]]["@type"] == "VendorCategory"


def test_an_export_is_narrowed_by_path_and_query(desk, files):
    launched = desk.post(f"{BASE}/serviceSpecification", json={"name": "CPE", "lifecycleStatus": "Launched"}).json()
    carried_out(
        desk,
        "exportJob",
        url=files.url("/some.json"),
        path=f"{BASE}/serviceSpecification",
        query="lifecycleStatus=Launched",
    )
    assert [each["id"] for each in json.loads(files.kept["/some.json"])] == [launched["id"]]


def test_what_is_kept_already_is_replaced(desk, files):
    one = desk.post(f"{BASE}/serviceCategory", json={"name": "Old", "description": "goes", "vendors": 1}).json()
    files.kept["/one.json"] = json.dumps([{"id": one["id"], "name": "New", "@type": "ServiceCategory"}]).encode()
    assert carried_out(desk, "importJob", url=files.url("/one.json"))["status"] == "Succeeded"
    found = kept(desk, "serviceCategory")[one["id"]]
    assert (found["name"], "description" in found, "vendors" in found) == ("New", False, False)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{not json", "the file is no JSON"),
        (b'{"a": 1}', "no JSON list of resources"),
        (b"[1]", "no JSON list of resources"),
        (b'[{"name": "x"}]', "resource 1 has the @type None; there is ServiceSpecification"),
        (b'[{"@type": "ServiceCategory", "name": "ok"}, {"@type": "ServiceCategory"}]', "resource 2 (serviceCategory without id)"),
        (b'[{"@type": "ServiceCategory", "name": "ok", "id": "../etc"}]', "its id is no word"),
        (b"[" * 100_000, "the file is no JSON"),
        (b"[" + b",".join([b"{}"] * 1001) + b"]", "send at most 1000"),
    ],
)
def test_a_file_with_a_mistake_is_not_kept_at_all_and_the_mistake_is_named(desk, files, content, told):
    before = kept(desk, "serviceCategory")
    files.kept["/bad.json"] = content
    done = carried_out(desk, "importJob", url=files.url("/bad.json"))
    assert done["status"] == "Failed"
    assert told in done["errorLog"]
    assert kept(desk, "serviceCategory") == before


def test_an_address_that_does_not_serve_is_told_without_its_path(desk, files):
    for status, told in ((404, "answered 404"), (302, "redirects are not followed"), (500, "answered 500")):
        files.status, files.kept["/secret-token"] = status, b"[]"
        done = carried_out(desk, "importJob", url=files.url("/secret-token"))
        assert done["status"] == "Failed"
        assert told in done["errorLog"]
        assert "secret-token" not in done["errorLog"]


def test_a_file_without_end_is_given_up(desk, files, monkeypatch):
    monkeypatch.setattr("crm_bridge.outbound.MAX_BYTES", 10)
    files.kept["/long.json"] = b"[                    ]"
    assert "larger than 10 bytes" in carried_out(desk, "importJob", url=files.url("/long.json"))["errorLog"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://files.example/x"}, "/url"),
        ({"url": "https://10.0.0.1/x"}, "/url"),
        ({"url": "https://files.example/x", "path": "/serviceOrder"}, "/path"),
        ({"url": "https://files.example/x", "contentType": "text/csv"}, "/contentType"),
        ({}, "/url"),
    ],
)
def test_a_job_that_could_not_be_carried_out_is_refused_at_once(desk, body, pointer):
    for kind in KINDS:
        answer = desk.post(f"{BASE}/{kind}", json=body)
        assert answer.status_code == 400, answer.text
        assert pointer in answer.text


def test_a_job_that_was_deleted_before_it_began_changes_nothing(desk, files):
    files.kept["/one.json"] = b'[{"@type": "ServiceCategory", "name": "late"}]'
    job = desk.post(f"{BASE}/importJob", json={"url": files.url("/one.json")}).json()
    assert desk.call("DELETE", job["href"]).status_code == 204
    carried_out(desk, "exportJob", url=files.url("/out.json"))
    assert "late" not in {each["name"] for each in kept(desk, "serviceCategory").values()}
    assert desk.get(f"{BASE}/importJob").json() == []


def test_more_than_a_file_holds_is_told(desk, files, monkeypatch):
    monkeypatch.setattr(catalog_transfer, "MAX_LIMIT", 3)
    assert "more than the 3 of one file" in carried_out(desk, "exportJob", url=files.url("/x.json"))["errorLog"]
