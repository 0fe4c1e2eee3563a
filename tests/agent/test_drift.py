"""Drift as an operator meets it: the commands, the daemon behind them, simulated elements, and the audit trail."""

import json

import pytest
from sqlalchemy import select

from agent.security import tokens
from agent.security.roles import Role
from agent.security.tables import AuditRow
from drivers.sim.faults import Phase
from tests.agent.installation import ORDERS, add, eventually


@pytest.fixture
def standing(installation):
    """A daemon with two services, and a terminal in front of it."""
    items = (add("1", port="pe1/ge-0/0/1", description="Acme"), add("2", accessPort="sw1/1"))
    with installation.running() as process, installation.client(process) as http:
        order = http.post(ORDERS, json=installation.order(*items))
        assert order.status_code == 201, order.text
        path = f"{ORDERS}/{order.json()['id']}"
        done = eventually(lambda: (found := http.get(path).json())["state"] in {"completed", "failed", "partial"} and found)
        assert done["state"] == "completed", done

        def fabd(*words):
            return installation.command(*words, "--url", process.url, "--token", installation.token)

        yield installation, http, fabd


def change_by_hand(installation, text):
    """As somebody at the router's command line."""

    def change(network):
        state = network.elements["pe2"].state
        name = next(name for name in state.interfaces if "." in name)
        state.describe(name, text)
        return name

    return installation.sim.call(change)


def audited(installation):
    with installation.database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action.in_(["redeploy", "adopt", "begin"])).order_by(AuditRow.id))
        return [(row.action, row.object.split()[0]) for row in rows]


def test_what_was_changed_by_hand_is_found_shown_and_put_right(standing):
    installation, http, fabd = standing
    assert fabd("element", "check-sync", "--all").code == 0
    assert installation.command("inventory", "audit").code == 0
    before = installation.running_texts()
    name = change_by_hand(installation, "by hand")

    found = fabd("element", "diff", "pe2", "--json")
    assert found.code == 1
    drift = json.loads(found.out)
    assert drift["state"] == "drifted"
    assert drift["unexpected"] == [f"interface {name} / description by hand"]
    assert f"interface {name}" in drift["payload"]
    (alarm,) = http.get("/api/v1/alarms", params={"cleared": "false", "cause": "configurationDrift"}).json()
    assert alarm["element"] == "pe2"
    assert alarm["why"]["unexpected"] == drift["unexpected"]

    dry = fabd("element", "redeploy", "--all", "--dry-run")
    assert (dry.code, "by hand" in dry.text) == (0, True)
    assert "by hand" in installation.running_texts()["pe2"]
    done = fabd("element", "redeploy", "pe2")
    assert done.code == 0, done.text
    assert ": done; see: fabd plan show" in done.text
    assert "pe2: inSync" in done.text
    assert installation.running_texts() == before
    assert http.get("/api/v1/alarms", params={"cleared": "false"}).json() == []
    assert fabd("element", "check-sync", "pe2").code == 0
    assert audited(installation) == [("begin", "drift"), ("begin", "drift"), ("redeploy", "element")]


def test_a_service_is_compared_and_put_right_by_its_id(standing):
    installation, http, fabd = standing
    services = {each["name"]: each["id"] for each in http.get("/tmf-api/serviceInventory/v4/service").json()}
    access = next(id_ for name, id_ in services.items() if "sw1/1" in name)
    routed = next(id_ for id_ in services.values() if id_ != access)
    change_by_hand(installation, "by hand")
    assert fabd("service", "check-sync", routed).code == 0
    said = fabd("service", "diff", access)
    assert said.code == 1
    assert "+ interface Gi0/4" in said.text
    assert fabd("service", "redeploy", access).code == 0
    assert fabd("service", "check-sync", access).code == 0


def test_what_is_there_is_adopted_and_marked(standing):
    installation, http, fabd = standing
    change_by_hand(installation, "agreed on the phone")
    assert "would be the intent of svc-" in fabd("element", "adopt", "pe2", "--dry-run").text
    assert fabd("element", "check-sync", "pe2").code == 1
    assert fabd("element", "adopt", "pe2").code == 0
    assert fabd("element", "check-sync", "pe2").code == 0
    assert "agreed on the phone" in installation.running_texts()["pe2"]
    assert http.get("/api/v1/drift", params={"element": "pe2"}).json()[0]["state"] == "inSync"
    assert ("adopt", "element") in audited(installation)


def test_a_router_that_does_not_answer_is_unknown_and_said_so(standing):
    installation, _http, fabd = standing
    installation.sim.call(lambda network: network.elements["pe1"].faults.disconnect(Phase.ANY, None))
    said = fabd("element", "check-sync", "--all", "--json")
    states = {result["element"]: (result["state"], result["reason"]) for result in json.loads(said.out)["results"]}
    assert said.code == 0
    assert states["pe1"][0] == "unknown"
    assert states["pe1"][1]
    assert states["pe2"][0] == "inSync"


def test_roles_and_mistakes_are_told(standing):
    installation, http, fabd = standing
    with installation.database.write() as session:
        viewer = tokens.create(session, "looker", Role.VIEWER, installation.operator.clock.now())
        operator = tokens.create(session, "noc", Role.OPERATOR, installation.operator.clock.now())

    def answer(token, path, body):
        return http.post(f"/api/v1/{path}", json=body, headers={"Authorization": f"Bearer {token}"}).status_code

    assert answer(viewer, "elements/pe2/check-sync", {}) == 403
    assert answer(operator, "elements/pe2/check-sync", {}) == 200
    assert answer(operator, "elements/pe2/adopt", {}) == 403
    assert answer(operator, "drift-runs", {"verb": "adopt"}) == 403
    assert answer(operator, "drift-runs", {"verb": "dance"}) == 400
    assert answer(operator, "elements/nowhere/diff", {}) == 404
    assert answer(operator, "services/svc-nowhere/diff", {}) == 404
    assert "pe2 is as it should be" in fabd("element", "redeploy", "pe2").text
    assert "there is no element 'nowhere'" in fabd("element", "check-sync", "nowhere").text
    assert fabd("element", "check-sync").code == 2
