"""The closed loop as an operator meets it: alarms of simulated elements, rules, the daemon, the commands, and the audit trail."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from agent.security.tables import AuditRow
from crm_bridge.tables import EventRow
from tests.agent.installation import ORDERS, Installation, add, eventually
from tests.agent.test_drift import change_by_hand

RULES = """
rules:
  - name: put-right
    title: put an element right that has drifted
    deed: redeploy
    trigger: {causes: [configurationDrift], standing_s: 0}
    guards: {per_object: 2, in_all: 5, within_s: 3600, pause_s: 0, elements_at_once: 1}
  - name: bounce
    title: shut a customer port for a moment
    deed: bounce-port
    trigger: {causes: [linkDown], standing_s: 0}
    guards: {per_object: 2, in_all: 5, within_s: 3600, pause_s: 0, elements_at_once: 1}
"""
SETTINGS = """
[actions]
look_every_s = 0.2
[actions.modes]
put-right = "{drift}"
bounce = "{bounce}"
[catalog]
actions = ["{folder}"]
"""


def settings(folder, *, drift, bounce):
    rules = folder / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(RULES)
    return SETTINGS.format(drift=drift, bounce=bounce, folder=rules)


@pytest.fixture
def standing(tmp_path, sim, request):
    """A daemon with two services, and a terminal in front of it; the modes of its rules are the test's."""
    drift, bounce = getattr(request, "param", ("automatic", "manual"))
    with Installation(tmp_path / "fabd", sim, more=settings(tmp_path, drift=drift, bounce=bounce)) as installation:
        items = (add("1", port="pe1/ge-0/0/1", description="Acme"), add("2", accessPort="sw1/1"))
        with installation.running() as process, installation.client(process) as http:
            order = http.post(ORDERS, json=installation.order(*items))
            assert order.status_code == 201, order.text
            path = f"{ORDERS}/{order.json()['id']}"
            eventually(lambda: http.get(path).json()["state"] == "completed")

            def fabd(*words):
                return installation.command(*words, "--url", process.url, "--token", installation.token)

            yield installation, http, fabd


def ended(http, **wanted):
    def look():
        found = http.get("/api/v1/actions", params={"open": "false", **wanted}).json()
        return found[0] if found else None

    action = eventually(look)
    return http.get(f"/api/v1/actions/{action['id']}").json()


def audited(installation, action_id):
    with installation.database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.object == f"action {action_id}").order_by(AuditRow.id))
        return [(row.actor, row.action) for row in rows]


def told(installation, action_id):
    with installation.database.read() as session:
        rows = session.scalars(select(EventRow).where(EventRow.aggregate == f"action:{action_id}").order_by(EventRow.sequence))
        return [(row.type, row.payload["action"]["state"]) for row in rows]


def test_drift_is_put_right_by_itself_and_what_came_of_it_is_told(standing):
    installation, http, fabd = standing
    before = installation.running_texts()
    change_by_hand(installation, "by hand")
    assert fabd("element", "check-sync", "pe2").code == 1
    action = ended(http, rule="put-right")
    assert action["state"] == "effective", action
    assert installation.running_texts() == before
    assert [change["state"] for change in action["changes"]] == ["asked", "running", "measuring", "effective"]
    assert action["outcome"].startswith("the alarm cleared")
    assert (action["before"]["alarm"]["stands"], action["after"]["alarm"]["stands"]) == (True, False)
    assert http.get(f"/api/v1/plans/{action['plan_id']}").json()["purpose"] == "redeploy"
    assert {verb for _, verb in audited(installation, action["id"])} == {"ask", "running", "measuring", "effective"}
    assert told(installation, action["id"])[0] == ("actionCreateEvent", "asked")
    assert told(installation, action["id"])[-1] == ("actionStateChangeEvent", "effective")
    alarm = http.get(f"/api/v1/alarms/{action['alarm_id']}").json()
    comments = [change["detail"]["comment"] for change in alarm["changes"] if change["change"] == "commented"]
    assert comments[0].startswith("Begun: redeploy on pe2.")
    assert comments[-1].startswith("It helped: the alarm cleared")
    said = fabd("action", "show", action["id"])
    assert "effective" in said.text
    assert "fabd plan show PLAN --reverse" in said.text


@pytest.mark.parametrize("standing", [("approve", "manual")], indirect=True)
def test_a_proposal_waits_for_a_word_and_is_done_by_it(standing):
    installation, http, fabd = standing
    before = installation.running_texts()
    change_by_hand(installation, "by hand")
    fabd("element", "check-sync", "pe2")
    proposed = eventually(lambda: http.get("/api/v1/actions", params={"state": "proposed"}).json())[0]
    assert installation.running_texts() != before
    assert proposed["id"] in fabd("action", "list").text
    assert "proposed" in fabd("action", "why", proposed["alarm_id"]).text
    said = fabd("action", "approve", proposed["id"], "--note", "go ahead")
    assert "is running" in said.text, said.text
    action = ended(http)
    assert (action["state"], action["approved_by"], action["note"]) == ("effective", "tests", "go ahead")
    assert installation.running_texts() == before
    again = fabd("action", "approve", proposed["id"])
    assert again.code != 0
    assert "only what is proposed is approved or rejected" in again.text


@pytest.mark.parametrize("standing", [("approve", "manual")], indirect=True)
def test_what_is_rejected_is_left_as_it_is(standing):
    installation, http, fabd = standing
    change_by_hand(installation, "by hand")
    fabd("element", "check-sync", "pe2")
    proposed = eventually(lambda: http.get("/api/v1/actions", params={"state": "proposed"}).json())[0]
    assert fabd("action", "reject", proposed["id"], "--note", "a technician is there").code == 0
    action = http.get(f"/api/v1/actions/{proposed['id']}").json()
    assert (action["state"], action["outcome"]) == ("rejected", "a technician is there")
    assert "by hand" in installation.running_texts()["pe2"]


@pytest.mark.parametrize("standing", [("off", "manual")], indirect=True)
def test_rules_are_off_until_the_settings_say_otherwise(standing):
    _installation, http, fabd = standing
    modes = {rule["name"]: rule["mode"] for rule in http.get("/api/v1/action-rules").json()}
    assert modes.pop("bounce") == "manual"
    assert set(modes.values()) == {"off"}
    said = fabd("action", "run", "put-right", "pe2")
    assert said.code != 0
    assert 'actions.modes.put-right = "manual"' in said.text
    assert "put-right" in fabd("action", "rules").text


def test_a_port_is_bounced_by_hand_within_the_guards(standing):
    installation, http, fabd = standing
    said = fabd("action", "run", "bounce", "pe1/ge-0/0/1", "--json", "--note", "agreed with Acme")
    assert said.code == 0, said.text
    begun = json.loads(said.out)
    assert (begun["state"], begun["services"] != []) == ("running", True)
    assert "enabled" in begun["reverse"]
    action = ended(http, rule="bounce")
    assert (action["state"], action["asked_by"]) == ("done", "tests")
    plan = http.get(f"/api/v1/plans/{action['plan_id']}").json()
    assert (plan["purpose"], plan["state"], plan["decision"]) == ("bounce", "done", "revert")
    core = fabd("action", "run", "bounce", "sw1/up1")
    assert "only customer ports are bounced" in core.text
    assert "there is no rule" in fabd("action", "run", "dance", "pe1").text or core.code != 0
    assert ("tests", "running") in audited(installation, action["id"])


def test_nothing_is_done_in_maintenance_and_the_refusal_says_so(standing):
    _installation, _http, fabd = standing
    now = datetime.now(UTC)
    span = ("--from", (now - timedelta(minutes=1)).isoformat(), "--until", (now + timedelta(hours=2)).isoformat())
    announced = fabd("maintenance", "add", "fibre work", *span, "--over", "element:pe1")
    assert announced.code == 0, announced.text
    said = fabd("action", "run", "bounce", "pe1/ge-0/0/1")
    assert said.code != 0
    assert "maintenance until" in said.text
    assert "fibre work" in said.text


@pytest.mark.parametrize("standing", [("manual", "manual")], indirect=True)
def test_what_was_put_right_is_taken_back_by_a_word_and_what_leaves_nothing_is_not(standing):
    installation, http, fabd = standing
    change_by_hand(installation, "by hand")
    drifted = installation.running_texts()
    fabd("element", "check-sync", "pe2")
    assert fabd("action", "run", "put-right", "pe2").code == 0
    action = ended(http, rule="put-right")
    assert (action["returns"], action["state"]) == ("by-hand", "effective"), action  # by the alarm that stood there
    said = fabd("action", "undo", action["id"], "--note", "the customer wants it so", "--json")
    assert said.code == 0, said.text
    back = json.loads(said.out)
    assert (back["undoes"], back["note"]) == (action["id"], "the customer wants it so")
    eventually(lambda: http.get("/api/v1/actions", params={"undoes": action["id"], "state": "measuring,done"}).json())
    assert installation.running_texts() == drifted
    again = fabd("action", "undo", action["id"])
    assert again.code != 0
    assert f"taken back by action {back['id']}" in again.text
    assert fabd("action", "run", "bounce", "pe1/ge-0/0/1").code == 0
    bounced = ended(http, rule="bounce")
    assert "the port was opened again as part of it" in fabd("action", "undo", bounced["id"]).text
