"""docs/api.md: every call of it, in its own words, to a daemon over a simulated network."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.agent.installation import ORDERS, PATIENCE_S, Installation, simulated_network

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
DAEMON = "http://127.0.0.1:8640"
ACCOUNT = "10000119"
RECORDER = """
fabd() { :; }
alias() { :; }
export FABD_TOKEN=fabd_secret
fabd-curl() { printf '%s\\0' "$@"; printf '\\1\\0'; }
curl() { fabd-curl "$@"; }
"""
"""Bash reads the page as a reader's shell would; what it would call is written down instead."""
WITH_VALUE = frozenset({"-d", "-H", "-X"})
NETWORK = {
    "name": "page",
    "elements": [
        {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/[1-4]"]},
        {"name": "pe3", "platform": "ios", "ports": ["GigabitEthernet0/[1-4]"]},
        {"name": "pe4", "platform": "ios", "ports": ["GigabitEthernet0/[1-4]"]},
    ],
}
POOLS = {
    "pools": [
        {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "100.64.0.0/24", "length": 31},
        {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8::/64", "length": 127},
        {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 199]]},
    ]
}
MORE = """
[outbox]
allow_http = true
allow_private = ["127.0.0.0/8"]
"""
ELSEWHERE = "http://127.0.0.1:9"
"""Nobody listens there: what is sent to it fails later, and says so."""
ALARM = {
    "alarmType": "equipmentAlarm",
    "perceivedSeverity": "major",
    "probableCause": "powerProblem",
    "state": "raised",
    "alarmedObject": {"id": "pe1/ge-0/0/1"},
    "sourceSystemId": "building",
    "alarmRaisedTime": "2026-01-05T09:00:00Z",
}
REFUSED = {
    "/elements/pe4/resolve": "notInDoubt",
    "/collectors": "collectorsOff",
    "/collectors/ios-bgp/run": "collectorsOff",
}
"""What only works where something else has happened first, or is switched on."""


class Call:
    """One call of the page."""

    def __init__(self, arguments: list[str]) -> None:
        self.headers: dict[str, str] = {}
        self.body, self.method, self.url = "", "", ""
        words = iter(arguments)
        for word in words:
            value = next(words) if word in WITH_VALUE else word
            match word:
                case "-d":
                    self.body = value
                case "-H":
                    name, _, text = value.partition(": ")
                    self.headers[name] = text
                case "-X":
                    self.method = value
                case "-i" | "-s":
                    pass
                case _:
                    self.url = value
        self.method = self.method or ("POST" if self.body else "GET")

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.body}"


def calls(page: str) -> list[Call]:
    """Of all blocks, in one shell: a variable lasts until it is set anew."""
    script = RECORDER + "".join(BLOCK.findall(page))
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    recorded = done.stdout.decode().split("\0\1\0")[:-1]
    return [Call([word for word in text.split("\0") if word]) for text in recorded]


class Reader:
    """Who puts their own names in the place of the page's, and waits between the calls as the page says."""

    def __init__(self, client, account: str) -> None:
        self.client, self.account = client, account
        self.last: dict[str, str] = {}
        """Collection → id of what was made there last."""
        self.monitor = ""
        self.service, self.order = "", ""
        self.ports_of_files = iter(["pe1/ge-0/0/1", "pe1/ge-0/0/3", "pe1/ge-0/0/4"])
        self.ports = iter(["pe3/GigabitEthernet0/1", "pe3/GigabitEthernet0/2", "pe4/GigabitEthernet0/1"])

    def perform(self, call: Call):
        url, body = self._own(call.url), self._own(call.body)
        if body == "@order.json":
            body = json.dumps(self._order(next(self.ports_of_files)))
        headers = {"Content-Type": "application/json"} | {k: v for k, v in call.headers.items() if k != "Authorization"}
        answer = self.client.request(call.method, url.removeprefix(DAEMON), content=body or None, headers=headers)
        if call.method == "POST" and answer.is_success and answer.content:
            self.last[url.partition("?")[0].rsplit("/", 1)[1]] = answer.json().get("id", "")
        self.monitor = answer.headers.get("monitorid", self.monitor)
        self._settle()
        if "locked" in body:  # "and unlocked"
            self.client.patch(url.removeprefix(DAEMON), json={"administrativeState": "unlocked"}).raise_for_status()
        return answer

    def _own(self, text: str) -> str:
        text = text.replace(ACCOUNT, self.account).replace("https://files.example", ELSEWHERE)
        text = text.replace("https://crm.example.net", ELSEWHERE)
        since = datetime.now(UTC) - timedelta(hours=2)
        for moment in (since, since + timedelta(hours=1)):
            text = text.replace('"…"', f'"{moment.isoformat()}"', 1)
        for word, own in self._names().items():
            if re.search(word, text):
                text = re.sub(word, own(), text)
        return text

    def _names(self) -> dict[str, Callable[[], str]]:
        return {
            r"\bORDER\b|ord-\w+": self._an_order,
            r"\bSERVICE\b": self._a_service,
            r"\bMONITOR\b": lambda: self.monitor,
            r"\bCHECK\b": lambda: self.last["checkServiceQualification"],
            r"\bTEST\b": lambda: self.last["serviceTest"],
            r"\bELEMENT\b": lambda: self._found("resourceInventoryManagement/v4/physicalResource?name=pe4"),
            r"(?<=logicalResource/)RESOURCE\b": self._a_number,
            r"(?<=physicalResource/)RESOURCE\b": lambda: self.last["physicalResource"],
            r"\bENTRY\b": lambda: self.last["serviceSpecification"],
            r"\bJOB\b": lambda: self.last["importJob"],
            r"\bPLAN\b": lambda: self.client.get(f"/api/v1/orders/{self._an_order()}/plans").json()[0]["id"],
            r"\bALARM\b": lambda: self._found("alarm/v4/alarm"),
            r"\bBILL\b": lambda: self.last["bills"],
            r"(?<=explain/)ID\b": lambda: self.last["bills"],
            r"\bSUBSCRIPTION\b": lambda: self.last["hub"],
        }

    def _order(self, port: str, **more) -> dict:
        party = {"id": self.account, "role": "customer", "@referredType": "Customer"}
        characteristics = [{"name": "port", "value": port}]
        service = {"serviceSpecification": {"id": "internet-access"}, "serviceCharacteristic": characteristics}
        return {"relatedParty": [party], "serviceOrderItem": [{"id": "1", "action": "add", "service": service}]} | more

    def _an_order(self) -> str:
        """One that has not begun; another when that is gone."""
        if not self.order or self.client.get(f"{ORDERS}/{self.order}").status_code != 200:
            later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            self.order = self._made(ORDERS, self._order("pe4/GigabitEthernet0/4", requestedStartDate=later))["id"]
        return self.order

    def _a_service(self) -> str:
        """One that is active; another when that has ended."""
        services = "/tmf-api/serviceInventory/v4/service"
        if not self.service or self.client.get(f"{services}/{self.service}").json()["state"] == "terminated":
            order = self._made(ORDERS, self._order(next(self.ports)))
            self.service = order["serviceOrderItem"][0]["service"]["id"]
            self._settle()
        return self.service

    def _a_number(self) -> str:
        path = "/tmf-api/resourceInventoryManagement/v4/logicalResource"
        return self._made(path, {"name": "Voice number", "value": "+49300"})["id"]

    def _found(self, query: str) -> str:
        return self.client.get(f"/tmf-api/{query}").json()[0]["id"]

    def _made(self, path: str, body: dict) -> dict:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def _settle(self) -> None:
        """Until no order is under way."""
        until = time.monotonic() + PATIENCE_S
        while any("requestedStartDate" not in order for order in self.client.get(f"{ORDERS}?state=acknowledged,inProgress").json()):
            assert time.monotonic() < until, "orders do not end"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    with simulated_network(3, folder / "keys", NETWORK) as sim, Installation(folder / "fabd", sim, more=MORE) as installation:
        (folder / "pools.json").write_text(json.dumps(POOLS))
        done = installation.command("inventory", "import", str(folder / "pools.json"))
        assert done.code == 0, done.text
        with installation.running() as process, installation.client(process) as client:
            reader = Reader(client, installation.operator.account)
            client.post("/tmf-api/alarm/v4/alarm", json=ALARM).raise_for_status()
            yield reader


def test_every_call_of_the_page_is_answered_as_it_says(reader):
    wrong, made = [], calls(PAGE.read_text("utf-8"))
    for call in made:
        answer = reader.perform(call)
        expected = next((code for path, code in REFUSED.items() if call.url.endswith(path)), "")
        if answer.is_success == bool(expected) or (expected and not answer.json()["type"].endswith(f":{expected}")):
            wrong.append(f"{call}\n  {answer.status_code} {answer.text[:300]}")
    assert not wrong, "\n".join(wrong)
    assert len(made) > 90
    assert {call.method for call in made} == {"GET", "POST", "PATCH", "PUT", "DELETE"}
